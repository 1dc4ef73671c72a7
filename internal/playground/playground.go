// Package playground is what a browser gets: a page to try the model, and a reference of its API. Everything is in the
// binary, as it is written: there is no build step, and nothing comes from elsewhere.
package playground

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Prefix is where the page's files are.
const Prefix = "/playground/"

//go:embed static
var static embed.FS

// policy allows what is ours, and pictures, sound and films from where a model's output says. What is not of the page
// cannot run: no inline script or style, no text that becomes markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data: blob: http: https:; media-src 'self' data: blob: http: https:; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// Handler answers GET and HEAD of /, /docs and everything under Prefix. It may be called at the same time.
func Handler() http.Handler { return handler }

var handler = http.HandlerFunc(serve)

// asset is one file, ready to send.
type asset struct {
	kind       string // Content-Type
	tag        string // ETag
	raw, small []byte // small is raw, gzipped
}

// assets makes all files ready, once, when the first browser comes: a start waits for nothing.
var assets = sync.OnceValue(func() map[string]*asset {
	found := map[string]*asset{}
	_ = fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := static.ReadFile(name)
		if err == nil {
			found[strings.TrimPrefix(name, "static/")] = newAsset(name, raw)
		}
		return err
	}) // of an embedded file system: it does not fail
	return found
})

func newAsset(name string, raw []byte) *asset {
	var small bytes.Buffer
	w, _ := gzip.NewWriterLevel(&small, gzip.BestCompression) // fails only for a level that does not exist
	_, _ = w.Write(raw)                                       // a bytes.Buffer takes everything
	_ = w.Close()
	sum := sha256.Sum256(raw)
	return &asset{kind: kind(name), tag: `"` + hex.EncodeToString(sum[:8]) + `"`, raw: raw, small: small.Bytes()}
}

// kinds are not asked of the system: some have no text/javascript, and a module with another type does not run.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

func kind(name string) string {
	if known := kinds[path.Ext(name)]; known != "" {
		return known
	}
	return mime.TypeByExtension(path.Ext(name))
}

func serve(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	a := assets()[file(r.URL.Path)]
	if a == nil {
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("ETag", a.tag)
	h.Set("Cache-Control", "no-cache") // asks each time: the next binary has other files under the same names
	if strings.Contains(r.Header.Get("If-None-Match"), a.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.raw
	if accepts(r.Header.Values("Accept-Encoding"), "gzip") {
		body = a.small
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // an error means that the browser is gone
	}
}

// file is the name of the file that a path asks for.
func file(url string) string {
	switch url {
	case "/":
		return "index.html"
	case "/docs":
		return "docs.html"
	}
	return strings.TrimPrefix(url, Prefix)
}

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h["Vary"] = []string{"Accept, Accept-Encoding"}
}

// Wanted says whether a request for / comes from a browser that wants a page. Everything else, and whoever names JSON
// as well, gets what it always got.
func Wanted(r *http.Request) bool {
	header := r.Header.Values("Accept")
	return accepts(header, "text/html") && !accepts(header, "application/json")
}

// accepts says whether an Accept or Accept-Encoding header names something, and not to refuse it.
func accepts(headers []string, name string) bool {
	for item := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		what, parameters, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(what), name) {
			return !refused(parameters)
		}
	}
	return false
}

// refused says whether the parameters of an item hold a weight of zero.
func refused(parameters string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(parameter, "=")
		if strings.EqualFold(strings.TrimSpace(key), "q") {
			weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return err == nil && weight <= 0
		}
	}
	return false
}
