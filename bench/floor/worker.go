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

// direct lets each handler write and read the socket itself, one after the other: nobody is there to see the worker
// die, log or answer out of turn.
type direct struct {
	mu   sync.Mutex
	sock *os.File
	in   *bufio.Reader
}

func newDirect(sock *os.File) *direct {
	return &direct{sock: sock, in: bufio.NewReaderSize(sock, 64<<10)}
}

func (w *direct) predict(body []byte) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.sock.Write(appendFrame(make([]byte, 0, len(body)+8), body, 0)); err != nil {
		return nil, err
	}
	_, answer, err := receive(w.in)
	return answer, err
}

// parent has one goroutine that reads and hands each answer to its handler. Handlers write themselves: the first one
// also what others bring meanwhile.
type parent struct {
	sock io.Writer

	mu      sync.Mutex
	last    uint32
	waiting map[uint32]chan []byte
	out     []byte // not written yet
	spare   []byte // the other buffer
	writing bool
}

func newParent(sock *os.File) *parent {
	w := &parent{sock: sock, waiting: make(map[uint32]chan []byte)}
	go w.read(bufio.NewReaderSize(sock, 64<<10)) // until the process ends
	return w
}

func (w *parent) predict(body []byte) ([]byte, error) {
	done := make(chan []byte, 1)
	w.mu.Lock()
	w.last++
	w.waiting[w.last] = done
	w.out = appendFrame(w.out, body, w.last)
	err := w.flush()
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return <-done, nil
}

// flush writes all that is there, unless somebody does; mu is held, but not while writing.
func (w *parent) flush() error {
	if w.writing {
		return nil
	}
	w.writing = true
	defer func() { w.writing = false }()
	for len(w.out) > 0 {
		out := w.out
		w.out = w.spare[:0]
		w.mu.Unlock()
		_, err := w.sock.Write(out)
		w.mu.Lock()
		w.spare = out
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *parent) read(in *bufio.Reader) {
	for {
		number, answer, err := receive(in)
		if err != nil {
			fmt.Fprintln(os.Stderr, "floor:", err)
			os.Exit(1)
		}
		w.mu.Lock()
		done := w.waiting[number]
		delete(w.waiting, number)
		w.mu.Unlock()
		done <- answer
	}
}

func appendFrame(to, body []byte, number uint32) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(body)))
	return append(binary.BigEndian.AppendUint32(to, number), body...)
}

func receive(in *bufio.Reader) (number uint32, answer []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxAnswer {
		return 0, nil, errors.New("an answer of too many bytes")
	}
	answer = make([]byte, size)
	_, err = io.ReadFull(in, answer)
	return binary.BigEndian.Uint32(head[4:]), answer, err
}
