package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tests of this file have a row for each behaviour that tables of the Python contract note of inputs (section 5),
// outputs (8) and metrics (10): either the same here, or what stands in its place.

// environments are what such a table is run in: the bundled and the real SDK, and every Python of this machine.
func environments(t *testing.T) []string {
	t.Helper()
	pythons, err := filepath.Glob("../.cache/venvs/py3*")
	if err != nil || len(pythons) == 0 {
		t.Fatalf("no environments of the Pythons of this machine: run make pythons (%v)", err)
	}
	names := []string{"bundled", "cog"}
	for _, python := range pythons {
		names = append(names, filepath.Base(python))
	}
	return names
}

func TestInputsArriveAsDeclared(t *testing.T) {
	const one, two = "data:text/plain;base64,b25l", "data:,two"
	const noURL = "not a URL: want http://…, https://… or data:…"
	type list = []any
	type object = map[string]any
	rows := []struct {
		name   string
		value  any
		want   string // as which it arrives
		detail string // what a 422 says; "" = it is taken
		failed string // what the prediction fails with, where only the worker can tell
	}{
		{"integer", 2.0, "2", "", ""},
		{"integer", true, "", `true is not of type "integer"`, ""},
		{"integer", "2", "", `"2" is not of type "integer"`, ""},
		{"integer", 1.5, "", `1.5 is not of type "integer"`, ""},
		{"integer", 10, "", `10 is greater than the maximum of 9`, ""},
		{"integer", -1, "", `-1 is less than the minimum of 0`, ""},
		{"integer", nil, "", `null is not of type "integer"`, ""},
		{"number", 2, "2.0", "", ""},
		{"number", true, "", `true is not of type "number"`, ""},
		{"text", "éb", "'éb'", "", ""}, // searched for anywhere
		{"text", "z", "", `"z" does not match "b+|a"`, ""},
		{"text", "aaaaa", "", `"aaaaa" is longer than 4 characters`, ""},
		{"text", "", "", `"" is shorter than 1 character`, ""},
		{"flag", 1, "", `1 is not of type "boolean"`, ""},
		{"maybe", nil, "None", "", ""},
		{"maybe", 3.0, "3", "", ""},
		{"choice", "z", "", `"z" is not one of ["a","b"]`, ""},
		{"size", 512.0, "512", "", ""},
		{"size", 3, "", `3 is not one of [256,512]`, ""},
		{"literal", 1, "1", "", ""},
		{"literal", true, "True", "", ""},
		{"literal", "b", "", `"b" is not one of [1,"a",true]`, ""},
		{"color", 2, "<Color.TWO: 2>", "", ""},
		{"color", "blue", "", `"blue" is not one of ["red",2]`, ""},
		{"level", 1.0, "<Level.LOW: 1>", "", ""},
		{"integers", list{1, 2.0}, "list(1, 2)", "", ""},
		{"integers", list{1, "x"}, "", `"x" is not of type "integer"`, ""},
		{"integers", 3, "", `3 is not of type "array"`, ""},
		{"pair", list{1.0, "b"}, "tuple('b', 1)", "", ""},
		{"pair", list{1}, "", `[1] has less than 2 items`, ""},
		{"pair", list{"b", 1}, "", "", `input.pair: item 0: "b" is not an integer`},
		{"chosen", list{"q"}, "list('q')", "", ""},
		{"chosen", "q", "", `"q" is not of type "array"`, ""},
		{"chosen", list{"z"}, "", `"z" is not one of ["p","q"]`, ""},
		{"bounded", list{9}, "list(9)", "", ""},
		{"bounded", list{1, 10}, "", `10 is greater than the maximum of 9`, ""},
		{"nulls", list{nil, 1}, "list(1, None)", "", ""},
		{"either", 2.0, "2", "", ""},
		{"either", "2", "'2'", "", ""},
		{"either", 1.5, "", `1.5 is not valid under any of the schemas listed in the 'anyOf' keyword`, ""},
		{"modern", nil, "None", "", ""},
		{"modern", "x", "'x'", "", ""},
		{"lists", list{1.0}, "list(1)", "", ""},
		{"lists", "b", "'b'", "", ""},
		{"anything", list{1, nil}, "list(1, None)", "", ""}, // Cog takes objects only
		{"anything", nil, "None", "", ""},
		{"mapping", object{"a": 1}, "dict(a=1.0)", "", ""},
		{"mapping", list{}, "", `[] is not of type "object"`, ""},
		{"colors", object{"a": "red"}, "dict(a=<Color.RED: 'red'>)", "", ""},
		{"colors", object{"a": "blue"}, "", "", `input.colors: a: "blue" is not one of ["red", 2]`},
		{"box_map", object{"a": object{"x": 1}}, "dict(a=Box(x=1, file=None, files=list(), open=None, token=None))", "", ""},
		{"options", object{"steps": "unchecked"}, "dict(steps='unchecked')", "", ""},
		{"opaque", object{"x": 1}, "dict(x=1)", "", ""},
		{"annotated", 2.0, "2", "", ""},
		{
			"box",
			object{"x": 1.0, "file": one, "files": list{two}, "open": two, "token": "t"},
			"Box(x=1, file=Path(*file.txt: one), files=list(Path(*file.txt: two)), open=File(two), token=Secret(t))", "", "",
		},
		{"box", object{"x": "1"}, "", "", `input.box: x: "1" is not an integer`},
		{"box", object{"x": 1, "file": "/etc/hostname"}, "", "", `input.box: file: "/etc/hostname" is not a URL`},
		{"box", object{"x": 1, "open": "/etc/hostname"}, "", "", `input.box: open: "/etc/hostname" is not a URL`},
		{"box", object{"y": 1}, "", "", `input.box: has no field 'y'`},
		{"boxes", list{object{"x": 1}}, "list(Box(x=1, file=None, files=list(), open=None, token=None))", "", ""},
		{"path", one, "Path(file.txt: one)", "", ""},
		{"path", nil, "None", "", ""},
		{"path", "/etc/hostname", "", noURL, ""}, // Cog passes it on as a str
		{"path", "file:///etc/hostname", "", noURL, ""},
		{"path", "HTTP://localhost/x", "", noURL, ""},
		{"path", 3, "", `3 is not of type "string"`, ""},
		{"paths", list{one, two}, "list(Path(file.txt: one), Path(file.txt: two))", "", ""},
		{"paths", list{one, "/etc/hostname"}, "", noURL, ""}, // Cog fetches neither
		{"paths", list{}, "list()", "", ""},
		{"nested", list{list{one}, list{}}, "list(list(), list(Path(*file.txt: one)))", "", ""},
		{"nested", list{list{"/etc/hostname"}}, "", "", `input.nested: item 0: item 0: "/etc/hostname" is not a URL`},
		{"plain", one, "PosixPath(file.txt: one)", "", ""}, // Cog passes the URL on
		{"like", one, "PosixPath(file.txt: one)", "", ""},
		{"path_set", list{one}, "set(Path(file.txt: one))", "", ""},
		{"path_pair", list{one, two}, "tuple(Path(file.txt: one), Path(file.txt: two))", "", ""},
		{"mixed_pair", list{1.0, two}, "tuple(1, Path(*file.txt: two))", "", ""},
		{"sequence", list{one}, "list(Path(file.txt: one))", "", ""},
		{"one_or_many", one, "Path(file.txt: one)", "", ""},
		{"one_or_many", list{one, two}, "list(Path(file.txt: one), Path(file.txt: two))", "", ""},
		{"path_or_text", one, "Path(file.txt: one)", "", ""},
		{"path_or_text", "plain", "'plain'", "", ""},
		{"paths_or_texts", list{"plain", one}, "list('plain', Path(file.txt: one))", "", ""},
		{"path_or_int", one, "Path(file.txt: one)", "", ""},
		{"path_or_int", 3, "3", "", ""},
		{"path_or_int", "x", "", noURL, ""},
		{"path_map", object{"a": two}, "dict(a='data:,two')", "", ""}, // left alone
		{"file", one, "File(one)", "", ""},
		{"files", list{one, two}, "list(File(one), File(two))", "", ""},
		{"url", "https://localhost/x", "'https://localhost/x'", "", ""},
		{"secret", "s", "Secret(s)", "", ""},
		{"secret", nil, "None", "", ""},
		{"secrets", list{"a", "b"}, "list(Secret(a), Secret(b))", "", ""}, // Cog leaves them str
		{"secret_or_text", "s", "Secret(s)", "", ""},
		{"unknown", 1, "", "", ""}, // left out
	}
	for _, env := range environments(t) {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			s := ready(t, "inputs", launch{python: venv(t, env)})
			for _, row := range rows {
				a := s.predict(row.name, row.value)
				given, _ := json.Marshal(row.value)
				shown := fmt.Sprintf("%s=%s", row.name, given)
				switch {
				case row.detail != "":
					detail, _ := json.Marshal(row.detail) // as it stands in the answer
					if a.code != http.StatusUnprocessableEntity || !strings.Contains(a.raw, string(detail)) || !strings.Contains(a.raw, `"input","`+row.name) {
						t.Errorf("%s: %d %s", shown, a.code, a.raw)
					}
				case row.failed != "":
					if a.str("error") != row.failed {
						t.Errorf("%s: %d %s", shown, a.code, a.raw)
					}
				default:
					out, _ := s.succeeded(a).(map[string]any)
					if got, _ := out[row.name].(string); !matches(got, row.want) {
						t.Errorf("%s arrives as %s, want %s", shown, got, row.want)
					}
				}
			}
			for _, body := range []string{"", `{}`, `{"input":{}}`, `{"input":null}`} {
				out, _ := s.succeeded(s.do("POST", "/predictions", body)).(map[string]any)
				if out["number"] != "1.0" || out["maybe"] != "None" || out["remote"] != "Path(file.txt: remote)" || out["color"] != "<Color.RED: 'red'>" {
					t.Errorf("defaults of %q: %v", body, out)
				}
			}
			fetched, err := filepath.Glob(filepath.Join(s.tmp, "tmp*")) // by the worker
			if left := append(s.predictionFolders(), fetched...); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

// matches compares with a pattern in which each * stands for anything: a file's name, words that Pythons differ in.
func matches(got, pattern string) bool {
	expression := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`)
	return regexp.MustCompile("^" + expression + "$").MatchString(got)
}

// TestOutputsBecomeJSON evaluates an expression in predict() and returns what it gives.
func TestOutputsBecomeJSON(t *testing.T) {
	const file = "/tmp/coglet-test-rows.png"
	png := dataURL("image/png", "pixels")
	rows := []struct{ expression, want, failed string }{
		// what is one value, and what is a list of them
		{"[1, 'a']", `[1,"a"]`, ""},
		{"('a',)", `["a"]`, ""},
		{"[]", `[]`, ""},
		{"type('L', (list,), {})([1])", `[1]`, ""},
		{"{1}", `[1]`, ""},
		{"[{1}]", `[[1]]`, ""},
		{"(n for n in [])", `[]`, ""},
		{"(n for n in [1, [2]])", `[1,[2]]`, ""},
		{"iter([1])", `[1]`, ""}, // Cog knows generators only
		{"map(str, [1])", `["1"]`, ""},
		{"range(3)", `[0,1,2]`, ""},
		{"None", `null`, ""},
		{"'x' * 7_000_000 + 'y'", `"` + strings.Repeat("x", 7_000_000) + `y"`, ""},
		// the conversions of Cog
		{"Pydantic()", `{"a":1}`, ""},
		{"Old()", `{"a":1}`, ""},
		{"{'a': Data(1, [Data(2, None)])}", `{"a":{"a":1,"b":[{"a":2,"b":null}]}}`, ""},
		{"Model(a=1, file=Path(FILE))", `{"a":1,"file":"` + png + `","token":null}`, ""},
		{"frozenset([1])", `[1]`, ""},
		{"Color.RED", `"red"`, ""},
		{"Color.FILE", `"` + png + `"`, ""},
		{"datetime.datetime(2026, 1, 2)", `"2026-01-02T00:00:00"`, ""},
		{"{1: 1, None: 2, 1.5: 3, Color.RED: 4}", `{"1":1,"null":2,"1.5":3,"red":4}`, ""},
		{"Secret('hidden')", `"**********"`, ""}, // Cog shows it
		{"{'s': [Secret('hidden')], 'm': Model(a=1, token=Secret('hidden'))}", `{"s":["**********"],"m":{"a":1,"file":null,"token":"**********"}}`, ""},
		// what Cog fails on
		{"[float('nan'), {'a': float('-inf')}]", `[null,{"a":null}]`, ""},
		{"b'ab'", `"data:application/octet-stream;base64,YWI="`, ""},
		{"[datetime.date(2026, 1, 2), datetime.time(3, 4)]", `["2026-01-02","03:04:00"]`, ""},
		{"[decimal.Decimal('1.50'), uuid.UUID(int=1)]", `["1.50","00000000-0000-0000-0000-000000000001"]`, ""},
		{"[Boolean(), Tensor([1, [2.5]])]", `[true,[1,[2.5]]]`, ""},
		{"Tensor([1, 2])", `[1,2]`, ""},
		{"Tensor(1.5)", `1.5`, ""},
		{"collections.OrderedDict(a=Path(FILE), b=Tensor([1]))", `{"a":"` + png + `","b":[1]}`, ""},
		{"collections.defaultdict(list, a=[Path(FILE)])", `{"a":["` + png + `"]}`, ""},
		{"Data(1, open(FILE, 'rb'))", `{"a":1,"b":"` + png + `"}`, ""},
		{"2**70", `1180591620717411303424`, ""},
		{"'\\ud800'", `"?"`, ""},
		// files
		{"Path(FILE)", `"` + png + `"`, ""},
		{"[pathlib.Path(FILE), FILE]", `["` + png + `","` + file + `"]`, ""},
		{"io.BytesIO(b'pixels')", `"` + dataURL("application/octet-stream", "pixels") + `"`, ""},
		{"open(FILE, 'rb')", `"` + png + `"`, ""},
		{"[io.StringIO('pixels'), {'a': io.StringIO('pixels')}]", `["` + dataURL("application/octet-stream", "pixels") + `",{"a":"` + dataURL("application/octet-stream", "pixels") + `"}]`, ""},
		{"read_to_its_end(io.BytesIO(b'pixels'))", `"` + dataURL("application/octet-stream", "pixels") + `"`, ""},
		// what cannot be
		{"Path('/nonexistent')", "", "output: no such file: /nonexistent"},
		{"{'a': [Path(FILE), Path('/nonexistent')]}", "", "output.a[1]: no such file: /nonexistent"},
		{"Path('/tmp')", "", "output: not a file: /tmp"},
		{"cycle()", "", "output.items[0].back: refers to itself"},
		{"[1, {'z': 1j}]", "", "output[1].z: cannot encode complex"},
		{"(n for n in [1, {'z': 1j}])", "", "output[1].z: cannot encode complex"},
		{"{'a': Model}", "", "output.a: cannot encode the class predict.Model"},
		{"[lambda: 1]", "", "output[0]: cannot encode function"},
		{"later()", `"later"`, ""}, // a coroutine that a plain def returns
		{"items_later()", `["a","b"]`, ""},
	}
	for _, env := range environments(t) {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			s := ready(t, "outputs", launch{python: venv(t, env)})
			pid := s.workers()[0]
			for _, row := range rows {
				a := s.predict("expression", row.expression)
				if row.failed != "" {
					s.failed(a, row.failed)
					if !strings.Contains(a.str("error"), "predict.py:") {
						t.Errorf("%s: the error names no line: %s", row.expression, a.str("error"))
					}
					continue
				}
				s.succeeded(a)
				if !strings.Contains(a.raw, `"output":`+row.want+`,"`) {
					t.Errorf("%s: %.600s, want %.200s", row.expression, a.raw, row.want)
				}
			}
			if s.workers()[0] != pid {
				t.Error("one of them cost the worker its life")
			}
		})
	}
}

// TestWhatIsReturnedWinsOverWhatIsDeclared: as in Cog, but that a list declared and a value returned are no list in a list.
func TestWhatIsReturnedWinsOverWhatIsDeclared(t *testing.T) {
	for declared, rows := range map[string]map[string]string{
		"List[str]":     {"'a'": `["a"]`, "None": `[]`, "{'a'}": `["a"]`, "['a']": `["a"]`, "Tensor([1])": `[1]`},
		"str":           {"['a']": `["a"]`, "None": `null`, "{'k': 1}": `{"k":1}`, "(c for c in 'ab')": `["a","b"]`},
		"Iterator[str]": {"'a'": `["a"]`, "[]": `[]`},
	} {
		t.Run(declared, func(t *testing.T) {
			t.Parallel()
			s := ready(t, "", launch{dir: model(t, strings.Replace(source(t, "outputs"), "-> Any:", "-> "+declared+":", 1))})
			for expression, want := range rows {
				if a := s.predict("expression", expression); !strings.Contains(a.raw, `"output":`+want+`,"`) {
					t.Errorf("%s: %s, want %s", expression, a.raw, want)
				}
			}
		})
	}
}

const recorder = `
import cog
from typing import Any
from cog import BasePredictor, current_scope
first = []
class Predictor(BasePredictor):
    def predict(self, do: str) -> Any:
        scope = current_scope()
        first.append(scope)
        names = {"self": self, "cog": cog, "scope": scope, "m": scope.metrics, "first": first[0]}
        try:
            if do.startswith("="):
                return eval(do[1:], names)
            exec(do, names)
        except Exception as error:
            return type(error).__name__ + ": " + str(error)
`

func TestMetricsAreCogs(t *testing.T) {
	const kinds = "Expected bool, int, float, str, list, or dict."
	rows := []struct{ do, metrics, output string }{
		{"m['b'] = True; m['i'] = 1; m['f'] = 1.5; m['s'] = 'x'; m['l'] = [1, None]; m['d'] = {'k': {'n': 2.5}}", `{"b":true,"d":{"k":{"n":2.5}},"f":1.5,"i":1,"l":[1,null],"s":"x"}`, "null"},
		{"self.record_metric('a', 1); self.scope.record_metric('b', 2); m.record('c', 3, mode='replace'); cog.emit_metric('d', 4)", `{"a":1,"b":2,"c":3,"d":4}`, "null"},
		// modes
		{"m.record('a.n', 1, 'incr'); m.record('a.n', 2, mode='increment')", `{"a":{"n":3}}`, "null"},
		{"m.record('n', 1, 'incr'); m.record('n', 1.5, 'incr')", `{"n":2.5}`, "null"}, // Cog raises
		{"m.record('l', 'x', 'append'); m.record('l', 'y', 'append')", `{"l":["x","y"]}`, "null"},
		{"m.record('l', 'x'); m.record('l', 'y', 'append')", `{"l":["x","y"]}`, "null"},
		{"m.record('x', 1); m.record('x.y.w', 2)", `{"x":{"y":{"w":2}}}`, "null"},
		{"m.record('x.y', 1); m.record('x', 2)", `{"x":2}`, "null"},
		{"m.record('', object(), 'foo')", `{}`, `"TypeError: Invalid metric mode: 'foo'. Expected 'replace', 'incr', or 'append'."`},
		// what deletes
		{"m['a'] = 1; m['a'] = None; m['b'] = 1; del m['b']; m['c'] = 1; m.delete('c'); m['d'] = 1; m.record('d', None)", `{}`, "null"}, // Cog raises for the last
		{"m['a'] = float('nan'); m['b'] = 1.5; m['b'] = float('inf'); m['b'] = 'x'", `{"b":"x"}`, "null"},
		{"m['a'] = 1; del m['a']; m['a'] = 'x'", `{"a":"x"}`, "null"},
		{"m.delete('predict_time'); m.delete('cog.x')", `{}`, "null"}, // only the structure of the name is looked at
		// types
		{"m['t'] = (1,)", `{}`, `"TypeError: Unsupported metric value type: tuple. ` + kinds + `"`},
		{"m.record('t', None, 'incr')", `{}`, `"TypeError: Unsupported metric value type: NoneType. ` + kinds + `"`},
		{"m['i'] = 1; m['i'] = 'x'", `{"i":1}`, `"TypeError: Metric 'i' has type int, cannot set to str without deleting first"`},
		{"m['i'] = 1; m['i'] = True", `{"i":1}`, `"TypeError: Metric 'i' has type int, cannot set to bool without deleting first"`},
		{"m['i'] = 1; m['i'] = 1.5", `{"i":1.5}`, "null"}, // Cog tells int from float
		{"m.record('l', 'x', 'append'); m.record('l', 1, 'append')", `{"l":["x"]}`, `"TypeError: Metric 'l' has type str, cannot set to int without deleting first"`},
		{"m.record('b', True, 'incr')", `{}`, `"TypeError: Increment mode requires int or float, got bool"`},
		{"m.record('s', 'x', 'incr')", `{}`, `"TypeError: Increment mode requires int or float, got str"`},
		{"m['l'] = [object()]", `{}`, `"TypeError: metric 'l': Object of type object is not JSON serializable"`},
		// names
		{"m[''] = 1", `{}`, `"ValueError: metric name must not be empty"`},
		{"m['x' * 129] = 1", `{}`, `"ValueError: metric name must be 128 characters or fewer (got 129 characters)"`},
		{"m['a.b.c.d.e'] = 1", `{}`, `"ValueError: metric name must have at most 4 dot-separated segments (got 5)"`},
		{"m['.a'] = 1", `{}`, `"ValueError: metric name must not start with a dot"`},
		{"m['a.'] = 1", `{}`, `"ValueError: metric name must not end with a dot"`},
		{"del m['a..b']", `{}`, `"ValueError: metric name must not contain empty segments (consecutive dots)"`},
		{"m['1a'] = 1", `{}`, `"ValueError: metric name segment '1a' must start with a letter"`},
		{"m['é'] = 1", `{}`, `"ValueError: metric name segment 'é' must start with a letter"`},
		{"m['a-b'] = 1", `{}`, `"ValueError: metric name segment 'a-b' contains invalid character '-'"`},
		{"m['a__b'] = 1", `{}`, `"ValueError: metric name segment 'a__b' must not contain consecutive underscores"`},
		{"m['a_'] = 1", `{}`, `"ValueError: metric name segment 'a_' must end with a letter or digit"`},
		{"m['predict_time'] = 1", `{}`, `"ValueError: 'predict_time' is reserved by the runtime"`},
		{"m['cog.x'] = 1", `{}`, `"ValueError: the 'cog.' prefix is reserved for system metrics"`},
		{"m['cog'] = 1", `{"cog":1}`, "null"},
		{"m[1] = 1", `{}`, `"TypeError: metric name must be a string, got int"`},
		// what they are
		{"=[repr(scope), repr(m)]", `{}`, `["Scope(MetricRecorder(keys=0))","MetricRecorder(keys=0)"]`},
		{"=[m.record('a', 1), repr(self.scope)]", `{"a":1}`, `[null,"Scope(MetricRecorder(keys=1))"]`},
		{"=m['a']", `{}`, `"TypeError: 'MetricRecorder' object is not subscriptable"`},
		{"=len(m)", `{}`, `"TypeError: object of type 'MetricRecorder' has no len()"`},
		{"scope.x = 1", `{}`, `"AttributeError: 'Scope' object has no attribute 'x'*"`},
		{"m.x = 1", `{}`, `"AttributeError: 'MetricRecorder' object has no attribute 'x'*"`},
		{"=[first.record_metric('late', 1), repr(first)]", `{}`, `[null,"Scope(MetricRecorder(inactive))"]`},
	}
	for _, env := range environments(t) {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			s := ready(t, "", launch{dir: model(t, recorder), python: venv(t, env)})
			for _, row := range rows {
				a := s.predict("do", row.do)
				s.succeeded(a)
				metrics, _ := a.body["metrics"].(map[string]any)
				delete(metrics, "predict_time")
				got, err := json.Marshal(metrics)
				if err != nil || string(got) != row.metrics {
					t.Errorf("%s: metrics %s, want %s", row.do, got, row.metrics)
				}
				output, _ := json.Marshal(a.body["output"])
				if !matches(string(output), row.output) {
					t.Errorf("%s: %s, want %s", row.do, output, row.output)
				}
			}
		})
	}
}
