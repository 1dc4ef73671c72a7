package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
)

// playground opens the page on the model with every kind of field.
func playground(t testing.TB) *page {
	t.Helper()
	p := browse(t, ready(t, "playground", launch{}), "/")
	p.untilForm()
	return p
}

// hard is a text that every kind of quoting gets wrong at first.
const hard = "it's \"quoted\" \\ $(echo no) `no` %s ${no} !x é 🙂\n<b>&amp;</b>"

func TestPageFillsEveryKindOfField(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "from a URL")
	}))
	defer elsewhere.Close()
	dir := t.TempDir()
	picked, dropped := filepath.Join(dir, "picked.txt"), filepath.Join(dir, "more.txt")
	for path, content := range map[string]string{picked: "picked", dropped: "one of many"} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := playground(t)
	p.choose(within("do", "select"), "echo")
	p.paste(within("text", "textarea"), hard)
	p.enter(within("n", "input[type=number]"), "41")
	p.do(chromedp.Focus(chromedp.CSS(within("n", "input[type=range]"))), chromedp.KeyEvent(kb.ArrowRight))
	p.enter(within("strength", "input[type=number]"), "0.25")
	p.enter(within("seed", "input"), "9223372036854775807")
	p.click(within("loud", "input"))
	p.choose(within("maybe", "select"), "no")
	p.choose(within("style", "select"), "loud")
	p.do(chromedp.SetUploadFiles(chromedp.CSS(within("image", "input[type=file]")), []string{picked}))
	p.do(chromedp.SetUploadFiles(chromedp.CSS(within("files", ".list > input[type=file]")), []string{dropped}))
	p.click(within("files", ".add"))
	p.do(chromedp.KeyEvent(kb.Tab)) // from the file to the URL beside it
	p.enter(within("files", ".row:nth-child(2) input[type=url]"), elsewhere.URL+"/x.txt")
	p.click(within("tags", ".row:nth-child(1) > button"))
	p.click(within("tags", ".add"))
	p.do(chromedp.KeyEvent("c"))
	p.enter(within("key", "input"), "hush")
	p.enter(within("options", "textarea"), `{"a": [1, {"b": null}], "big": 12345678901234567890123}`)
	p.choose(within("either", ".union > select"), "text")
	p.enter(within("either", ".member textarea"), "7")
	p.enter(within("note", "textarea"), "noted")
	p.click(".deprecated summary")
	p.enter(within("old", "textarea"), "used")
	p.how("wait")
	p.run("succeeded")

	a := p.shown()
	want := map[string]any{
		"text": hard, "n": 42.0, "strength": 0.25, "seed": 9.223372036854775807e18, "loud": true, "maybe": false,
		"style": "loud", "image": "picked", "files": []any{"one of many", "from a URL"}, "tags": []any{"b", "c"},
		"key": 4.0, "options": map[string]any{"a": []any{1.0, map[string]any{"b": nil}}, "big": 12345678901234567890123.0},
		"either": "7", "note": "noted", "old": "used",
	}
	if diff := cmp.Diff(want, a.body["output"]); diff != "" {
		t.Errorf("the model got (-want +got):\n%s", diff)
	}
	for _, whole := range []string{`"seed":9223372036854775807`, `12345678901234567890123`} {
		if !strings.Contains(strings.ReplaceAll(a.raw, " ", ""), whole) {
			t.Errorf("no %s in what came back: the number was not kept whole: %.1000s", whole, a.raw)
		}
		if shown := strings.ReplaceAll(p.text("#result .output"), " ", ""); !strings.Contains(shown, whole) {
			t.Errorf("no %s on the page: %s", whole, shown)
		}
	}
	// the server tells the page every input, and still no secret is to be read there
	id := p.text("#result .id")
	for _, when := range []string{"now", "after a reload"} {
		p.until(`document.querySelector("#history .pastrow")?.textContent.includes("do: echo")`)
		p.click("#result .whole summary")
		p.until(`document.querySelector("#result .whole pre")?.textContent.includes("noted")`)
		if all := eval[string](p, `document.body.textContent`); strings.Contains(all, "hush") {
			t.Errorf("%s the secret is shown: %s", when, all)
		}
		p.do(chromedp.Navigate(p.s.url+"/"), chromedp.Navigate(p.s.url+"/#"+id))
		p.untilForm()
		p.untilStatus("succeeded")
	}
}

func TestPageSendsDefaultsAndNothing(t *testing.T) {
	p := playground(t)
	p.how("wait")
	p.run("succeeded")
	output, _ := p.shown().body["output"].(map[string]any)
	want := map[string]any{
		"text": "hello", "n": 3.0, "strength": 0.5, "seed": nil, "loud": false, "maybe": nil, "style": "plain",
		"image": nil, "files": []any{}, "tags": []any{"a", "b"}, "key": nil, "options": map[string]any{"depth": 1.0},
		"either": 7.0, "note": nil, "old": "",
	}
	if diff := cmp.Diff(want, output); diff != "" {
		t.Errorf("the model got (-want +got):\n%s", diff)
	}
	if logs := p.text("#result .logs pre"); logs != "echoed\n" {
		t.Errorf("logs %q", logs)
	}
}

func TestPageSaysWhatIsWrongBesideTheField(t *testing.T) {
	p := playground(t)
	p.enter(within("n", "input[type=number]"), "100001")
	p.enter(within("options", "textarea"), "{no")
	p.click("#run")
	p.until(`document.querySelector('[data-name="n"] .wrong').textContent.includes("at most 100000")`)
	p.until(`document.querySelector('[data-name="options"] .wrong').textContent.includes("not JSON")`)
	p.until(`document.activeElement === document.querySelector('[data-name="n"] input[type=number]')`)

	// what the server finds wrong: the form as JSON lets everything through
	p.click("#reset")
	p.click("#json")
	p.enter("#fields .raw", `{"n": "many"}`)
	p.click("#run")
	p.until(`document.querySelector("#refusal").textContent.includes("body.input.n")`)
	p.enter("#fields .raw", `{"n": 5, "text": "json"}`)
	p.run("succeeded")
	if output, _ := p.shown().body["output"].(map[string]any); output["n"] != 5.0 || output["text"] != "json" {
		t.Errorf("the model got %v", output)
	}
	p.click("#json")
	p.until(`document.querySelector('[data-name="text"] textarea').value === "json"`)

	// a URL that is none is found by the server, and said beside its field
	p.enter(within("image", "input[type=url]"), "no-url")
	p.click("#run")
	p.until(`document.querySelector('[data-name="image"] .wrong').textContent !== ""`)
}

func TestPageSendsLargeFilesWhole(t *testing.T) {
	large := filepath.Join(t.TempDir(), `a "large"; file.txt`)
	if err := os.WriteFile(large, bytes.Repeat([]byte("0123456789abcdef"), 1<<16), 0o644); err != nil {
		t.Fatal(err)
	}
	p := playground(t)
	p.do(chromedp.SetUploadFiles(chromedp.CSS(within("image", "input[type=file]")), []string{large}))
	p.run("succeeded")
	output, _ := p.shown().body["output"].(map[string]any)
	if got, _ := output["image"].(string); len(got) != 1<<20 || !strings.HasSuffix(got, "abcdef") {
		t.Errorf("the model got %d bytes", len(got))
	}
}

func TestPageTakesDroppedFiles(t *testing.T) {
	p := playground(t)
	for field, selector := range map[string]string{"image": ".drop", "files": ".add"} {
		eval[chromedp.Void](p, fmt.Sprintf(`(() => {
			const data = new DataTransfer();
			data.items.add(new File(["dropped on %s"], "d.txt", { type: "text/plain" }));
			document.querySelector(%q).dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
		})()`, field, within(field, selector)))
	}
	p.run("succeeded")
	output, _ := p.shown().body["output"].(map[string]any)
	if output["image"] != "dropped on image" || asJSON(t, output["files"]) != `["dropped on files"]` {
		t.Errorf("the model got %v and %v", output["image"], output["files"])
	}
}
