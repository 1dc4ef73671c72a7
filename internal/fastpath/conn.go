package fastpath

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Sizes in bytes.
const (
	maxPlain  = 16 << 10 // the longest request, with its head, that is taken here
	usualSize = 4 << 10  // of the buffer for what comes
	maxBlanks = 4        // of blank lines after a POST
)

// patience is how long the rest of a request may take to come before net/http gets what there is of it: many clients send
// head and body one after the other.
const patience = 100 * time.Millisecond

// conn is a connection as net/http sees it. Read is called by one goroutine at a time.
//
// It knows at any time where a request ends and the next one begins. For that it gives net/http nothing of a next request
// but the bytes that it asks for while it answers one, to learn whether the client leaves.
type conn struct {
	net.Conn
	srv *Server

	buf   []byte // what has come: buf[start:end]
	start int
	end   int

	between bool  // net/http reads it for the next request
	given   int   // how many bytes of the next request net/http has; they stand in buf nevertheless
	owed    int64 // how many bytes of the present request net/http has not got
	lost    bool  // nobody here knows where requests end

	until   time.Time // the deadline for reading that was set here; zero = it is not known
	patient bool      // that is the one for the rest of a request
	blanks  int       // how many characters of blank lines may precede the next request

	head head
	body body
	res  response
	gone departure

	mu      sync.Mutex // guards all below
	ours    bool       // the last request was answered here, and no byte of another one is net/http's; only Read sets it
	serving bool       // a request is being answered here
	closing bool       // it is to be closed then
}

func newConn(srv *Server, inner net.Conn, raw syscall.RawConn) *conn {
	c := &conn{Conn: inner, srv: srv, between: true, buf: make([]byte, usualSize)}
	if remote := inner.RemoteAddr(); remote != nil {
		c.head.remote = remote.String()
	}
	c.res = response{conn: c, header: make(http.Header)}
	c.gone = departure{conn: inner, raw: raw}
	return c
}

// answered is called when net/http has answered a request and is about to wait for the next one.
func (c *conn) answered() {
	c.lost = c.lost || c.owed > 0
	c.between = !c.lost
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	switch {
	case c.between:
		return c.next(p)
	case c.lost:
		if c.start < c.end {
			return c.take(p), nil
		}
		return c.Conn.Read(p)
	case c.owed > 0:
		return c.more(p)
	}
	return c.ahead(p)
}

// more reads what belongs to the present request.
func (c *conn) more(p []byte) (n int, err error) {
	p = p[:min(int64(len(p)), c.owed)]
	if c.start < c.end {
		n = c.take(p)
	} else {
		n, err = c.Conn.Read(p)
	}
	c.owed -= int64(n)
	return n, err
}

// ahead reads what belongs to the next request while the present one is being answered: net/http asks for a byte, to learn
// whether the client leaves.
func (c *conn) ahead(p []byte) (int, error) {
	if c.given > 0 { // it does not ask twice
		c.lose()
		return c.Read(p)
	}
	if c.start == c.end {
		n, err := c.Conn.Read(c.buf[:min(len(p), len(c.buf))])
		if c.start, c.end = 0, n; n == 0 {
			return 0, err
		}
	}
	c.given = copy(p, c.buf[c.start:c.end])
	return c.given, nil
}

// next answers requests until there is something for net/http.
func (c *conn) next(p []byte) (int, error) {
	for {
		c.skipBlanks()
		size, what := c.head.look(c.buf[c.start:c.end], c.srv.Plain)
		short := what == plain && c.given == 0 && size <= maxPlain
		switch {
		case short && int64(c.end-c.start) >= size:
			if err := c.exchange(int(size)); err != nil {
				return 0, err
			}
		case c.start == c.end:
			if err := c.await(); err != nil {
				return 0, err
			}
		case (short || what == partial) && c.complete(int(size)):
		case what == partial, what == unknown:
			c.lose()
			return c.pass(p)
		default:
			c.owed = size - int64(c.given)
			c.start += c.given
			c.given = 0
			return c.pass(p)
		}
	}
}

// lose gives up: from here on all is net/http's.
func (c *conn) lose() {
	c.lost = true
	c.start += c.given
	c.given = 0
}

// skipBlanks skips the blank lines that some clients send after a POST; as many as net/http does.
func (c *conn) skipBlanks() {
	for ; c.start < c.end; c.start++ {
		if b := c.buf[c.start]; c.blanks == 0 || b != '\r' && b != '\n' {
			c.blanks = 0
			return
		}
		c.blanks--
	}
}

// pass lets net/http read the request that has come, or the beginning of it.
func (c *conn) pass(p []byte) (int, error) {
	c.between, c.patient = false, false
	c.mu.Lock()
	ours := c.ours
	c.ours = false
	c.mu.Unlock()
	if ours || !c.until.IsZero() { // net/http has set a deadline for the head, or will: not since the last one from here
		if err := c.setDeadline(c.srv.ReadHeaderTimeout); err != nil {
			return 0, err
		}
		c.until = time.Time{}
	}
	return c.Read(p)
}

func (c *conn) take(p []byte) int {
	n := copy(p, c.buf[c.start:c.end])
	c.start += n
	c.shrink()
	return n
}

// shrink gives memory back that a long request has needed.
func (c *conn) shrink() {
	if c.start == c.end && len(c.buf) > usualSize {
		c.buf, c.start, c.end = make([]byte, usualSize), 0, 0
	}
}

// await waits for the first bytes of a request.
func (c *conn) await() error {
	if c.ours && c.isLast() {
		return io.EOF
	}
	idle := c.srv.IdleTimeout
	if c.ours && (c.until.IsZero() || idle > 0 && time.Until(c.until) < idle-idle/8) { // set one time of many
		if err := c.setDeadline(idle); err != nil {
			return err
		}
	}
	c.start, c.end = 0, 0
	n, err := c.Conn.Read(c.buf)
	c.end = n
	if n > 0 {
		return nil
	}
	return err
}

// complete waits for more of a request; its size is 0 as long as it is not known. false: it takes long, or is long.
func (c *conn) complete(size int) bool {
	have := c.end - c.start
	if size == 0 && have == len(c.buf) {
		size = maxPlain
	}
	to := c.buf
	if size > len(to) {
		to = make([]byte, size)
	}
	copy(to, c.buf[c.start:c.end])
	if c.buf, c.start, c.end = to, 0, have; have == len(to) {
		return false
	}
	if !c.patient {
		if err := c.setDeadline(patience); err != nil {
			return false
		}
		c.patient = true
	}
	n, _ := c.Conn.Read(c.buf[c.end:]) // of an error net/http hears when it reads
	c.end += n
	return n > 0
}

// setDeadline bounds the next reads; 0 = they may take forever.
func (c *conn) setDeadline(d time.Duration) error {
	c.until = time.Now().Add(d)
	if d == 0 {
		return c.Conn.SetReadDeadline(time.Time{})
	}
	return c.Conn.SetReadDeadline(c.until)
}

// exchange answers the request of that size that stands at the start of what has come.
func (c *conn) exchange(size int) error {
	c.patient = false
	c.mu.Lock()
	c.serving = !c.closing
	c.mu.Unlock()
	if !c.serving {
		return io.EOF
	}
	defer func() { // the handler may panic
		c.mu.Lock()
		c.serving, c.ours = false, true
		c.mu.Unlock()
	}()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.gone.watch(cancel)
	req := c.head.request.WithContext(ctx)
	if req.ContentLength > 0 {
		c.body.Reset(c.buf[c.start+len(c.head.text) : c.start+size])
		req.Body = &c.body
	}
	c.res.reset()
	c.srv.Handler.ServeHTTP(&c.res, req)
	if c.gone.stop() {
		c.until = time.Time{}
	}
	c.start += size
	if req.Method == http.MethodPost {
		c.blanks = maxBlanks
	}
	if err := c.res.finish(); err != nil || c.res.last || c.isLast() {
		return io.EOF // of other errors net/http would tell the client
	}
	c.shrink()
	return nil
}

// isLast reports whether no further request is to be answered.
func (c *conn) isLast() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing || c.srv.stopping.Load()
}

// retire lets the connection end as soon as nothing is being answered here; net/http does the same with those that it
// answers itself.
func (c *conn) retire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.serving:
		c.closing = true
	case c.ours:
		c.closing = true
		_ = c.Conn.Close() // whoever reads it sees that
	}
}

// Close implements net.Conn. net/http closes what it believes to wait for a request; where that is being answered, the end
// comes behind the answer.
func (c *conn) Close() error {
	c.mu.Lock()
	serving := c.serving
	c.closing = true
	c.mu.Unlock()
	if serving {
		return nil
	}
	c.srv.forget(c)
	return c.Conn.Close()
}

// CloseWrite ends what the client reads, for net/http.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// ReadFrom implements io.ReaderFrom, for files in answers of net/http.
func (c *conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// body is a request's, which is there as a whole.
type body struct{ bytes.Reader }

// Close implements io.Closer.
func (*body) Close() error { return nil }
