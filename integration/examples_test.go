package integration

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

func example(name string) string { return filepath.Join("..", "examples", name) }

func TestHelloExample(t *testing.T) {
	s := ready(t, "", launch{dir: example("hello")})
	a := s.predict("name", "Ada", "times", 2)
	if out := s.succeeded(a); out != "hello Ada hello Ada" || a.str("logs") != "greeting Ada\n" {
		t.Errorf("%s", a.raw)
	}
}

func TestStreamExample(t *testing.T) {
	s := ready(t, "", launch{dir: example("stream")})
	if out := s.succeeded(s.predict("tokens", 7)).([]any); len(out) != 7 {
		t.Errorf("tokens: %v", out)
	}
}

func TestAsyncExample(t *testing.T) {
	s := ready(t, "", launch{dir: example("async")})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { s.succeeded(s.predict("text", "x", "seconds", 0.3)) })
	}
	wg.Wait()
}

func TestGoWorkerExample(t *testing.T) {
	dir := t.TempDir() // a copy, to build in
	if err := os.CopyFS(dir, os.DirFS(example("go-worker"))); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-race", "-o", filepath.Join(dir, "bin", "worker"), "../examples/go-worker")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the worker: %v\n%s", err, out)
	}
	s := ready(t, "", launch{dir: dir})
	if logs := s.setupLogs(); logs != "ready to count\n" {
		t.Errorf("setup.logs: %q", logs)
	}
	a := s.predict("text", "the cat and the dog and the bird", "top", 2)
	s.succeeded(a)
	if !strings.Contains(a.raw, `"output":[{"word":"the","count":3},{"word":"and","count":2}]`) ||
		a.str("logs") != "5 different words\n" || !strings.Contains(a.raw, `"words":5`) {
		t.Errorf("%s", a.raw)
	}
	if a := s.predict("top", 1000); a.code != 422 {
		t.Errorf("bad inputs: %d %s", a.code, a.raw)
	}
}

func TestCompletionsAreThere(t *testing.T) {
	code, out, _ := coglet(t, nil, "completion", "bash")
	if code != 0 || !strings.Contains(out, "coglet") {
		t.Errorf("exit status %d", code)
	}
	if code, out, _ := coglet(t, nil, "version"); code != 0 || !strings.HasPrefix(out, "coglet 0.24.0") {
		t.Errorf("version: %d %s", code, out)
	}
}

// picture draws the text with the environment's own Pillow.
func picture(t *testing.T, python, text string) []byte {
	t.Helper()
	draw := exec.Command(python, "-c", `import io, sys
from PIL import Image, ImageDraw, ImageFont
image = Image.new("RGB", (900, 260), "white")
pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=48)
for row, line in enumerate(sys.argv[1].split("|")):
    pen.text((40, 40 + 100 * row), line, fill="black", font=font)
image.save(sys.stdout.buffer, "PNG")`, text)
	out, err := draw.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOCRExampleReadsThePicture(t *testing.T) {
	python := venv(t, "ocr")
	s := ready(t, "", launch{dir: example("ocr"), python: python})
	page := picture(t, python, "Prediction server|read the right words")
	a := s.predict("image", "data:image/png;base64,"+base64.StdEncoding.EncodeToString(page))
	out := s.succeeded(a).(map[string]any)
	text, _ := out["text"].(string)
	if strings.ToLower(text) != "prediction server\nread the right words" {
		t.Errorf("read %q", text)
	}
	lines := out["lines"].([]any)
	if len(lines) != 2 || len(lines[0].(map[string]any)["box"].([]any)) != 4 {
		t.Errorf("lines: %v", lines)
	}
	annotated, found := strings.CutPrefix(out["annotated"].(string), "data:image/png;base64,")
	raw, err := base64.StdEncoding.DecodeString(annotated)
	if !found || err != nil {
		t.Fatalf("annotated picture: %v", err)
	}
	if img, err := png.Decode(bytes.NewReader(raw)); err != nil || img.Bounds().Dx() != 900 {
		t.Errorf("annotated picture: %v", err)
	}
	if !strings.Contains(a.str("logs"), "line 2 of 2") {
		t.Errorf("logs: %s", a.str("logs"))
	}
}

var readmeCurl = regexp.MustCompile(`(?m)^\$ (curl .*localhost:5000.*)$`)

func TestReadmeCommandsWork(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"$ go run ./cmd/coglet serve examples/hello\n", "$ make test\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("README has no %q", want)
		}
	}
	commands := readmeCurl.FindAllStringSubmatch(string(text), -1)
	if len(commands) == 0 {
		t.Fatal("README has no curl command")
	}
	s := ready(t, "", launch{dir: example("hello")})
	for _, c := range commands {
		command := strings.ReplaceAll(c[1], "localhost:5000", strings.TrimPrefix(s.url, "http://"))
		out, err := exec.Command("sh", "-c", command).CombinedOutput()
		if err != nil || !strings.Contains(string(out), `"output":"hello Ada"`) {
			t.Errorf("%s: %v\n%s", c[1], err, out)
		}
	}
}

func TestReadmesFirstCommand(t *testing.T) {
	s := startCommand(t, exec.Command("go", "run", "./cmd/coglet", "serve", "examples/hello", "--port", "0"), "..")
	s.untilHealth("READY")
	s.succeeded(s.predict())
	s.do("POST", "/shutdown", "") // go run does not pass signals on
	<-s.ended
}
