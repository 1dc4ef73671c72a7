package schema

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// problem is what is wrong with a value, or with something inside it.
type problem struct {
	path []string // inside the value
	msg  string
}

// checkCompound decodes a value and checks it with the schema library.
func checkCompound(s *jsonschema.Schema, raw jsontext.Value) []problem {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return []problem{{msg: "is not valid JSON"}}
	}
	err = s.Validate(value)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil
	}
	var problems []problem
	collect(invalid, value, &problems)
	return problems
}

// collect walks to the errors that say something. Those under an anyOf say why each of its branches fails: one sentence
// stands for them all, unless one branch only says "or null".
func collect(e *jsonschema.ValidationError, root any, out *[]problem) {
	switch e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		for _, cause := range e.Causes {
			collect(cause, root, out)
		}
		return
	case *kind.AnyOf:
		if len(e.Causes) == 2 && isNullBranch(e.Causes[0]) {
			collect(e.Causes[1], root, out)
			return
		}
	}
	*out = append(*out, problem{e.InstanceLocation, say(e.ErrorKind, at(root, e.InstanceLocation))})
}

func isNullBranch(e *jsonschema.ValidationError) bool {
	for len(e.Causes) == 1 {
		e = e.Causes[0]
	}
	t, ok := e.ErrorKind.(*kind.Type)
	return ok && len(t.Want) == 1 && t.Want[0] == "null"
}

func at(value any, path []string) any {
	for _, key := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		}
	}
	return value
}

// say puts an error in Cog's words.
func say(k jsonschema.ErrorKind, value any) string {
	v := show(encode(value))
	switch e := k.(type) {
	case *kind.Type:
		if len(e.Want) == 1 {
			return fmt.Sprintf("%s is not of type %q", v, e.Want[0])
		}
		return fmt.Sprintf(`%s is not of types "%s"`, v, strings.Join(e.Want, `", "`))
	case *kind.Enum:
		return fmt.Sprintf("%s is not one of %s", v, encode(e.Want))
	case *kind.Maximum:
		return fmt.Sprintf("%s is greater than the maximum of %s", v, number(e.Want))
	case *kind.Minimum:
		return fmt.Sprintf("%s is less than the minimum of %s", v, number(e.Want))
	case *kind.MaxLength:
		return fmt.Sprintf("%s is longer than %s", v, count(e.Want, "character"))
	case *kind.MinLength:
		return fmt.Sprintf("%s is shorter than %s", v, count(e.Want, "character"))
	case *kind.MaxItems:
		return fmt.Sprintf("%s has more than %s", v, count(e.Want, "item"))
	case *kind.MinItems:
		return fmt.Sprintf("%s has less than %s", v, count(e.Want, "item"))
	case *kind.Pattern:
		return fmt.Sprintf("%s does not match %q", v, e.Want)
	case *kind.UniqueItems:
		return v + " has non-unique elements"
	case *kind.MultipleOf:
		return fmt.Sprintf("%s is not a multiple of %s", v, number(e.Want))
	case *kind.Required:
		return fmt.Sprintf("%s lacks %q", v, strings.Join(e.Missing, `", "`))
	case *kind.AdditionalProperties:
		return fmt.Sprintf("Additional properties are not allowed ('%s' was unexpected)", strings.Join(e.Properties, "', '"))
	case *kind.AnyOf:
		return v + " is not valid under any of the schemas listed in the 'anyOf' keyword"
	}
	return fmt.Sprintf("%s does not match the schema (%s)", v, strings.Join(k.KeywordPath(), "/"))
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	return strings.TrimRight(r.FloatString(10), "0")
}
