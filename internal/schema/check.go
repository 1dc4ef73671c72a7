package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// limit is a minimum or maximum.
type limit struct {
	text  string
	value float64
	exact *big.Rat
}

func newLimit(value any) *limit {
	n, ok := value.(json.Number)
	if !ok {
		return nil
	}
	f, err := n.Float64()
	exact, valid := new(big.Rat).SetString(n.String())
	if err != nil || !valid {
		return nil
	}
	return &limit{n.String(), f, exact}
}

// compare returns -1, 0 or 1 for a number below, at or above the limit.
func (l *limit) compare(raw jsontext.Value) int {
	f, err := strconv.ParseFloat(string(raw), 64)
	if err == nil && math.Abs(f) < 1<<53 && math.Abs(l.value) < 1<<53 { // exact enough
		switch {
		case f < l.value:
			return -1
		case f > l.value:
			return 1
		}
		return 0
	}
	exact, ok := new(big.Rat).SetString(string(raw))
	if !ok || len(raw) > 400 { // an exponent can make a huge number of few bytes
		if f < l.value {
			return -1
		}
		return 1
	}
	return exact.Cmp(l.exact)
}

// check checks a value; the message says what is wrong with it.
func (f *field) check(raw jsontext.Value) []problem {
	if raw.Kind() == 'n' && f.nullable {
		return nil
	}
	if f.kind != "" || f.choices != nil {
		if msg := f.checkScalar(raw); msg != "" {
			return []problem{{msg: msg}}
		}
		return nil
	}
	if f.compound != nil {
		return checkCompound(f.compound, raw)
	}
	return nil
}

func (f *field) checkScalar(raw jsontext.Value) string {
	if f.kind != "" && !isKind(raw, f.kind) {
		return fmt.Sprintf("%s is not of type %q", show(raw), f.kind)
	}
	if f.choices != nil {
		is := canonical(raw)
		if !slices.ContainsFunc(f.choices, func(c jsontext.Value) bool { return string(c) == string(is) }) {
			return fmt.Sprintf("%s is not one of %s", show(raw), f.choicesText)
		}
	}
	switch raw.Kind() {
	case '0':
		if f.max != nil && f.max.compare(raw) > 0 {
			return fmt.Sprintf("%s is greater than the maximum of %s", show(raw), f.max.text)
		}
		if f.min != nil && f.min.compare(raw) < 0 {
			return fmt.Sprintf("%s is less than the minimum of %s", show(raw), f.min.text)
		}
	case '"':
		return f.checkString(raw)
	}
	return ""
}

func (f *field) checkString(raw jsontext.Value) string {
	if f.minLength < 0 && f.maxLength < 0 && f.pattern == nil {
		return ""
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "is not a valid string"
	}
	n := utf8.RuneCount(text)
	switch {
	case f.maxLength >= 0 && n > f.maxLength:
		return fmt.Sprintf("%s is longer than %s", show(raw), count(f.maxLength, "character"))
	case f.minLength >= 0 && n < f.minLength:
		return fmt.Sprintf("%s is shorter than %s", show(raw), count(f.minLength, "character"))
	case f.pattern != nil && !f.pattern.Match(text):
		return fmt.Sprintf("%s does not match %s", show(raw), encode(f.patternText))
	}
	return ""
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func isKind(raw jsontext.Value, kind string) bool {
	switch raw.Kind() {
	case '"':
		return kind == "string"
	case 't', 'f':
		return kind == "boolean"
	case '0':
		return kind == "number" || kind == "integer" && isInteger(raw)
	}
	return false
}

// isInteger accepts 2.0, as JSON Schema does.
func isInteger(raw jsontext.Value) bool {
	for _, c := range raw {
		if c == '.' || c == 'e' || c == 'E' {
			f, err := strconv.ParseFloat(string(raw), 64)
			return err == nil && f == math.Trunc(f)
		}
	}
	return true
}

// maxShown is how many bytes of a value a message repeats.
const maxShown = 256

// show writes a value for a message: compact, and cut when it is long.
func show(raw jsontext.Value) string {
	if len(raw) > 4*maxShown {
		raw = raw[:4*maxShown] // enough, whatever white space it has
	} else {
		raw = raw.Clone()
		_ = raw.Compact()
	}
	if len(raw) <= maxShown {
		return string(raw)
	}
	cut := raw[:maxShown]
	for len(cut) > 0 && !utf8.Valid(cut) {
		cut = cut[:len(cut)-1]
	}
	return string(cut) + "…"
}
