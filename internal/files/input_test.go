package files

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"coglet/internal/protocol"
)

func resolve(t *testing.T, f Fetcher, raw string, field protocol.FileField) (string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "p")
	local, err := f.Resolve(context.Background(), dir, []Input{{"x", []byte(raw), field}})
	if err != nil {
		return "", err
	}
	return string(local[0]), nil
}

func TestDataURLs(t *testing.T) {
	for raw, want := range map[string]struct{ name, content string }{
		`"data:image/png;base64,YWJj"`:                              {"file.png", "abc"},
		`"data:,a%20b"`:                                             {"file.txt", "a b"},
		`"data:text/html;charset=utf-8,<p>"`:                        {"file.html", "<p>"},
		`"data:;base64,YWI="`:                                       {"file.txt", "ab"},
		`"data:application/x-unknown;base64,YWI"`:                   {"file", "ab"},
		`"data:image/jpeg;base64,` + "YQ%3D%3D" + `"`:               {"file.jpg", "a"},
		`"data:image/PNG;BASE64, YW\nJj "`:                          {"file.png", "abc"},
		`"data:,100% of %zz%"`:                                      {"file.txt", "100% of %zz%"},
		`"data:text/plain;name=../../x;base64,YQ=="`:                {"file.txt", "a"},
		`"data:../../x,a"`:                                          {"file", "a"},
		`"data:audio/wav;base64,` + strings.Repeat("AAAA", 3) + `"`: {"file.wav", strings.Repeat("\x00", 9)},
	} {
		local, err := resolve(t, Fetcher{}, raw, protocol.FileField{Kind: "path"})
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		path := strings.Trim(local, `"`)
		content, err := os.ReadFile(path)
		if err != nil || string(content) != want.content || filepath.Base(path) != want.name {
			t.Errorf("%s: %s with %q, %v", raw, path, content, err)
		}
	}
	for _, raw := range []string{`"data:image/png"`, `"data:;base64,!"`, `"data:;base64,YWJjZ"`} {
		if _, err := resolve(t, Fetcher{}, raw, protocol.FileField{}); err == nil {
			t.Errorf("%s was taken", raw)
		}
	}
	if _, err := resolve(t, Fetcher{MaxBytes: 3}, `"data:,abcd"`, protocol.FileField{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("over the limit: %v", err)
	}
}

func TestLargeDataURLIsNotCopiedAgainAndAgain(t *testing.T) {
	raw := `"data:application/octet-stream;base64,` + strings.Repeat("QUJD", 8<<20/3) + `"`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	local, err := resolve(t, Fetcher{}, raw, protocol.FileField{})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(strings.Trim(local, `"`))
	if err != nil || info.Size() != 8<<20/3*3 {
		t.Errorf("%v, %v", info, err)
	}
	// one is the JSON as bytes, one the string in it
	if used := after.TotalAlloc - before.TotalAlloc; used > uint64(3*len(raw)) {
		t.Errorf("%d bytes were allocated for %d", used, len(raw))
	}
}

func TestOnlyURLsAndNamedFoldersAreTaken(t *testing.T) {
	folder := t.TempDir()
	inside, outside := filepath.Join(folder, "in.txt"), filepath.Join(t.TempDir(), "out.txt")
	link := filepath.Join(folder, "link.txt")
	for _, path := range []string{inside, outside} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	f := Fetcher{LocalFiles: []string{folder}}
	for path, ok := range map[string]bool{
		inside: true, folder + "/../" + filepath.Base(folder) + "/in.txt": true,
		outside: false, link: false, folder + "/../" + filepath.Base(outside): false, "/etc/hostname": false,
		"file://" + inside: false, "HTTP://x/y": false, "": false, "in.txt": false,
	} {
		_, err := resolve(t, f, `"`+path+`"`, protocol.FileField{})
		if (err == nil) != ok || !ok && !errors.Is(err, ErrNotURL) {
			t.Errorf("%s: %v, want ok %t", path, err, ok)
		}
	}
	// a folder named from where the server was started: nothing was ever found to lie in one
	t.Chdir(filepath.Dir(folder))
	relative := Fetcher{LocalFiles: []string{filepath.Base(folder)}}
	if got, err := resolve(t, relative, `"`+inside+`"`, protocol.FileField{}); err != nil {
		t.Errorf("a relative folder: %s, %v", got, err)
	}
	if _, err := resolve(t, relative, `"`+outside+`"`, protocol.FileField{}); !errors.Is(err, ErrNotURL) {
		t.Errorf("outside of a relative folder: %v", err)
	}
	if got, err := resolve(t, f, `"plain"`, protocol.FileField{Str: true}); err != nil || got != `"plain"` {
		t.Errorf("union with str: %s, %v", got, err)
	}
	if got, err := resolve(t, f, `null`, protocol.FileField{}); err != nil || got != "null" {
		t.Errorf("null: %s, %v", got, err)
	}
	_, err := resolve(t, f, `["data:,a","plain"]`, protocol.FileField{List: true})
	if err == nil || !strings.HasPrefix(err.Error(), "input.x[1]:") {
		t.Errorf("list: %v", err)
	}
}

func TestDownloads(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			http.NotFound(w, r)
			return
		}
		if r.URL.Path == "/chunked" {
			_ = http.NewResponseController(w).Flush() // so that no length is sent
		}
		_, _ = w.Write([]byte("from " + r.UserAgent()))
	}))
	defer server.Close()
	f := Fetcher{UserAgent: "me", Client: server.Client()}
	local, err := resolve(t, f, `"`+server.URL+`/a/b%20c.png?sig=secret"`, protocol.FileField{})
	content, _ := os.ReadFile(strings.Trim(local, `"`))
	if err != nil || filepath.Base(strings.Trim(local, `"`)) != "b c.png" || string(content) != "from me" {
		t.Errorf("%s: %q, %v", local, content, err)
	}
	_, err = resolve(t, f, `"`+server.URL+`/gone?sig=secret"`, protocol.FileField{})
	if err == nil || !strings.Contains(err.Error(), "404") || strings.Contains(err.Error(), "secret") {
		t.Errorf("404: %v", err)
	}
	f.MaxBytes = 6
	for _, path := range []string{"/sized", "/chunked"} {
		if _, err := resolve(t, f, `"`+server.URL+path+`"`, protocol.FileField{}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("over the limit: %v", err)
		}
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = f.Resolve(canceled, t.TempDir(), []Input{{Name: "x", Value: []byte(`"` + server.URL + `/a?sig=secret"`)}})
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "secret") {
		t.Errorf("canceled: %v", err)
	}
}

func TestNamesOfDownloadsAreNeverPaths(t *testing.T) {
	for raw, want := range map[string]string{
		"http://h/a/b.png": "b.png", "http://h/": "file", "http://h": "file", "http://h/..": "file", "http://h/a%2Fb": "a_b",
		"http://h/a+b.txt": "a b.txt", "http://h/caf%E9.png": "caf\uFFFD.png", "http://h/a%00b": "a_b",
		"http://h/%2e%2e": "file",
		"http://h/" + strings.Repeat("%E9", 150) + ".png": strings.Repeat("\uFFFD", 65) + "~.png",
		"http://h/" + strings.Repeat("é", 150) + ".png":   strings.Repeat("é", 97) + "~.png",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := fileName(u); got != want || len(got) > maxName {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}
