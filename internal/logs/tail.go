package logs

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// DefaultMax is how many bytes of logs are kept where nothing else is said.
const DefaultMax = 16 << 20

// chunkSize is the largest piece in which text is kept; so much more than Max may be held for a moment.
const chunkSize = 1 << 20

// Tail keeps the last Max bytes of a text. The zero value is ready and takes no memory.
type Tail struct {
	Max int // bytes; 0 = DefaultMax. Not changed once something was appended

	chunks  [][]byte
	size    int
	dropped int64
}

// Append appends valid UTF-8 and keeps a copy of it.
func (t *Tail) Append(text []byte) {
	for len(text) > 0 {
		last := len(t.chunks) - 1
		if last < 0 || len(t.chunks[last]) >= chunkSize {
			t.chunks = append(t.chunks, t.chunk())
			last++
		}
		n := min(len(text), chunkSize-len(t.chunks[last]))
		for n < len(text) && n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		if n == 0 { // no room for the next character
			t.chunks = append(t.chunks, t.chunk())
			continue
		}
		t.chunks[last] = append(t.chunks[last], text[:n]...)
		t.size += n
		text = text[n:]
		t.trim()
	}
}

// chunk returns the next chunk: the first one grows with the text, those behind it are filled.
func (t *Tail) chunk() []byte {
	if len(t.chunks) == 0 {
		return nil
	}
	return make([]byte, 0, chunkSize)
}

// trim drops whole chunks while the others are enough.
func (t *Tail) trim() {
	limit := t.limit()
	for len(t.chunks) > 1 && t.size-len(t.chunks[0]) >= limit {
		t.size -= len(t.chunks[0])
		t.dropped += int64(len(t.chunks[0]))
		t.chunks[0] = nil
		t.chunks = t.chunks[1:]
	}
}

func (t *Tail) limit() int {
	if t.Max == 0 {
		return DefaultMax
	}
	return t.Max
}

// Len is how many bytes are held.
func (t *Tail) Len() int { return t.size }

// Total is how many bytes were appended, those that were dropped too: the offset of the next byte.
func (t *Tail) Total() int64 { return t.dropped + int64(t.size) }

// AppendRange appends the text from one offset to another to dst, as far as it is still held.
func (t *Tail) AppendRange(dst []byte, from, to int64) []byte {
	at := t.dropped
	for _, c := range t.chunks {
		if at >= to {
			break
		}
		if end := at + int64(len(c)); end > from {
			dst = append(dst, c[max(from-at, 0):min(to-at, int64(len(c)))]...)
		}
		at += int64(len(c))
	}
	return dst
}

// String returns the text. When something was dropped it begins with a line that says how much.
func (t *Tail) String() string {
	if t.size == 0 {
		return ""
	}
	return strings.Join(t.Pieces(), "")
}

// Pieces returns what String does, uncopied: in pieces of at most chunkSize that begin and end with whole characters.
func (t *Tail) Pieces() []string {
	if t.size == 0 {
		return nil
	}
	pieces := make([]string, 0, len(t.chunks)+1)
	skip := t.skip()
	if dropped := t.dropped + int64(skip); dropped > 0 {
		pieces = append(pieces, fmt.Sprintf("[coglet: %d bytes of earlier logs dropped]\n", dropped))
	}
	for _, c := range t.chunks {
		n := min(skip, len(c))
		skip -= n
		if c = c[n:]; len(c) > 0 {
			pieces = append(pieces, unsafe.String(unsafe.SliceData(c), len(c))) // only what is behind it is still written
		}
	}
	return pieces
}

// skip is how many of the held bytes are over Max; the text then begins with a line, or a character where the line is
// long.
func (t *Tail) skip() int {
	skip := t.size - t.limit()
	if skip <= 0 {
		return 0
	}
	rest := t.after(skip - 1)
	if i := bytes.IndexByte(rest[:min(len(rest), 4096)], '\n'); i >= 0 {
		return skip + i
	}
	for rest = t.after(skip); len(rest) > 0 && !utf8.RuneStart(rest[0]); rest = rest[1:] {
		skip++
	}
	return skip
}

// after returns held bytes from offset n on, as far as one chunk reaches.
func (t *Tail) after(n int) []byte {
	for _, c := range t.chunks {
		if n < len(c) {
			return c[n:]
		}
		n -= len(c)
	}
	return nil
}
