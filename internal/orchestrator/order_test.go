package orchestrator

import (
	"net"
	"os"
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

func TestTakesCountsWhatWasTakenSince(t *testing.T) {
	var taken takes
	taken.add(5)
	at := monotonic()
	for range 63 {
		taken.add(2)
	}
	if n := taken.since(at); n != 63*2 {
		t.Errorf("since = %d, want 126", n)
	}
	taken.add(2)
	if n := taken.since(at); n != 1<<31-1 {
		t.Errorf("since = %d, want all: there may have been more", n)
	}
	if n := taken.since(monotonic()); n != 0 {
		t.Errorf("since now = %d", n)
	}
}
