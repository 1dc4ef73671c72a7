package integration

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func example(name string) string { return filepath.Join("..", "examples", name) }

// exampleVenv names the environment that stands for what coglet install makes of an example.
var exampleVenv = map[string]string{
	"hello": "bundled", "stream": "bundled", "async": "bundled", "go-worker": "bundled",
	"image": "libs", "filetype": "filetype", "ocr": "ocr", "train": "sklearn",
}

// TestPagesOfTheExamples runs every command of every example's page. That of embed needs gigabytes: it is a large test.
func TestPagesOfTheExamples(t *testing.T) {
	folders, err := filepath.Glob(example("*/cog.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range folders {
		name := filepath.Base(filepath.Dir(path))
		if name == "embed" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			examplePage(t, name, exampleVenv[name])
		})
	}
}

func TestLargePageOfTheEmbedExample(t *testing.T) {
	large(t)
	examplePage(t, "embed", "embed")
}

func examplePage(t *testing.T, name, environment string) {
	repository, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	c := newConsole(t, venv(t, environment))
	c.replace = strings.NewReplacer("go build -o ", "go build -C "+repository+" -o "+c.dir+"/") // beside the copy
	c.page(filepath.Join(c.dir, "examples", name, "README.md"))
	if c.ran < 2 {
		t.Errorf("only %d commands", c.ran)
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

func TestImageExampleMakesPictures(t *testing.T) {
	python := venv(t, "libs")
	s := ready(t, "", launch{dir: example("image"), python: python})
	plain := "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture(t, python, "a picture"))
	for effect, changes := range map[string]bool{"duotone": true, "poster": true, "edges": false, "blur": false, "nothing": false} {
		strength := 1
		if effect == "nothing" {
			effect, strength = "duotone", 0
		}
		out, _ := s.succeeded(s.predict("image", plain, "effect", effect, "strength", strength, "max_size", 90)).(string)
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(out, "data:image/png;base64,"))
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(raw))
		if err != nil || img.Bounds().Dx() != 90 || img.Bounds().Dy() != 26 {
			t.Fatalf("%s: %v %v", effect, img.Bounds(), err)
		}
		corner := color.NRGBAModel.Convert(img.At(0, 0))
		if white := corner == (color.NRGBA{255, 255, 255, 255}); white == changes {
			t.Errorf("%s with strength %d: the white corner is now %v", effect, strength, corner)
		}
	}
	s.failed(s.predict("image", "data:text/plain,no picture"), "cannot identify image file")
}

func TestTrainExampleTakesDataOfOnesOwn(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	for i := range 20 {
		fmt.Fprintf(&table, "%d,0,0,0,small\n%d,0,0,0,large\n", i, 100+i)
	}
	here := write(t, t.TempDir(), map[string]string{"data.csv": table.String()})
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(example("train"))); err != nil {
		t.Fatal(err)
	}
	r := run{dir: here, env: []string{"COGLET_PYTHON=" + venv(t, "sklearn"), "COG_WEIGHTS=" + filepath.Join(here, "w.npz")}}
	if code, _, stderr := r.coglet(t, "train", dir, "-i", "data=@data.csv", "-o", "w.npz"); code != 0 || !strings.Contains(stderr, "100.0% of 12") {
		t.Fatalf("%d %s", code, stderr)
	}
	if code, stdout, stderr := r.coglet(t, "predict", dir, "-i", "sepal_length=111"); code != 0 || !strings.Contains(stdout, `"kind": "large"`) {
		t.Errorf("%d %s %s", code, stdout, stderr)
	}
}
