package files

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coglet/internal/outbound"
	"coglet/internal/protocol"
)

func noWait(context.Context, time.Duration) error { return nil }

// source is a server that downloads come from; answer gets the number of the request, from 1.
func source(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) (server *httptest.Server, requests *atomic.Int32) {
	requests = new(atomic.Int32)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(int(requests.Add(1)), w, r)
	}))
	t.Cleanup(server.Close)
	return server, requests
}

func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

func TestDownloadsAreRetriedWhereThatMayHelp(t *testing.T) {
	for name, tc := range map[string]struct {
		answer   func(n int, w http.ResponseWriter, r *http.Request)
		requests int32
		err      string // "" = it succeeds
	}{
		"500 then 200": {func(n int, w http.ResponseWriter, _ *http.Request) {
			if n < 3 {
				w.WriteHeader(500)
			}
			_, _ = io.WriteString(w, "content")
		}, 3, ""},
		"429 with Retry-After": {func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(429)
				return
			}
			_, _ = io.WriteString(w, "content")
		}, 2, ""},
		"closes before it answers": {func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				hangUp(w)
				return
			}
			_, _ = io.WriteString(w, "content")
		}, 2, ""},
		"closes in the middle": {func(n int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "7")
			if n == 1 {
				_, _ = io.WriteString(w, "con")
				_ = http.NewResponseController(w).Flush()
				hangUp(w)
				return
			}
			_, _ = io.WriteString(w, "content")
		}, 2, ""},
		"redirect": {func(_ int, w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/there" {
				http.Redirect(w, r, "/there", http.StatusFound)
				return
			}
			_, _ = io.WriteString(w, "content")
		}, 2, ""},
		"gzip": {func(_ int, w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
				t.Error("no Accept-Encoding")
			}
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, "content")
			_ = z.Close()
		}, 1, ""},
		"404":                {func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, 1, "404 Not Found"},
		"503 without an end": {func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, attempts, "503 Service"},
		"endless": {func(_ int, w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, 1, "over the size limit"},
		"stalls": {func(_ int, w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "con")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, attempts, "stalled"},
	} {
		t.Run(name, func(t *testing.T) {
			server, requests := source(t, tc.answer)
			f := Fetcher{Client: outbound.Named(false, nil), Sleep: noWait, MaxBytes: 1 << 20, Stall: 100 * time.Millisecond}
			dir := filepath.Join(t.TempDir(), "p")
			local, err := f.Resolve(t.Context(), dir, []Input{{Name: "image", Value: []byte(`"` + server.URL + `/a.png?sig=secret"`)}})
			if requests.Load() != tc.requests {
				t.Errorf("%d requests, want %d", requests.Load(), tc.requests)
			}
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || !strings.HasPrefix(err.Error(), "input.image: download from 127.0.0.1") ||
					strings.Contains(err.Error(), "secret") {
					t.Errorf("error: %v", err)
				}
				if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			path := strings.Trim(string(local[0]), `"`)
			if content, err := os.ReadFile(path); string(content) != "content" || filepath.Base(path) != "a.png" {
				t.Errorf("%s holds %q, %v", path, content, err)
			}
		})
	}
}

func TestFilesAreFetchedAtTheSameTimeAndKeepTheirOrder(t *testing.T) {
	var together sync.WaitGroup
	together.Add(5)
	server, _ := source(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		together.Done()
		together.Wait() // comes to an end only when all five are under way
		_, _ = io.WriteString(w, r.URL.Path)
	})
	value := func(n int) string { return fmt.Sprintf(`"%s/%d"`, server.URL, n) }
	f := Fetcher{}
	local, err := f.Resolve(t.Context(), t.TempDir(), []Input{
		{Name: "a", Value: []byte(value(0))},
		{Name: "b", Value: []byte("[" + value(1) + "," + value(2) + `,"data:,x",` + value(3) + "]"), Field: protocol.FileField{List: true}},
		{Name: "c", Value: []byte(value(4))},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, raw := range strings.FieldsFunc(string(bytes.Join([][]byte{local[0], local[1], local[2]}, []byte(","))), func(c rune) bool {
		return strings.ContainsRune(`[],"`, c)
	}) {
		content, err := os.ReadFile(raw)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(content))
	}
	if all := strings.Join(got, " "); all != "/0 /1 /2 x /3 /4" {
		t.Errorf("got %s", all)
	}
}

func TestTheLimitIsForAllFilesTogether(t *testing.T) {
	f := Fetcher{MaxBytes: 10}
	_, err := f.Resolve(t.Context(), t.TempDir(), []Input{
		{Name: "a", Value: []byte(`"data:,123456"`)}, {Name: "b", Value: []byte(`"data:,123456"`)},
	})
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("12 of 10 bytes: %v", err)
	}
}

func TestDownloadTimeoutAndCancel(t *testing.T) {
	server, _ := source(t, func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	in := []Input{{Name: "a", Value: []byte(`"` + server.URL + `"`)}}
	f := Fetcher{Timeout: 50 * time.Millisecond}
	if _, err := f.Resolve(t.Context(), t.TempDir(), in); err == nil || !strings.Contains(err.Error(), "within 50ms (--download-timeout)") {
		t.Errorf("timeout: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("canceled by somebody")
	time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
	f = Fetcher{}
	if _, err := f.Resolve(ctx, t.TempDir(), in); !errors.Is(err, why) {
		t.Errorf("canceled: %v", err)
	}
}

func TestForbiddenAddressesAreNotRetried(t *testing.T) {
	f := Fetcher{Client: outbound.Named(true, nil), Sleep: func(context.Context, time.Duration) error {
		t.Error("retried")
		return nil
	}}
	_, err := f.Resolve(t.Context(), t.TempDir(), []Input{{Name: "a", Value: []byte(`"http://127.0.0.1:1/x"`)}})
	if !errors.Is(err, outbound.ErrForbidden) {
		t.Error(err)
	}
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uploads")
	s := NewStore(dir)
	value, err := s.Put("../a b/cat.png", strings.NewReader("meow"))
	if err != nil {
		t.Fatal(err)
	}
	f := Fetcher{Store: s}
	if err := f.Check([]byte(`"`+value+`"`), protocol.FileField{}); err != nil {
		t.Error(err)
	}
	local, err := f.Resolve(t.Context(), t.TempDir(), []Input{{Name: "a", Value: []byte(`"` + value + `"`)}})
	if err != nil {
		t.Fatal(err)
	}
	path := strings.Trim(string(local[0]), `"`)
	if content, err := os.ReadFile(path); string(content) != "meow" || filepath.Base(path) != ".._a b_cat.png" {
		t.Errorf("%s: %q, %v", path, content, err)
	}
	if _, err := f.Resolve(t.Context(), t.TempDir(), []Input{{Name: "a", Value: []byte(`"` + value + `"`)}}); err == nil {
		t.Error("taken twice")
	}
	kept, err := s.Put("x", strings.NewReader("y"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Remove(kept), s.Remove(kept), s.Remove(value), s.Remove("coglet-upload:../..")); err != nil {
		t.Error(err)
	}
	if _, err := s.Put("broken", io.MultiReader(strings.NewReader("y"), readerFunc(func([]byte) (int, error) {
		return 0, io.ErrUnexpectedEOF
	}))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("broken: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// target is a server that uploads go to.
type target struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  map[string]string // by path
	headers []http.Header
}

func newTarget(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request) (taken bool)) *target {
	u := &target{bodies: map[string]string{}}
	n := new(atomic.Int32)
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer != nil && !answer(int(n.Add(1)), w, r) {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPut || r.ContentLength != int64(len(body)) {
			t.Errorf("%s with length %d: %d bytes, %v", r.Method, r.ContentLength, len(body), err)
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		u.bodies[r.URL.EscapedPath()] = string(body)
		u.headers = append(u.headers, r.Header)
	}))
	t.Cleanup(u.Close)
	return u
}

func outputFile(t *testing.T, name, content string) protocol.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return protocol.File{Ref: "coglet-file:" + path, Path: path}
}

func upload(u *Uploader, s *Session, list ...protocol.File) (string, error) {
	var refs []string
	for _, f := range list {
		refs = append(refs, `"`+f.Ref+`"`)
	}
	u.Client, u.Sleep = outbound.Trusted(nil), noWait
	body, err := u.Replace(context.Background(), s, []byte("["+strings.Join(refs, ",")+"]"), list)
	return string(body), err
}

func TestUploadsNameFilesSoThatNoneReplacesAnother(t *testing.T) {
	to := newTarget(t, nil)
	s := &Session{ID: "pred/ü"}
	out, err := upload(&Uploader{URL: to.URL + "/base"}, s,
		outputFile(t, "out.png", "one"), outputFile(t, "out.png", "two"), outputFile(t, "a b?#%.txt", "three"), outputFile(t, "empty", ""))
	want := fmt.Sprintf(`["%[1]s/base/out.png","%[1]s/base/out-1.png","%[1]s/base/a%%20b%%3F%%23%%25.txt","%[1]s/base/empty"]`, to.URL)
	if err != nil || out != want {
		t.Errorf("got %s, %v\nwant %s", out, err, want)
	}
	more, err := upload(&Uploader{URL: to.URL + "/base/"}, s, outputFile(t, "out.png", "four"))
	if err != nil || !strings.HasSuffix(more, `/base/out-2.png"]`) {
		t.Errorf("a later output: %s, %v", more, err)
	}
	byID, err := upload(&Uploader{URL: to.URL + "/{prediction_id}/"}, &Session{ID: "pred/ü"}, outputFile(t, "out.png", "five"))
	if err != nil || !strings.HasSuffix(byID, `/pred%2F%C3%BC/out.png"]`) {
		t.Errorf("by id: %s, %v", byID, err)
	}
	for path, content := range map[string]string{
		"/base/out.png": "one", "/base/out-1.png": "two", "/base/a%20b%3F%23%25.txt": "three", "/base/empty": "",
		"/base/out-2.png": "four", "/pred%2F%C3%BC/out.png": "five",
	} {
		if got, there := to.bodies[path]; !there || got != content {
			t.Errorf("%s: %q, there %t", path, got, there)
		}
	}
	types := map[string]int{}
	for _, h := range to.headers {
		types[h.Get("Content-Type")]++
		if h.Get("X-Prediction-Id") != "pred%2F%C3%BC" {
			t.Errorf("X-Prediction-ID: %q", h.Get("X-Prediction-Id"))
		}
	}
	if types["image/png"] != 4 || types["application/octet-stream"] != 1 {
		t.Errorf("types: %v", types)
	}
}

func TestUploadsAreRetriedAndFailWithOneClearError(t *testing.T) {
	content := strings.Repeat("0123456789", 100_000)
	for name, tc := range map[string]struct {
		answer func(n int, w http.ResponseWriter, r *http.Request) bool
		want   string // suffix of the URL, or of the error after "error: "
	}{
		"500 then 200": {func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 1 {
				w.WriteHeader(500)
			}
			return n > 1
		}, "/out.bin"},
		"429": {func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 1 {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(429)
			}
			return n > 1
		}, "/out.bin"},
		"closes early": {func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 1 {
				hangUp(w)
			}
			return n > 1
		}, "/out.bin"},
		"403": {func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(403)
			return false
		}, "error: 403 Forbidden"},
		"always 503": {func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(503)
			return false
		}, "error: 503 Service Unavailable"},
		"hangs": {func(int, http.ResponseWriter, *http.Request) bool {
			time.Sleep(300 * time.Millisecond) // three times as long as is waited for it
			return false
		}, "error: stalled: nothing came for 100ms"},
		"redirect": {func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, "/there") {
				http.Redirect(w, r, "/there"+r.URL.Path, http.StatusTemporaryRedirect)
				return false
			}
			return true
		}, "/there/out.bin"},
		"Location": {func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", "https://cdn.example.com/x/out.bin?sig=1#part")
			return true
		}, "https://cdn.example.com/x/out.bin#part"},
		"relative Location": {func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", "/x?y")
			return true
		}, "/x?y"},
	} {
		t.Run(name, func(t *testing.T) {
			to := newTarget(t, tc.answer)
			out, err := upload(&Uploader{URL: to.URL + "?sig=secret", Stall: 100 * time.Millisecond}, &Session{ID: "p"}, outputFile(t, "out.bin", content))
			if why, fails := strings.CutPrefix(tc.want, "error: "); fails {
				if err == nil || !strings.HasPrefix(err.Error(), "output file out.bin: upload to 127.0.0.1") ||
					!strings.HasSuffix(err.Error(), why) || strings.Contains(err.Error(), "secret") {
					t.Errorf("error: %v", err)
				}
				return
			}
			if err != nil || !strings.HasSuffix(out, tc.want+`"]`) || strings.Contains(out, "secret") {
				t.Errorf("%s, %v", out, err)
			}
			for path, got := range to.bodies {
				if got != content {
					t.Errorf("%s has %d bytes of %d", path, len(got), len(content))
				}
			}
		})
	}
}

func TestTargetThatNeverEndsItsAnswerHoldsNothingUp(t *testing.T) {
	to := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", "http://cdn.test/x")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(to.Close)
	begin := time.Now()
	out, err := upload(&Uploader{URL: to.URL}, &Session{}, outputFile(t, "out.bin", "content"))
	if took := time.Since(begin); err != nil || out != `["http://cdn.test/x"]` || took > defaultStall/2 {
		t.Errorf("%s, %v after %s", out, err, took)
	}
}

func TestOutputFileThatIsNotThereFailsAndNamesItself(t *testing.T) {
	gone := outputFile(t, "out.bin", "")
	if err := os.Remove(gone.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := upload(&Uploader{URL: "http://127.0.0.1:1/"}, &Session{}, gone); err == nil ||
		err.Error() != "output file out.bin: no such file or directory" {
		t.Error(err)
	}
}
