package arguments

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// File makes the value of a file input of a local file's path.
type File func(path string) (jsontext.Value, error)

// Check reports arguments that are not name=value.
func Check(args []string) error {
	for _, arg := range args {
		if name, _, found := strings.Cut(arg, "="); !found || name == "" {
			return fmt.Errorf("-i %s: want name=value", arg)
		}
	}
	return nil
}

// Object makes one JSON object of arguments, each name=value, in the order in which names first occur. Several values of
// a name make a list. What the schema says beyond types is left to who validates.
func (s *Signature) Object(args []string, file File) (jsontext.Value, error) {
	if err := Check(args); err != nil {
		return nil, err
	}
	values := make(map[string][]string)
	var order []string
	for _, arg := range args {
		name, text, _ := strings.Cut(arg, "=")
		if values[name] == nil {
			order = append(order, name)
		}
		values[name] = append(values[name], text)
	}
	object := []byte{'{'}
	for i, name := range order {
		k, err := s.kind(name)
		if err != nil {
			return nil, err
		}
		c := converter{name, file}
		value, err := c.all(k, values[name])
		if err != nil {
			return nil, err
		}
		if i > 0 {
			object = append(object, ',')
		}
		if object, err = jsontext.AppendQuote(object, name); err != nil {
			return nil, fmt.Errorf("input %q: the name is not valid UTF-8", name)
		}
		object = append(append(object, ':'), value...)
	}
	return append(object, '}'), nil
}

func (s *Signature) kind(name string) (kind, error) {
	if s == nil {
		return kind{{}}, nil
	}
	if k, known := s.inputs[name]; known {
		return k, nil
	}
	if len(s.order) == 0 {
		return nil, fmt.Errorf("no input %q: the model has no inputs", name)
	}
	return nil, fmt.Errorf("no input %q: the model has %s", name, strings.Join(s.order, ", "))
}

// converter makes the values of one input.
type converter struct {
	name string
	file File
}

func (c converter) wrong(format string, args ...any) error {
	return fmt.Errorf("input %q: %s", c.name, fmt.Sprintf(format, args...))
}

// all makes the value of everything that was given for the input.
func (c converter) all(k kind, texts []string) (jsontext.Value, error) {
	list, isList := k.find("array")
	_, isAny := k.find("")
	if len(texts) == 1 {
		value, err := c.one(k, texts[0])
		if !errors.Is(err, errOnlyList) {
			return value, err
		}
		if value, ok := compact(texts[0]); ok && value.Kind() == '[' {
			return value, nil
		}
	} else if !isList && !isAny {
		return nil, c.wrong("given %d times, and it takes one value", len(texts))
	}
	if !isList {
		list.item = kind{{}}
	}
	var items []jsontext.Value
	for _, text := range texts {
		item, err := c.one(list.item, text)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return json.Marshal(items)
}

// errOnlyList is returned for a single value of an input that takes only lists.
var errOnlyList = errors.New("only a list")

var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// one makes the value of a text: the narrowest of the input's types that takes it.
func (c converter) one(k kind, text string) (jsontext.Value, error) {
	for _, narrow := range []func(kind, string) (jsontext.Value, error){c.asFile, number, boolean, compound} {
		if value, err := narrow(k, text); value != nil || err != nil {
			return value, err
		}
	}
	if _, ok := k.find("null"); ok && text == "null" && !k.takesText() {
		return jsontext.Value("null"), nil
	}
	if _, ok := k.find("string"); ok || len(k) == 0 {
		return c.text(text)
	}
	if _, ok := k.find(""); ok {
		if value, valid := compact(text); valid {
			return value, nil
		}
		return c.text(text)
	}
	if _, ok := k.find("array"); ok {
		return nil, errOnlyList
	}
	return nil, c.wrong("want %s, got %q", k.want(), text)
}

func (c converter) text(text string) (jsontext.Value, error) {
	value, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return nil, c.wrong("the value is not valid UTF-8")
	}
	return value, nil
}

// asFile makes the value of @path where a file may stand. A path without the @ is most likely meant so.
func (c converter) asFile(k kind, text string) (jsontext.Value, error) {
	isFile := false
	for _, s := range k {
		isFile = isFile || s.file
	}
	if !isFile {
		return nil, nil
	}
	if path, found := strings.CutPrefix(text, "@"); found {
		value, err := c.file(path)
		if err != nil {
			return nil, c.wrong("%v", err)
		}
		return value, nil
	}
	isURL := strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "data:")
	if _, nullable := k.find("null"); isURL || k.takesText() || nullable && text == "null" {
		return nil, nil
	}
	return nil, c.wrong("want a file: %s=@PATH, or a URL", c.name)
}

// number takes whole numbers as they are written, however many digits they have.
func number(k kind, text string) (jsontext.Value, error) {
	_, integer := k.find("integer")
	_, decimal := k.find("number")
	text = strings.TrimPrefix(strings.TrimSpace(text), "+")
	if (integer || decimal) && wholeNumber.MatchString(text) {
		return jsontext.Value(text), nil
	}
	if !integer && !decimal {
		return nil, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || strings.ContainsAny(text, "xX_") {
		return nil, nil
	}
	if !decimal && f != math.Trunc(f) {
		return nil, nil
	}
	if value, valid := compact(text); valid {
		return value, nil
	}
	return strconv.AppendFloat(nil, f, 'g', -1, 64), nil // .5 and 5. are no JSON
}

func boolean(k kind, text string) (jsontext.Value, error) {
	if _, ok := k.find("boolean"); !ok {
		return nil, nil
	}
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return jsontext.Value("true"), nil
	case "false", "no", "off", "0":
		return jsontext.Value("false"), nil
	}
	return nil, nil
}

// compound takes a JSON object where one may stand.
func compound(k kind, text string) (jsontext.Value, error) {
	if _, ok := k.find("object"); !ok {
		return nil, nil
	}
	if value, valid := compact(text); valid && value.Kind() == '{' {
		return value, nil
	}
	return nil, nil
}

// want names the types, for people.
func (k kind) want() string {
	names := map[string]string{
		"integer": "a whole number", "number": "a number", "boolean": "true or false", "object": "a JSON object",
		"array": "a list", "string": "text", "null": "null",
	}
	var all []string
	for _, s := range k {
		all = append(all, names[s.name])
	}
	return strings.Join(all, " or ")
}
