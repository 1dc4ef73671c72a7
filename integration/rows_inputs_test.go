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

// The tests of the files rows_*.go have a row for each behaviour that tables of the Python contract note of inputs
// (section 5), outputs (8) and metrics (10): either the same here, or what stands in its place.

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
