package integration

import (
	"strings"
	"testing"
)

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
