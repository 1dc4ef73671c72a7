//go:build unix

package fdredirect

import (
	"errors"
	"fmt"
	"os"
	"sync"
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
// that the pipe held when it called turn. Drain and Take do not call turn.
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
			again := true
			n := Unread(fd)
			if n == 0 {
				n = len(c.buf) // its end, or nothing
			}
			c.turn(func() { again, ended = c.read(int(fd), n) })
			return !again
		})
		if err != nil {
			return
		}
	}
}

// read takes at most max bytes. again says that there is nothing to read now.
func (c *Capture) read(fd, max int) (again, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, again, ended = c.readLocked(fd, max)
	return again, ended
}

// readLocked needs mu.
func (c *Capture) readLocked(fd, max int) (n int, again, ended bool) {
	for {
		n, err := unix.Read(fd, c.buf[:min(max, len(c.buf))])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return 0, true, false
		case err != nil || n == 0:
			return 0, false, true
		}
		c.sink(c.buf[:n])
		return n, false, false
	}
}

// Unread returns how many bytes a pipe or socket holds; 0 where that cannot be told.
func Unread(fd uintptr) int {
	n, err := unix.IoctlGetInt(int(fd), fionread)
	if err != nil {
		return 0
	}
	return n
}

// Drain passes to the sink what the pipe holds when it is called, and no more: a child that never stops writing cannot
// hold it up.
func (c *Capture) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.raw.Control(c.drain) // closed: nothing is there
}

// Take passes to the sink the next n bytes, as far as they are there.
func (c *Capture) Take(n int) {
	if n <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.raw.Control(func(fd uintptr) { c.take(fd, n) }) // closed: nothing is there
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
