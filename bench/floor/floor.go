// Package floor has the least that a server on this machine can do: a handler without a worker, and a parent with a
// bare Python loop behind one socket. Neither validates, logs, limits or cancels anything: they say what is physically
// there, not what one could use.
package floor

import (
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"
)

// The floors.
const (
	Handler = "handler" // no worker at all
	Direct  = "direct"  // one request at a time, exchanged by the handler itself
	Sync    = "sync"    // one request at a time, answers read by a goroutine of their own as every real server must
	Async   = "async"   // many at a time, on an event loop
)

//go:embed loop.py
var syncLoop string

//go:embed loop_async.py
var asyncLoop string

// maxAnswer bounds a frame of the worker.
const maxAnswer = 64 << 20

// worker is how a request's body becomes an answer's.
type worker interface {
	predict(body []byte) (answer []byte, err error)
}

// Serve runs one floor with one of the models echo, file and items (Handler and Async: echo only) until the process is ended.
func Serve(which, model, python string, port int) error {
	h, err := handler(which, model, python)
	if err != nil {
		return err
	}
	return http.ListenAndServe("127.0.0.1:"+strconv.Itoa(port), h)
}

func handler(which, model, python string) (http.Handler, error) {
	w, err := newWorker(which, model, python)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /", func(out http.ResponseWriter, in *http.Request) {
		body := make([]byte, max(0, in.ContentLength))
		if _, err := io.ReadFull(in.Body, body); err != nil {
			http.Error(out, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := w.predict(body)
		if err != nil {
			http.Error(out, err.Error(), http.StatusInternalServerError)
			return
		}
		out.Header().Set("Content-Type", "application/json")
		out.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = out.Write(answer) // a client that is gone needs no answer
	})
	return mux, nil
}

func newWorker(which, model, python string) (worker, error) {
	if which == Handler {
		return echoer{}, nil
	}
	loop := syncLoop
	if which == Async {
		loop = asyncLoop
	}
	sock, err := start(python, loop, model)
	if err != nil {
		return nil, err
	}
	if which == Direct {
		return newDirect(sock), nil
	}
	return newParent(sock), nil
}

// start runs a loop in Python and returns our end of the socket to it.
func start(python, loop, model string) (*os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("make socket: %w", err)
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	for _, option := range []int{unix.SO_SNDBUF, unix.SO_RCVBUF} {
		if err := unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, option, 1<<20); err != nil {
			return nil, fmt.Errorf("size socket: %w", err)
		}
	}
	if err := unix.SetNonblock(fds[0], true); err != nil { // so that Go's poller takes it
		return nil, err
	}
	theirs := os.NewFile(uintptr(fds[1]), "worker")
	defer theirs.Close()
	cmd := exec.Command(python, "-c", loop, "3", model)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "socket"), nil
}
