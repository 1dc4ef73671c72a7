package integration

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// live is a coglet command that is looked at while it runs.
type live struct {
	*exec.Cmd
	stdout, stderr *bufio.Reader
	tmp            string
}

func startLive(t *testing.T, dir string, args ...string) *live {
	t.Helper()
	l := &live{Cmd: exec.Command(binary, args...), tmp: t.TempDir()}
	l.Dir = dir
	l.Env = append(os.Environ(), "TMPDIR="+l.tmp, "COGLET_PYTHON="+venv(t, "bundled"))
	stdout, err := l.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := l.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	l.stdout, l.stderr = bufio.NewReader(stdout), bufio.NewReader(stderr)
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Process.Kill() })
	return l
}

// reads fails the test unless one of these texts, which are of one length, comes next.
func reads(t *testing.T, from *bufio.Reader, want ...string) {
	t.Helper()
	got := make([]byte, len(want[0]))
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(from, got)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil || !slices.Contains(want, string(got)) {
			t.Fatalf("read %q, %v, want one of %q", got, err, want)
		}
	case <-time.After(patience):
		t.Fatalf("%q does not come", want)
	}
}

// ends waits for the command's end and returns its exit code and what it still said.
func (l *live) ends(t *testing.T) (code int, stdout, stderr string) {
	t.Helper()
	timer := time.AfterFunc(patience, func() { _ = l.Process.Kill() })
	defer timer.Stop()
	errs := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(l.stderr)
		errs <- string(text)
	}()
	out, _ := io.ReadAll(l.stdout)
	stderr = <-errs
	_ = l.Wait() // its code is returned
	empty(t, l.tmp)
	return l.ProcessState.ExitCode(), string(out), stderr
}

// gated yields and prints one piece whenever the test says so by making a file.
const gated = `import os
import sys
import time

from cog import ConcatenateIterator


def wait(name: str) -> None:
    while not os.path.exists(name):
        time.sleep(0.005)


def predict(gates: str) -> ConcatenateIterator[str]:
    print("\r 10%", end="", file=sys.stderr, flush=True)
    wait(gates + "/1")
    yield "one"
    wait(gates + "/2")
    print("\r 20%", file=sys.stderr)
    yield " two"
    wait(gates + "/3")
    yield " \n three"
`

func open(t *testing.T, gates, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(gates, name), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPredictShowsTokensAndLogsAsTheyCome(t *testing.T) {
	t.Parallel()
	dir := function(t, gated)
	s := start(t, "", launch{dir: dir})
	s.untilHealth("READY")
	for name, target := range map[string][]string{"in process": {dir}, "on a server": {"--url", s.url}} {
		t.Run(name, func(t *testing.T) {
			gates := t.TempDir()
			l := startLive(t, "", append(append([]string{"predict"}, target...), "-i", "gates="+gates)...)
			reads(t, l.stderr, "\r 10%")
			open(t, gates, "1")
			reads(t, l.stdout, "one")
			open(t, gates, "2")
			reads(t, l.stdout, " two")
			reads(t, l.stderr, "\r 20%\n")
			open(t, gates, "3")
			if code, stdout, stderr := l.ends(t); code != 0 || stdout != " \n three\n" || stderr != "" {
				t.Errorf("%d %q %q", code, stdout, stderr)
			}
		})
	}
}

func TestCtrlCCancels(t *testing.T) {
	t.Parallel()
	dir := function(t, `import time


def predict() -> str:
    try:
        print("running", flush=True)
        time.sleep(600)
    finally:
        print("cleaned up")
`)
	s := start(t, "", launch{dir: dir})
	s.untilHealth("READY")
	for name, target := range map[string][]string{"in process": {dir}, "on a server": {"--url", s.url}} {
		t.Run(name, func(t *testing.T) {
			l := startLive(t, "", append([]string{"predict"}, target...)...)
			reads(t, l.stderr, "running\n")
			if err := l.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := l.ends(t)
			if code != 130 || stdout != "" || !strings.Contains(stderr, "cleaned up\n") || lastLine(stderr) != "coglet: canceled" {
				t.Errorf("%d %q %q", code, stdout, stderr)
			}
		})
	}
	s.untilHealth("READY")
}

func TestCtrlCTwiceKills(t *testing.T) {
	t.Parallel()
	dir := function(t, `import time


def predict() -> str:
    try:
        print("running", flush=True)
        time.sleep(600)
    except BaseException:
        print("no", flush=True)
    while True:
        time.sleep(600)
`)
	l := startLive(t, "", "predict", dir)
	reads(t, l.stderr, "running\n")
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	const ours, models = "coglet: canceling; once more kills the model\n", "no\n"
	reads(t, l.stderr, ours+models, models+ours)
	started := time.Now()
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := l.ends(t)
	if code != 130 || time.Since(started) > 5*time.Second {
		t.Errorf("%d after %s: %s", code, time.Since(started), stderr)
	}
	if left := running(t, dir); len(left) > 0 {
		t.Errorf("still running: %q", left)
	}
}

// TestCtrlCIsHeardInAFlood: a model that never stops to yield once kept the terminal so busy that it heard nothing.
func TestCtrlCIsHeardInAFlood(t *testing.T) {
	t.Parallel()
	dir := function(t, `from cog import ConcatenateIterator


def predict() -> ConcatenateIterator[str]:
    while True:
        yield "again and again "
`)
	s := start(t, "", launch{dir: dir})
	s.untilHealth("READY")
	for name, target := range map[string][]string{"in process": {dir}, "on a server": {"--url", s.url}} {
		l := startLive(t, "", append([]string{"predict"}, target...)...)
		reads(t, l.stdout, "again")
		if err := l.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := l.ends(t); code != 130 {
			t.Errorf("%s: %d %s", name, code, stderr)
		}
		l = startLive(t, "", append([]string{"predict"}, target...)...)
		reads(t, l.stdout, "again") // and nothing more: the pipe fills up
		time.Sleep(200 * time.Millisecond)
		started := time.Now()
		if err := l.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		reads(t, l.stderr, "coglet: canceling")
		if err := l.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		errs, _ := io.ReadAll(l.stderr)
		_ = l.Wait() // its code is looked at
		if code := l.ProcessState.ExitCode(); code != 130 || time.Since(started) > 10*time.Second {
			t.Errorf("%s, blocked: %d after %s %s", name, code, time.Since(started), errs)
		}
		empty(t, l.tmp)
	}
	s.untilHealth("READY")
}

func TestCtrlCInSetupEndsAtOnce(t *testing.T) {
	t.Parallel()
	dir := function(t, "import time\nprint('loading', flush=True)\ntime.sleep(600)\n")
	l := startLive(t, "", "predict", dir)
	reads(t, l.stderr, "loading\n")
	started := time.Now()
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := l.ends(t); code != 130 || time.Since(started) > 5*time.Second {
		t.Errorf("%d after %s: %s", code, time.Since(started), stderr)
	}
}

func TestPredictEndsWhenNobodyReads(t *testing.T) {
	t.Parallel()
	endless := function(t, `from cog import ConcatenateIterator


def predict() -> ConcatenateIterator[str]:
    while True:
        yield "again and again "
`)
	pipeline := exec.Command("sh", "-c", `"$0" predict "$1" | head -c 5`, binary, endless)
	tmp := t.TempDir()
	pipeline.Env = append(os.Environ(), "TMPDIR="+tmp, "COGLET_PYTHON="+venv(t, "bundled"))
	out, err := pipeline.Output()
	if err != nil || string(out) != "again" {
		t.Errorf("%q %v", out, err)
	}
	empty(t, tmp)
}
