package orchestrator

import (
	"errors"
	"io"
	"math"
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
//   - raw bytes are taken only when no frame waits that was sent before them (turn);
//   - a frame of text says how many raw bytes stood in the pipes when it was printed; those of them that have not been
//     taken since are taken first (instance.takeRaw).
type order struct {
	// mu is held by the reader of a channel from the read that brought frames until they are handled, and by a capture
	// while it takes raw bytes.
	mu       sync.Mutex
	channels []syscall.RawConn
	// first, if set, takes in what else comes before raw bytes that are about to be taken. It needs mu.
	first func()

	waits atomic.Bool // a reader waits for memory
}

// A capture waits so long at most for the reader of a channel: as long as the server's log may hold that up, or only a
// little while it waits for memory.
const (
	turnTime   = time.Second
	turnMemory = 20 * time.Millisecond
	turnStep   = 100 * time.Microsecond
)

// turn calls read, which takes raw bytes that stand in a pipe already, when all frames that were sent before have been
// handled.
func (o *order) turn(read func()) {
	for start := time.Now(); ; time.Sleep(turnStep) {
		o.mu.Lock()
		pending := o.pending()
		if !pending && o.first != nil {
			o.first()
			pending = o.pending() // a frame that came meanwhile has kept it from taking anything
		}
		waited := time.Since(start)
		if !pending || waited > turnTime || waited > turnMemory && o.waits.Load() {
			read()
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
	}
}

// pending reports whether frames wait in a channel. It needs mu.
func (o *order) pending() bool {
	n := 0
	for _, c := range o.channels {
		_ = c.Control(func(fd uintptr) { n += fdredirect.Unread(fd) }) // closed: none
	}
	return n > 0
}

// takes are the last reads of a capture: when, on the clock that worker and server share, and how many bytes.
type takes struct {
	last [64]struct {
		at int64 // nanoseconds
		n  int
	}
	next int
}

func (t *takes) add(n int) {
	t.last[t.next].at, t.last[t.next].n = monotonic(), n
	t.next = (t.next + 1) % len(t.last)
}

// since returns how many bytes have been taken after a moment; more than a pipe ever holds if that is too long ago.
func (t *takes) since(at int64) int {
	if t.last[t.next].at > at { // the oldest
		return math.MaxInt32
	}
	n := 0
	for _, take := range t.last {
		if take.at > at {
			n += take.n
		}
	}
	return n
}

// monotonic reads CLOCK_MONOTONIC, in nanoseconds: it is the same in every process of a machine.
func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0
	}
	return now.Nano()
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
	held  bool // this reader holds order.mu
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
	o.channels = append(o.channels, raw)
	return &channel{conn: f, raw: raw, order: o}, nil
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
	return n, nil
}

// release lets others go on: this reader waits.
func (c *channel) release() {
	if c.held {
		c.held = false
		c.order.mu.Unlock()
	}
}
