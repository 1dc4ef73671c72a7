package schema

import (
	"bytes"
	"encoding/json"
	"regexp"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// field is how one input is checked. Scalars are checked from their raw JSON; only compound values are decoded.
type field struct {
	name     string
	nullable bool
	isFile   bool   // format: uri; for people only
	secret   bool   // nobody is to be shown what was sent
	kind     string // string, integer, number or boolean; "" = compound, or anything
	list     bool
	itemKind string // of a list's items, as kind

	min, max             *limit
	minLength, maxLength int // -1 = none
	pattern              *regexp.Regexp
	patternText          string
	choices              []jsontext.Value // canonical; nil = any
	choicesText          string

	compound *jsonschema.Schema // nil = anything goes
	fallback jsontext.Value     // the default; nil = none
}

// newField compiles a property whose references are inlined. What cannot be compiled is left to the worker.
func newField(name string, property map[string]any) *field {
	f := &field{name: name, minLength: -1, maxLength: -1}
	f.nullable, _ = property["nullable"].(bool)
	if value, ok := property["default"]; ok {
		f.fallback = encode(value)
	}
	flat := flatten(property)
	kind, _ := flat["type"].(string)
	f.isFile = flat["format"] == "uri"
	f.secret = isSecret(flat)
	_, anyOf := flat["anyOf"]
	switch {
	case !anyOf && (kind == "string" || kind == "integer" || kind == "number" || kind == "boolean"):
		f.kind = kind
		f.scalar(flat)
	case kind != "" || anyOf:
		f.compound = compile(flat)
		f.list = !anyOf && kind == "array"
		if items, ok := flat["items"].(map[string]any); ok {
			items = flatten(items)
			f.itemKind, _ = items["type"].(string)
			f.secret = isSecret(items)
		}
	case flat["enum"] != nil:
		f.scalar(flat)
	}
	return f
}

// isSecret reports whether a property is one of Cog's secrets.
func isSecret(property map[string]any) bool {
	marked, _ := property["x-cog-secret"].(bool)
	return marked || property["format"] == "password"
}

// flatten merges allOf, in which Cog puts the reference to a list of choices.
func flatten(property map[string]any) map[string]any {
	parts, ok := property["allOf"].([]any)
	if !ok {
		return property
	}
	flat := make(map[string]any, len(property))
	for _, part := range parts {
		if p, ok := part.(map[string]any); ok {
			for key, value := range flatten(p) {
				flat[key] = value
			}
		}
	}
	for key, value := range property {
		if key != "allOf" {
			flat[key] = value
		}
	}
	return flat
}

func (f *field) scalar(flat map[string]any) {
	f.min, f.max = newLimit(flat["minimum"]), newLimit(flat["maximum"])
	f.minLength, f.maxLength = length(flat["minLength"]), length(flat["maxLength"])
	if text, ok := flat["pattern"].(string); ok {
		f.pattern, f.patternText = translate(text), text
	}
	list, ok := flat["enum"].([]any)
	if !ok {
		return
	}
	for _, choice := range list {
		f.choices = append(f.choices, canonical(encode(choice)))
	}
	f.choicesText = string(encode(list))
}

func length(value any) int {
	n, ok := value.(json.Number)
	if !ok {
		return -1
	}
	i, err := n.Int64()
	if err != nil || i < 0 {
		return -1
	}
	return int(i)
}

// encode writes a decoded value as compact JSON.
func encode(value any) jsontext.Value {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(value) != nil { // only decoded JSON comes here
		return nil
	}
	return bytes.TrimSpace(out.Bytes())
}

// canonical makes equal values equal bytes.
func canonical(raw jsontext.Value) jsontext.Value {
	c := raw.Clone()
	if c.Canonicalize() != nil {
		return raw
	}
	return c
}

// compile makes a validator of a compound schema, in the dialect of OpenAPI 3.0 as Cog uses it.
func compile(property map[string]any) *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	const url = "mem:///input.json"
	if c.AddResource(url, modern(property)) != nil {
		return nil
	}
	compiled, err := c.Compile(url)
	if err != nil {
		return nil
	}
	return compiled
}

// modern turns OpenAPI 3.0 into JSON Schema 2020-12: nullable becomes a type, patterns are translated or left out, and
// what is no constraint goes.
func modern(node any) any {
	switch n := node.(type) {
	case []any:
		out := make([]any, len(n))
		for i, item := range n {
			out[i] = modern(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(n))
		for key, value := range n {
			switch key {
			case "nullable", "default", "title", "description", "format", "deprecated", "example", "writeOnly":
			case "pattern":
				if text, ok := value.(string); ok && translate(text) != nil {
					out[key] = translate(text).String()
				}
			case "properties":
				out[key] = modernEach(value)
			case "enum", "const", "required":
				out[key] = value
			default:
				out[key] = modern(value)
			}
		}
		if nullable, _ := n["nullable"].(bool); nullable {
			return map[string]any{"anyOf": []any{map[string]any{"type": "null"}, out}}
		}
		return out
	}
	return node
}

// modernEach does so for each property; their names are no keywords.
func modernEach(node any) any {
	properties, ok := node.(map[string]any)
	if !ok {
		return node
	}
	out := make(map[string]any, len(properties))
	for name, property := range properties {
		out[name] = modern(property)
	}
	return out
}
