package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
)

// bodyStall is how long a body may bring nothing before its client is given up.
const bodyStall = 30 * time.Second

// readBody reads a JSON body, refusing what is too large before it is held in memory.
func (s *server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 && r.Header.Get("Content-Type") == "" {
		return nil, nil
	}
	if err := checkType(r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	if r.ContentLength > s.cfg.MaxBody {
		return nil, s.tooLarge()
	}
	in, done := s.patient(w, r, s.cfg.MaxBody)
	defer done()
	body, err := readAll(in, r.ContentLength)
	if err != nil {
		return nil, s.unread(err, "request body")
	}
	return body, nil
}

// arrived is a body that is in memory as a whole: nobody waits for it, and it is as long as it says.
type arrived interface{ Len() int }

// awaitBody bounds how long the body may bring nothing from now on, whoever reads it: the server itself reads what a
// handler has left.
func (s *server) awaitBody(w http.ResponseWriter) error {
	stall := s.cfg.BodyStall
	if stall == 0 {
		stall = bodyStall
	}
	err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(stall))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// patient is a request's body, at most limit bytes of it. Reading fails when nothing comes for Config.BodyStall. done is to
// be called when nothing more is read: what comes on the connection then, or does not come, is not the body's any more.
func (s *server) patient(w http.ResponseWriter, r *http.Request, limit int64) (in io.Reader, done func()) {
	if body, come := r.Body.(arrived); come && int64(body.Len()) <= limit {
		return r.Body, func() {}
	}
	stalled := false
	body := http.MaxBytesReader(w, r.Body, limit)
	in = readerFunc(func(b []byte) (int, error) {
		if err := s.awaitBody(w); err != nil {
			return 0, err
		}
		n, err := body.Read(b)
		stalled = errors.Is(err, os.ErrDeadlineExceeded)
		return n, err
	})
	return in, func() {
		if !stalled { // else the server would wait for the rest of the body
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // fails only where there are no deadlines
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// unread makes an answer of the error with which reading a body ended.
func (s *server) unread(err error, what string) error {
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return s.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return bad(http.StatusRequestTimeout, "%s not read: the client stopped sending", what)
	}
	return bad(http.StatusBadRequest, "%s not read: %v", what, err)
}

func (s *server) tooLarge() error {
	return bad(http.StatusRequestEntityTooLarge, "request body is over the limit of %d bytes", s.cfg.MaxBody)
}

// promised is how much memory a client gets for a body of which nothing has come yet.
const promised = 1 << 20

// readAll reads a body whose size is known into memory of that size, once a part of it has really come.
func readAll(in io.Reader, size int64) ([]byte, error) {
	if size < 0 {
		return io.ReadAll(in)
	}
	body := make([]byte, min(size, promised))
	n, err := io.ReadFull(in, body)
	if err != nil || size <= promised {
		return body[:n], err
	}
	whole := make([]byte, size)
	copy(whole, body)
	_, err = io.ReadFull(in, whole[n:])
	return whole, err
}

// checkType accepts JSON, and no type at all.
func checkType(header string) error {
	if header == "" || header == "application/json" {
		return nil
	}
	media, _, err := mime.ParseMediaType(header)
	if err == nil && (media == "application/json" ||
		strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")) {
		return nil
	}
	return bad(http.StatusUnsupportedMediaType, "Content-Type is %q, want application/json or multipart/form-data", header)
}
