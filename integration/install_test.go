package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// tinyPackage is a package of a few kilobytes that no environment of the tests has.
const tinyPackage = "iniconfig==2.0.0"

// needsPackage is a predictor that cannot be loaded without it.
const needsPackage = `import iniconfig


def predict(name: str = "x") -> str:
    return f"{name} from {iniconfig.__name__}"
`

// home is a user's machine: a cache, and a PATH in which only one Python is.
type home struct {
	cache string
	env   []string
}

// newHome makes one; uv says whether it has uv.
func newHome(t *testing.T, uv bool) home {
	t.Helper()
	bin, cache := t.TempDir(), t.TempDir()
	script := "#!/bin/sh\nexec " + venv(t, "bundled") + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "python3"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if uv {
		if err := os.Symlink(filepath.Join(filepath.Dir(venv(t, "uv")), "uv"), filepath.Join(bin, "uv")); err != nil {
			t.Fatal(err)
		}
	}
	return home{cache, []string{
		"PATH=" + bin + ":/usr/bin:/bin", "XDG_CACHE_HOME=" + cache, "VIRTUAL_ENV=", "COGLET_PYTHON=",
		"PIP_DISABLE_PIP_VERSION_CHECK=1",
	}}
}

func (h home) environments() string { return filepath.Join(h.cache, "coglet", "environments") }

// left lists what is in the folder of environments beside locks.
func (h home) left(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(h.environments())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".lock-") {
			names = append(names, e.Name())
		}
	}
	return names
}

// lastLine is what a user reads last.
func lastLine(text string) string {
	text = strings.TrimRight(text, "\n")
	return text[strings.LastIndexByte(text, '\n')+1:]
}

func requires(t *testing.T, packages, source string) string {
	t.Helper()
	return write(t, t.TempDir(), map[string]string{
		"cog.yaml": "build:\n  python_packages: " + packages + "\npredict: predict.py:predict\n", "predict.py": source,
	})
}

func TestInstallMakesWhatAllCommandsUse(t *testing.T) {
	t.Parallel()
	for _, uv := range []bool{false, true} {
		t.Run(fmt.Sprintf("uv %t", uv), func(t *testing.T) {
			h := newHome(t, uv)
			dir := requires(t, "["+tinyPackage+"]", needsPackage)
			code, _, stderr := coglet(t, h.env, "predict", dir)
			if code != 1 || !strings.Contains(lastLine(stderr), "run  coglet install "+dir) {
				t.Errorf("before: %d %s", code, stderr)
			}
			code, stdout, stderr := coglet(t, h.env, "install", dir)
			if code != 0 || stdout != "" || !strings.Contains(stderr, "iniconfig") || !strings.Contains(stderr, "Made in ") {
				t.Fatalf("install: %d %s", code, stderr)
			}
			started := time.Now()
			code, _, stderr = coglet(t, h.env, "install", dir)
			if code != 0 || !strings.Contains(stderr, "is there already") || time.Since(started) > 2*time.Second {
				t.Errorf("second time: %d after %s %s", code, time.Since(started), stderr)
			}
			code, stdout, stderr = coglet(t, h.env, "predict", dir, "-i", "name=y")
			if code != 0 || stdout != "y from iniconfig\n" {
				t.Errorf("predict: %d %q %s", code, stdout, stderr)
			}
			if code, stdout, _ := coglet(t, h.env, "schema", dir); code != 0 || !strings.Contains(stdout, "openapi") {
				t.Errorf("schema: %d", code)
			}
			cmd := exec.Command(binary, "serve", dir, "--host", "127.0.0.1", "--port", "0")
			cmd.Env = append(os.Environ(), h.env...)
			s := startCommand(t, cmd, "")
			s.untilHealth("READY")
			if out := s.succeeded(s.predict()); out != "x from iniconfig" {
				t.Errorf("serve: %v", out)
			}
		})
	}
}

func TestScriptsOfPackagesKnowTheirPlace(t *testing.T) {
	t.Parallel()
	h := newHome(t, false)
	dir := requires(t, "[tqdm==4.67.1]", "")
	if code, _, stderr := coglet(t, h.env, "install", dir); code != 0 {
		t.Fatal(stderr)
	}
	scripts, err := filepath.Glob(filepath.Join(h.environments(), "for-*", "bin", "tqdm"))
	if err != nil || len(scripts) != 1 {
		t.Fatalf("%v %v", scripts, err)
	}
	if out, err := exec.Command(scripts[0], "--version").CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "4.67.1" {
		t.Errorf("%s %v", out, err)
	}
}

func TestInstallFlagDoesBoth(t *testing.T) {
	t.Parallel()
	h := newHome(t, false)
	dir := requires(t, "["+tinyPackage+"]", needsPackage)
	code, stdout, stderr := coglet(t, h.env, "predict", dir, "--install")
	if code != 0 || stdout != "x from iniconfig\n" {
		t.Fatalf("predict: %d %q %s", code, stdout, stderr)
	}
	// an interpreter that is named is what the environment is made with
	cmd := exec.Command(binary, "serve", dir, "--install", "--python", venv(t, "dev"), "--host", "127.0.0.1", "--port", "0")
	cmd.Env = append(os.Environ(), h.env...)
	s := startCommand(t, cmd, "")
	s.untilHealth("READY")
	s.succeeded(s.predict())
	plain := example("hello") // needs nothing: the flag is no error
	if code, stdout, stderr := coglet(t, h.env, "predict", plain, "--install"); code != 0 || stdout != "hello world\n" {
		t.Errorf("hello: %d %q %s", code, stdout, stderr)
	}
}

func TestInstallTellsWhatItDoesNotDo(t *testing.T) {
	t.Parallel()
	h := newHome(t, false)
	marker := filepath.Join(t.TempDir(), "ran")
	dir := write(t, t.TempDir(), map[string]string{"cog.yaml": `build:
  gpu: true
  system_packages: [ffmpeg, "libgl1"]
  run: ["touch ` + marker + `"]
`})
	code, _, stderr := coglet(t, h.env, "install", dir)
	if code != 0 || !strings.Contains(stderr, "\n    sudo apt-get install -y ffmpeg libgl1\n") ||
		!strings.Contains(stderr, "\n    touch "+marker+"\n") || !strings.Contains(stderr, "GPU") ||
		!strings.Contains(stderr, "Nothing to install") {
		t.Errorf("%d %s", code, stderr)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("build.run was run")
	}
}

func TestTwoInstallsAtOnceMakeOneEnvironment(t *testing.T) {
	t.Parallel()
	h := newHome(t, false)
	dir := requires(t, "["+tinyPackage+"]", needsPackage)
	var wg sync.WaitGroup
	made := make([]bool, 3)
	for i := range made {
		wg.Go(func() {
			code, _, stderr := coglet(t, h.env, "install", dir)
			if code != 0 {
				t.Errorf("%d %s", code, stderr)
			}
			made[i] = strings.Contains(stderr, "Made in ")
		})
	}
	wg.Wait()
	if n := strings.Count(fmt.Sprint(made), "true"); n != 1 {
		t.Errorf("made %d times", n)
	}
	if left := h.left(t); len(left) != 2 {
		t.Errorf("left %v, want the environment and its link", left)
	}
}

func TestInitWritesAModelThatRuns(t *testing.T) {
	t.Parallel()
	h := newHome(t, false)
	dir := filepath.Join(t.TempDir(), "new", "model")
	code, stdout, stderr := coglet(t, h.env, "init", dir)
	if code != 0 || !strings.Contains(stdout, "coglet predict "+dir+" -i name=World") {
		t.Fatalf("%d %q %s", code, stdout, stderr)
	}
	code, stdout, stderr = coglet(t, h.env, "predict", dir, "-i", "name=World")
	if code != 0 || stdout != "hello World\n" {
		t.Errorf("predict: %d %q %s", code, stdout, stderr)
	}
	if code, _, stderr := coglet(t, h.env, "install", dir); code != 0 || !strings.Contains(stderr, "Nothing to install") {
		t.Errorf("install: %d %s", code, stderr)
	}
	before, err := os.ReadFile(filepath.Join(dir, "predict.py"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "cog.yaml")); err != nil {
		t.Fatal(err)
	}
	code, _, stderr = coglet(t, h.env, "init", dir)
	after, err := os.ReadFile(filepath.Join(dir, "predict.py"))
	if err != nil || code != 2 || !strings.Contains(stderr, "predict.py exists and is left as it is") || !bytes.Equal(before, after) {
		t.Errorf("second time: %d %s %v", code, stderr, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "cog.yaml")); err == nil {
		t.Error("one of two files was written")
	}
}
