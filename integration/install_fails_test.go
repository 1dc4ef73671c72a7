package integration

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestInstallFailsInOneLine(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files map[string]string
		code  int
		want  string
	}{
		"no cog.yaml":        {nil, 2, "has no cog.yaml, so nothing says what the model needs: write one"},
		"error in cog.yaml":  {map[string]string{"cog.yaml": "build: [\n"}, 2, "cog.yaml:1:8:"},
		"no list":            {map[string]string{"cog.yaml": "build: {python_packages: {a: 1}}"}, 2, "build.python_packages: want a string"},
		"no such package":    {map[string]string{"cog.yaml": "build:\n  python_packages:\n    - coglet-no-such-package==1\n"}, 1, `cannot install "coglet-no-such-package==1" (`},
		"no such version":    {map[string]string{"cog.yaml": "build: {python_requirements: r.txt}", "r.txt": "# one\niniconfig==999\n"}, 1, `cannot install "iniconfig==999" (r.txt:2)`},
		"no requirement":     {map[string]string{"cog.yaml": "build: {python_packages: [\"not one\"]}"}, 1, `"not one" (`},
		"no such file":       {map[string]string{"cog.yaml": "build: {python_requirements: r.txt}"}, 2, `no such file "r.txt"`},
		"no such python":     {map[string]string{"cog.yaml": "build: {python_version: 3.99, python_packages: [a]}"}, 1, "build.python_version is 3.99, and there is none in PATH"},
		"does not build":     {map[string]string{"cog.yaml": "build: {python_packages: [./broken]}", "broken": ""}, 1, `cannot install`},
		"exclude each other": {map[string]string{"cog.yaml": "build: {python_packages: [iniconfig==2.0.0, iniconfig==1.1.1]}"}, 1, "exclude each other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, false)
			dir := t.TempDir()
			if name == "does not build" {
				if err := os.Mkdir(filepath.Join(dir, "broken"), 0o755); err != nil {
					t.Fatal(err)
				}
				delete(tc.files, "broken")
				write(t, filepath.Join(dir, "broken"), map[string]string{
					"pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = \"broken\"\nbackend-path = [\".\"]\n", "broken.py": "raise OSError('no compiler')\n",
				})
			}
			code, stdout, stderr := coglet(t, h.env, "install", write(t, dir, tc.files))
			last := lastLine(stderr)
			if code != tc.code || stdout != "" || !strings.HasPrefix(last, "coglet: ") || !strings.Contains(last, tc.want) {
				t.Errorf("%d, want %d with %q\n%s", code, tc.code, tc.want, stderr)
			}
			if left := h.left(t); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

// hanging is a package index that answers nothing.
func hanging(t *testing.T) (address string, asked <-chan struct{}) {
	t.Helper()
	arrived := make(chan struct{})
	over := make(chan struct{})
	once := sync.OnceFunc(func() { close(arrived) })
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		once()
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() {
		close(over)
		srv.Close()
	})
	return srv.URL, arrived
}

// begin starts an install that hangs, and waits until it does.
func (h home) begin(t *testing.T, dir string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	index, asked := hanging(t)
	cmd = exec.Command(binary, "install", dir)
	cmd.Env = append(append(os.Environ(), h.env...), "PIP_INDEX_URL="+index, "PIP_CONFIG_FILE=/dev/null")
	stderr = &bytes.Buffer{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-asked:
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		t.Fatal("pip asks the index for nothing")
	}
	return cmd, stderr
}

// running lists processes that have text in their command line.
func running(t *testing.T, text string) (found []string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err == nil && bytes.Contains(line, []byte(text)) {
			found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found
}

func TestKilledInstallIsNotTrusted(t *testing.T) {
	t.Parallel()
	h := newHome(t, false)
	dir := requires(t, "["+tinyPackage+"]", needsPackage)
	cmd, _ := h.begin(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if left := h.left(t); len(left) != 1 || !strings.HasPrefix(left[0], ".new-") {
		t.Fatalf("the test is none: left %v", left)
	}
	if code, _, stderr := coglet(t, h.env, "predict", dir); code != 1 || !strings.Contains(stderr, "coglet install") {
		t.Errorf("what was half made is used: %d %s", code, stderr)
	}
	if code, _, stderr := coglet(t, h.env, "install", dir); code != 0 {
		t.Fatalf("the next install: %s", stderr)
	}
	for _, name := range h.left(t) {
		if strings.HasPrefix(name, ".new-") {
			t.Errorf("%s is still there", name)
		}
	}
	if code, stdout, stderr := coglet(t, h.env, "predict", dir); code != 0 || stdout != "x from iniconfig\n" {
		t.Errorf("predict: %d %q %s", code, stdout, stderr)
	}
	// a killed install of another model is cleaned up too
	other, _ := h.begin(t, requires(t, "[attrs]", ""))
	_ = other.Process.Kill()
	_ = other.Wait()
	third := requires(t, "[iniconfig==1.1.1]", "")
	if code, _, stderr := coglet(t, h.env, "install", third); code != 0 {
		t.Fatal(stderr)
	}
	for _, name := range h.left(t) {
		if strings.HasPrefix(name, ".new-") {
			t.Errorf("%s of another model is still there", name)
		}
	}
}

func TestInterruptedInstallLeavesNothing(t *testing.T) {
	t.Parallel()
	h := newHome(t, false)
	cmd, stderr := h.begin(t, requires(t, "["+tinyPackage+"]", ""))
	started := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its code is looked at
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(lastLine(stderr.String()), "nothing half made is left") {
		t.Errorf("%d after %s: %s", code, time.Since(started), stderr)
	}
	if left := h.left(t); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	if left := running(t, h.environments()); len(left) > 0 {
		t.Errorf("still running: %q", left)
	}
}

// TestFullDisk runs installs on disks of several sizes: one that cannot hold the environment, and one that can, but not
// the package.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	h := newHome(t, false)
	dir := requires(t, "[babel==2.17.0]", "")
	if code, _, stderr := coglet(t, h.env, "install", requires(t, "["+tinyPackage+"]", "")); code != 0 {
		t.Fatal(stderr)
	}
	roots, err := filepath.Glob(filepath.Join(h.environments(), "for-*", "/"))
	if err != nil || len(roots) != 1 {
		t.Fatal(roots, err)
	}
	out, err := exec.Command("du", "-skL", roots[0]).Output()
	if err != nil {
		t.Fatal(err)
	}
	kib, err := strconv.Atoi(strings.Fields(string(out))[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"too small for Python": 2 << 10, "too small for the package": kib + 12<<10} {
		disk := t.TempDir()
		// a disk of its own, in a namespace that goes away with the shell
		script := fmt.Sprintf(`mount -t tmpfs -o size=%dk tmpfs %s || exit 77
XDG_CACHE_HOME=%s PIP_NO_CACHE_DIR=1 %s install %s
code=$?
find %s/coglet/environments -mindepth 1 -not -name '.lock-*'
exit $code`, size, disk, disk, binary, dir, disk)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		cmd := exec.CommandContext(ctx, "unshare", "--mount", "--map-root-user", "sh", "-c", script)
		cmd.Env = append(os.Environ(), h.env...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		cancel()
		code := cmd.ProcessState.ExitCode()
		if code == 77 || strings.Contains(stderr.String(), "unshare:") {
			t.Skipf("not run: this machine lets nobody mount a small disk: %v %s", err, stderr.String())
		}
		if code != 1 || !strings.Contains(lastLine(stderr.String()), "is full: free some space, or set XDG_CACHE_HOME") {
			t.Errorf("%s: %d %s", name, code, stderr.String())
		}
		if name == "too small for the package" && !strings.Contains(stderr.String(), "Fetching babel") {
			t.Errorf("%s: the package was never fetched: %s", name, stderr.String())
		}
		if stdout.Len() > 0 {
			t.Errorf("%s left %s", name, stdout.String())
		}
	}
}

func TestNoNetworkIsSaid(t *testing.T) {
	t.Parallel()
	h := newHome(t, false)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close() // nobody is there now
	env := append(h.env, "PIP_INDEX_URL=http://"+address+"/simple", "PIP_RETRIES=1", "PIP_CONFIG_FILE=/dev/null")
	code, _, stderr := coglet(t, env, "install", requires(t, "["+tinyPackage+"]", ""))
	if code != 1 || !strings.Contains(lastLine(stderr), "cannot reach the package index") {
		t.Errorf("%d %s", code, stderr)
	}
}
