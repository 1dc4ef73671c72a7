package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
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
	if secret := p.text("#snippet"); strings.Contains(secret, "hush") {
		t.Errorf("the secret is shown in %s", secret)
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

func TestPageStreams(t *testing.T) {
	s := ready(t, "playground_stream", launch{})
	p := browse(t, s, "/")
	p.untilForm()
	p.enter(within("pause", "input[type=number]"), "0.1")
	p.enter(within("tokens", "input"), "20")
	p.enter(within("lines", "input"), "2")
	p.click("#run")
	p.until(`document.querySelector("#result .output pre")?.textContent.startsWith("token0 token1 ")`)
	if status := p.text("#result .badge"); status != "Running" {
		t.Errorf("the first tokens are shown when the prediction is %q", status)
	}
	p.until(`document.querySelector("#result .logs pre").textContent === "line 0\nline 1\n"`)
	p.untilStatus("succeeded")
	if text := p.text("#result .output pre"); !strings.HasSuffix(text, "token18 token19 ") || strings.Count(text, "token") != 20 {
		t.Errorf("output %q", text)
	}
	if facts := p.text("#result .facts"); !strings.Contains(facts, "predict_time") || !strings.Contains(facts, "completed") {
		t.Errorf("metrics and times: %q", facts)
	}

	// the same in the background, asked for again and again
	p.how("background")
	p.click("#run")
	p.untilStatus("processing")
	p.untilStatus("succeeded")
	if text := p.text("#result .output pre"); strings.Count(text, "token") != 20 {
		t.Errorf("output in the background %q", text)
	}
	p.until(`document.querySelectorAll("#history .pastrow").length === 2`)
}

func TestPageShowsOutputsAsWhatTheyAre(t *testing.T) {
	p := playground(t)
	p.choose(within("do", "select"), "media")
	p.enter(within("text", "textarea"), "<i>plain</i>")
	p.run("succeeded")
	p.until(`(() => { const i = document.querySelector("#result .output img"); return i && i.complete && i.naturalWidth === 48; })()`)
	p.until(`document.querySelector("#result .output audio")?.duration > 0.05`)
	p.until(`[...document.querySelectorAll("#result .output pre")].some((e) => e.textContent === "<i>plain</i>")`)
	p.until(`[...document.querySelectorAll("#result .output button")].some((e) => e.textContent.startsWith("Save output.bin"))`)

	// a film is given to the browser's player; this one is too short to play
	p.choose(within("do", "select"), "echo")
	p.paste(within("text", "textarea"), "data:video/webm;base64,GkXfow==")
	p.run("succeeded")
	p.until(`document.querySelector("#result .output video")?.controls && document.querySelector("#result video").src.startsWith("blob:")`)

	p.choose(within("do", "select"), "table")
	p.run("succeeded")
	p.until(`document.querySelector("#result .output pre").textContent.includes('"big": 9007199254740993')`)

	p.choose(within("do", "select"), "empty")
	p.run("succeeded")
	p.until(`document.querySelector("#result .output").textContent === "The model returned nothing."`)
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

func TestPageShowsFailures(t *testing.T) {
	p := playground(t)
	p.choose(within("do", "select"), "fail")
	p.enter(within("text", "textarea"), "what a pity")
	for _, how := range []string{"stream", "wait", "background"} {
		p.how(how)
		p.run("failed")
		p.until(`document.querySelector("#result .failure").textContent === "ValueError: what a pity"`)
		if logs := p.text("#result .logs pre"); !strings.HasPrefix(logs, "so far so good\nnot any more\n") || !strings.Contains(logs, "Traceback") {
			t.Errorf("%s: logs %q", how, logs)
		}
	}
}

func TestPageCancels(t *testing.T) {
	p := playground(t)
	p.choose(within("do", "select"), "sleep")
	p.enter(within("n", "input[type=number]"), "600")
	for _, how := range []string{"stream", "wait", "background"} {
		p.how(how)
		p.click("#run")
		p.s.untilHealth("BUSY")
		p.until(`!document.querySelector("#result .cancel").hidden`)
		p.click("#result .cancel")
		p.untilStatus("canceled")
		if a := p.shown(); a.str("status") != "canceled" {
			t.Errorf("%s: %s", how, a.raw)
		}
		p.s.untilHealth("READY")
	}
}

func TestPageSaysThatTheModelIsBusy(t *testing.T) {
	p := playground(t)
	id := p.s.run("do", "sleep", "n", 600)
	p.s.untilHealth("BUSY")
	p.click("#run")
	p.until(`document.querySelector("#refusal").textContent.includes("At capacity")`)
	p.s.do("POST", "/predictions/"+id+"/cancel", "")
	p.s.untilHealth("READY")
	p.run("succeeded")
}

func TestPageReloadsIntoARunningPrediction(t *testing.T) {
	s := ready(t, "playground_stream", launch{})
	p := browse(t, s, "/")
	p.untilForm()
	p.enter(within("pause", "input[type=number]"), "0.2")
	p.enter(within("tokens", "input"), "25")
	p.click("#run")
	p.until(`document.querySelector("#result .output pre")?.textContent.includes("token3 ")`)
	id := p.text("#result .id")
	p.do(chromedp.Reload())
	p.until(`document.querySelector("#result .output pre")?.textContent.startsWith("token0 token1 token2 token3 ")`)
	p.until(`document.querySelector('[data-name="tokens"] input')?.value === "25"`)
	p.untilStatus("succeeded")
	if text := p.text("#result .output pre"); strings.Count(text, "token") != 25 || p.text("#result .id") != id {
		t.Errorf("after the reload %q of %q", text, p.text("#result .id"))
	}

	// and into one that has ended, from the list
	p.enter(within("tokens", "input"), "2")
	p.run("succeeded")
	p.do(chromedp.Reload())
	p.untilStatus("succeeded")
	p.until(`document.querySelectorAll("#history .pastrow").length === 2`)
	p.click("#history li:last-child .pastrow")
	p.until(fmt.Sprintf(`document.querySelector("#result .id").textContent === %q`, id))
	p.until(`document.querySelector('[data-name="tokens"] input')?.value === "25"`)
	p.until(`document.querySelectorAll('#history [aria-current="true"]').length === 1`)
}

func TestPageSurvivesTheServersDeath(t *testing.T) {
	p := playground(t)
	p.choose(within("do", "select"), "sleep")
	p.enter(within("n", "input[type=number]"), "600")
	p.click("#run")
	p.s.untilHealth("BUSY")
	p.until(`document.querySelector("#result .badge").dataset.status === "processing"`)
	if err := p.s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.untilStatus("lost")
	p.until(`document.querySelector("#result .failure").textContent.includes("lost")`)
	p.click("#run")
	p.until(`document.querySelector("#result .failure").textContent.includes("cannot be reached")`)
	p.until(`document.querySelector("#health").dataset.status === "OFFLINE"`)
}

func TestPageShowsSetupLive(t *testing.T) {
	gate := t.TempDir()
	s := start(t, "playground", launch{env: []string{"SETUP_GATE=" + filepath.Join(gate, "open")}})
	p := browse(t, s, "/")
	p.until(`document.querySelector("#setup pre")?.textContent.includes("loading the weights")`)
	if health, logs := p.text("#health"), p.text("#setup pre"); health != "Starting" || strings.Contains(logs, "are loaded") {
		t.Errorf("during setup: %q with %q", health, logs)
	}
	open(t, gate, "open")
	p.untilForm()
	p.until(`document.querySelector("#health").textContent === "Ready"`)
	p.until(`document.querySelector("#setup pre").textContent.includes("the weights are loaded")`)
}

func TestPageShowsASetupThatFailed(t *testing.T) {
	dir := model(t, "raise RuntimeError('<b>no weights</b>')\n")
	p := browse(t, start(t, "", launch{dir: dir}), "/")
	p.until(`document.querySelector("#health").textContent === "Setup failed"`)
	p.until(`document.querySelector("#setup pre").textContent.includes("RuntimeError: <b>no weights</b>")`)
	p.until(`document.querySelector("#setup details").open`)
}

func TestPageRunsNoForeignScript(t *testing.T) {
	s := ready(t, "playground_hostile", launch{})
	p := browse(t, s, "/")
	p.untilForm()
	unharmed := func(where string) {
		t.Helper()
		found := eval[string](p, `JSON.stringify({
			hacked: window.hacked ?? ({}).hacked ?? null,
			scripts: document.scripts.length,
			handlers: [...document.querySelectorAll("*")].filter((e) => [...e.attributes].some((a) => a.name.startsWith("on"))).length,
			foreign: document.querySelectorAll("img[src='x'], #result script, #fields script, object, embed, iframe, a[href^='javascript' i], a[href^='data' i]").length,
		})`)
		if want := `{"hacked":null,"scripts":1,"handlers":0,"foreign":0}`; found != want {
			t.Errorf("%s: got %s, want %s", where, found, want)
		}
	}
	p.until(`document.querySelector("#setup pre").textContent.includes("<script>window.hacked=2</script>")`)
	p.until(`document.querySelector('[data-name="text"] .about').textContent.includes("<script>")`)
	unharmed("the form")
	for _, how := range []string{"stream", "wait", "background"} {
		p.how(how)
		p.run("succeeded")
		p.until(`document.querySelector("#result .logs pre").textContent.includes("<svg onload=")`)
		p.until(`document.querySelector("#result .facts").textContent.includes("<svg onload=")`)
		p.until(`document.querySelector("#result .output").textContent.includes("javascript:window.hacked=4")`)
		p.click("#result .whole summary")
		unharmed("outputs, " + how)
	}
	p.click(within("fail", "input"))
	p.run("failed")
	p.until(`document.querySelector("#result .failure").textContent.includes("<script>")`)
	unharmed("a failure")
	p.do(chromedp.Reload())
	p.untilForm()
	p.untilStatus("failed")
	unharmed("after a reload")
	for _, language := range []string{"curl", "Python", "JavaScript"} {
		p.click("#tab-" + language)
	}
	unharmed("the code")

	p.do(chromedp.Navigate(s.url + "/docs"))
	p.until(`document.querySelector("#reference").textContent.includes("<script>window.hacked=2</script>")`)
	unharmed("the reference")

	// markup in what only the address and the server say
	p.do(chromedp.Navigate(s.url + "/#" + "%3Cimg%20src%3Dx%20onerror%3D%22window.hacked%3D8%22%3E"))
	p.untilForm()
	p.until(`document.querySelector("#refusal").textContent.includes("no longer holds")`)
	unharmed("the address")
}

// TestPagePolicyHolds shows that the policy would stop markup that the page let through.
func TestPagePolicyHolds(t *testing.T) {
	s := ready(t, "playground", launch{})
	p := browse(t, s, "/")
	p.untilForm()
	stopped := eval[string](p, `(async () => {
		const found = [];
		try { document.body.innerHTML = "<b>x</b>"; } catch (e) { found.push(e.name); }
		const script = document.createElement("script");
		try { script.text = "window.hacked = 1"; } catch (e) { found.push(e.name); }
		try { await fetch("http://127.0.0.1:9/"); } catch (e) { found.push(e.name); }
		return found.join();
	})()`)
	// the address of the last one never left the browser: it is no request that p.check could see
	if stopped != "TypeError,TypeError,TypeError" || strings.Contains(p.dump(), "hacked") {
		t.Errorf("stopped %s", stopped)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	policies := 0
	for _, trouble := range p.troubles {
		if strings.Contains(trouble, "Content Security Policy") || strings.Contains(trouble, "TrustedHTML") || strings.Contains(trouble, "TrustedScript") {
			policies++
		}
	}
	if policies < 3 {
		t.Errorf("the browser tells of %d refusals: %q", policies, p.troubles)
	}
	p.troubles = nil
	p.requests = nil
}

func TestPageStaysAwakeInAFlood(t *testing.T) {
	s := ready(t, "playground_stream", launch{})
	p := browse(t, s, "/")
	p.untilForm()
	const watch = `(() => {
		window.gap = 0;
		let last = performance.now();
		const tick = () => {
			const now = performance.now();
			window.gap = Math.max(window.gap, now - last);
			last = now;
			setTimeout(tick, 0);
		};
		tick();
	})()`
	eval[chromedp.Void](p, watch)
	for _, flood := range []struct{ tokens, lines int }{{10_000, 0}, {0, 100_000}} {
		for _, how := range []string{"stream", "wait", "background"} {
			p.enter(within("tokens", "input"), fmt.Sprint(flood.tokens))
			p.enter(within("lines", "input"), fmt.Sprint(flood.lines))
			p.how(how)
			eval[chromedp.Void](p, `window.gap = 0`)
			p.run("succeeded")
			gap := eval[float64](p, `window.gap`)
			t.Logf("%d tokens, %d lines, %s: longest gap %.0f ms", flood.tokens, flood.lines, how, gap)
			if gap > 1000 {
				t.Errorf("%d tokens, %d lines, %s: the page was frozen for %.0f ms", flood.tokens, flood.lines, how, gap)
			}
			if flood.tokens > 0 {
				if text := p.text("#result .output pre"); !strings.HasSuffix(text, "token9999 ") || strings.Count(text, "token") != 10_000 {
					t.Errorf("%s: %d tokens, the end is %q", how, strings.Count(text, "token"), text[max(0, len(text)-20):])
				}
				continue
			}
			p.until(`document.querySelector("#result .logs pre").textContent.endsWith("line 99999\n")`)
			if notice := p.text("#result .logs .notice"); !strings.Contains(notice, "of 100,000 lines") {
				t.Errorf("%s: notice %q", how, notice)
			}
			lines := eval[int](p, `document.querySelector("#result .logs pre").textContent.split("\n").length`)
			if lines > 2500 {
				t.Errorf("%s: %d lines are on the page", how, lines)
			}
		}
	}
}

func TestPageIsThereAtOnce(t *testing.T) {
	s := ready(t, "playground", launch{})
	p := browse(t, s, "/")
	p.untilForm()
	p.mu.Lock()
	wire := p.wire
	p.mu.Unlock()
	if wire == 0 || wire > 100_000 {
		t.Errorf("%.0f bytes came over the wire", wire)
	}
	best := time.Hour
	for range 5 { // the machine may be busy with other tests: the best counts
		p.do(chromedp.Reload())
		p.untilForm()
		p.until(`performance.getEntriesByName("first-contentful-paint").length > 0`)
		paint := eval[float64](p, `performance.getEntriesByName("first-contentful-paint")[0].startTime`)
		form := eval[float64](p, `performance.getEntriesByName("form")[0].startTime`)
		best = min(best, time.Duration(max(paint, form)*float64(time.Millisecond)))
	}
	t.Logf("%.0f bytes, painted with its form after %s", wire, best)
	if best > 200*time.Millisecond {
		t.Errorf("painted with its form after %s", best)
	}
}

func TestPageByKeyboard(t *testing.T) {
	p := playground(t)
	p.do(chromedp.Focus(chromedp.CSS(within("text", "textarea"))))
	reached := map[string]bool{}
	for range 60 {
		p.do(chromedp.KeyEvent(kb.Tab))
		reached[eval[string](p, `document.activeElement.closest("[data-name]")?.dataset.name ?? document.activeElement.id`)] = true
	}
	for _, name := range []string{"n", "strength", "seed", "loud", "style", "image", "files", "tags", "key", "options", "either", "note", "run", "tab-curl", "snippet"} {
		if !reached[name] {
			t.Errorf("Tab never came to %q", name)
		}
	}
	// Ctrl+Enter runs from within a field, and a screen reader is told how it ended
	p.do(chromedp.Focus(chromedp.CSS(within("text", "textarea"))), chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(kb.ModifierCtrl)))
	p.untilStatus("succeeded")
	p.until(`document.querySelector("#live").textContent === "Succeeded"`)
	p.do(chromedp.Focus(chromedp.CSS("#tab-curl")), chromedp.KeyEvent(kb.ArrowRight))
	p.until(`document.activeElement.id === "tab-Python" && document.querySelector("#snippet").textContent.startsWith("import json")`)
}

// TestPageIsNamed asks the browser what it tells a screen reader: everything that can be used has a name.
func TestPageIsNamed(t *testing.T) {
	p := playground(t)
	p.run("succeeded")
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	usable := map[string]bool{
		"textbox": true, "spinbutton": true, "slider": true, "checkbox": true, "switch": true, "combobox": true, "button": true,
		"radio": true, "link": true, "tab": true, "group": true, "log": true,
	}
	counts := map[string]int{}
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		role, name := axText(node.Role), axText(node.Name)
		if !usable[role] {
			continue
		}
		counts[role]++
		if name == "" && role != "group" {
			t.Errorf("a %s without a name: %s", role, asJSON(t, node.Properties))
		}
	}
	if spoken := eval[int](p, `[...document.querySelectorAll("[role=log]")].filter((e) => e.ariaLive !== "off").length`); spoken > 0 {
		t.Errorf("%d logs would be read out line by line", spoken)
	}
	for _, role := range []string{"textbox", "spinbutton", "slider", "switch", "combobox", "button", "radio", "tab", "log"} {
		if counts[role] == 0 {
			t.Errorf("no %s in the tree: %v", role, counts)
		}
	}
}

func axText(v *accessibility.Value) (text string) {
	if v != nil {
		_ = json.Unmarshal(v.Value, &text) // a value that is no text is no name
	}
	return text
}

// faintTexts lists texts whose contrast with what is behind them is less than the 4.5 that WCAG asks for.
const faintTexts = `(() => {
	const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
	const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
		.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const colour = parts(getComputedStyle(e).backgroundColor);
			if (colour.length === 3 || colour[3] === 1) return colour;
		}
		return [255, 255, 255];
	};
	const found = [];
	for (const e of document.body.querySelectorAll("*")) {
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== "");
		if (!own || !e.checkVisibility() || e.closest(":disabled, .offscreen, option")) continue;
		const [a, b] = [light(parts(getComputedStyle(e).color)), light(behind(e))];
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) found.push(e.textContent.trim().slice(0, 30) + " " + contrast.toFixed(1));
	}
	return found.join(", ");
})()`

func TestPageFitsAPhoneAndTheDark(t *testing.T) {
	s := ready(t, "playground", launch{})
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			feature := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
			p := browse(t, s, "/", resize(390, 844),
				call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: feature}))
			p.untilForm()
			p.choose(within("do", "select"), "media")
			p.run("succeeded")
			if wide := eval[int](p, `document.documentElement.scrollWidth`); wide > 390 {
				t.Errorf("the page is %d pixels wide", wide)
			}
			back := eval[int](p, `Number(getComputedStyle(document.body).backgroundColor.match(/\d+/)[0])`)
			if (scheme == "dark") != (back < 128) {
				t.Errorf("background %d when %s is preferred", back, scheme)
			}
			p.choose(within("do", "select"), "fail")
			p.run("failed")
			if faint := eval[string](p, faintTexts); faint != "" {
				t.Errorf("hard to read: %s", faint)
			}
		})
	}
}

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

func TestNoPlayground(t *testing.T) {
	s := ready(t, "playground", launch{flags: []string{"--no-playground"}})
	if a := s.do("GET", "/", "", "Accept", "text/html"); a.str("openapi_url") == "" {
		t.Errorf("GET / for a browser: %d %s", a.code, a.raw)
	}
	for _, path := range []string{"/docs", "/playground/app.js"} {
		if a := s.do("GET", path, ""); a.code != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, a.code)
		}
	}
}

func TestRootIsThePageForBrowsersOnly(t *testing.T) {
	s := ready(t, "playground", launch{})
	if a := s.do("GET", "/", "", "Accept", "*/*"); a.str("predictions_url") != "/predictions" {
		t.Errorf("for curl: %s", a.raw)
	}
	req, err := http.NewRequest(http.MethodGet, s.url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/html; charset=utf-8" || resp.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("for a browser: %s %v", kind, resp.Header)
	}
}
