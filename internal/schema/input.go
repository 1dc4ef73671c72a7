package schema

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// FieldError says what is wrong with one field, as Cog's 422 answers have it.
type FieldError struct {
	Loc       []string
	Msg, Type string
}

// Validator checks inputs. It is never changed and may be used by many goroutines. A nil Validator checks nothing.
type Validator struct {
	fields   map[string]*field
	order    []string // of the document
	required []string
	open     bool // the method collects what it does not name: **kwargs
}

func (s *Schema) newValidator(object map[string]any, order []string) *Validator {
	v := &Validator{fields: make(map[string]*field), order: order}
	v.open, _ = object["additionalProperties"].(bool)
	properties, _ := object["properties"].(map[string]any)
	for name, property := range properties {
		inlined, _ := s.inline(property, nil).(map[string]any)
		v.fields[name] = newField(name, inlined)
	}
	required, _ := object["required"].([]any)
	for _, name := range required {
		if text, ok := name.(string); ok {
			v.required = append(v.required, text)
		}
	}
	return v
}

// Unchecked returns a validator that takes any value for the named fields: the annotation says Any, which OpenAPI as Cog
// writes it cannot tell from a dict.
func (v *Validator) Unchecked(names []string) *Validator {
	if v == nil || len(names) == 0 {
		return v
	}
	w := &Validator{fields: make(map[string]*field, len(v.fields)), order: v.order, required: v.required, open: v.open}
	for name, f := range v.fields {
		if slices.Contains(names, name) {
			f = &field{name: name, nullable: true, minLength: -1, maxLength: -1, fallback: f.fallback}
		}
		w.fields[name] = f
	}
	return w
}

// Default returns the default of a field, if it has one.
func (v *Validator) Default(name string) (jsontext.Value, bool) {
	if v == nil || v.fields[name] == nil || v.fields[name].fallback == nil {
		return nil, false
	}
	return v.fields[name].fallback, true
}

// Input is a checked input: one raw value per field, in the order sent.
type Input struct {
	fields []Field
	whole  jsontext.Value // the object as it was sent, while that is still it; nil = to be written anew
}

// Field is one input. Value shares the memory of the request.
type Field struct {
	Name  string
	Value jsontext.Value
}

// Get returns the value of a field.
func (in *Input) Get(name string) (jsontext.Value, bool) {
	for _, f := range in.fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return nil, false
}

// Set replaces the value of a field, or adds the field.
func (in *Input) Set(name string, value jsontext.Value) {
	in.whole = nil
	for i, f := range in.fields {
		if f.Name == name {
			in.fields = slices.Clone(in.fields)
			in.fields[i].Value = value
			return
		}
	}
	in.fields = append(in.fields[:len(in.fields):len(in.fields)], Field{name, value})
}

// JSON returns the input as one object. While nothing was left out or replaced it is the request's own bytes.
func (in *Input) JSON() []byte {
	if in.whole != nil {
		return in.whole
	}
	size := 2
	for _, f := range in.fields {
		size += len(f.Name) + len(f.Value) + 4
	}
	out := append(make([]byte, 0, size), '{')
	for i, f := range in.fields {
		if i > 0 {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(out, f.Name) // names come from valid JSON
		out = append(append(out, ':'), f.Value...)
	}
	return append(out, '}')
}

// Scan reads and checks the input that stands next in src, in one pass. The values returned are parts of it. What the schema
// does not know is left out. The error is of the JSON itself, duplicate names included.
func (v *Validator) Scan(src *Source) (in Input, errs []FieldError, err error) {
	switch kind := src.PeekKind(); kind {
	case '{':
	case 'n':
		_, err = src.ReadToken()
		return in, v.missing(&in, nil), err
	default:
		raw, err := src.ReadValue()
		if err != nil {
			return in, nil, err
		}
		return in, []FieldError{fieldError("__root__", show(raw)+` is not of type "object"`)}, nil
	}
	if _, err = src.ReadToken(); err != nil {
		return in, nil, err
	}
	start := src.InputOffset() - 1
	whole := true
	for src.PeekKind() != '}' {
		name, err := src.ReadToken()
		if err != nil {
			return in, nil, err
		}
		key := name.String()
		value, err := src.ReadValue()
		if err != nil {
			return in, nil, err
		}
		f := v.field(key)
		if f == nil && v != nil && !v.open {
			whole = false
			continue
		}
		in.fields = append(in.fields, Field{key, value})
		if f != nil {
			errs = append(errs, f.errors(value)...)
		}
	}
	if _, err = src.ReadToken(); err != nil {
		return in, nil, err
	}
	if whole {
		in.whole = src.Between(start, src.InputOffset())
	}
	return in, v.missing(&in, errs), nil
}

// TakesText reports whether the field, or each item of it when it is a list, is declared as text, so that what looks like a
// number is none.
func (v *Validator) TakesText(name string) bool {
	if v == nil {
		return false
	}
	f := v.field(name)
	return f != nil && (f.kind == "string" || f.list && f.itemKind == "string")
}

// TakesList reports whether the field is declared as a list.
func (v *Validator) TakesList(name string) bool {
	if v == nil {
		return false
	}
	f := v.field(name)
	return f != nil && f.list
}

func (v *Validator) field(name string) *field {
	if v == nil {
		return nil
	}
	return v.fields[name]
}

func (f *field) errors(value jsontext.Value) (errs []FieldError) {
	for _, p := range f.check(value) {
		where := f.name
		for _, part := range p.path {
			where += "/" + part
		}
		errs = append(errs, fieldError(where, p.msg))
	}
	return errs
}

// missing puts an error for each required field that is not there before the others, in the order of the schema.
func (v *Validator) missing(in *Input, errs []FieldError) []FieldError {
	if v == nil {
		return errs
	}
	var first []FieldError
	for _, name := range v.required {
		if _, ok := in.Get(name); !ok {
			e := fieldError(name, "Field required")
			e.Type = "value_error.missing"
			first = append(first, e)
		}
	}
	return append(first, errs...)
}

func fieldError(where, msg string) FieldError {
	return FieldError{Loc: []string{"body", "input", where}, Msg: msg, Type: "value_error"}
}
