package httpapi

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"coglet/internal/api"
)

// A reader is given up when it takes nothing, not when it takes long.
func TestReadersThatTakeNothingAreGivenUp(t *testing.T) {
	const timeout = 300 * time.Millisecond
	body := api.Body{make([]byte, 100), make([]byte, 24<<20)} // more than the kernel holds
	crumbs := make(api.Body, 24<<10)
	for i := range crumbs {
		crumbs[i] = body[1][:1<<10]
	}
	result := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result <- writePieces(w, map[string]api.Body{"/whole": body, "/crumbs": crumbs}[r.URL.Path], timeout)
	}))
	t.Cleanup(server.Close)
	open := func(path string) net.Conn {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for _, path := range []string{"/whole", "/crumbs"} {
		open(path)
		if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("takes nothing of %s: %v", path, err)
		}
	}
	slow := open("/whole")
	for buf := make([]byte, 1<<20); len(result) == 0; time.Sleep(timeout / 15) {
		if _, err := io.ReadFull(slow, buf); err != nil {
			break
		}
	}
	if err := <-result; err != nil {
		t.Errorf("takes its time: %v", err)
	}
}
