package integration

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

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
