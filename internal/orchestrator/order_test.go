package orchestrator

import (
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"coglet/fdredirect"

	"golang.org/x/sys/unix"
)

// socketPair returns both ends of a Unix stream socket.
func socketPair(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for n, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		ends[n] = c.(*net.UnixConn)
	}
	return ends[0], ends[1]
}

func TestRawBytesWaitForFramesThatWereSentBefore(t *testing.T) {
	worker, parent := socketPair(t)
	var o order
	in, err := o.channel(parent)
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	if _, err := worker.Write([]byte("frame")); err != nil {
		t.Fatal(err)
	}
	order := make(chan string, 10)
	pipe, err := fdredirect.NewOrderedCapture(read, func(p []byte) { order <- string(p) }, o.turn)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if _, err := write.Write([]byte("raw")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(turnTime / 4)
	buf := make([]byte, 64)
	n, err := in.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * turnTime) // it is being handled
	order <- string(buf[:n])
	go in.Read(buf) // handled; ended by the close of the socket
	for _, want := range []string{"frame", "raw"} {
		select {
		case got := <-order:
			if got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q never came", want)
		}
	}
}

func TestRawBytesDoNotWaitForAReaderThatIsStuck(t *testing.T) {
	worker, parent := socketPair(t)
	var o order
	if _, err := o.channel(parent); err != nil {
		t.Fatal(err)
	}
	if _, err := worker.Write([]byte("nobody reads this")); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go o.turn(func() { close(done) })
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("raw bytes wait forever")
	}
}

// Whoever sends all the time does not hold up what was written long before.
func TestRawBytesDoNotWaitForFramesThatWereSentAfter(t *testing.T) {
	worker, parent := socketPair(t)
	var o order
	in, err := o.channel(parent)
	if err != nil {
		t.Fatal(err)
	}
	send := func() {
		t.Helper()
		if _, err := worker.Write([]byte("frame")); err != nil {
			t.Fatal(err)
		}
	}
	send()
	taken := make(chan uint64, 1)
	var ring atomic.Uint64
	ring.Store(7)
	o.put, o.take = ring.Load, func(to uint64) { taken <- to }
	done := make(chan struct{})
	go o.turn(func() { close(done) })
	buf := make([]byte, 5)
	deadline := time.Now().Add(turnTime / 2)
	for time.Now().Before(deadline) {
		time.Sleep(turnTime / 20) // it has begun to wait
		ring.Add(1)
		send() // there is always one more
		if _, err := in.Read(buf); err != nil {
			t.Fatal(err)
		}
		in.release()
		select {
		case <-done:
			if to := <-taken; to != 7 {
				t.Errorf("the ring was taken in up to %d, want 7: what was there at the time", to)
			}
			return
		default:
		}
	}
	t.Error("raw bytes wait for frames that were sent after them")
}
