package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

func TestPageDocs(t *testing.T) {
	p := browse(t, ready(t, "playground", launch{}), "/docs")
	p.until(`document.querySelector("#schema-Input")?.textContent.includes("64 bits of luck")`)
	p.until(`[...document.querySelectorAll(".operation")].some((e) => e.textContent.includes("/predictions"))`)
	p.click(`a[href="#schema-PredictionRequest"]`)
	p.until(`location.hash === "#schema-PredictionRequest"`)
}

// TestPageCodeRuns runs what the page gives to copy, in a real shell, Python and JavaScript.
func TestPageCodeRuns(t *testing.T) {
	dir := t.TempDir()
	name := `it's "a" file; $x.txt`
	if err := os.WriteFile(filepath.Join(dir, name), []byte("of bytes"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := playground(t)
	fill := func() {
		p.paste(within("text", "textarea"), hard)
		p.paste(within("options", "textarea"), `{"__proto__": [true, null], "it's": "\\\""}`)
		p.enter(within("seed", "input"), "9223372036854775807")
	}
	fill()
	want := map[string]any{"__proto__": []any{true, nil}, "it's": `\"`}
	programs := map[string][]string{"curl": {"sh", "code.sh"}, "Python": {venv(t, "bundled"), "code.py"}}
	if node, err := exec.LookPath("node"); err == nil {
		programs["JavaScript"] = []string{node, "code.mjs"}
	} else {
		t.Log("the JavaScript is not run: no node")
	}
	for _, file := range []bool{false, true} {
		if file {
			p.do(chromedp.SetUploadFiles(chromedp.CSS(within("image", "input[type=file]")), []string{filepath.Join(dir, name)}))
			p.enter(within("seed", "input"), "")
		}
		for language, program := range programs {
			for _, how := range []string{"stream", "wait", "background"} {
				p.how(how)
				p.click("#tab-" + language)
				p.drawn()
				code := p.text("#snippet")
				if err := os.WriteFile(filepath.Join(dir, program[1]), []byte(code), 0o644); err != nil {
					t.Fatal(err)
				}
				before := p.s.newest()
				run := exec.Command(program[0], program[1])
				run.Dir = dir
				out, err := run.CombinedOutput()
				if err != nil {
					t.Errorf("%s, %s, file %t: %v\n%s\n%s", language, how, file, err, out, code)
					continue
				}
				id := p.s.newest()
				if id == before {
					t.Errorf("%s, %s, file %t: nothing ran\n%s\n%s", language, how, file, out, code)
					continue
				}
				a := p.s.await(id)
				output, _ := p.s.succeeded(a).(map[string]any)
				if output["text"] != hard || !cmp.Equal(output["options"], any(want)) {
					t.Errorf("%s, %s, file %t: the model got %v\n%s", language, how, file, output, code)
				}
				if file && output["image"] != "of bytes" {
					t.Errorf("%s, %s: the model got the file as %v\n%s", language, how, output["image"], code)
				}
				if !file && !strings.Contains(a.raw, `"seed":9223372036854775807`) {
					t.Errorf("%s, %s: the number was not kept whole: %s\n%s", language, how, a.raw, code)
				}
				if len(out) == 0 {
					t.Errorf("%s, %s: nothing is printed", language, how)
				}
			}
		}
	}
}

// newest is the id of the newest prediction, empty when there is none.
func (s *server) newest() string {
	s.t.Helper()
	results, _ := s.do("GET", "/predictions", "").body["results"].([]any)
	if len(results) == 0 {
		return ""
	}
	first, _ := results[0].(map[string]any)
	id, _ := first["id"].(string)
	return id
}
