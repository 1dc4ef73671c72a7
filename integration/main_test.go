// Package integration tests the real binary with real Pythons, real processes and real sockets.
package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the server under test, built by TestMain with the race detector.
var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "coglet")
	build := exec.Command("go", "build", "-race", "-o", binary, "coglet/cmd/coglet")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the server: %v\n%s", err, out)
		return 1
	}
	// The race detector sleeps for a second at each exit, for what other threads may still report.
	if err := os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// venv returns the interpreter of a virtual environment that `make venvs` made. Its absence is a failure, not a skip.
func venv(t testing.TB, name string) string {
	t.Helper()
	python, err := filepath.Abs(filepath.Join("..", ".cache", "venvs", name, "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("no virtual environment %q: run make venvs", name)
	}
	return python
}
