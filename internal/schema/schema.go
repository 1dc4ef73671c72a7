// Package schema is a model's OpenAPI document as the server needs it: a validator for inputs that reads them in one
// pass, errors in Cog's words, and what the output is. It does no I/O.
package schema

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema is a compiled document. It is never changed and may be used by many goroutines.
type Schema struct {
	raw     jsontext.Value
	schemas map[string]any // components.schemas
	inputs  map[string]*Validator
}

// Modes: which method of the model the document's parts belong to.
const (
	Predict = "predict"
	Train   = "train"
)

// Compile reads an OpenAPI document. One field that cannot be checked never turns off the check of the others.
func Compile(doc []byte) (*Schema, error) {
	if !jsontext.Value(doc).IsValid() {
		return nil, errors.New("OpenAPI document is not valid JSON")
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	raw := jsontext.Value(bytes.Clone(doc))
	if err := raw.Compact(); err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	s := &Schema{raw: raw, inputs: make(map[string]*Validator)}
	s.schemas, _ = get(tree, "components", "schemas").(map[string]any)
	order := propertyOrder(doc)
	for mode, names := range map[string][]string{Predict: {"Input"}, Train: {"TrainingInput", "Input"}} {
		for _, name := range names {
			if object, ok := s.schemas[name].(map[string]any); ok {
				s.inputs[mode] = s.newValidator(object, order[name])
				break
			}
		}
	}
	return s, nil
}

// Raw is the document, its keys in the order in which it came.
func (s *Schema) Raw() []byte { return s.raw }

// Input returns the validator of a mode's inputs, nil when the document has none.
func (s *Schema) Input(mode string) *Validator { return s.inputs[mode] }

// OutputIsArray reports whether the output is declared as a list.
func (s *Schema) OutputIsArray(mode string) bool {
	name := "Output"
	if mode == Train {
		name = "TrainingOutput"
	}
	output, _ := s.schemas[name].(map[string]any)
	kind, _ := output["type"].(string)
	return kind == "array"
}

func get(tree any, path ...string) any {
	for _, key := range path {
		object, ok := tree.(map[string]any)
		if !ok {
			return nil
		}
		tree = object[key]
	}
	return tree
}

// inline returns a schema with its references to components put in, and cycles cut: what is inside one is not checked.
func (s *Schema) inline(node any, open []string) any {
	switch n := node.(type) {
	case map[string]any:
		if target, ok := n["$ref"].(string); ok {
			name, found := strings.CutPrefix(target, "#/components/schemas/")
			for _, o := range open {
				if o == name {
					return map[string]any{}
				}
			}
			if component, known := s.schemas[name]; found && known {
				return s.inline(component, append(open, name))
			}
			return map[string]any{}
		}
		out := make(map[string]any, len(n))
		for key, value := range n {
			out[key] = s.inline(value, open)
		}
		return out
	case []any:
		out := make([]any, len(n))
		for i, value := range n {
			out[i] = s.inline(value, open)
		}
		return out
	}
	return node
}

// propertyOrder finds the properties of each component in the order of the document, which a map does not keep.
func propertyOrder(doc []byte) map[string][]string {
	order := make(map[string][]string)
	dec := jsontext.NewDecoder(bytes.NewReader(doc))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return order
		}
		// /components/schemas/NAME/properties/FIELD
		if token.Kind() != '"' || dec.StackDepth() != 5 {
			continue
		}
		path := strings.Split(string(dec.StackPointer()), "/")
		if kind, length := dec.StackIndex(5); len(path) == 6 && path[1] == "components" && path[2] == "schemas" &&
			path[4] == "properties" && kind == '{' && length%2 == 1 {
			order[path[3]] = append(order[path[3]], token.String())
		}
	}
}
