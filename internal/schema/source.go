package schema

import (
	"bytes"
	"errors"
	"sort"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/logs"
)

// Source is a decoder of JSON whose values are parts of what it decodes. jsontext.Decoder looks at each byte by itself, which
// for a string of megabytes, such as a data: URL, takes longer than all else that the server does with it. So long strings
// are looked at here, eight bytes at a time, and that decoder gets empty ones in their place. What it says of offsets, in
// errors too, is put right.
type Source struct {
	src  []byte
	cuts []cut // what the decoder does not get, in order
	in   bytes.Buffer
	dec  *jsontext.Decoder
}

// sources are used again: a decoder has memory for each level of what it decodes.
var sources = sync.Pool{New: func() any {
	s := new(Source)
	s.dec = jsontext.NewDecoder(&s.in)
	return s
}}

// cut is the text of a string that the decoder does not get.
type cut struct {
	at    int64 // offset between the quotes, as the decoder has it
	total int64 // bytes that were left out up to here, this text included
}

// longText is the size in bytes of texts that are worth it. A source that is shorter than two of them is decoded as it is.
const longText = 4 << 10

// NewSource returns a Source that keeps src, which must not change. Whoever is done with it may release it.
func NewSource(src []byte) *Source { return newSource(src, longText) }

func newSource(src []byte, size int) *Source {
	s := sources.Get().(*Source)
	s.src = src
	short := src
	if len(src) >= 2*size {
		short = s.shorten(size)
	}
	s.in = *bytes.NewBuffer(short)
	s.dec.Reset(&s.in)
	return s
}

// Release lets the Source be used for something else. What it has returned stays good.
func (s *Source) Release() {
	s.src, s.cuts, s.in = nil, nil, bytes.Buffer{}
	s.dec.Reset(&s.in)
	sources.Put(s)
}

// PeekKind is that of jsontext.Decoder.
func (s *Source) PeekKind() jsontext.Kind { return s.dec.PeekKind() }

// ReadToken is that of jsontext.Decoder, for all but strings that are values: those may be without their text.
func (s *Source) ReadToken() (jsontext.Token, error) {
	token, err := s.dec.ReadToken()
	return token, s.inSource(err)
}

// ReadValue is that of jsontext.Decoder, and returns a part of the source.
func (s *Source) ReadValue() (jsontext.Value, error) {
	value, err := s.dec.ReadValue()
	if err != nil {
		return nil, s.inSource(err)
	}
	end := s.dec.InputOffset()
	return s.Between(s.offset(end-int64(len(value))), s.offset(end)), nil
}

// InputOffset is that of jsontext.Decoder.
func (s *Source) InputOffset() int64 { return s.offset(s.dec.InputOffset()) }

// Between returns the part of the source between two offsets.
func (s *Source) Between(start, end int64) jsontext.Value { return s.src[start:end:end] }

// inSource returns an error of the decoder as one of the source.
func (s *Source) inSource(err error) error {
	if err == nil || s.cuts == nil {
		return err
	}
	var syntactic *jsontext.SyntacticError
	if !errors.As(err, &syntactic) {
		return err
	}
	moved := *syntactic
	moved.ByteOffset = s.offset(moved.ByteOffset)
	return &moved
}

// offset returns where in the source stands what the decoder has at n. It never stops between the quotes of a string.
func (s *Source) offset(n int64) int64 {
	before := sort.Search(len(s.cuts), func(i int) bool { return s.cuts[i].at >= n })
	if before > 0 {
		n += s.cuts[before-1].total
	}
	return n
}

// shorten returns the source without the texts of values from that size on in which every character stands for itself: of
// members, and of elements that follow only others. What comes before a text is the same with and without it, so where the
// source is not JSON, that is said of the same place.
func (s *Source) shorten(size int) (short []byte) {
	copied := 0
	isElement := false // the string before is an element of a list
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
		between := bytes.TrimRight(s.src[i:start-1], space)
		isElement = bytes.HasSuffix(between, []byte("[")) || isElement && string(bytes.TrimLeft(between, space)) == ","
		if plain && end-start >= size && (isElement || bytes.HasSuffix(between, []byte(":"))) {
			short = append(short, s.src[copied:start]...)
			s.cuts = append(s.cuts, cut{int64(len(short)), int64(end - len(short))})
			copied = end
		}
		i = end + 1
	}
	if s.cuts == nil {
		return s.src
	}
	return append(short, s.src[copied:]...)
}

const space = " \t\r\n" // of JSON

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
