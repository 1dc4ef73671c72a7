package protocol

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// HeaderTimeout is how long a frame that has begun may take until its header is complete. A worker whose user code
// wrote half a frame into the channel would otherwise look merely idle.
const HeaderTimeout = 10 * time.Second

// readBuffer holds many small frames, so that one read under load brings many of them.
const readBuffer = 64 << 10

// Frame is one frame as it was read.
type Frame struct {
	Type   string
	Header []byte // valid until the next call of Next
	body   []byte
	owned  bool
}

// Body returns the frame's body, valid until the next call of Next.
func (f *Frame) Body() []byte { return f.body }

// TakeBody returns the frame's body for keeping: a copy where it still stands in the reader's buffer.
func (f *Frame) TakeBody() []byte {
	if !f.owned {
		f.body, f.owned = append([]byte(nil), f.body...), true
	}
	return f.body
}

// Decode parses the header into one of this package's messages. Its error wraps ErrMalformed.
func (f *Frame) Decode(msg any) error {
	if decodePlain(f.Header, msg) {
		return nil
	}
	if err := json.Unmarshal(f.Header, msg); err != nil {
		return fmt.Errorf("%w: %s header: %w", ErrMalformed, f.Type, err)
	}
	return nil
}

// Reader reads frames from one channel. One goroutine uses it.
type Reader struct {
	r   io.Reader
	buf []byte
	pos int // first byte not yet given out
	end int // one past the last byte read

	// Deadline, when set, bounds the rest of a header that has begun: called with a time in the future when the
	// reader must wait in the middle of a header, with the zero time once the header is there.
	Deadline func(time.Time) error
	// Admit, when set, is called before memory is taken for a body that does not fit the buffer. It may wait.
	Admit func(size int) error
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: r, buf: make([]byte, readBuffer)}
}

// Next reads one frame. It returns io.EOF when the channel ended between two frames, io.ErrUnexpectedEOF when it
// ended inside one, an error that wraps ErrMalformed for bytes that are no frame, and the channel's own errors.
func (r *Reader) Next() (Frame, error) {
	var f Frame
	if err := r.head(prefixSize); err != nil {
		return f, err
	}
	header, body, err := parsePrefix(r.buf[r.pos:])
	if err != nil {
		return f, err
	}
	if err := r.head(prefixSize + header); err != nil {
		return f, err
	}
	f.Header = r.buf[r.pos+prefixSize : r.pos+prefixSize+header]
	if f.Type, err = typeOf(f.Header); err != nil {
		return f, err
	}
	r.pos += prefixSize + header
	f.body, f.owned, err = r.body(body)
	return f, err
}

// head makes the next n bytes stand in the buffer.
func (r *Reader) head(n int) error {
	waiting := false
	for r.end-r.pos < n {
		if r.pos == r.end {
			r.pos, r.end = 0, 0
		} else if !waiting && r.Deadline != nil {
			waiting = true
			if err := r.Deadline(time.Now().Add(HeaderTimeout)); err != nil {
				return err
			}
		}
		r.room(n)
		got, err := r.r.Read(r.buf[r.end:])
		r.end += got
		if err != nil && r.end-r.pos < n {
			if errors.Is(err, io.EOF) && r.end > r.pos {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
	if waiting {
		return r.Deadline(time.Time{})
	}
	return nil
}

// room moves what is left to the front, and grows the buffer for a header that is larger than it.
func (r *Reader) room(n int) {
	if r.pos+n <= len(r.buf) && r.end < len(r.buf) {
		return
	}
	buf := r.buf
	if n > len(buf) {
		buf = make([]byte, n+readBuffer)
	}
	r.end = copy(buf, r.buf[r.pos:r.end])
	r.buf, r.pos = buf, 0
}

// body gives out n bytes: from the buffer where they fit beside the header, which must stay valid, else into memory
// of their own.
func (r *Reader) body(n int) (body []byte, owned bool, err error) {
	if n <= r.end-r.pos {
		body = r.buf[r.pos : r.pos+n : r.pos+n]
		r.pos += n
		return body, false, nil
	}
	if r.Admit != nil {
		if err := r.Admit(n); err != nil {
			return nil, false, err
		}
	}
	body = make([]byte, n)
	got := copy(body, r.buf[r.pos:r.end])
	r.pos += got
	if _, err := io.ReadFull(r.r, body[got:]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, false, err
	}
	return body, true, nil
}

// typeOf finds the header's type. Both halves write it first, so that it is found without a parse of the rest.
func typeOf(header []byte) (string, error) {
	const first = `{"type":"`
	if len(header) > len(first) && string(header[:len(first)]) == first {
		rest := header[len(first):]
		for i, c := range rest {
			if c == '"' {
				if known := intern(rest[:i]); known != "" {
					return known, nil
				}
				break
			}
			if c == '\\' || c < ' ' {
				break
			}
		}
	}
	var any struct {
		Type *string `json:"type"`
	}
	if err := json.Unmarshal(header, &any, jsontext.AllowDuplicateNames(false)); err != nil {
		return "", fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if any.Type == nil {
		return "", fmt.Errorf("%w: header without a type", ErrMalformed)
	}
	return *any.Type, nil
}

// intern spares a parse and an allocation for the types that come once per prediction or more; "" for the others.
func intern(p []byte) string {
	switch string(p) {
	case TypeLog:
		return TypeLog
	case TypeOutput:
		return TypeOutput
	case TypeMetric:
		return TypeMetric
	case TypeDone:
		return TypeDone
	case TypePredict:
		return TypePredict
	case TypeRing:
		return TypeRing
	}
	return ""
}
