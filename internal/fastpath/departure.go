package fastpath

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// departureLook is how long an answer may take before somebody watches whether its client is still there.
const departureLook = 10 * time.Millisecond

// departure notices that a client closes its connection while its request is being answered.
type departure struct {
	conn   net.Conn
	raw    syscall.RawConn
	timer  *time.Timer
	cancel context.CancelFunc
	ended  chan struct{} // one from each look

	mu      sync.Mutex
	stopped bool
}

// watch calls cancel when the client leaves before stop is called.
func (d *departure) watch(cancel context.CancelFunc) {
	d.cancel, d.stopped = cancel, false
	if d.timer == nil {
		d.ended = make(chan struct{}, 1)
		d.timer = time.AfterFunc(departureLook, d.look)
		return
	}
	d.timer.Reset(departureLook)
}

// stop ends it. It reports whether the deadline for reading was changed.
func (d *departure) stop() (changed bool) {
	if d.timer.Stop() {
		return false
	}
	d.mu.Lock()
	d.stopped = true
	_ = d.conn.SetReadDeadline(time.Unix(1, 0)) // fails for what is closed, and that ends it too
	d.mu.Unlock()
	<-d.ended
	return true
}

// look is called by the timer. It takes nothing of what comes.
func (d *departure) look() {
	defer func() { d.ended <- struct{}{} }()
	d.mu.Lock()
	if !d.stopped {
		_ = d.conn.SetReadDeadline(time.Time{}) // as in stop
	}
	d.mu.Unlock()
	left := false
	err := d.raw.Read(func(fd uintptr) bool {
		var b [1]byte
		for {
			n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN):
				return false
			}
			left = n <= 0 // else it is the next request, which has to wait
			return true
		}
	})
	if err != nil || left { // the error of stop comes behind the answer
		d.cancel()
	}
}
