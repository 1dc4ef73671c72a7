package files

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"coglet/internal/protocol"
)

func TestMain(m *testing.M) {
	if parent := os.Getenv("HOLD_ROOT"); parent != "" { // a server that is killed
		root, err := OpenRoot(parent)
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString(root.Dir() + "\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestRootsOfDeadServersAreRemovedAndOthersAreNot(t *testing.T) {
	parent := t.TempDir()
	live, err := OpenRoot(parent)
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(parent, "coglet-of-somebody")
	if err := os.Mkdir(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "HOLD_ROOT="+parent)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 1024)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	dead := strings.TrimSpace(string(line[:n]))
	if err := os.MkdirAll(filepath.Join(dead, "w", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	next, err := OpenRoot(parent)
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{live.Dir(): true, next.Dir(): true, foreign: true, dead: false} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: exists %t, want %t", dir, err == nil, want)
		}
	}
	if err := errors.Join(live.Close(), live.Close(), next.Close()); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(parent, "*coglet*")); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

func resolve(t *testing.T, f Fetcher, raw string, field protocol.FileField) (string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "p")
	local, err := f.Resolve(context.Background(), dir, []byte(raw), field)
	return string(local), err
}

func TestDataURLs(t *testing.T) {
	for raw, want := range map[string]struct{ name, content string }{
		`"data:image/png;base64,YWJj"`:                              {"file.png", "abc"},
		`"data:,a%20b"`:                                             {"file.txt", "a b"},
		`"data:text/html;charset=utf-8,<p>"`:                        {"file.html", "<p>"},
		`"data:;base64,YWI="`:                                       {"file.txt", "ab"},
		`"data:application/x-unknown;base64,YWI"`:                   {"file", "ab"},
		`"data:image/jpeg;base64,` + "YQ%3D%3D" + `"`:               {"file.jpg", "a"},
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
	for _, raw := range []string{`"data:image/png"`, `"data:;base64,!"`, `"data:,%zz"`} {
		if _, err := resolve(t, Fetcher{}, raw, protocol.FileField{}); err == nil {
			t.Errorf("%s was taken", raw)
		}
	}
	if _, err := resolve(t, Fetcher{MaxBytes: 3}, `"data:,abcd"`, protocol.FileField{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("over the limit: %v", err)
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
		inside: true, outside: false, link: false, folder + "/../" + filepath.Base(folder) + "/in.txt": true, "/etc/hostname": false,
		"file://" + inside: false, "HTTP://x/y": false,
	} {
		if _, err := resolve(t, f, `"`+path+`"`, protocol.FileField{}); (err == nil) != ok || !ok && !errors.Is(err, ErrNotURL) {
			t.Errorf("%s: %v, want ok %t", path, err, ok)
		}
	}
	if got, err := resolve(t, f, `"plain"`, protocol.FileField{Str: true}); err != nil || got != `"plain"` {
		t.Errorf("union with str: %s, %v", got, err)
	}
	if got, err := resolve(t, f, `null`, protocol.FileField{}); err != nil || got != "null" {
		t.Errorf("null: %s, %v", got, err)
	}
	if _, err := resolve(t, f, `["data:,a","plain"]`, protocol.FileField{List: true}); err == nil || !strings.HasPrefix(err.Error(), "item 1:") {
		t.Errorf("list: %v", err)
	}
}

func TestDownloads(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			http.NotFound(w, r)
			return
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
}

func TestNamesOfDownloadsAreNeverPaths(t *testing.T) {
	for raw, want := range map[string]string{
		"http://h/a/b.png": "b.png", "http://h/": "file", "http://h": "file", "http://h/..": "file", "http://h/a%2Fb": "a_b",
		"http://h/a+b.txt": "a b.txt", "http://h/%2e%2e": "file",
		"http://h/" + strings.Repeat("é", 150) + ".png": strings.Repeat("é", 97) + "~.png",
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

func TestReplace(t *testing.T) {
	list := []protocol.File{{Ref: "ref:0", Path: "/x/a"}, {Ref: "ref:1", Path: "/x/b"}}
	f := func(dst []byte, file protocol.File) ([]byte, error) { return append(dst, "<"+file.Path+">"...), nil }
	for body, want := range map[string]string{
		`["ref:1",{"k":"ref:0"},"ref:10"]`: `[</x/b>,{"k":</x/a>},"ref:10"]`,
		`["ref:0"]`:                        "error: output file b stands nowhere in the output",
		`["ref:0","ref:1","ref:0"]`:        "error: output file a stands twice in the output",
	} {
		got, err := Replace(nil, []byte(body), list, f)
		text := string(got)
		if err != nil {
			text = "error: " + err.Error()
		}
		if text != want {
			t.Errorf("%s: %s, want %s", body, text, want)
		}
	}
}

func TestAppendDataURL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	for _, size := range []int{0, 1, 2, 3, 48<<10 - 1, 48 << 10, 48<<10 + 1, 200_001} {
		content := bytes.Repeat([]byte("ab\x00"), size/3+1)[:size]
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := AppendDataURL([]byte("x"), path, "")
		want := `x"data:image/png;base64,` + base64.StdEncoding.EncodeToString(content) + `"`
		if err != nil || string(got) != want {
			t.Errorf("%d bytes: %d of %d, %v", size, len(got), len(want), err)
		}
	}
	for _, bad := range []string{filepath.Dir(path), "/nonexistent"} {
		if _, err := AppendDataURL(nil, bad, ""); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
