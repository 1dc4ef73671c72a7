package prediction

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/protocol"
)

// metrics is a tree: a dotted name is a path of objects. The zero value is empty.
type metrics struct {
	root map[string]*metric
}

// metric is an object (children not nil) or a leaf.
type metric struct {
	children map[string]*metric
	leaf     jsontext.Value
}

func (m *metrics) record(name, mode string, value jsontext.Value) {
	path := strings.Split(name, ".")
	if slices.Contains(path, "") {
		return
	}
	if m.root == nil {
		m.root = make(map[string]*metric)
	}
	at := m.root
	for _, segment := range path[:len(path)-1] {
		next := at[segment]
		if next == nil || next.children == nil {
			if value.Kind() == 'n' {
				return // there is nothing to delete
			}
			next = &metric{children: make(map[string]*metric)}
			at[segment] = next
		}
		at = next.children
	}
	last := path[len(path)-1]
	switch mode {
	case protocol.MetricIncrement:
		increment(at, last, value)
	case protocol.MetricAppend:
		appendTo(at, last, value)
	default:
		if value.Kind() == 'n' {
			delete(at, last)
			return
		}
		at[last] = parse(value)
	}
}

// parse makes objects into branches, so that a later dotted name can reach into them.
func parse(value jsontext.Value) *metric {
	if value.Kind() != '{' {
		return &metric{leaf: value.Clone()}
	}
	var fields map[string]jsontext.Value
	if json.Unmarshal(value, &fields) != nil {
		return &metric{leaf: value.Clone()}
	}
	m := &metric{children: make(map[string]*metric, len(fields))}
	for k, v := range fields {
		m.children[k] = parse(v)
	}
	return m
}

// increment adds: exactly where both are integers that fit, else as floats. What is no number stays as it is.
func increment(at map[string]*metric, name string, by jsontext.Value) {
	old := at[name]
	if old == nil {
		old = &metric{leaf: jsontext.Value("0")}
	}
	if old.leaf.Kind() != '0' || by.Kind() != '0' {
		return
	}
	a, errA := strconv.ParseInt(string(old.leaf), 10, 64)
	b, errB := strconv.ParseInt(string(by), 10, 64)
	if sum := a + b; errA == nil && errB == nil && (sum > a) == (b > 0) {
		at[name] = &metric{leaf: strconv.AppendInt(nil, sum, 10)}
		return
	}
	x, _ := strconv.ParseFloat(string(old.leaf), 64)
	y, _ := strconv.ParseFloat(string(by), 64)
	raw, err := json.Marshal(x + y)
	if err == nil { // not past the largest float
		at[name] = &metric{leaf: raw}
	}
}

// appendTo adds to a list, starts one, or makes one of the value that stands there.
func appendTo(at map[string]*metric, name string, value jsontext.Value) {
	list := []byte("[")
	if old := at[name]; old != nil {
		raw := old.appendJSON(nil)
		if jsontext.Value(raw).Kind() == '[' {
			raw = inner(raw)
		}
		list = append(list, raw...)
	}
	if len(list) > 1 {
		list = append(list, ',')
	}
	list = append(append(list, value...), ']')
	at[name] = &metric{leaf: list}
}

// appendJSON writes the tree as an object with sorted keys. predictTime, where it is known, wins over a metric of the
// model's own that has its name.
func (m *metrics) appendJSON(dst []byte, predictTime float64) []byte {
	if predictTime <= 0 {
		if len(m.root) == 0 {
			return append(dst, "{}"...)
		}
		return appendObject(dst, m.root)
	}
	if len(m.root) == 0 {
		return append(jsontext.AppendFloat(append(dst, `{"predict_time":`...), predictTime, 64), '}')
	}
	all := make(map[string]*metric, len(m.root)+1)
	for k, v := range m.root {
		all[k] = v
	}
	all["predict_time"] = &metric{leaf: jsontext.AppendFloat(nil, predictTime, 64)}
	return appendObject(dst, all)
}

func (m *metric) appendJSON(dst []byte) []byte {
	if m.children == nil {
		return append(dst, m.leaf...)
	}
	return appendObject(dst, m.children)
}

func appendObject(dst []byte, fields map[string]*metric) []byte {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, _ = jsontext.AppendQuote(dst, name) // invalid UTF-8 becomes U+FFFD
		dst = append(dst, ':')
		dst = fields[name].appendJSON(dst)
	}
	return append(dst, '}')
}
