package prediction

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// outputs are the raw JSON values that the worker sent, in order. None is parsed or copied.
type outputs struct {
	chunks []chunk
	items  int
	size   int64 // bytes
	stream bool  // the worker said that they are a list
}

// chunk is one output, or a JSON array of many.
type chunk struct {
	raw   jsontext.Value
	many  bool
	items int
}

func (o *outputs) add(raw jsontext.Value, items int) {
	c := chunk{raw: raw, items: 1}
	if items >= 0 {
		c.many, c.items = true, items
	}
	o.chunks = append(o.chunks, c)
	o.items += c.items
	o.size += int64(len(raw))
}

var (
	null    = []byte("null")
	empty   = []byte("[]")
	open    = []byte("[")
	comma   = []byte(",")
	closing = []byte("]")
)

// value returns the whole output as pieces to be written one behind the other; nil means that there is none yet.
//
// A list comes out as a list, also with one item or none: when the worker says that it streamed, when the schema
// declares an array, or when there is more than one output. What a running or broken prediction has so far is always
// a list, as Cog's clients expect.
func (o *outputs) value(status Status, array bool) [][]byte {
	switch {
	case status != Succeeded:
		if o.items == 0 {
			return nil
		}
		return o.list()
	case o.stream || o.items > 1:
		return o.list()
	case array:
		if o.items == 1 && bytes.Equal(o.chunks[0].raw, null) {
			return [][]byte{empty}
		}
		if o.items == 1 && !o.chunks[0].many && o.chunks[0].raw.Kind() == '[' {
			return [][]byte{o.chunks[0].raw}
		}
		return o.list()
	case o.items == 0:
		return [][]byte{null}
	}
	if o.chunks[0].many {
		return o.list()
	}
	return [][]byte{o.chunks[0].raw}
}

// list joins the chunks into one array.
func (o *outputs) list() [][]byte {
	if o.items == 0 {
		return [][]byte{empty}
	}
	pieces := make([][]byte, 0, 2*len(o.chunks)+1)
	pieces = append(pieces, open)
	for _, c := range o.chunks {
		raw := []byte(c.raw)
		if c.many {
			raw = inner(raw)
		}
		if len(raw) == 0 {
			continue
		}
		if len(pieces) > 1 {
			pieces = append(pieces, comma)
		}
		pieces = append(pieces, raw)
	}
	return append(pieces, closing)
}

// inner strips the brackets off a JSON array.
func inner(raw []byte) []byte {
	raw = bytes.TrimSpace(raw)
	if len(raw) < 2 {
		return nil
	}
	return bytes.TrimSpace(raw[1 : len(raw)-1])
}
