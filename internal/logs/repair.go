// Package logs is the handling of text that a model prints: repair of its encoding, a cap on its lines, the last N bytes of
// it, and how text and times are written, in JSON and fast. Nothing here locks or starts a goroutine: the owner of a value
// does that.
package logs

import (
	"bytes"
	"unicode/utf8"
)

// replacement stands for bytes that are no UTF-8.
const replacement = "\uFFFD"

// Repair makes valid UTF-8 of a stream that is read in pieces. A character that a read cut in two is held back until
// the next piece completes it; bytes that can be part of no character become U+FFFD. The zero value is ready.
type Repair struct {
	held [utf8.UTFMax]byte
	n    int
}

// Append appends the text of the next piece to dst.
func (r *Repair) Append(dst, p []byte) []byte {
	for r.n > 0 && len(p) > 0 {
		r.held[r.n] = p[0]
		r.n++
		p = p[1:]
		dst = r.settle(dst)
	}
	if utf8.Valid(p) {
		return append(dst, p...)
	}
	cut := len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if b := p[len(p)-i]; utf8.RuneStart(b) {
			if !utf8.FullRune(p[len(p)-i:]) {
				cut = len(p) - i
			}
			break
		}
	}
	r.n = copy(r.held[:], p[cut:])
	return appendValid(dst, p[:cut])
}

// settle gives out what is held once it is a whole character, or cannot become one.
func (r *Repair) settle(dst []byte) []byte {
	if !utf8.FullRune(r.held[:r.n]) {
		return dst
	}
	for r.n > 0 && utf8.FullRune(r.held[:r.n]) {
		c, size := utf8.DecodeRune(r.held[:r.n])
		dst = utf8.AppendRune(dst, c) // RuneError, of size 1, is U+FFFD
		r.n = copy(r.held[:], r.held[size:r.n])
	}
	return dst
}

// Flush appends what is held back: the stream, or the text of one owner, has ended.
func (r *Repair) Flush(dst []byte) []byte {
	dst = appendValid(dst, r.held[:r.n])
	r.n = 0
	return dst
}

// appendValid appends p with U+FFFD for each byte that is not part of a character.
func appendValid(dst, p []byte) []byte {
	for len(p) > 0 {
		c, size := utf8.DecodeRune(p)
		if c == utf8.RuneError && size == 1 {
			dst = append(dst, replacement...)
		} else {
			dst = append(dst, p[:size]...)
		}
		p = p[size:]
	}
	return dst
}

// MaxLine is from which length on, in bytes, a line is cut.
const MaxLine = 4 << 20

const cutNotice = "[coglet: line cut at 4 MiB]"

// Cap cuts lines that are longer than MaxLine: a notice stands for the rest up to the newline. Each stream has its own,
// so that a line of one is not counted for the other. The zero value is ready.
type Cap struct {
	length int // of the line so far
}

// Sink takes text. *Tail is one.
type Sink interface {
	Append(text []byte)
}

// WriteTo writes text, which is valid UTF-8, to dst without what is over the cap.
func (c *Cap) WriteTo(dst Sink, text []byte) {
	if c.length+len(text) <= MaxLine { // no line can be too long: only the last one's start is looked for
		dst.Append(text)
		c.advance(text)
		return
	}
	for len(text) > 0 {
		line, ended := text, false
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, ended = text[:i], true
		}
		c.write(dst, line)
		text = text[len(line):]
		if ended {
			dst.Append(text[:1])
			text = text[1:]
			c.length = 0
		}
	}
}

func (c *Cap) advance(text []byte) {
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		c.length = len(text) - i - 1
	} else {
		c.length += len(text)
	}
}

// write writes a part of one line.
func (c *Cap) write(dst Sink, part []byte) {
	room := MaxLine - c.length
	before := c.length
	c.length += len(part)
	if c.length <= MaxLine {
		dst.Append(part)
		return
	}
	c.length = MaxLine + 1 // however long it gets
	if before > MaxLine {
		return
	}
	for room > 0 && !utf8.RuneStart(part[room]) {
		room--
	}
	dst.Append(part[:room])
	dst.Append([]byte(cutNotice))
}
