package protocol

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxVec is how many buffers go into one writev; the system's limit is 1024.
const maxVec = 64

// enough is how many buffers SendTogether collects: four frames with a body.
const enough = 8

// Writer writes frames to one channel. Send may be called by many goroutines and does not wait for the receiver: what
// the kernel does not take at once is written by a goroutine of the Writer's own, which lives until it is done or the
// channel is closed. So a worker that does not read cannot hold up whoever serves a client.
type Writer struct {
	raw syscall.RawConn

	mu    sync.Mutex
	queue [][]byte // in order, behind what the present writer holds
	spare [][]byte // memory for the next queue
	busy  bool     // somebody writes: only it touches the channel
	err   error    // the first failure; final
	taken sync.Cond
	wg    sync.WaitGroup

	gathering bool // a goroutine lets others add to the queue, and writes it then
}

// NewWriter returns a Writer to conn, whose descriptor is non-blocking.
func NewWriter(conn syscall.Conn) (*Writer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("open frame writer: %w", err)
	}
	w := &Writer{raw: raw}
	w.taken.L = &w.mu
	return w, nil
}

// Send writes one frame: msg as its header, then body. The body belongs to the Writer from now on and must not change.
// It returns ErrTooLarge for a frame over a limit (the channel stays good), and the channel's error once there is one.
func (w *Writer) Send(msg any, body []byte) error { return w.sendFrame(msg, body, false) }

// SendTogether is Send for a receiver that is busy with other frames: those goroutines run first that are ready to, so
// that what they send goes out in the same write, and is read in one go. Some frames together go out at once: the
// receiver would run dry while many are collected.
func (w *Writer) SendTogether(msg any, body []byte) error { return w.sendFrame(msg, body, true) }

func (w *Writer) sendFrame(msg any, body []byte, together bool) error {
	head, err := AppendHeader(make([]byte, 0, 192), msg, len(body))
	if err != nil {
		return err
	}
	bufs := [2][]byte{head, body}
	n := 2
	if len(body) == 0 {
		n = 1
	}
	return w.send(bufs[:n], together)
}

func (w *Writer) send(bufs [][]byte, together bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	w.queue = append(w.queue, bufs...)
	if together && len(w.queue) < enough {
		if !w.gathering && !w.busy {
			w.gathering = true
			go w.gather()
		}
		return nil
	}
	return w.flush()
}

// gather writes what has come into the queue when all who are ready to send have sent. It ends at once, whatever the
// channel does.
func (w *Writer) gather() {
	runtime.Gosched()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gathering = false
	_ = w.flush() // who sends next is told
}

// flush writes the queue, unless somebody does. It needs w.mu, which is free while it writes.
func (w *Writer) flush() error {
	if w.busy || len(w.queue) == 0 {
		return w.err
	}
	w.busy = true
	out := w.queue
	w.queue, w.spare = w.spare, nil
	w.mu.Unlock()
	rest, err := w.write(out, false)
	w.mu.Lock()
	if len(rest) == 0 && len(out) <= maxVec {
		clear(out)
		w.spare = out[:0]
	}
	if w.settle(rest, err) {
		w.wg.Go(w.drain)
	}
	return err
}

// drain writes the queue until it is empty, waiting for the receiver.
func (w *Writer) drain() {
	for {
		w.mu.Lock()
		bufs := w.queue
		w.queue = nil
		w.mu.Unlock()
		rest, err := w.write(bufs, true)
		w.mu.Lock()
		more := w.settle(rest, err)
		w.mu.Unlock()
		if !more {
			return
		}
	}
}

// settle ends a turn of writing: it reports whether there is more to write, in which case the channel stays taken. It
// needs w.mu.
func (w *Writer) settle(rest [][]byte, err error) (more bool) {
	if err != nil {
		w.err, w.queue = err, nil
	}
	if len(rest) > 0 && w.err == nil {
		w.queue = append(append(make([][]byte, 0, len(rest)+len(w.queue)), rest...), w.queue...)
	}
	if w.busy = len(w.queue) > 0; !w.busy {
		w.taken.Broadcast()
	}
	return w.busy
}

// Taken returns when the kernel has taken all that was sent before, or the channel has failed. For a sender that can
// wait, and whose frames would otherwise pile up where the receiver is slower.
func (w *Writer) Taken() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for (w.busy || len(w.queue) > 0) && w.err == nil {
		w.taken.Wait()
	}
}

// write writes bufs; without wait it returns what the kernel did not take at once.
func (w *Writer) write(bufs [][]byte, wait bool) (rest [][]byte, err error) {
	rest = bufs
	rawErr := w.raw.Write(func(fd uintptr) bool {
		for len(rest) > 0 {
			n, werr := unix.Writev(int(fd), rest[:min(len(rest), maxVec)])
			switch {
			case errors.Is(werr, unix.EINTR):
				continue
			case errors.Is(werr, unix.EAGAIN):
				return !wait
			case werr != nil:
				err = fmt.Errorf("write frame: %w", werr)
				return true
			}
			rest = consume(rest, n)
		}
		return true
	})
	if err == nil && rawErr != nil {
		err = fmt.Errorf("write frame: %w", rawErr)
	}
	return rest, err
}

// consume drops the first n bytes.
func consume(bufs [][]byte, n int) [][]byte {
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	if n > 0 {
		bufs = append([][]byte{bufs[0][n:]}, bufs[1:]...)
	}
	return bufs
}

// Wait returns when the Writer's goroutine has ended. Called after the channel was closed.
func (w *Writer) Wait() { w.wg.Wait() }
