package playground

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// ask sends a GET with headers, name and value in turn.
func ask(t *testing.T, path string, header ...string) *http.Response {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, req)
	return w.Result()
}

func body(t *testing.T, r io.Reader) []byte {
	t.Helper()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// each calls do with every embedded file.
func each(t *testing.T, do func(name string, raw []byte)) {
	t.Helper()
	count := 0
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := static.ReadFile(name)
		count++
		do(strings.TrimPrefix(name, "static/"), raw)
		return err
	})
	if err != nil || count < 10 {
		t.Fatalf("%d files: %v", count, err)
	}
}

func TestEveryFileIsServedAsWhatItIs(t *testing.T) {
	each(t, func(name string, raw []byte) {
		for _, encoding := range []string{"", "br, gzip;q=0.5", "gzip;q=0", "identity"} {
			r := ask(t, Prefix+name, "Accept-Encoding", encoding)
			if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != kind(name) || kind(name) == "" {
				t.Errorf("%s: %d %q", name, r.StatusCode, r.Header.Get("Content-Type"))
			}
			var got io.Reader = r.Body
			if small := strings.Contains(encoding, "0.5"); small != (r.Header.Get("Content-Encoding") == "gzip") {
				t.Errorf("%s for %q: encoding %q", name, encoding, r.Header.Get("Content-Encoding"))
			} else if small {
				unzipped, err := gzip.NewReader(r.Body)
				if err != nil {
					t.Fatal(err)
				}
				got = unzipped
			}
			if !bytes.Equal(body(t, got), raw) {
				t.Errorf("%s for %q is not the file", name, encoding)
			}
		}
	})
}

func TestPagesAndWhatIsNone(t *testing.T) {
	for path, want := range map[string]string{"/": "index.html", "/docs": "docs.html"} {
		raw, err := static.ReadFile("static/" + want)
		if err != nil {
			t.Fatal(err)
		}
		if r := ask(t, path); !bytes.Equal(body(t, r.Body), raw) {
			t.Errorf("%s is not %s", path, want)
		}
	}
	for _, path := range []string{Prefix, Prefix + "nothing.js", Prefix + "../playground.go", Prefix + "static/app.js"} {
		if r := ask(t, path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, path := range []string{"/", "/docs", Prefix + "app.js", Prefix + "nothing"} {
		h := ask(t, path).Header
		for _, directive := range []string{
			"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "form-action 'none'",
			"base-uri 'none'", "frame-ancestors 'none'", "img-src 'self' data: blob: http: https:",
			"media-src 'self' data: blob: http: https:", "require-trusted-types-for 'script'", "trusted-types 'none'",
		} {
			if !strings.Contains("; "+h.Get("Content-Security-Policy")+";", "; "+directive+";") {
				t.Errorf("%s: the policy has no %q: %s", path, directive, h.Get("Content-Security-Policy"))
			}
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("%s: the policy is unsafe", path)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Vary": "Accept, Accept-Encoding",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
}

func TestAnUnchangedFileIsNotSentAgain(t *testing.T) {
	tag := ask(t, "/").Header.Get("ETag")
	if r := ask(t, "/", "If-None-Match", tag); r.StatusCode != http.StatusNotModified || len(body(t, r.Body)) > 0 {
		t.Errorf("the same again: %d", r.StatusCode)
	}
	if r := ask(t, "/", "If-None-Match", `"other"`); r.StatusCode != http.StatusOK {
		t.Errorf("another one: %d", r.StatusCode)
	}
	req := httptest.NewRequest(http.MethodHead, "/", nil)
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, req)
	if w.Code != http.StatusOK || w.Body.Len() > 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: %d with %d bytes", w.Code, w.Body.Len())
	}
}

func TestAllOfItIsSmall(t *testing.T) {
	total := 0
	for _, a := range assets() {
		total += len(a.small)
	}
	if total > 60_000 { // headers come on top of it, and 100 kB is the promise
		t.Errorf("all files are %d bytes over the wire", total)
	}
	t.Logf("%d bytes over the wire", total)
}

// address finds what a browser would fetch or open, but the namespace of SVG and patterns that look for addresses.
var address = regexp.MustCompile(`(?i)(https?:)?//[a-z0-9][a-z0-9.-]+\.[a-z]{2,}`)

func TestNothingComesFromElsewhere(t *testing.T) {
	each(t, func(name string, raw []byte) {
		for _, found := range address.FindAllString(strings.ReplaceAll(string(raw), "http://www.w3.org/2000/svg", ""), -1) {
			t.Errorf("%s names %s", name, found)
		}
	})
}

// markup are the ways by which a text becomes markup or script.
var markup = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc|setHTML|createContextualFragment|\son[a-z]+=|<style|style=`)

func TestNoTextBecomesMarkup(t *testing.T) {
	inline := regexp.MustCompile(`<script[^>]*>[^<]`)
	each(t, func(name string, raw []byte) {
		if found := markup.Find(raw); found != nil {
			t.Errorf("%s has %s", name, found)
		}
		if inline.Match(raw) {
			t.Errorf("%s has an inline script", name)
		}
	})
}

func TestEveryImportIsThereAndPreloaded(t *testing.T) {
	imports := regexp.MustCompile(`from "\./([a-z]+\.js)"`)
	page, err := static.ReadFile("static/index.html")
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(name string, raw []byte) {
		for _, m := range imports.FindAllStringSubmatch(string(raw), -1) {
			if assets()[m[1]] == nil {
				t.Errorf("%s imports %s, which is not there", name, m[1])
			}
			if !strings.Contains(string(page), `href="/playground/`+m[1]+`"`) {
				t.Errorf("%s is not preloaded by the page", m[1])
			}
		}
	})
}

func TestWanted(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/plain": false, "text/html;q=0": false, "text/*": false,
		"text/html": true, "TEXT/HTML ; charset=utf-8": true, "text/html;q=0.1": true,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true,
		"text/html, application/json":                                     false, "text/html;level=1;q=0.0": false, "application/json;q=0, text/html": true,
	} {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.Header.Set("Accept", accept)
		if got := Wanted(req); got != want {
			t.Errorf("Accept: %q: %t", accept, got)
		}
	}
}
