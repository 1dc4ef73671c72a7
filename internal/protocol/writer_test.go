//go:build linux

package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair is a Unix stream socket pair, as the data socket is one.
func pair(t testing.TB) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]*net.UnixConn, 2)
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		conns[i] = c.(*net.UnixConn)
	}
	return conns[0], conns[1]
}

func TestWriterKeepsFramesWholeAndInOrderOfEachSender(t *testing.T) {
	t.Run("one by one", func(t *testing.T) { checkOrder(t, func(w *Writer, _ int) sender { return w.Send }) })
	t.Run("together", func(t *testing.T) { checkOrder(t, func(w *Writer, _ int) sender { return w.SendTogether }) })
	t.Run("mixed", func(t *testing.T) {
		checkOrder(t, func(w *Writer, n int) sender {
			if n%3 == 0 {
				return w.Send
			}
			return w.SendTogether
		})
	})
}

// sender is one of the ways to send a frame.
type sender func(msg any, body []byte) error

// checkOrder lets goroutines send frames, the n-th of each in the way that choose says.
func checkOrder(t *testing.T, choose func(w *Writer, n int) sender) {
	a, b := pair(t)
	w, err := NewWriter(a)
	if err != nil {
		t.Fatal(err)
	}
	const senders, each = 8, 200
	body := bytes.Repeat([]byte("x"), 10_000) // more than the socket takes: the receiver is slower
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for n := range each {
				if err := choose(w, n)(&Cancel{Type: TypeCancel, Slot: s, Seq: uint64(n)}, body); err != nil {
					t.Errorf("send: %v", err)
				}
			}
		})
	}
	r := NewReader(b)
	next := make([]uint64, senders)
	for range senders * each {
		f, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		var m Cancel
		if err := f.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if m.Seq != next[m.Slot] || !bytes.Equal(f.Body(), body) {
			t.Fatalf("sender %d: got frame %d with %d bytes, want %d", m.Slot, m.Seq, len(f.Body()), next[m.Slot])
		}
		next[m.Slot]++
	}
	wg.Wait()
	w.Wait()
}

// One frame alone goes out though nobody sends another one.
func TestSendTogetherDoesNotWaitForOthers(t *testing.T) {
	a, b := pair(t)
	w, err := NewWriter(a)
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(b)
	for n := range 3 {
		if err := w.SendTogether(&Cancel{Type: TypeCancel, Seq: uint64(n)}, nil); err != nil {
			t.Fatal(err)
		}
		if f, err := r.Next(); err != nil || f.Type != TypeCancel {
			t.Fatalf("frame %d: %q, %v", n, f.Type, err)
		}
	}
	a.Close()
	for w.SendTogether(&Cancel{Type: TypeCancel}, nil) == nil { // the failure comes with the write
		time.Sleep(time.Millisecond)
	}
}

func TestSendDoesNotWaitForAReceiverThatDoesNotRead(t *testing.T) {
	a, b := pair(t)
	w, err := NewWriter(a)
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("y"), 8<<20)
	for n := range 4 { // would never return if it waited
		if err := w.Send(&Cancel{Type: TypeCancel, Seq: uint64(n)}, body); err != nil {
			t.Fatal(err)
		}
	}
	b.Close()
	w.Wait()
	if err := w.Send(&Shutdown{Type: TypeShutdown}, nil); !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("send after the other end closed: %v", err)
	}
}

func TestCloseEndsAWaitingWriter(t *testing.T) {
	a, _ := pair(t)
	w, err := NewWriter(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Send(&Shutdown{Type: TypeShutdown}, make([]byte, 8<<20)); err != nil {
		t.Fatal(err)
	}
	a.Close()
	w.Wait() // hangs if the writer's goroutine does not end
	if err := w.Send(&Shutdown{Type: TypeShutdown}, nil); err == nil {
		t.Error("send on a closed channel succeeded")
	}
}

func TestTooLargeFrameLeavesTheChannelGood(t *testing.T) {
	a, b := pair(t)
	w, err := NewWriter(a)
	if err != nil {
		t.Fatal(err)
	}
	big := &Fatal{Type: TypeFatal, Error: string(bytes.Repeat([]byte("x"), MaxHeader))}
	if err := w.Send(big, nil); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("got %v, want ErrTooLarge", err)
	}
	if err := w.Send(&Shutdown{Type: TypeShutdown}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := NewReader(b).Next()
	if err != nil || f.Type != TypeShutdown {
		t.Errorf("next frame: %q, %v", f.Type, err)
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	msg := &Predict{Type: TypePredict, Slot: 0, Seq: 7, ID: "pred_000000000000000000000000"}
	body := []byte(`{"s":"hello"}`)
	buf, err := AppendHeader(nil, msg, len(body))
	if err != nil {
		b.Fatal(err)
	}
	buf = append(buf, body...)
	b.ReportAllocs()
	for b.Loop() {
		r := &Reader{r: bytes.NewReader(buf), buf: make([]byte, 256)}
		f, err := r.Next()
		if err != nil {
			b.Fatal(err)
		}
		var m Predict
		if err := f.Decode(&m); err != nil {
			b.Fatal(err)
		}
		_ = f.TakeBody()
	}
	fmt.Fprint(io.Discard, buf)
}

func TestTakenWaitsForAReceiverThatIsSlower(t *testing.T) {
	a, b := pair(t)
	w, err := NewWriter(a)
	if err != nil {
		t.Fatal(err)
	}
	w.Taken() // nothing was sent
	body := make([]byte, 4<<20)
	if err := w.Send(&Cancel{Type: TypeCancel}, body); err != nil {
		t.Fatal(err)
	}
	taken := make(chan struct{})
	go func() {
		w.Taken()
		close(taken)
	}()
	r := NewReader(b)
	select {
	case <-taken:
		t.Error("4 MiB were taken by a socket that nobody reads")
	default:
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	<-taken
	if err := w.Send(&Cancel{Type: TypeCancel}, body); err != nil {
		t.Fatal(err)
	}
	a.Close() // a channel that has failed takes nothing more, and nobody waits for it
	w.Taken()
	w.Wait()
}
