package integration

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOutputsAreUploadedInOrderNestedOnesToo(t *testing.T) {
	r := newReceiver(t, func(n int, w http.ResponseWriter) {
		time.Sleep(time.Duration(20/n) * 10 * time.Millisecond) // the first one takes longest
		if n == 2 {
			w.WriteHeader(503)
		}
	})
	s := ready(t, "contract", launch{flags: []string{"--upload-url", r.URL + "/up"}})
	out := s.succeeded(s.do("PUT", "/predictions/a%20b", inputBody("do", "nested", "text", "n")))
	u := r.URL + "/up/"
	if want := fmt.Sprintf("map[first:%[1]sout.txt rest:[%[1]sout-1.txt %[1]sout-2.txt]]", u); fmt.Sprint(out) != want {
		t.Errorf("nested: %v", out)
	}
	content := map[string]string{}
	for _, g := range r.got() {
		content[g.path] = g.raw
		if g.header.Get("X-Prediction-Id") != "a b" || !strings.HasPrefix(g.header.Get("Content-Type"), "text/plain") {
			t.Errorf("headers: %v", g.header)
		}
	}
	if fmt.Sprint(content) != "map[/up/out-1.txt:n1 /up/out-2.txt:n2 /up/out.txt:n0]" {
		t.Errorf("uploaded: %v", content)
	}
	out = s.succeeded(s.predict("do", "yielded", "text", "y", "n", 3))
	if want := fmt.Sprintf("[%[1]sout%%20file.txt after 0 %[1]sout%%20file-1.txt after 1 %[1]sout%%20file-2.txt after 2]", u); fmt.Sprint(out) != want {
		t.Errorf("yielded: %v", out)
	}
	single := s.succeeded(s.predict("do", "file", "text", "z"))
	if single != u+"out%20file.txt" {
		t.Errorf("single: %v", single)
	}
	if left := s.predictionFolders(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSlowUploadTargetNeverMixesPredictions(t *testing.T) {
	r := newReceiver(t, func(int, http.ResponseWriter) { time.Sleep(30 * time.Millisecond) })
	s := ready(t, "contract", launch{flags: []string{"--upload-url", r.URL, "--queue", "64"}})
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			s.do("PUT", fmt.Sprintf("/predictions/p%d", n), inputBody("do", "file", "text", fmt.Sprintf("<%d>", n), "n", 10_000))
		})
	}
	wg.Wait()
	if len(r.got()) != 16 {
		t.Errorf("%d uploads", len(r.got()))
	}
	for _, g := range r.got() {
		n := strings.TrimPrefix(g.header.Get("X-Prediction-Id"), "p")
		if g.raw != strings.Repeat("<"+n+">", 10_000) {
			t.Errorf("prediction %s got another one's file: %.40s", n, g.raw)
		}
	}
}

func TestUploadsThatFailAndUploadsThatAreCanceled(t *testing.T) {
	hang := make(chan struct{})
	r := newReceiver(t, func(_ int, w http.ResponseWriter) {
		select {
		case <-hang:
		default:
			w.WriteHeader(403)
		}
	})
	s := ready(t, "contract", launch{flags: []string{"--upload-url", r.URL}})
	s.failed(s.predict("do", "file", "text", "x"), "output file out file.txt: upload to 127.0.0.1")
	s.succeeded(s.predict("do", "echo"))

	slow := newReceiver(t, func(int, http.ResponseWriter) { <-hang })
	t.Cleanup(func() { close(hang) })
	s = ready(t, "contract", launch{flags: []string{"--upload-url", slow.URL}})
	id := s.run("do", "file", "text", "x")
	s.until("the upload is under way", func() bool { return len(slow.got()) == 1 })
	s.cancel(id)
	if a := s.await(id); a.str("status") != "canceled" {
		t.Errorf("canceled while its file was uploaded: %s", a.raw)
	}
	s.untilHealth("READY")
	s.succeeded(s.predict("do", "echo"))
}

func TestLargeUploadAndDownloadDoNotGrowTheServer(t *testing.T) {
	r := newReceiver(t, nil)
	const size = 200 << 20
	source := http.NewServeMux()
	source.HandleFunc("/big.bin", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.CopyN(w, zeros{}, size)
	})
	from := serveMux(t, source)
	s := ready(t, "contract", launch{flags: []string{"--upload-url", r.URL}})
	s.succeeded(s.predict("do", "big", "n", 1))
	before := resident(t, s.cmd.Process.Pid)
	s.succeeded(s.predict("do", "big", "n", size))
	if got := r.got(); got[len(got)-1].size != size {
		t.Errorf("uploaded %d bytes of %d", got[len(got)-1].size, size)
	}
	if n := s.succeeded(s.predict("do", "size", "image", from+"/big.bin")); n != float64(size) {
		t.Errorf("downloaded %v bytes of %d", n, size)
	}
	form, contentType := multipartBody(t, [3]string{"do", "", "size"}, [3]string{"image", "big.bin", strings.Repeat("x", 90<<20)})
	if n := s.succeeded(s.do("POST", "/predictions", form, "Content-Type", contentType)); n != float64(90<<20) {
		t.Errorf("%v bytes came with the request", n)
	}
	if grown := resident(t, s.cmd.Process.Pid) - before; grown > 60<<10 { // the race detector's own included
		t.Errorf("the server has grown by %d KiB for a file of %d KiB", grown, size>>10)
	}
	if left := s.predictionFolders(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// zeros is a reader without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestInputsAreFetched(t *testing.T) {
	source := http.NewServeMux()
	tries := 0
	source.HandleFunc("/flaky.txt", func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 {
			w.WriteHeader(502)
			return
		}
		fmt.Fprint(w, "flaky by ", r.UserAgent())
	})
	source.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/a%20b.txt?x=1", http.StatusFound) })
	source.HandleFunc("/{name}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("name") != "a b.txt" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, "moved")
	})
	source.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, zeros{}) })
	hang := make(chan struct{})
	source.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	u := serveMux(t, source)
	t.Cleanup(func() { close(hang) })
	s := ready(t, "contract", launch{env: []string{"COG_USER_AGENT=agent/1"}, flags: []string{"--max-download", "10MiB"}})
	out := s.succeeded(s.predict("do", "read", "image", u+"/flaky.txt", "many", []string{u + "/moved", "data:,x", u + "/a%20b.txt"}))
	if fmt.Sprint(out) != "[flaky.txt:flaky by agent/1 moved:moved file.txt:x a b.txt:moved]" {
		t.Errorf("got %v", out)
	}
	s.failed(s.predict("do", "read", "image", u+"/nowhere?secret=1"), "input.image: download from "+strings.TrimPrefix(u, "http://")+": 404 Not Found")
	s.failed(s.predict("do", "read", "many", []string{"data:,x", u + "/endless"}), "input.many[1]: download from")
	id := s.run("do", "read", "image", u+"/hang")
	s.until("it has begun", func() bool { return s.do("GET", "/predictions/"+id, "").str("status") == "processing" })
	s.cancel(id)
	if a := s.await(id); a.str("status") != "canceled" {
		t.Errorf("canceled while it was fetched: %s", a.raw)
	}
	if left := s.predictionFolders(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "local.txt"), []byte("local"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(folder, "local.txt"), "local.txt", "ftp://h/x"} {
		a := s.predict("do", "read", "image", path)
		if a.code != 422 || !strings.Contains(a.raw, `"loc":["body","input","image"]`) {
			t.Errorf("%s: %d %s", path, a.code, a.raw)
		}
	}
	s = ready(t, "contract", launch{flags: []string{"--local-files", folder, "--public-urls-only"}})
	if out := s.succeeded(s.predict("do", "read", "image", filepath.Join(folder, "local.txt"))); fmt.Sprint(out) != "[local.txt:local]" {
		t.Errorf("local: %v", out)
	}
	s.failed(s.predict("do", "read", "image", u+"/flaky.txt"), "is not public (--public-urls-only)")
}

// multipartBody builds a form: name, file name ("" = text), content.
func multipartBody(t *testing.T, parts ...[3]string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		var err error
		var part io.Writer
		if p[1] == "" {
			part, err = w.CreateFormField(p[0])
		} else {
			part, err = w.CreateFormFile(p[0], p[1])
		}
		if err == nil {
			_, err = io.WriteString(part, p[2])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

func TestMultipartRequests(t *testing.T) {
	s := ready(t, "contract", launch{flags: []string{"--max-body", "1MiB"}})
	post := func(parts ...[3]string) answer {
		t.Helper()
		body, contentType := multipartBody(t, parts...)
		return s.do("POST", "/predictions", body, "Content-Type", contentType)
	}
	a := post([3]string{"input", "", `{"do":"read"}`}, [3]string{"image", "my cat.png", "meow"},
		[3]string{"many", "1.txt", "one"}, [3]string{"input.many", "2.txt", "two"}, [3]string{"id", "", "form"})
	if out := s.succeeded(a); fmt.Sprint(out) != "[my cat.png:meow 1.txt:one 2.txt:two]" || a.str("id") != "form" {
		t.Errorf("files: %s", a.raw)
	}
	if out := s.succeeded(post([3]string{"do", "", "echo"}, [3]string{"text", "", "007"}, [3]string{"n", "", "3"})); out != "007" {
		t.Errorf("fields: %v", out)
	}
	// parts of one name are one list, whatever each of them is
	if out := s.succeeded(post([3]string{"do", "", "read"}, [3]string{"many", "", "data:,one"}, [3]string{"many", "2.txt", "two"},
		[3]string{"many", "", "data:,three"})); fmt.Sprint(out) != "[file.txt:one 2.txt:two file.txt:three]" {
		t.Errorf("a list of texts and files: %v", out)
	}
	if out := s.succeeded(post([3]string{"do", "", "read"}, [3]string{"many", "", `["data:,one","data:,two"]`})); fmt.Sprint(out) != "[file.txt:one file.txt:two]" {
		t.Errorf("a whole list: %v", out)
	}
	for name, tc := range map[string]struct {
		parts [][3]string
		code  int
		want  string
	}{
		"unknown file":    {[][3]string{{"nosuch", "x.png", "x"}}, 422, `"loc":["body","input","nosuch"]`},
		"file for text":   {[][3]string{{"text", "x.png", "x"}}, 422, `"loc":["body","input","text"],"msg":"takes no file"`},
		"two for one":     {[][3]string{{"image", "x", "x"}, {"image", "y", "y"}}, 422, `"loc":["body","input","image"],"msg":"is given twice"`},
		"text and file":   {[][3]string{{"image", "", "data:,a"}, {"image", "y", "y"}}, 422, `"loc":["body","input","image"],"msg":"is given twice"`},
		"input and part":  {[][3]string{{"input", "", `{"text":"a"}`}, {"text", "", "b"}}, 422, `"loc":["body","input","text"],"msg":"is given twice"`},
		"whole and parts": {[][3]string{{"input", "", `{"many":[]}`}, {"many", "y", "y"}}, 422, `"loc":["body","input","many"],"msg":"is given as a whole`},
		"input no object": {[][3]string{{"input", "", "[1]"}}, 422, `"loc":["body","input"]`},
		"wrong type":      {[][3]string{{"image", "x", "x"}, {"n", "", "many"}}, 422, `"loc":["body","input","n"]`},
		"bad context":     {[][3]string{{"context", "", "{"}}, 422, `"loc":["body","context"]`},
		"bad webhook":     {[][3]string{{"image", "x", "x"}, {"webhook", "", "ftp://x"}}, 422, `"loc":["body","webhook"]`},
		"bad id":          {[][3]string{{"id", "", "a\x00b"}}, 422, `"loc":["body","id"]`},
		"id of bytes":     {[][3]string{{"id", "", "\xff"}}, 422, `"loc":["body","id"],"msg":"must be valid UTF-8"`},
		"text of bytes":   {[][3]string{{"text", "", "\xff"}}, 422, `"loc":["body","input","text"],"msg":"must be valid UTF-8"`},
		"bad filter":      {[][3]string{{"webhook_events_filter", "", `["done"]`}}, 422, `"loc":["body","webhook_events_filter"]`},
		"two ids":         {[][3]string{{"id", "", "a"}, {"id", "", "b"}}, 422, `"loc":["body","id"],"msg":"is given twice"`},
		"many of them":    {slices.Repeat([][3]string{{"many", "", "data:,x"}}, 1001), 400, "more than 1000 parts"},
		"no name":         {[][3]string{{"", "", "x"}}, 400, "without a name"},
		"too large":       {[][3]string{{"image", "x", strings.Repeat("x", 2<<20)}}, 413, "over the limit"},
	} {
		if a := post(tc.parts...); a.code != tc.code || !strings.Contains(a.raw, tc.want) {
			t.Errorf("%s: %d %s", name, a.code, a.raw)
		}
	}
	for contentType, body := range map[string]string{
		"multipart/form-data":             "x",
		"multipart/form-data; boundary=b": "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"x\"\r\n\r\ncut off",
	} {
		if a := s.do("POST", "/predictions", body, "Content-Type", contentType); a.code != 400 || !strings.Contains(a.raw, "multipart body") {
			t.Errorf("%s: %d %s", contentType, a.code, a.raw)
		}
	}
	if a := s.do("POST", "/predictions", "x", "Content-Type", "multipart/mixed; boundary=b"); a.code != 415 {
		t.Errorf("mixed: %d %s", a.code, a.raw)
	}
	busy := s.run("do", "sleep", "seconds", 60)
	if a := post([3]string{"do", "", "read"}, [3]string{"image", "x", "x"}); a.code != 409 {
		t.Errorf("busy: %d %s", a.code, a.raw)
	}
	s.cancel(busy)
	s.await(busy)
	if left, _ := filepath.Glob(filepath.Join(s.tmp, "coglet-*", "uploads", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLargeStringsAndManyOutputs(t *testing.T) {
	s := ready(t, "contract", launch{})
	text := strings.Repeat("0123456789", 5<<20)
	echo := func(times int) (kib int) {
		for range times {
			if out := s.succeeded(s.predict("do", "echo", "text", text)); out != text {
				t.Errorf("a string of %d bytes came back with %d", len(text), len(out.(string)))
			}
		}
		return resident(t, s.cmd.Process.Pid)
	}
	before := echo(2)
	if grown := echo(2) - before; grown > before*3/4 { // the race detector's own share included
		t.Errorf("the server has grown from %d by %d KiB over two more strings", before, grown)
	}
	for _, do := range []string{"items", "tokens"} {
		if out := s.succeeded(s.predict("do", do, "n", 10_000)).([]any); len(out) != 10_000 || out[9_999] != "9999" {
			t.Errorf("%s: %d outputs", do, len(out))
		}
	}
	var want strings.Builder
	for n := range 100_000 {
		fmt.Fprintf(&want, "line %d\n", n)
	}
	if a := s.predict("do", "lines", "n", 100_000); a.str("logs") != want.String() {
		t.Errorf("%d bytes of logs, want %d", len(a.str("logs")), want.Len())
	}
}

const exact = `
class Predictor:
    def predict(self, n: int) -> dict:
        return {"z": n, "a": 2**70, "m": {"y": 0.1, "b": 18446744073709551615}}
`

func TestOutputsKeepTheirDigitsAndTheirOrder(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, exact)})
	a := s.do("POST", "/predictions", `{"input":{"n":9007199254740993}}`)
	s.succeeded(a)
	if want := `"output":{"z":9007199254740993,"a":1180591620717411303424,"m":{"y":0.1,"b":18446744073709551615}}`; !strings.Contains(a.raw, want) {
		t.Errorf("%s, want %s", a.raw, want)
	}
}
