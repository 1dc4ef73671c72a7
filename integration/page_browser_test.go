package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// page is a tab of a Chromium that has no network but this machine's own.
type page struct {
	t   testing.TB
	s   *server
	ctx context.Context

	mu       sync.Mutex
	requests []string // addresses; guarded by mu
	wire     float64  // bytes that came; guarded by mu
	troubles []string // exceptions, refusals of the policy, dialogs; guarded by mu
}

// chromium finds the browser; without one the test does not run, and scripts/find-chromium has said so in one line.
func chromium(t testing.TB) string {
	t.Helper()
	out, err := exec.Command(filepath.Join("..", "scripts", "find-chromium")).Output()
	if err != nil {
		var exit *exec.ExitError
		if asExit(err, &exit) {
			t.Skip(strings.TrimSpace(string(exit.Stderr)))
		}
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func asExit(err error, exit **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*exit = e
	return ok
}

// browse opens a browser on a path of the server. At the test's end nothing may have gone wrong in it.
func browse(t testing.TB, s *server, path string, more ...chromedp.Action[chromedp.Void]) *page {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"), // no other machine
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.WindowSize(1280, 900),
	)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's own rule
	}
	timed, cancelTimed := context.WithTimeout(context.Background(), 3*patience)
	t.Cleanup(cancelTimed)
	allocator, cancelAllocator := chromedp.NewExecAllocator(timed, options...)
	t.Cleanup(cancelAllocator)
	p := &page{t: t, s: s}
	var cancel context.CancelFunc
	p.ctx, cancel = chromedp.NewContext(allocator, chromedp.WithListener(p.listen))
	t.Cleanup(func() {
		p.picture()
		p.check()
		_ = chromedp.Cancel(p.ctx) // waits for the browser's end
		cancel()
	})
	if err := chromedp.Do(p.ctx, call(log.Enable, cdp.Empty{}), call(network.Enable, network.EnableParams{})); err != nil {
		t.Fatalf("start the browser: %v", err) // its context has no time limit: it is the browser's life
	}
	p.do(more...)
	p.do(chromedp.Navigate(s.url + path))
	return p
}

func (p *page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *network.EventLoadingFinished:
		p.wire += e.EncodedDataLength
	case *runtime.EventExceptionThrown:
		p.troubles = append(p.troubles, "exception: "+e.ExceptionDetails.Text+" "+describe(e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		switch e.Entry.Source {
		case log.EntrySourceNetwork, log.EntrySourceRecommendation: // a refused request is no trouble of the page's
		default:
			p.troubles = append(p.troubles, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
		}
	case *cdppage.EventJavascriptDialogOpening:
		p.troubles = append(p.troubles, "dialog: "+e.Message)
	}
}

func describe(o *runtime.RemoteObject) string {
	if o == nil {
		return ""
	}
	return o.Description
}

// check fails the test for every request to elsewhere and everything that went wrong.
func (p *page) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, address := range p.requests {
		if !strings.HasPrefix(address, p.s.url+"/") && !strings.HasPrefix(address, "data:") &&
			!strings.HasPrefix(address, "blob:"+p.s.url) {
			p.t.Errorf("the page asked for %.200s", address)
		}
	}
	for _, trouble := range p.troubles {
		p.t.Errorf("in the page: %s", trouble)
	}
}

// picture saves what the page looks like, wide and narrow, where COGLET_SCREENSHOTS names a folder.
func (p *page) picture() {
	dir := os.Getenv("COGLET_SCREENSHOTS")
	if dir == "" || p.ctx.Err() != nil {
		return
	}
	for _, width := range []int64{1280, 390} {
		// the pause is for the layout: it is only a picture
		err := chromedp.Do(p.ctx, resize(width, 900), chromedp.Sleep(300*time.Millisecond))
		var png []byte
		if err == nil {
			png, err = chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
		}
		name := fmt.Sprintf("%s-%d.png", strings.ReplaceAll(p.t.Name(), "/", "-"), width)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), png, 0o644)
		}
		if err != nil {
			p.t.Errorf("picture of the page: %v", err)
		}
	}
}

// resize makes the window as wide as that; what is narrow is a phone.
func resize(width, height int64) chromedp.Action[chromedp.Void] {
	return call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 500,
	})
}

// call is an action that sends one command and wants no answer.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("in the browser: %v\n%s", err, p.dump())
	}
}

// dump is the page's text, for a failure's sake.
func (p *page) dump() string {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText.slice(0, 3000)`))
	if err != nil {
		return "(no text: " + err.Error() + ")"
	}
	return text
}

// eval evaluates an expression, awaiting a promise.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("in the browser: %.300s: %v\n%s", expression, err, p.dump())
	}
	return value
}

func (p *page) text(selector string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`document.querySelector(%q)?.textContent ?? "(none)"`, selector))
}

// until waits until an expression is true.
func (p *page) until(expression string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		if eval[bool](p, "Boolean("+expression+")") {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("not within %s: %s\n%s", patience, expression, p.dump())
		}
		time.Sleep(10 * time.Millisecond) // a poll of a foreign process: there is no event to wait for
	}
}

// untilStatus waits until the shown prediction has a status.
func (p *page) untilStatus(want string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.querySelector("#result .badge")?.dataset.status === %q`, want))
}

// untilForm waits until the model's inputs are there.
func (p *page) untilForm() {
	p.t.Helper()
	p.until(`document.querySelector("#run") && !document.querySelector("#run").disabled`)
}

// within selects an element of an input's field.
func within(field, selector string) string {
	return fmt.Sprintf(`[data-name="%s"] %s`, field, selector)
}

// enter types a text into a box, in place of what it holds.
func (p *page) enter(selector, text string) {
	p.t.Helper()
	p.do(chromedp.Focus(chromedp.CSS(selector)))
	eval[chromedp.Void](p, fmt.Sprintf(`document.querySelector(%q).select()`, selector))
	if text == "" {
		p.do(chromedp.KeyEvent(kb.Backspace))
		return
	}
	p.do(chromedp.KeyEvent(text))
}

// paste puts a text into a box at once, as a paste does.
func (p *page) paste(selector, text string) {
	p.t.Helper()
	eval[chromedp.Void](p, fmt.Sprintf(`(() => {
		const box = document.querySelector(%s);
		box.value = %s;
		box.dispatchEvent(new Event("input", { bubbles: true }));
	})()`, asJSON(p.t, selector), asJSON(p.t, text)))
}

// choose takes an option of a list by its text.
func (p *page) choose(selector, option string) {
	p.t.Helper()
	found := eval[bool](p, fmt.Sprintf(`(() => {
		const list = document.querySelector(%q);
		const option = [...list.options].find((o) => o.textContent === %q);
		if (!option) return false;
		list.value = option.value;
		list.dispatchEvent(new Event("input", { bubbles: true }));
		list.dispatchEvent(new Event("change", { bubbles: true }));
		return true;
	})()`, selector, option))
	if !found {
		p.t.Fatalf("%s has no option %q", selector, option)
	}
}

func (p *page) click(selector string) {
	p.t.Helper()
	eval[chromedp.Void](p, fmt.Sprintf(`document.querySelector(%q)?.scrollIntoView({ block: "center" })`, selector))
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// how says how the answer is wanted: stream, wait or background.
func (p *page) how(value string) {
	p.t.Helper()
	p.click(fmt.Sprintf(`input[name="how"][value=%q]`, value))
}

// drawn waits until the page has drawn what has changed.
func (p *page) drawn() {
	p.t.Helper()
	eval[chromedp.Void](p, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))`)
}

// run presses the button and returns when the prediction has a status.
func (p *page) run(want string) {
	p.t.Helper()
	p.click("#run")
	p.untilStatus(want)
}

// shown is the prediction that the page shows, as the server has it.
func (p *page) shown() answer {
	p.t.Helper()
	return p.s.do("GET", "/predictions/"+p.text("#result .id"), "")
}

func asJSON(t testing.TB, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
