package integration

import (
	"os"
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
