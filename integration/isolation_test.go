package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var childReport = regexp.MustCompile(`<(\w+ [\w-]+) out kept=(\[.*?\]) zero=(\S+)>`)

// checkChildren looks at what every way of starting a child printed.
func checkChildren(t *testing.T, when, logs string) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range childReport.FindAllStringSubmatch(logs, -1) {
		seen[m[1]] = true
		if m[2] != "[]" || m[3] != "/dev/null" {
			t.Errorf("child %q has fds %s and fd 0 is %s", m[1], m[2], m[3])
		}
	}
	for _, way := range []string{"subprocess", "system", "fork", "mp-fork", "mp-spawn", "mp-forkserver"} {
		if !seen[when+" "+way] || !strings.Contains(logs, fmt.Sprintf("<%s %s err>", when, way)) {
			t.Errorf("output of the child by %s is not in the logs of %s", way, when)
		}
	}
	for _, text := range []string{"first", "fork print", "C printf", "C write", "last"} {
		if !strings.Contains(logs, fmt.Sprintf("<%s %s>", when, text)) {
			t.Errorf("<%s %s> is not in the logs", when, text)
		}
	}
	if t.Failed() {
		t.Logf("logs of %s:\n%s", when, logs)
	}
}

func TestChildrenKeepNoChannelAndLoseNoOutput(t *testing.T) {
	s := ready(t, "children", launch{})
	checkChildren(t, "setup", s.setupLogs())
	for range 2 {
		a := s.predict("what", "all")
		s.succeeded(a)
		checkChildren(t, "predict", a.str("logs"))
	}
}

func TestChildThatReadsStdinGetsNothing(t *testing.T) {
	s := ready(t, "children", launch{})
	if out := s.succeeded(s.predict("what", "stdin")); out != "" {
		t.Errorf("the child read %q", out)
	}
	s.succeeded(s.predict("what", "nothing"))
}

func TestPrintsAndChildrenKeepTheirOrder(t *testing.T) {
	s := ready(t, "children", launch{})
	a := s.predict("what", "order")
	s.succeeded(a)
	var wants []string
	for n := range 20 {
		wants = append(wants, fmt.Sprintf("before %d\n", n), fmt.Sprintf("child %d\n", n), fmt.Sprintf("after %d\n", n))
	}
	inOrder(t, a.str("logs"), wants...)
}

// inOrder fails the test unless each text stands behind the one before it.
func inOrder(t *testing.T, logs string, wants ...string) {
	t.Helper()
	at := 0
	for _, want := range wants {
		i := strings.Index(logs[at:], want)
		if i < 0 {
			t.Fatalf("%q is not where it belongs in\n%s", want, logs)
		}
		at += i + len(want)
	}
}

func TestGrandchildThatOutlivesItsPrediction(t *testing.T) {
	s := ready(t, "children", launch{})
	a := s.predict("what", "outlive")
	s.succeeded(a)
	s.succeeded(s.predict("what", "nothing"))
	if err := syscall.Kill(s.workers()[0], syscall.SIGKILL); err != nil { // it outlives the worker too
		t.Fatal(err)
	}
	s.until("late words in the server's log", func() bool {
		return strings.Contains(s.logs(), `"message":"late"`)
	})
	endSleepers(t, s)
}

// endSleepers kills what "outlive" left running in a session of its own.
func endSleepers(t *testing.T, s *server) {
	t.Helper()
	for _, p := range processes(t) {
		cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
		if err != nil || !strings.HasPrefix(string(cmdline), "sh\x00-c\x00echo early") {
			continue
		}
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
		if err == nil && strings.Contains(string(environ), "TMPDIR="+s.tmp) {
			endProcess(t, -p.pid)
		}
	}
}

func TestInterpreterStartUpPrintsGoToSetupLogs(t *testing.T) {
	env := filepath.Join(t.TempDir(), "venv")
	if out, err := exec.Command(venv(t, "bundled"), "-m", "venv", "--without-pip", env).CombinedOutput(); err != nil {
		t.Fatalf("make an environment: %v\n%s", err, out)
	}
	site, err := filepath.Glob(filepath.Join(env, "lib", "python3*", "site-packages"))
	if err != nil || len(site) != 1 {
		t.Fatalf("site-packages: %v, %v", site, err)
	}
	for name, text := range map[string]string{
		"noisy.pth":        "import sys; print('from the pth file'); sys.stderr.write('pth stderr\\n')\n",
		"sitecustomize.py": "import os\nprint('from sitecustomize')\nos.system('echo sitecustomize child')\n",
	} {
		if err := os.WriteFile(filepath.Join(site[0], name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := ready(t, "noise", launch{python: filepath.Join(env, "bin", "python")})
	logs := s.setupLogs()
	for _, want := range []string{"from the pth file\n", "pth stderr\n", "from sitecustomize\n", "sitecustomize child\n"} {
		if !strings.Contains(logs, want) {
			t.Errorf("%q is not in setup.logs:\n%s", want, logs)
		}
	}
	s.succeeded(s.predict("what", "lines", "n", 3))
}

// noiseLine is what the child of models/noise.py prints.
var noiseLine = strings.Repeat("0123456789abcdef", 64)[:1023] + "\n"

func TestHundredMegabytesOfAChildAreByteEqual(t *testing.T) {
	s := ready(t, "noise", launch{flags: []string{"--max-logs", "200MiB"}})
	a := s.predict("what", "child", "n", 100)
	s.succeeded(a)
	if want := strings.Repeat(noiseLine, 100<<20/len(noiseLine)); a.str("logs") != want {
		t.Errorf("logs have %d bytes, want %d; they differ", len(a.str("logs")), len(want))
	}
}

func TestLogsOverTheLimitKeepTheEndAndSayWhatWasDropped(t *testing.T) {
	s := ready(t, "noise", launch{})
	a := s.predict("what", "child", "n", 100)
	s.succeeded(a)
	notice, rest, _ := strings.Cut(a.str("logs"), "\n")
	var dropped int
	if _, err := fmt.Sscanf(notice, "[coglet: %d bytes of earlier logs dropped]", &dropped); err != nil {
		t.Fatalf("first line is %q: %v", notice, err)
	}
	if dropped+len(rest) != 100<<20 {
		t.Errorf("%d dropped and %d kept are not 100 MiB", dropped, len(rest))
	}
	if len(rest) > 16<<20 || len(rest) < 15<<20 || !strings.HasSuffix(rest, noiseLine) {
		t.Errorf("%d bytes are kept, want the last 16 MiB", len(rest))
	}
}

func TestLongLineIsCutAndStallsNothing(t *testing.T) {
	s := ready(t, "noise", launch{})
	for _, what := range []string{"long_line", "long_print"} {
		a := s.predict("what", what, "n", 64)
		s.succeeded(a)
		logs := a.str("logs")
		if len(logs) > 5<<20 || !strings.HasSuffix(logs, "\nafter\n") {
			t.Errorf("%s: %d bytes, end %q", what, len(logs), logs[max(0, len(logs)-80):])
		}
	}
}

func TestCharactersCutByReadsArriveWhole(t *testing.T) {
	s := ready(t, "noise", launch{})
	a := s.predict("what", "split")
	s.succeeded(a)
	if want := "<😀><😀><😀>"; a.str("logs") != want {
		t.Errorf("logs are %q, want %q", a.str("logs"), want)
	}
	a = s.predict("what", "invalid")
	s.succeeded(a)
	if got := a.str("logs"); !strings.HasPrefix(got, "<\uFFFD\uFFFD|\uFFFD|\uFFFD") || !strings.HasSuffix(got, ">\n") {
		t.Errorf("invalid bytes became %q", got)
	}
}

func TestUnfinishedLineStaysWithItsPrediction(t *testing.T) {
	s := ready(t, "noise", launch{})
	for n := range 3 {
		a := s.predict("what", "unfinished", "n", n)
		s.succeeded(a)
		logs := a.str("logs")
		if !strings.Contains(logs, fmt.Sprintf("unfinished %d", n)) || !strings.Contains(logs, fmt.Sprintf("raw %d ", n)) ||
			!strings.HasSuffix(logs, "\uFFFD") ||
			strings.Contains(logs, fmt.Sprintf("unfinished %d", n-1)) {
			t.Errorf("logs of %d: %q", n, logs)
		}
	}
}

func TestEveryKindOfStreamIsCaptured(t *testing.T) {
	s := ready(t, "noise", launch{})
	a := s.predict("what", "streams")
	s.succeeded(a)
	for _, want := range []string{
		"WARNING:mine:from logging\n", "from warnings", "from writelines\n", "from buffer\n", "from stderr\n", "ünïcode\n",
		"bar: 100%",
	} {
		if !strings.Contains(a.str("logs"), want) {
			t.Errorf("%q is not in the logs:\n%s", want, a.str("logs"))
		}
	}
}
