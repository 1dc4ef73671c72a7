package orchestrator

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"coglet/fdredirect"

	"golang.org/x/sys/unix"
)

// order keeps what a worker prints in the order in which it was printed. Text of Python comes as frames, raw bytes of C
// code and child processes come through the capture pipes, and different goroutines read them. Two rules make one order:
//
//   - raw bytes are taken only when all frames that were sent before them have been handled (turn);
//   - a frame of text says up to where the raw bytes came before it, and they are taken first (instance.takeRaw).
type order struct {
	// mu is held by the reader of a channel from the read that brought frames until they are handled, and by a capture
	// while it takes raw bytes.
	mu       sync.Mutex
	channels []*channel
	// Of the ring, if there is one: up to where it is filled, and what takes it in up to there. Both need mu.
	put  func() uint64
	take func(to uint64)

	waits atomic.Bool // a reader waits for memory
}

// A capture waits so long at most for the reader of a channel that gets nowhere: as long as the server's log may hold it
// up, or only a little while it waits for memory.
const (
	turnTime   = time.Second
	turnMemory = 20 * time.Millisecond
	turnStep   = 100 * time.Microsecond
)

// moment is up to where a worker had sent frames at a moment, ever, in bytes.
type moment struct {
	ring     uint64
	channels [2]uint64
}

// turn calls read, which takes raw bytes that stand in a pipe already, when all frames that were sent before have been
// handled.
func (o *order) turn(read func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.sent()
	missing := o.missing(before)
	for start := time.Now(); missing > 0; {
		waited := time.Since(start)
		if waited > turnTime || waited > turnMemory && o.waits.Load() {
			read()
			return
		}
		o.mu.Unlock()
		time.Sleep(turnStep)
		o.mu.Lock()
		if now := o.missing(before); now < missing {
			start, missing = time.Now(), now
		}
	}
	if o.take != nil {
		o.take(before.ring)
	}
	read()
}

// sent returns what has been sent by now. It needs mu.
func (o *order) sent() (m moment) {
	if o.put != nil {
		m.ring = o.put() // first: what is sent over a channel before it is put has been sent by the next look
	}
	for n, c := range o.channels {
		m.channels[n] = c.got
		_ = c.raw.Control(func(fd uintptr) { m.channels[n] += uint64(fdredirect.Unread(fd)) }) // closed: none
	}
	return m
}

// missing returns how many bytes of what was sent over the channels by then have not been handled. It needs mu.
func (o *order) missing(m moment) (bytes uint64) {
	for n, c := range o.channels {
		if c.got < m.channels[n] {
			bytes += m.channels[n] - c.got
		}
	}
	return bytes
}

// conn is what a pipe and a socket have in common.
type conn interface {
	syscall.Conn
	SetReadDeadline(time.Time) error
}

// channel is the worker's end of a channel, read in order. One goroutine uses it.
type channel struct {
	conn
	raw   syscall.RawConn
	order *order
	held  bool   // this reader holds order.mu
	got   uint64 // bytes read, ever; guarded by order.mu
	burst burst
	reads uint64 // that brought something
	idle  func() // called before the reader waits; nil = nothing
}

// burst notices when frames come one by one in quick succession, as from a loop that prints or yields. Most of the time
// then goes into falling asleep and being woken, on both sides: the reader looks again for a moment before it sleeps.
type burst struct {
	last time.Time // when the last read ended
	run  int       // reads that followed closely on each other
}

const (
	burstGap  = 50 * time.Microsecond // reads that are closer follow closely
	burstRun  = 16                    // so many of them are a burst
	burstLook = 20 * time.Microsecond // how long the reader looks
)

// took is told that a read brought something.
func (b *burst) took() {
	now := time.Now()
	if now.Sub(b.last) > burstGap {
		b.run = 0
	}
	b.run++
	b.last = now
}

// looks reports whether the reader, who has found nothing, is to look again.
func (b *burst) looks() bool {
	return b.run >= burstRun && time.Since(b.last) < burstLook
}

func (o *order) channel(f conn) (*channel, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &channel{conn: f, raw: raw, order: o}
	o.channels = append(o.channels, c)
	return c, nil
}

// Read implements io.Reader. What the last Read brought is handled by now.
func (c *channel) Read(p []byte) (n int, err error) {
	c.release()
	waited := c.raw.Read(func(fd uintptr) bool {
		for {
			c.order.mu.Lock()
			c.held = true
			n, err = unix.Read(int(fd), p)
			switch {
			case errors.Is(err, unix.EINTR):
				c.release()
				continue
			case !errors.Is(err, unix.EAGAIN):
				return true
			}
			c.release()
			if !c.burst.looks() {
				if c.idle != nil {
					c.idle()
				}
				return false
			}
			runtime.Gosched()
		}
	})
	switch {
	case waited != nil:
		return 0, waited
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	c.burst.took()
	c.reads++
	c.got += uint64(n)
	return n, nil
}

// release lets others go on: this reader waits.
func (c *channel) release() {
	if c.held {
		c.held = false
		c.order.mu.Unlock()
	}
}
