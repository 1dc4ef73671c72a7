// Package fastpath serves the usual requests of HTTP/1.1 connections itself, and leaves everything else to net/http. What
// net/http does for a request that is there in one piece, a goroutine that waits for the client to leave, five deadlines,
// two buffers, is more than a quarter of the server's time for a small prediction.
//
// Each connection belongs to net/http from its beginning to its end. When net/http reads it between two requests, the read
// looks at what has come. A request that it knows well is answered right there, by the same handler, and net/http goes on
// waiting. The bytes of any other request are what the read returns. So everything that is rare, odd or wrong is understood,
// limited and refused by net/http alone. What comes behind a request whose end is certain can be quick again.
package fastpath

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Server is an http.Server with a short way for some requests. ReadTimeout, WriteTimeout, BaseContext and ConnContext have no
// effect there, and nobody guesses the type of an answer that has none.
type Server struct {
	http.Server // ConnState is the Server's own

	// Plain reports whether the handler may get a request on the short way. It sees a POST or PUT without its body. The
	// handler must answer it with a status that has a body, and all at once: it cannot flush. It must neither change the
	// request's header nor keep the request, its header or its body when it returns.
	Plain func(*http.Request) bool

	stopping atomic.Bool
	mu       sync.Mutex
	conns    map[*conn]struct{}
}

// Serve is http.Server's. To be called once.
func (s *Server) Serve(l net.Listener) error {
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if c, ours := c.(*conn); ours && state == http.StateIdle {
			c.answered()
		}
	}
	return s.Server.Serve(&listener{l, s})
}

type listener struct {
	net.Listener
	srv *Server
}

// Accept returns connections with a short way, where they are sockets.
func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	socket, ok := inner.(syscall.Conn)
	if !ok {
		return inner, nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return inner, nil //nolint:nilerr // net/http finds out what is wrong with it
	}
	c := newConn(l.srv, inner, raw)
	l.srv.keep(c)
	return c, nil
}

func (s *Server) keep(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = make(map[*conn]struct{})
	}
	s.conns[c] = struct{}{}
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// open returns the connections that are open.
func (s *Server) open() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}

// shutdownLook is how often Shutdown looks whether the last answers are written.
const shutdownLook = 5 * time.Millisecond

// Shutdown is http.Server's: it returns when all requests that have come are answered, or with ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	for _, c := range s.open() {
		c.retire()
	}
	err := s.Server.Shutdown(ctx)
	for len(s.open()) > 0 && ctx.Err() == nil { // net/http takes some of them for idle
		time.Sleep(shutdownLook)
	}
	return cmp.Or(err, ctx.Err())
}

// Close is http.Server's: it ends every connection at once.
func (s *Server) Close() error {
	s.stopping.Store(true)
	err := s.Server.Close()
	for _, c := range s.open() {
		_ = c.Conn.Close() // who uses it sees that
	}
	return err
}
