//go:build unix

package fdredirect

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// captureBuffer is as much as a pipe holds by default.
const captureBuffer = 64 << 10

// Capture reads one captured stream in the parent. One goroutine reads whatever comes, as it comes; Drain reads what is
// there at a moment that matters. Both run the sink under the capture's mutex, so that it sees the bytes in order.
type Capture struct {
	file *os.File
	raw  syscall.RawConn
	done chan struct{} // closed when the goroutine has ended

	mu    sync.Mutex // held over a read together with its sink
	pos   int64      // how many bytes have been read, ever
	shown *uint64    // nil: nobody else is shown pos
	sink  func(p []byte)
	turn  func(read func())
	buf   []byte
	drain func(fd uintptr) // made once: Drain is on the path of every prediction
}

// NewCapture reads from the pipe, which is non-blocking and belongs to the Capture from now on. The sink must not keep p
// and must not call the Capture. It ends at the end of file, at a read error, or with Close.
func NewCapture(pipe *os.File, sink func(p []byte)) (*Capture, error) {
	return newCapture(pipe, sink, captureBuffer, atOnce)
}

// NewOrderedCapture returns a Capture whose goroutine reads only inside turn, which may wait first, and then only bytes
// that the pipe held when it called turn. Drain and TakeUntil do not call turn.
func NewOrderedCapture(pipe *os.File, sink func(p []byte), turn func(read func())) (*Capture, error) {
	return newCapture(pipe, sink, captureBuffer, turn)
}

// atOnce is the turn of a Capture that waits for nobody.
func atOnce(read func()) { read() }

func newCapture(pipe *os.File, sink func(p []byte), size int, turn func(read func())) (*Capture, error) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("capture %s: %w", pipe.Name(), err)
	}
	c := &Capture{file: pipe, raw: raw, done: make(chan struct{}), sink: sink, turn: turn, buf: make([]byte, size)}
	c.drain = c.drainFD
	go c.run() // ended by Close
	return c, nil
}

func (c *Capture) run() {
	defer close(c.done)
	ended := false
	for !ended {
		err := c.raw.Read(func(fd uintptr) bool {
			end := c.end(fd)
			if end < 0 {
				return false
			}
			again := false
			c.turn(func() { again, ended = c.readUntil(int(fd), end) })
			return !again
		})
		if err != nil {
			return
		}
	}
}

// toEOF is a position that no stream reaches.
const toEOF = math.MaxInt64

// end returns up to which position of the stream the pipe holds it: toEOF when nobody can write any more, negative when
// it holds nothing. A reader who was woken late may find nothing: somebody else has taken it.
func (c *Capture) end(fd uintptr) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := unread(fd)
	switch {
	case err == nil && n > 0:
		return c.pos + int64(n)
	case err != nil || hungUp(fd): // read() says what it is
		return toEOF
	}
	return -1
}

// readUntil reads once, up to a position, which others may have passed by now. again says that there is nothing to read.
func (c *Capture) readUntil(fd int, end int64) (again, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if left := end - c.pos; left > 0 {
		_, again, ended = c.readLocked(fd, int(min(left, int64(len(c.buf)))))
	}
	return again, ended
}

// readLocked needs mu.
func (c *Capture) readLocked(fd, max int) (n int, again, ended bool) {
	c.show(1)
	n, err := readFD(fd, c.buf[:min(max, len(c.buf))])
	if n > 0 {
		c.pos += int64(n)
	}
	c.show(0)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return 0, true, false
	case err != nil || n == 0:
		return 0, false, true
	}
	c.sink(c.buf[:n])
	return n, false, false
}

func readFD(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Read(fd, p)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// show needs mu. It costs a store.
func (c *Capture) show(reading uint64) {
	if c.shown != nil {
		atomic.StoreUint64(c.shown, uint64(c.pos)<<1|reading)
	}
}

// Show keeps in a word of shared memory how many bytes have been read, ever: twice that, and one more during a read. Who
// finds the same even word before and after it asks the pipe how much it holds knows how many bytes have been written,
// ever. Nil ends it.
func (c *Capture) Show(word *uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown = word
	c.show(0)
}

// Unread returns how many bytes a pipe or socket holds; 0 where that cannot be told.
func Unread(fd uintptr) int {
	n, err := unread(fd)
	if err != nil {
		return 0
	}
	return n
}

func unread(fd uintptr) (int, error) { return unix.IoctlGetInt(int(fd), fionread) }

// hungUp reports whether nobody can write to a pipe any more.
func hungUp(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, 0)
		if !errors.Is(err, unix.EINTR) {
			return err != nil || fds[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
		}
	}
}

// Drain passes to the sink what the pipe holds when it is called, and no more: a child that never stops writing cannot
// hold it up.
func (c *Capture) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.raw.Control(c.drain) // closed: nothing is there
}

// TakeUntil passes to the sink what the pipe holds when it is called, up to a position: so many bytes have been written,
// ever.
func (c *Capture) TakeUntil(end int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if left := end - c.pos; left > 0 {
		_ = c.raw.Control(func(fd uintptr) { c.take(fd, int(min(left, int64(Unread(fd))))) }) // closed: nothing is there
	}
}

// drainFD needs mu.
func (c *Capture) drainFD(fd uintptr) { c.take(fd, Unread(fd)) }

// take needs mu.
func (c *Capture) take(fd uintptr, left int) {
	for left > 0 {
		n, again, ended := c.readLocked(int(fd), left)
		if again || ended {
			return
		}
		left -= n
	}
}

// Do runs f while the sink does not run.
func (c *Capture) Do(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// Done is closed when nothing is read any more.
func (c *Capture) Done() <-chan struct{} { return c.done }

// Close ends the reading and returns when it has ended. Safe twice. Not to be called by the sink.
func (c *Capture) Close() {
	c.file.Close()
	<-c.done
}
