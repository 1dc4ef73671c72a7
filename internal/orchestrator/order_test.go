package orchestrator

import (
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coglet/fdredirect"
	"coglet/internal/protocol"

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

// orderedPair returns the worker's end of a socket and the parent's, the only channel of an order.
func orderedPair(t *testing.T) (worker *net.UnixConn, in *channel) {
	t.Helper()
	worker, parent := socketPair(t)
	in, err := new(order).channel(parent)
	if err != nil {
		t.Fatal(err)
	}
	return worker, in
}

func TestRawBytesWaitForFramesThatWereSentBefore(t *testing.T) {
	worker, in := orderedPair(t)
	o := in.order
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
	worker, in := orderedPair(t)
	o := in.order
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
	worker, in := orderedPair(t)
	o := in.order
	send := func() {
		t.Helper()
		if _, err := worker.Write([]byte("frame")); err != nil {
			t.Fatal(err)
		}
	}
	send()
	taken := make(chan uint64, 1)
	begun := make(chan struct{})
	var ring atomic.Uint64
	ring.Store(7)
	o.put = func() uint64 {
		defer close(begun)
		return ring.Load()
	}
	o.take = func(to uint64) { taken <- to }
	done := make(chan struct{})
	go o.turn(func() { close(done) })
	<-begun
	buf := make([]byte, 5)
	for range 50 {
		ring.Add(1)
		send() // there is always one more
		if _, err := in.Read(buf); err != nil {
			t.Fatal(err)
		}
		in.release()
		time.Sleep(turnTime / 20)
		select {
		case <-done:
			if len(taken) == 0 {
				t.Fatal("raw bytes were taken because the reader seemed stuck")
			}
			if to := <-taken; to != 7 {
				t.Errorf("the ring was taken in up to %d, want 7: what was there at the time", to)
			}
			return
		default:
		}
	}
	t.Error("raw bytes wait for frames that were sent after them")
}

// The text says what comes before it, whoever else was to read that.
func TestRawBytesBeforeATextAreTakenAndNoMore(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	turn := make(chan struct{}) // of the goroutine: it never comes
	var got strings.Builder
	pipe, err := fdredirect.NewOrderedCapture(read, func(p []byte) { got.Write(p) }, func(read func()) {
		<-turn
		read()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer close(turn)
	memory := make([]byte, ringSize)
	var i instance
	i.ring.memory = protocol.NewRing(memory)
	i.capture[1] = &capture{pipe: pipe}
	pipe.Show(protocol.ReadWord(memory, 1))
	if _, err := write.WriteString("before after"); err != nil {
		t.Fatal(err)
	}
	wants := func(raw int64, want string) {
		t.Helper()
		i.takeRaw(&protocol.Log{Raw: [2]int64{99, raw}})
		pipe.Do(func() {
			if got.String() != want {
				t.Errorf("up to %d: %q, want %q", raw, got.String(), want)
			}
			if word := *protocol.ReadWord(memory, 1); word != uint64(2*got.Len()) {
				t.Errorf("%d is shown for %d bytes", word, got.Len())
			}
		})
	}
	wants(0, "")
	wants(7, "before ")
	wants(7, "before ")
	wants(3, "before ")
	wants(99, "before after")
	if _, err := write.WriteString(", and all"); err != nil {
		t.Fatal(err)
	}
	i.ring.memory = nil // without memory nobody can tell
	wants(0, "before after, and all")
}
