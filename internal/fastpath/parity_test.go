package fastpath

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// twins are a Server and an http.Server with the same handler, which answers with all that it sees of a request.
type twins struct {
	quick, usual string // addresses
	quickly      atomic.Int64
	// lenient says that refusals are not compared: net/http refuses the first three bytes of a request without a rest, and
	// what follows on blank lines, only sometimes.
	lenient bool
}

func (tw *twins) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, is := w.(*response); is {
		tw.quickly.Add(1)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s|%s %d.%d|%s|%q|%q\n", r.Method, r.RequestURI, r.Proto, r.ProtoMajor, r.ProtoMinor, r.Host,
		r.URL.String(), r.URL.Path)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&b, "%s: %q\n", name, r.Header[name])
	}
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(&b, "%d %q %v\n", r.ContentLength, body, err)
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", fmt.Sprint(b.Len()))
	_, _ = w.Write(b.Bytes())
}

func newTwins(t testing.TB) *twins {
	t.Helper()
	tw := &twins{}
	quick := &Server{Plain: func(r *http.Request) bool { return r.URL.Path != "/usual" }}
	usual := &http.Server{}
	for _, s := range []*http.Server{&quick.Server, usual} {
		s.Handler, s.ErrorLog, s.ReadHeaderTimeout = tw, log.New(io.Discard, "", 0), time.Second
	}
	tw.quick, tw.usual = serve(t, quick), serve(t, usual)
	return tw
}

type server interface {
	Serve(net.Listener) error
	Close() error
}

// serve returns the address of a server that runs until the end of the test.
func serve(t testing.TB, s server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-served
	})
	return l.Addr().String()
}

var (
	dateLine = regexp.MustCompile(`\r\nDate: [^\r]*`)
	refusal  = regexp.MustCompile(`(?s)HTTP/1.1 400 Bad Request\r\n.*`)
)

// talk sends first, where it is not empty, reads the answer, sends text piece by piece, and returns all that the server
// says to that.
func talk(t testing.TB, address, first string, text ...string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if first != "" {
		_, _ = io.WriteString(c, first)
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}
	go func() {
		for n, piece := range text {
			if n > 0 {
				time.Sleep(time.Millisecond)
			}
			_, _ = io.WriteString(c, piece) // a server that refuses it does not read all
		}
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil && len(got) == 0 {
		return err.Error()
	}
	return dateLine.ReplaceAllString(string(got), "")
}

// check compares what both say to a text, as the first one of a connection and behind another.
func (tw *twins) check(t testing.TB, text ...string) {
	t.Helper()
	for _, before := range []string{"", "GET /usual HTTP/1.1\r\nHost: h\r\n\r\n"} {
		got, want := talk(t, tw.quick, before, text...), talk(t, tw.usual, before, text...)
		if tw.lenient {
			got, want = refusal.ReplaceAllString(got, ""), refusal.ReplaceAllString(want, "")
		}
		if got != want {
			t.Errorf("after %q: %q\ngot  %q\nwant %q", before, text, got, want)
		}
	}
}

const plainPost = "POST /p HTTP/1.1\r\nHost: h:1\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nbody"

func post(head, body string) string {
	return "POST /p HTTP/1.1\r\nHost: h\r\n" + head + "Content-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body
}

// short texts are answered on the short way.
var short = []string{
	plainPost, plainPost + plainPost, plainPost + "\r\n" + plainPost, plainPost + "\n\r\n\n" + plainPost, plainPost + post("", "") + post("A: b\r\n", "longer") + plainPost,
	post("user-agent: x\r\nCONTENT-type:application/json \t\r\nX-a:\r\nx_B:  two  words \r\n", "{}"),
	post("Accept: a\r\naccept: b\r\nACCEPT: a\r\n", "{}"), post("Connection: Keep-Alive\r\n", "{}"),
	strings.Replace(plainPost, "POST /p", "PUT /a/b.c-d_e/", 1), post("", strings.Repeat("x", 15<<10)),
	post("A: "+strings.Repeat("x", 8<<10)+"\r\n", "{}"),
	strings.Replace(plainPost, "h:1", "[::1]:80", 1), strings.Replace(plainPost, ": 4", ": 004", 1),
}

// others are net/http's.
var others = []string{
	"", "P", "POST", "POST /p", "GET /p HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD /p HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n\r\n", "\r\n" + plainPost,
	strings.Replace(plainPost, "1.1", "1.0", 1), strings.Replace(plainPost, "1.1", "2.0", 1), strings.Replace(plainPost, "/p", "/p?q", 1),
	strings.Replace(plainPost, "/p", "/%70", 1), strings.Replace(plainPost, "/p", "http://x/p", 1), strings.Replace(plainPost, "/p", "*", 1),
	strings.Replace(plainPost, "/p", "/usual", 1), strings.Replace(plainPost, "POST", "post", 1), strings.Replace(plainPost, " /p", "  /p", 1),
	strings.Replace(plainPost, "Host: h:1\r\n", "", 1), strings.Replace(plainPost, "h:1", "", 1), strings.Replace(plainPost, "h:1", "h/1", 1),
	strings.Replace(plainPost, "h:1\r\n", "h:1\r\nHost: h:1\r\n", 1), strings.Replace(plainPost, ": 4", ": +4", 1),
	strings.Replace(plainPost, ": 4", ": ", 1), strings.Replace(plainPost, ": 4", ": 4, 4", 1), strings.Replace(plainPost, ": 4", ": 4\r\nContent-Length: 4", 1),
	strings.Replace(plainPost, ": 4", ": 4\r\nContent-Length: 5", 1), strings.Replace(plainPost, ": 4", ": 99999999999999999999", 1),
	strings.Replace(plainPost, "Content-Length: 4\r\n", "", 1), strings.Replace(plainPost, "\r\n", "\n", -1), strings.Replace(plainPost, "\r\n", "\r\r\n", 1),
	strings.Replace(plainPost, "Content-Length", "Content-Length ", 1), strings.Replace(plainPost, "Content-Type", " Content-Type", 1),
	strings.Replace(plainPost, "Content-Type", "Content Type", 1), strings.Replace(plainPost, "Content-Type", "", 1), strings.Replace(plainPost, "Content-Type", "Ü", 1),
	strings.Replace(plainPost, "json", "js\x00n", 1), strings.Replace(plainPost, "json", "jsön", 1), strings.Replace(plainPost, "json", "js\ron", 1),
	strings.Replace(plainPost, "json", "js\non", 1), strings.Replace(plainPost, "json", "json\r\n folded", 1), strings.Replace(plainPost, "Content-Type: application/json", "no colon", 1),
	post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), post("Transfer-Encoding: identity\r\n", "{}"), post("Connection: close\r\n", "{}") + plainPost,
	post("Connection: upgrade\r\nUpgrade: x\r\n", "{}"), post("Expect: 100-continue\r\n", "{}"), post("Trailer: X\r\n", "{}"), post("Pragma: no-cache\r\n", "{}"),
	strings.Replace(plainPost, "Content-Length: 4", "Transfer-Encoding: chunked", 1), strings.TrimSuffix(plainPost, "dy"), post("", strings.Repeat("x", 100<<10)),
	post("A: "+strings.Repeat("x", 20<<10)+"\r\n", "{}"), post(strings.Repeat("A: b\r\n", 10000), "{}"), post("A: "+strings.Repeat("x", 2<<20)+"\r\n", "{}"),
}

func TestPlainRequestsAreAnsweredAsByNetHTTP(t *testing.T) {
	tw := newTwins(t)
	for _, text := range short {
		before := tw.quickly.Load()
		tw.check(t, text)
		// all of a new connection do; behind another request net/http may have taken the first byte of the first of them
		n, got := int64(strings.Count(text, " HTTP/1.1\r\n")), tw.quickly.Load()-before
		if got < n || got > 2*n {
			t.Errorf("%q: %d of 2 * %d requests went the short way", text, got, n)
		}
	}
}

func TestWhateverElseComesIsAnsweredByNetHTTP(t *testing.T) {
	tw := newTwins(t)
	for _, text := range others {
		tw.check(t, text)
		if tw.quickly.Load() != 0 {
			t.Errorf("%q went the short way", text)
			tw.quickly.Store(0)
		}
		tw.check(t, plainPost+text+plainPost)
		tw.quickly.Store(0)
	}
}

func TestRequestsSplitAnywhereAreAnsweredAsByNetHTTP(t *testing.T) {
	tw := newTwins(t)
	for n, text := range slices.Concat(short, others) {
		if len(text) > 4096 {
			continue
		}
		text = plainPost + text + plainPost
		for at := 1 + n%5; at < len(text); at += 1 + len(text)/7 {
			tw.check(t, text[:at], text[at:])
		}
	}
}

func FuzzFastpathSaysWhatNetHTTPSays(f *testing.F) {
	tw := newTwins(f)
	tw.lenient = true
	for _, text := range slices.Concat(short, others) {
		if len(text) < 4096 {
			f.Add(text)
			f.Add(plainPost + text + plainPost)
		}
	}
	f.Fuzz(func(t *testing.T, text string) { tw.check(t, text) })
}
