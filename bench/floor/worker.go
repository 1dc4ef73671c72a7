package floor

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// echoer is no worker: it puts the input's bytes into the answer.
type echoer struct{}

func (echoer) predict(body []byte) ([]byte, error) {
	start := bytes.IndexByte(body, ':') // of "input"
	start += 1 + bytes.IndexByte(body[start+1:], ':')
	end := bytes.LastIndexByte(body, '"')
	if start < 1 || end < start {
		return nil, errors.New("no input")
	}
	answer := append(make([]byte, 0, len(body)+48), `{"status":"succeeded","output":`...)
	return append(append(answer, body[start+1:end+1]...), '}'), nil
}

// syncWorker has one request in flight.
type syncWorker struct {
	mu   sync.Mutex // one exchange after the other
	sock *os.File
	in   *bufio.Reader
}

func newSyncWorker(sock *os.File) *syncWorker {
	return &syncWorker{sock: sock, in: bufio.NewReaderSize(sock, 64<<10)}
}

func (w *syncWorker) predict(body []byte) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := send(w.sock, body, nil); err != nil {
		return nil, err
	}
	return receive(w.in, nil)
}

// asyncWorker has many in flight, each with a number. One goroutine reads and one writes all that has gathered.
type asyncWorker struct {
	mu      sync.Mutex
	last    uint32
	waiting map[uint32]chan []byte
	out     []byte
	wake    chan struct{} // out is not empty
}

func newAsyncWorker(sock *os.File) *asyncWorker {
	w := &asyncWorker{waiting: make(map[uint32]chan []byte), wake: make(chan struct{}, 1)}
	go w.write(sock)
	go w.read(bufio.NewReaderSize(sock, 64<<10))
	return w
}

func (w *asyncWorker) predict(body []byte) ([]byte, error) {
	done := make(chan []byte, 1)
	w.mu.Lock()
	w.last++
	w.waiting[w.last] = done
	w.out = appendFrame(w.out, body, binary.BigEndian.AppendUint32(nil, w.last))
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return <-done, nil
}

func (w *asyncWorker) write(sock io.Writer) {
	for range w.wake {
		w.mu.Lock()
		out := w.out
		w.out = nil
		w.mu.Unlock()
		if _, err := sock.Write(out); err != nil {
			fmt.Fprintln(os.Stderr, "floor:", err)
			os.Exit(1)
		}
	}
}

func (w *asyncWorker) read(in *bufio.Reader) {
	number := make([]byte, 4)
	for {
		answer, err := receive(in, number)
		if err != nil {
			fmt.Fprintln(os.Stderr, "floor:", err)
			os.Exit(1)
		}
		n := binary.BigEndian.Uint32(number)
		w.mu.Lock()
		done := w.waiting[n]
		delete(w.waiting, n)
		w.mu.Unlock()
		done <- answer
	}
}

func appendFrame(to, body, number []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(body)))
	return append(append(to, number...), body...)
}

func send(sock io.Writer, body, number []byte) error {
	_, err := sock.Write(appendFrame(make([]byte, 0, len(body)+8), body, number))
	return err
}

// receive reads a frame, and its number into the given bytes.
func receive(in *bufio.Reader, number []byte) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(in, number); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxAnswer {
		return nil, errors.New("an answer of too many bytes")
	}
	answer := make([]byte, size)
	_, err := io.ReadFull(in, answer)
	return answer, err
}
