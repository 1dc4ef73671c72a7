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
}

func (w *response) reset() {
	clear(w.header)
	w.status, w.length, w.written, w.headed, w.last, w.deadline, w.err = 0, 0, 0, false, false, false, nil
	if w.out = w.out[:0]; cap(w.out) > 2*keptOutput {
		w.out = nil
	}
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.status != 0 || status < 200 { // nothing here says 1xx
		return
	}
	w.status, w.length = status, -1
	if declared := w.header.Get("Content-Length"); declared != "" {
		w.length, w.err = strconv.ParseInt(declared, 10, 64)
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.err != nil:
		return 0, w.err
	case w.length < 0:
	case w.written+int64(len(p)) > w.length:
		return 0, http.ErrContentLength
	case !w.headed:
		w.out = w.appendHead(w.out)
	}
	w.written += int64(len(p))
	if w.length < 0 || len(w.out)+len(p) <= keptOutput {
		w.out = append(w.out, p...)
		return len(p), nil
	}
	pieces := net.Buffers{w.out, p}
	_, w.err = pieces.WriteTo(w.conn.Conn)
	w.out = w.out[:0]
	return len(p), w.err
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
	if w.last = w.conn.isLast() || w.header.Get("Connection") == "close"; w.last {
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
