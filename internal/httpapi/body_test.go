package httpapi

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"coglet/internal/files"
	"coglet/internal/orchestrator"
	"coglet/internal/process"
	"coglet/internal/service"
)

// newServer serves the routes of a model whose setup never ends.
func newServer(t *testing.T, cfg Config) *httptest.Server {
	t.Helper()
	pool := orchestrator.New(orchestrator.Config{Workers: 1, Table: process.NewTable(), Log: slog.New(slog.DiscardHandler)})
	cfg.Service = service.New(service.Config{Pool: pool, Monitor: pool})
	cfg.Uploads = files.NewStore(filepath.Join(t.TempDir(), "uploads"))
	server := httptest.NewServer(New(cfg))
	t.Cleanup(server.Close)
	return server
}

// exchange sends bytes, keeps the connection open, and returns the answer.
func exchange(t *testing.T, server *httptest.Server, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestBodyThatStallsIsGivenUp(t *testing.T) {
	here := newServer(t, Config{MaxBody: 1 << 20, BodyStall: 50 * time.Millisecond})
	const form = "multipart/form-data; boundary=b"
	for name, request := range map[string]string{
		"json":    "POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"input\":",
		"chunked": "PUT /predictions/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{ \r\n",
		"refused": "POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nContent-Type: text/plain\r\n\r\nhalf",
		"ignored": "POST /predictions/a/cancel HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
		"file":    "POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nContent-Type: " + form + "\r\n\r\n--b\r\n",
	} {
		resp, body := exchange(t, here, request)
		want := map[string]int{"refused": http.StatusUnsupportedMediaType, "ignored": http.StatusNotFound}[name]
		if want == 0 && !strings.Contains(body, "stopped sending") || resp.StatusCode != cmp.Or(want, http.StatusRequestTimeout) || !resp.Close {
			t.Errorf("%s: %d %s, closed %t", name, resp.StatusCode, body, resp.Close)
		}
	}
	// a body that has come may take its time to be answered: the deadline was the body's
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &server{cfg: Config{BodyStall: 50 * time.Millisecond}}
		in, done := s.patient(w, r, 10)
		_, _ = io.Copy(io.Discard, in)
		done()
		select {
		case <-r.Context().Done():
			t.Error("the client is taken for gone")
		case <-time.After(200 * time.Millisecond):
		}
	}))
	defer slow.Close()
	if resp, _ := exchange(t, slow, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"); resp.StatusCode != http.StatusOK {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestTooLargeBodiesAreRefusedBeforeTheyCome(t *testing.T) {
	server := newServer(t, Config{MaxBody: 1 << 10})
	for _, contentType := range []string{"application/json", "text/plain"} {
		want := map[string]int{"application/json": 413, "text/plain": 415}[contentType]
		resp, body := exchange(t, server, fmt.Sprintf(
			"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", contentType, 10<<30))
		if resp.StatusCode != want || resp.Header.Get("Content-Type") != "application/json" || !resp.Close {
			t.Errorf("%s: %d %s", contentType, resp.StatusCode, body)
		}
	}
	chunk := strings.Repeat(" ", 1<<11)
	resp, body := exchange(t, server, fmt.Sprintf(
		"POST /predictions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(chunk), chunk))
	if resp.StatusCode != 413 || !strings.Contains(body, "1024 bytes") {
		t.Errorf("chunked, without an end: %d %s", resp.StatusCode, body)
	}
}

// Somebody who announces a large body and sends nothing of it gets no memory for it.
func TestMemoryIsTakenWhenTheBodyComes(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := readAll(strings.NewReader("a few bytes"), 100<<20); err == nil {
		t.Error("a body that ends early is taken")
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
		t.Errorf("%d bytes for a body of eleven", took)
	}
	for _, size := range []int{0, 1, promised - 1, promised, promised + 1, 3*promised + 7} {
		text := strings.Repeat("abcdefg", size/7+1)[:size]
		if body, err := readAll(strings.NewReader(text+"more"), int64(size)); err != nil || string(body) != text {
			t.Errorf("size %d: %d bytes, %v", size, len(body), err)
		}
	}
}

func TestPathsAreTakenAsTheyAre(t *testing.T) {
	server := newServer(t, Config{})
	for _, path := range []string{
		"//predictions", "/predictions/", "/predictions//cancel", "/predictions/./cancel", "/predictions/..", "/./health-check",
		"/trainings/../predictions", "/predictions/x/stream/",
	} {
		resp, body := exchange(t, server, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		if resp.StatusCode != http.StatusNotFound || body != `{"detail":"Not Found"}` {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	for _, id := range []string{"%2e", "%2E%2e", ".a", "a..b", "a%2F%2Fb"} { // ids of their own: unknown, not "no such path"
		resp, body := exchange(t, server, "GET /predictions/"+id+" HTTP/1.1\r\nHost: x\r\n\r\n")
		if resp.StatusCode != http.StatusNotFound || body != `{"detail":"Prediction not found"}` {
			t.Errorf("%s: %d %s", id, resp.StatusCode, body)
		}
	}
}
