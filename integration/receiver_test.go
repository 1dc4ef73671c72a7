package integration

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// got is a request that a receiver of webhooks or uploads has had.
type got struct {
	path   string
	header http.Header
	size   int64
	raw    string         // at most a mebibyte of it
	body   map[string]any // nil when it is no JSON object
}

// receiver is a real server that webhooks and uploads go to. answer, when set, is called with the number of the request,
// from 1, after its body was read.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	all []got
}

func newReceiver(t testing.TB, answer func(n int, w http.ResponseWriter)) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var head strings.Builder
		n, err := io.Copy(&head, io.LimitReader(req.Body, 1<<20))
		if err == nil {
			var rest int64
			rest, err = io.Copy(io.Discard, req.Body)
			n += rest
		}
		if err != nil {
			return // the sender has hung up
		}
		g := got{path: req.URL.EscapedPath(), header: req.Header, size: n, raw: head.String()}
		_ = json.Unmarshal([]byte(g.raw), &g.body)
		r.mu.Lock()
		r.all = append(r.all, g)
		number := len(r.all)
		r.mu.Unlock()
		if answer != nil {
			answer(number, w)
		}
	}))
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

func (r *receiver) got() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// statuses are those of the webhooks for an id, in order.
func (r *receiver) statuses(id string) string {
	var all []string
	for _, g := range r.got() {
		if g.body["id"] == id {
			all = append(all, g.body["status"].(string))
		}
	}
	return strings.Join(all, " ")
}

// serveMux serves on a port of its own.
func serveMux(t testing.TB, mux *http.ServeMux) (url string) {
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// lockedBuffer is what a process writes, while it is read.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
