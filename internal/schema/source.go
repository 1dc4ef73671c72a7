package schema

import (
	"bytes"
	"sort"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/logs"
)

// Source is JSON to be decoded, whose values are then parts of it. The decoder looks at each byte by itself, which for a
// string of megabytes, such as a data: URL, takes longer than all else that the server does with it. So long strings are
// looked at here, eight bytes at a time, and the decoder gets empty ones in their place.
type Source struct {
	src   []byte
	short []byte // what the decoder reads
	cuts  []cut  // what is not in short, in order
}

// cut is the text of a string that is not in short.
type cut struct {
	at    int // offset in short, between the quotes
	total int // bytes that were left out up to here, this text included
}

// Sizes in bytes from which it is worth it.
const (
	longText = 4 << 10
	longBody = 2 * longText
)

// NewSource returns a Source that is read once, by its Decoder. It keeps src, which must not change.
func NewSource(src []byte) *Source {
	s := &Source{src: src, short: src}
	if len(src) >= longBody {
		s.shorten(longText)
	}
	return s
}

// Whole returns a Source without cuts, whose decoder's errors say where in src they are; nil where s has none either.
func (s *Source) Whole() *Source {
	if s.cuts == nil {
		return nil
	}
	return &Source{src: s.src, short: s.src}
}

// Decoder returns the decoder of the source.
func (s *Source) Decoder() *jsontext.Decoder { return jsontext.NewDecoder(bytes.NewBuffer(s.short)) }

// Next reads the next value of the source's decoder.
func (s *Source) Next(dec *jsontext.Decoder) (jsontext.Value, error) {
	value, err := dec.ReadValue()
	if err != nil {
		return nil, err
	}
	end := dec.InputOffset()
	return s.Between(end-int64(len(value)), end), nil
}

// Between returns the part of the source between two offsets of its decoder.
func (s *Source) Between(from, to int64) jsontext.Value {
	start, end := s.offset(int(from)), s.offset(int(to))
	return s.src[start:end:end]
}

// offset returns where in src stands what is at n in short. The decoder never stops between the quotes of a string.
func (s *Source) offset(n int) int {
	before := sort.Search(len(s.cuts), func(i int) bool { return s.cuts[i].at >= n })
	if before > 0 {
		n += s.cuts[before-1].total
	}
	return n
}

// shorten leaves out the texts of strings from that size on in which every character stands for itself; not of names, which
// must differ. Where src is not JSON it stops, or finds strings where there are none: the decoder comes to that place first,
// since what is before it is the same but for texts that are right.
func (s *Source) shorten(size int) {
	var short []byte
	copied, total := 0, 0
	for i := 0; ; {
		next := bytes.IndexByte(s.src[i:], '"')
		if next < 0 {
			break
		}
		start := i + next + 1
		end, plain := endOfText(s.src, start)
		if end < 0 {
			break
		}
		if plain && end-start >= size && !isName(s.src[end+1:]) {
			total += end - start
			short = append(short, s.src[copied:start]...)
			s.cuts = append(s.cuts, cut{len(short), total})
			copied = end
		}
		i = end + 1
	}
	if s.cuts != nil {
		s.short = append(short, s.src[copied:]...)
	}
}

// endOfText returns where the quote stands that ends a string, and whether all before it stands for itself; -1 where none
// does, or what is no JSON comes first.
func endOfText(src []byte, start int) (end int, plain bool) {
	plain = true
	for i := start; ; {
		i = logs.NextSpecial(src, i)
		switch {
		case i >= len(src):
			return -1, false
		case src[i] == '"':
			return i, plain
		case src[i] != '\\':
			return -1, false
		}
		plain = false
		i += 2
	}
}

// isName reports whether a string is the name of what comes behind it.
func isName(behind []byte) bool {
	for _, c := range behind {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c == ':'
		}
	}
	return false
}
