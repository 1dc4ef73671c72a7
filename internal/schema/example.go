package schema

import "github.com/go-json-experiment/json/jsontext"

// Example returns an input that a person can start from: the required fields, or the first one when none is.
func (v *Validator) Example() []byte {
	var in Input
	if v == nil {
		return in.JSON()
	}
	for _, name := range v.required {
		in.Set(name, v.fields[name].example())
	}
	if len(in.fields) == 0 && len(v.order) > 0 {
		first := v.fields[v.order[0]]
		in.Set(first.name, first.example())
	}
	return in.JSON()
}

func (f *field) example() jsontext.Value {
	switch {
	case f == nil:
		return jsontext.Value("null")
	case f.fallback != nil && f.fallback.Kind() != 'n':
		return f.fallback
	case len(f.choices) > 0:
		return f.choices[0]
	case f.min != nil:
		return jsontext.Value(f.min.text)
	}
	switch f.kind {
	case "integer", "number":
		return jsontext.Value("1")
	case "boolean":
		return jsontext.Value("true")
	case "string":
		if f.isFile {
			return jsontext.Value(`"https://example.com/file"`)
		}
		return jsontext.Value(`"..."`)
	}
	return jsontext.Value("{}")
}
