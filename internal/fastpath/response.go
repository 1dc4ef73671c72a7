package fastpath

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// keptOutput is up to how many bytes of an answer are copied together, and kept for the next one.
const keptOutput = 8 << 10

// response implements http.ResponseWriter. Most answers leave it in one piece.
type response struct {
	conn   *conn
	header http.Header
	names  []string

	status   int   // 0 = not known yet
	length   int64 // of the body as declared; negative = it is what will have been written
	written  int64 // of the body
	out      []byte
	headed   bool // the head is in out, or was
	last     bool // the head says that the connection ends behind it
	deadline bool // one was set for writing
	err      error
	one      [1][]byte
}

func (w *response) reset() {
	clear(w.header)
	w.status, w.length, w.written, w.headed, w.last, w.deadline, w.err = 0, 0, 0, false, false, false, nil
	w.out = w.out[:0]
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.status != 0 || status < 200 { // nothing here says 1xx
		return
	}
	w.status, w.length = status, -1
	if declared := w.header["Content-Length"]; len(declared) > 0 {
		w.length, w.err = strconv.ParseInt(declared[0], 10, 64)
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	w.one[0] = p
	err := w.WritePieces(w.one[:])
	if w.one[0] = nil; err != nil {
		return 0, err
	}
	return len(p), nil
}

// WritePieces is as many calls of Write, in fewer system calls.
func (w *response) WritePieces(pieces [][]byte) error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	size := 0
	for _, piece := range pieces {
		size += len(piece)
	}
	switch {
	case w.err != nil:
		return w.err
	case w.length < 0:
	case w.written+int64(size) > w.length:
		w.err = http.ErrContentLength
		return w.err
	case !w.headed:
		w.out = w.appendHead(w.out)
	}
	w.written += int64(size)
	if w.length < 0 || len(w.out)+size <= keptOutput {
		for _, piece := range pieces {
			w.out = append(w.out, piece...)
		}
		return nil
	}
	all := append(net.Buffers{w.out}, pieces...)
	_, w.err = all.WriteTo(w.conn.Conn)
	w.out = w.out[:0]
	return w.err
}

// finish writes what is left of the answer.
func (w *response) finish() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.err != nil:
		return w.err
	case w.length < 0:
		w.length = w.written
		w.header["Content-Length"] = []string{strconv.FormatInt(w.length, 10)}
		w.out = append(w.appendHead(nil), w.out...)
	case w.written < w.length:
		return fmt.Errorf("answer has %d bytes, %d are declared", w.written, w.length)
	case !w.headed:
		w.out = w.appendHead(w.out)
	}
	if len(w.out) > 0 {
		if _, err := w.conn.Conn.Write(w.out); err != nil {
			return err
		}
	}
	if cap(w.out) > 2*keptOutput {
		w.out = nil
	}
	if w.deadline {
		return w.conn.Conn.SetWriteDeadline(time.Time{})
	}
	return nil
}

// SetReadDeadline does nothing: the body is there. For http.ResponseController.
func (w *response) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline bounds the writes of this answer. For http.ResponseController.
func (w *response) SetWriteDeadline(t time.Time) error {
	w.deadline = true
	return w.conn.Conn.SetWriteDeadline(t)
}

// appendHead appends the head, in the order in which net/http writes one.
func (w *response) appendHead(to []byte) []byte {
	w.headed = true
	if w.last = w.conn.isLast() || slices.Contains(w.header["Connection"], "close"); w.last {
		w.header["Connection"] = []string{"close"}
	}
	to = append(to, "HTTP/1.1 "...)
	to = strconv.AppendInt(to, int64(w.status), 10)
	to = append(append(append(to, ' '), http.StatusText(w.status)...), "\r\n"...)
	w.names = w.names[:0]
	for name := range w.header {
		w.names = append(w.names, name)
	}
	slices.Sort(w.names)
	for _, name := range w.names {
		for _, value := range w.header[name] {
			to = append(append(to, name...), ": "...)
			to = append(append(to, oneLine.Replace(value)...), "\r\n"...)
		}
	}
	if _, set := w.header["Date"]; !set {
		to = append(append(append(to, "Date: "...), date()...), "\r\n"...)
	}
	return append(to, "\r\n"...)
}

var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// stamp is the text of a date, which holds for a second.
type stamp struct {
	second int64
	text   string
}

var lastStamp atomic.Pointer[stamp]

func date() string {
	now := time.Now()
	last := lastStamp.Load()
	if last == nil || last.second != now.Unix() {
		last = &stamp{now.Unix(), now.UTC().Format(http.TimeFormat)}
		lastStamp.Store(last)
	}
	return last.text
}
