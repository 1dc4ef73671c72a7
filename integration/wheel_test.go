package integration

import (
	"archive/zip"
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// installWheel puts a wheel of the binary under test into the environment, in the place of the coglet from PyPI.
func installWheel(t *testing.T, python string) (bin string) {
	t.Helper()
	tag := map[string]string{"amd64": "linux_x86_64", "arm64": "linux_aarch64"}[runtime.GOARCH]
	out, err := exec.Command(python, filepath.Join("..", "scripts", "make-wheel"), binary, tag, t.TempDir()).Output()
	if err != nil {
		t.Fatalf("make-wheel: %v %s", err, out)
	}
	wheel := strings.TrimSpace(string(out))
	if name := filepath.Base(wheel); name != "coglet-0.24.0+go-py3-none-"+tag+".whl" {
		t.Errorf("the wheel is called %s", name)
	}
	out, err = exec.Command(python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", "--no-index", wheel).CombinedOutput()
	if err != nil {
		t.Fatalf("pip install: %v\n%s", err, out)
	}
	return filepath.Dir(python)
}

// A wheel of the same input has the same bytes, and one that nobody has run says so.
func TestWheelsAreReproducibleAndSayWhatIsUntested(t *testing.T) {
	metadata := func(tag string) (text string, sum [sha256.Size]byte) {
		t.Helper()
		out, err := exec.Command(venv(t, "wheel"), filepath.Join("..", "scripts", "make-wheel"), binary, tag, t.TempDir()).Output()
		if err != nil {
			t.Fatal(err)
		}
		wheel := strings.TrimSpace(string(out))
		content, err := os.ReadFile(wheel)
		if err != nil {
			t.Fatal(err)
		}
		archive, err := zip.OpenReader(wheel)
		if err != nil {
			t.Fatal(err)
		}
		defer archive.Close()
		file, err := archive.Open("coglet-0.24.0+go.dist-info/METADATA")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		all, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(all), sha256.Sum256(content)
	}
	linux, first := metadata("manylinux_2_17_x86_64")
	_, second := metadata("manylinux_2_17_x86_64")
	if first != second {
		t.Error("two wheels of one input differ")
	}
	mac, _ := metadata("macosx_11_0_arm64")
	if strings.Contains(linux, "untested") || !strings.Contains(mac, "untested") {
		t.Errorf("Linux: %.200s\nmacOS: %.200s", linux, mac)
	}
}

func TestWheelReplacesTheServerOfCog(t *testing.T) {
	python := venv(t, "wheel")
	bin := installWheel(t, python)
	for _, tc := range []struct {
		want string
		args []string
	}{
		{"No broken requirements found", []string{python, "-m", "pip", "check"}},
		{"coglet 0.24.0", []string{filepath.Join(bin, "coglet"), "version"}},
		{"coglet 0.24.0", []string{python, "-m", "coglet", "version"}},
		{"coglet (Rust) 0.24.0", []string{python, "-m", "cog.server.http", "--version"}},
		{"BuildInfo(version='0.24.0') False True", []string{
			python, "-c", "import coglet; print(coglet.__build__, coglet.server.active, issubclass(coglet.CancelationException, BaseException))",
		}},
		{"AttributeError", []string{python, "-c", "import coglet; coglet.server.active = True"}},
	} {
		out, err := exec.Command(tc.args[0], tc.args[1:]...).CombinedOutput()
		if !strings.Contains(string(out), tc.want) {
			t.Errorf("%v: %v\n%s", tc.args[1:], err, out)
		}
	}
	// the command uses the interpreter that it was installed for, active or not
	cmd := exec.Command(filepath.Join(bin, "coglet"), "predict", model(t, "import sys\ndef predict() -> str:\n    return sys.prefix\n"))
	cmd.Env = append(os.Environ(), "VIRTUAL_ENV=", "PATH=/nonexistent")
	prefix, err := filepath.EvalSymlinks(filepath.Dir(bin))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.Output(); err != nil || strings.TrimSpace(string(out)) != prefix {
		t.Errorf("%q, %v: want %s", out, err, prefix)
	}
	dir := model(t, source(t, "sdk")+"\n    def train(self, n: int) -> str:\n        return f'trained {n}'\n")
	r := newReceiver(t, nil)
	for _, flags := range [][]string{
		{"--threads", "4", "--await-explicit-shutdown", "true", "--host", "localhost"},
		{"--upload-url", r.URL + "/up"},
		{"--x-mode", "train"},
	} {
		s := serveHTTP(t, python, dir, flags, "PATH=/nonexistent", // W28
			"COG_PREDICT_TYPE_STUB=predict.py:Predictor", "COG_TRAIN_TYPE_STUB=predict.py:Predictor")
		s.untilHealth("READY")
		version, _ := s.health().body["version"].(map[string]any)
		if version["coglet"] != "0.24.0" || version["python_sdk"] != "cog 0.23.1" {
			t.Errorf("versions: %v", version)
		}
		if prefix := filepath.Dir(filepath.Dir(python)); !strings.Contains(s.setupLogs(), prefix) {
			t.Errorf("the interpreter is not that of %s: %s", prefix, s.setupLogs())
		}
		a := s.predict("text", "hi")
		out, _ := s.succeeded(a).(map[string]any)
		want := dataURL("text/plain", "x hi")
		if flags[0] == "--upload-url" {
			want = r.URL + "/up/coglet-test-sdk.txt"
		}
		if out["file"] != want || !strings.Contains(a.raw, `"letters":2`) {
			t.Errorf("%v: %s", flags, a.raw)
		}
		if out := s.succeeded(s.do("POST", "/trainings", `{"input":{"n":3}}`)); out != "trained 3" {
			t.Errorf("%v: training: %v", flags, out)
		}
		s.do("POST", "/shutdown", "")
		<-s.ended
		if s.err != nil {
			t.Errorf("%v: %v", flags, s.err)
		}
	}
	cmd = exec.Command(python, "-m", "cog.server.http")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "COG_PREDICT_TYPE_STUB environment variable is not set") {
		t.Errorf("without a reference: %v %s", err, out)
	}
}

// serveHTTP starts the server as an image of Cog does.
func serveHTTP(t *testing.T, python, dir string, flags []string, env ...string) *server {
	t.Helper()
	cmd := exec.Command(python, append([]string{"-m", "cog.server.http", "--host", "127.0.0.1"}, flags...)...)
	cmd.Env = append(append(os.Environ(), "PORT=0"), env...)
	return startCommand(t, cmd, dir)
}
