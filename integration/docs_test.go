package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	docModel   = regexp.MustCompile("(?s)```python\n(.*?)```")
	docConsole = regexp.MustCompile("(?s)```console\n(.*?)```")
)

// TestExamplesOfTheHTTPPage runs every command of docs/http.md, in order, and looks for each line that stands under it.
func TestExamplesOfTheHTTPPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "http.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := newReceiver(t, nil)
	s := ready(t, "", launch{dir: model(t, docModel.FindStringSubmatch(string(text))[1])})
	folder := t.TempDir()
	ran := 0
	for _, block := range docConsole.FindAllStringSubmatch(string(text), -1) {
		for example := range strings.SplitSeq(strings.TrimPrefix(block[1], "$ "), "\n$ ") {
			command, want, _ := strings.Cut(example, "\n")
			command = strings.ReplaceAll(command, "localhost:5000", strings.TrimPrefix(s.url, "http://"))
			cmd := exec.Command("sh", "-c", strings.ReplaceAll(command, "http://localhost:8000", r.URL))
			cmd.Dir = folder
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", command, err, out)
			}
			at := 0
			for line := range strings.SplitSeq(strings.TrimSpace(want), "\n") {
				i := strings.Index(string(out[at:]), line)
				if i < 0 {
					t.Errorf("%s: no %s behind the lines before it in\n%s", command, line, out)
					break
				}
				at += i + len(line)
			}
			ran++
		}
	}
	if ran < 19 {
		t.Errorf("only %d commands were found", ran)
	}
	s.until("the webhook", func() bool { return len(r.got()) == 1 })
}
