// Package arguments reads a model's inputs from a command line: name=value becomes JSON of the type that the model's
// schema gives to the name. It does no I/O of its own.
package arguments

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Signature is what a command line needs to know of a model. A nil Signature knows nothing and takes everything.
type Signature struct {
	inputs map[string]kind
	order  []string
	Output Output
}

// Output is how the model's output is to be shown.
type Output struct {
	Concatenate bool // its items are pieces of one text
	Iterator    bool // its items come one by one
	Files       bool // there may be files in it
}

// kind is what values an input takes: any of several simple kinds.
type kind []simple

// simple is one type of JSON Schema.
type simple struct {
	name string // string, integer, number, boolean, array, object or null; empty = anything
	file bool   // string that names a file
	item kind   // of an array
}

func (k kind) find(name string) (simple, bool) {
	for _, s := range k {
		if s.name == name {
			return s, true
		}
	}
	return simple{}, false
}

// takesText reports whether any text is a value.
func (k kind) takesText() bool {
	return slices.ContainsFunc(k, func(s simple) bool { return s.name == "string" && !s.file })
}

// document is an OpenAPI document, as far as it is needed.
type document struct {
	Components struct {
		Schemas map[string]map[string]any `json:"schemas"`
	} `json:"components"`
}

// maxDepth bounds how deep references are followed: a list of lists is the deepest that a command line can say.
const maxDepth = 8

// Read reads the signature of a mode, predict or train, from an OpenAPI document.
func Read(text []byte, mode string) (*Signature, error) {
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	input, output := doc.component("Input"), doc.component("Output")
	if mode == "train" {
		if own := doc.component("TrainingInput"); own != nil {
			input = own
		}
		if own := doc.component("TrainingOutput"); own != nil {
			output = own
		}
	}
	s := &Signature{inputs: make(map[string]kind)}
	properties, _ := input["properties"].(map[string]any)
	for name, property := range properties {
		s.inputs[name] = doc.kind(property, 0)
		s.order = append(s.order, name)
	}
	slices.SortFunc(s.order, func(a, b string) int {
		if d := position(properties[a]) - position(properties[b]); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	s.Output = Output{
		Concatenate: output["x-cog-array-display"] == "concatenate", Iterator: output["x-cog-array-type"] == "iterator",
		Files: output == nil || doc.hasFile(output, 0),
	}
	return s, nil
}

func position(property any) int {
	p, _ := property.(map[string]any)
	n, _ := p["x-order"].(float64)
	return int(n)
}

func (d *document) component(name string) map[string]any { return d.Components.Schemas[name] }

// resolve follows a reference, and puts together what allOf has.
func (d *document) resolve(node any, depth int) map[string]any {
	property, _ := node.(map[string]any)
	if depth > maxDepth {
		return nil
	}
	if target, ok := property["$ref"].(string); ok {
		return d.resolve(d.Components.Schemas[strings.TrimPrefix(target, "#/components/schemas/")], depth+1)
	}
	parts, _ := property["allOf"].([]any)
	if len(parts) == 0 {
		return property
	}
	whole := make(map[string]any)
	for _, part := range parts {
		for key, value := range d.resolve(part, depth+1) {
			whole[key] = value
		}
	}
	for key, value := range property {
		if key != "allOf" {
			whole[key] = value
		}
	}
	return whole
}

func (d *document) kind(node any, depth int) (k kind) {
	property := d.resolve(node, depth)
	if depth > maxDepth {
		return nil
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		branches, _ := property[key].([]any)
		for _, branch := range branches {
			k = append(k, d.kind(branch, depth+1)...)
		}
	}
	if len(k) == 0 {
		s := simple{file: property["format"] == "uri"}
		s.name, _ = property["type"].(string)
		if s.name == "array" {
			s.item = d.kind(property["items"], depth+1)
		}
		k = kind{s}
	}
	if nullable, _ := property["nullable"].(bool); nullable {
		k = append(k, simple{name: "null"})
	}
	return k
}

func (d *document) hasFile(node any, depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch n := node.(type) {
	case map[string]any:
		n = d.resolve(n, depth)
		if n["format"] == "uri" || len(n) == 0 {
			return true
		}
		for _, value := range n {
			if d.hasFile(value, depth+1) {
				return true
			}
		}
	case []any:
		for _, value := range n {
			if d.hasFile(value, depth+1) {
				return true
			}
		}
	}
	return false
}

// compact reports whether text is one JSON value, and returns it without white space.
func compact(text string) (jsontext.Value, bool) {
	value := jsontext.Value(bytes.TrimSpace([]byte(text)))
	if !value.IsValid() || value.Compact() != nil {
		return nil, false
	}
	return value, true
}
