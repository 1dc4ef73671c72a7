package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var docModel = regexp.MustCompile("(?s)```python\n(.*?)```")

// TestExamplesOfTheHTTPPage runs every command of docs/http.md against the model that stands there.
func TestExamplesOfTheHTTPPage(t *testing.T) {
	page := filepath.Join("..", "docs", "http.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	r := newReceiver(t, nil)
	c := newConsole(t, venv(t, "bundled"))
	c.server = ready(t, "", launch{dir: model(t, docModel.FindStringSubmatch(string(text))[1])})
	c.replace = strings.NewReplacer("http://localhost:8000", r.URL)
	c.page(page)
	if c.ran < 19 {
		t.Errorf("only %d commands were found", c.ran)
	}
	c.server.until("the webhook", func() bool { return len(r.got()) == 1 })
}

// TestCommandsOfThePages runs every command of the pages that need no model of their own.
func TestCommandsOfThePages(t *testing.T) {
	for page, environment := range map[string]string{
		"README.md": "bundled", "docs/cli.md": "ocr", "docs/serving.md": "libs", "docs/operating.md": "bundled",
	} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			repository, err := filepath.Abs("..")
			if err != nil {
				t.Fatal(err)
			}
			c := newConsole(t, venv(t, environment))
			c.replace = strings.NewReplacer("go build -o ", "go build -C "+repository+" -o "+c.dir+"/")
			if page == "docs/cli.md" {
				c.server = ready(t, "", launch{dir: example("hello")})
				if err := os.WriteFile(filepath.Join(c.dir, "page.png"), picture(t, c.python, "read me"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			c.page(filepath.Join("..", page))
			if c.ran < 4 {
				t.Errorf("only %d commands were found", c.ran)
			}
		})
	}
}

func TestModelOfTheReadmeRuns(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	source := docModel.FindStringSubmatch(string(text))
	if source == nil {
		t.Fatal("no model")
	}
	code, stdout, stderr := run{}.coglet(t, "predict", model(t, source[1]), "-i", "name=Ada")
	if code != 0 || stdout != "hello Ada\n" {
		t.Errorf("%d %q %s", code, stdout, stderr)
	}
}

// TestProgramsOfTheReplicatePage runs the programs that stand in docs/replicate.md with the real packages.
func TestProgramsOfTheReplicatePage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "replicate.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := ready(t, "", launch{dir: model(t, "class Predictor:\n    def predict(self, text: str) -> str:\n        return text * 2\n")})
	program := func(language, name string) string {
		block := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(string(text))
		if block == nil {
			t.Fatalf("no %s", language)
		}
		dir := t.TempDir()
		if language == "javascript" {
			if err := os.Symlink(npm(t, "replicate"), filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
		}
		return filepath.Join(write(t, dir, map[string]string{name: strings.ReplaceAll(block[1], "http://localhost:5000", s.url)}), name)
	}
	check := func(want, command, path string) {
		t.Helper()
		if out, err := exec.Command(command, path).CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%s: %q %v, want %q", path, out, err, want)
		}
	}
	check("hihi\nhihi", venv(t, "replicate"), program("python", "call.py"))
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("the JavaScript is not run: no node")
	}
	check("hihi\n", node, program("javascript", "call.mjs"))
}

// TestEveryPageIsFound: each page of the docs, and each example, is linked from its index, and no link leads nowhere.
func TestEveryPageIsFound(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	pages := []string{"README.md", "ARCHITECTURE.md"}
	for _, pattern := range []string{"docs/*.md", "examples/README.md", "examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join("..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			pages = append(pages, strings.TrimPrefix(path, "../"))
		}
	}
	linked := map[string]bool{}
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join("..", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			target := filepath.Join(filepath.Dir(page), found[1])
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s: %s leads nowhere", page, found[0])
			}
			linked[target], linked[filepath.Join(target, "README.md")] = true, true
		}
	}
	for _, page := range pages[1:] {
		if !linked[page] {
			t.Errorf("nothing leads to %s", page)
		}
	}
}
