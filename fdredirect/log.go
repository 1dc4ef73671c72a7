package fdredirect

import (
	"strings"
	"unicode/utf8"
)

// Source names a captured stream.
type Source string

// The two streams.
const (
	Stdout Source = "stdout"
	Stderr Source = "stderr"
)

// Log is a piece of captured text. It is valid UTF-8, and never a part of a character.
type Log struct {
	Source Source
	Data   string
}

// text makes valid UTF-8 of what is read in pieces: a character that a read cut in two waits for its rest, bytes that
// can be part of none become U+FFFD.
type text struct {
	held []byte
}

// append returns what can be told of the stream after the next piece.
func (t *text) append(p []byte) string {
	all := append(t.held, p...)
	cut := len(all)
	for i := 1; i < utf8.UTFMax && i <= len(all); i++ {
		if b := all[len(all)-i]; utf8.RuneStart(b) {
			if !utf8.FullRune(all[len(all)-i:]) {
				cut = len(all) - i
			}
			break
		}
	}
	out := valid(all[:cut])
	t.held = append([]byte(nil), all[cut:]...)
	return out
}

// rest returns what still waits; the stream has ended.
func (t *text) rest() string {
	out := valid(t.held)
	t.held = nil
	return out
}

// valid replaces each byte that is not part of a character.
func valid(p []byte) string {
	if utf8.Valid(p) {
		return string(p)
	}
	var b strings.Builder
	for _, c := range string(p) { // invalid bytes come out as U+FFFD one by one
		b.WriteRune(c)
	}
	return b.String()
}
