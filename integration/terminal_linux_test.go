package integration

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal returns the two ends of a pseudo-terminal: what a person sees, and what a program writes to.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return person, program
}

func TestLogOnATerminalIsForPeople(t *testing.T) {
	const line, colour = "server listening", "\x1b[32m"
	for _, tc := range []struct {
		env        []string
		has, hasNo string
	}{
		{nil, colour, `{"timestamp"`},
		{[]string{"NO_COLOR=1"}, " INFO coglet::server: " + line, "\x1b["},
		{[]string{"LOG_FORMAT=json"}, `"message":"` + line, colour},
	} {
		person, program := openTerminal(t)
		cmd := exec.Command(binary, "serve", model(t, tiny), "--host", "127.0.0.1", "--port", "0", "--python", venv(t, "bundled"))
		cmd.Env, cmd.Stderr = append(os.Environ(), tc.env...), program
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		program.Close()
		watchdog := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer watchdog.Stop()
		var seen strings.Builder
		buf := make([]byte, 4096)
		for asked := false; ; {
			n, err := person.Read(buf)
			seen.Write(buf[:n])
			if !asked && strings.Contains(seen.String(), line) {
				asked = true
				_ = cmd.Process.Signal(syscall.SIGTERM)
			}
			if err != nil { // the program has ended
				break
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", tc.env, err)
		}
		if !strings.Contains(seen.String(), tc.has) || strings.Contains(seen.String(), tc.hasNo) {
			t.Errorf("%v: want %q and no %q in\n%q", tc.env, tc.has, tc.hasNo, seen.String())
		}
	}
}
