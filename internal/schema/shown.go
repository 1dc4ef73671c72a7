package schema

import "github.com/go-json-experiment/json/jsontext"

// Mask stands for a secret wherever inputs are shown, as Cog's Secret prints itself.
const Mask = "**********"

// Shown returns an input as it may be shown to others: raw itself, or where it has secrets the object that in is, with
// Mask in their place.
func (v *Validator) Shown(in *Input, raw jsontext.Value) jsontext.Value {
	if v == nil || raw == nil {
		return raw
	}
	var shown Input
	for at, f := range in.fields {
		if known := v.fields[f.Name]; known == nil || !known.secret || f.Value.Kind() == 'n' {
			continue
		}
		if shown.fields == nil {
			shown.fields = append(shown.fields, in.fields...)
		}
		shown.fields[at].Value = jsontext.Value(`"` + Mask + `"`)
		if f.Value.Kind() == '[' {
			shown.fields[at].Value = jsontext.Value(`["` + Mask + `"]`)
		}
	}
	if shown.fields == nil {
		return raw
	}
	return shown.JSON()
}
