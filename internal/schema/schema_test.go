package schema

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// document wraps the properties of inputs into an OpenAPI document.
func document(properties, required string) []byte {
	return []byte(`{"openapi":"3.0.2","components":{"schemas":{
		"mode":{"title":"mode","description":"An enumeration.","enum":["a","b"],"type":"string"},
		"Loop":{"type":"object","properties":{"loop":{"$ref":"#/components/schemas/Loop"}}},
		"Input":{"title":"Input","type":"object","properties":{` + properties + `},"required":[` + required + `]},
		"Output":{"type":"array"}}}}`)
}

func compileInput(t testing.TB, doc []byte) *Validator {
	t.Helper()
	s, err := Compile(doc)
	if err != nil {
		t.Fatal(err)
	}
	return s.Input(Predict)
}

func scan(v *Validator, input string) (Input, []string, error) {
	in, errs, err := v.Scan(NewSource([]byte(input)))
	var texts []string
	for _, e := range errs {
		texts = append(texts, strings.Join(e.Loc[2:], ".")+": "+e.Msg)
	}
	return in, texts, err
}

const allKinds = `
	"s":{"type":"string","minLength":2,"maxLength":3,"pattern":"^\\w+$"},
	"one":{"type":"string","maxLength":1},
	"i":{"type":"integer","minimum":1,"maximum":3},
	"f":{"type":"number","minimum":0.5,"maximum":20},
	"b":{"type":"boolean"},
	"n":{"type":"integer","nullable":true},
	"mode":{"allOf":[{"$ref":"#/components/schemas/mode"}],"default":"a"},
	"list":{"type":"array","items":{"type":"integer"}},
	"nlist":{"type":"array","items":{"type":"string"},"nullable":true},
	"o":{"type":"object"},
	"u":{"anyOf":[{"type":"string"},{"type":"number"}]},
	"bad":{"type":"string","pattern":"(?P=x)"},
	"loop":{"$ref":"#/components/schemas/Loop"},
	"uri":{"type":"string","format":"uri","default":"https://x/y"}`

func TestMessagesAreCogs(t *testing.T) {
	v := compileInput(t, document(allKinds, ""))
	for input, want := range map[string][]string{
		`{}`:                               nil,
		`null`:                             nil,
		`{"s":"ab","i":2}`:                 nil,
		`{"s":"éü"}`:                       nil, // \w is all letters
		`{"i":2.0,"f":1}`:                  nil,
		`{"n":null,"nlist":null}`:          nil,
		`{"u":1,"list":[1,2.0]}`:           nil,
		`{"bad":"anything"}`:               nil, // left to the worker; the others are still checked
		`{"uri":"no uri"}`:                 nil,
		`{"loop":{"loop":{"loop":1}}}`:     nil,
		`[1]`:                              {`__root__: [1] is not of type "object"`},
		`{"i":"2"}`:                        {`i: "2" is not of type "integer"`},
		`{"i":true}`:                       {`i: true is not of type "integer"`},
		`{"i":1.5}`:                        {`i: 1.5 is not of type "integer"`},
		`{"i":null}`:                       {`i: null is not of type "integer"`},
		`{"i":9}`:                          {`i: 9 is greater than the maximum of 3`},
		`{"i":0}`:                          {`i: 0 is less than the minimum of 1`},
		`{"i":1e400}`:                      {`i: 1e400 is not of type "integer"`},
		`{"f":0.25}`:                       {`f: 0.25 is less than the minimum of 0.5`},
		`{"s":"abcd"}`:                     {`s: "abcd" is longer than 3 characters`},
		`{"s":"a"}`:                        {`s: "a" is shorter than 2 characters`},
		`{"one":"ab"}`:                     {`one: "ab" is longer than 1 character`},
		`{"s":"a-b"}`:                      {`s: "a-b" does not match "^\\w+$"`},
		`{"mode":"z"}`:                     {`mode: "z" is not one of ["a","b"]`},
		`{"b":1}`:                          {`b: 1 is not of type "boolean"`},
		`{"list":[1, "x"]}`:                {`list/1: "x" is not of type "integer"`},
		`{"list":"x"}`:                     {`list: "x" is not of type "array"`},
		`{"nlist":[1]}`:                    {`nlist/0: 1 is not of type "string"`},
		`{"o":[1]}`:                        {`o: [1] is not of type "object"`},
		`{"u":[1.5]}`:                      {`u: [1.5] is not valid under any of the schemas listed in the 'anyOf' keyword`},
		`{"i":9,"s":"a"}`:                  {`i: 9 is greater than the maximum of 3`, `s: "a" is shorter than 2 characters`},
		`{"i":"x is a required property"}`: {`i: "x is a required property" is not of type "integer"`},
	} {
		_, got, err := scan(v, input)
		if err != nil {
			t.Errorf("%s: %v", input, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", input, diff)
		}
	}
}

func TestMissingFieldsComeInTheOrderOfTheSchema(t *testing.T) {
	v := compileInput(t, document(allKinds, `"i","s","f"`))
	_, got, _ := scan(v, `{"f":0,"unknown":1}`)
	want := []string{"i: Field required", "s: Field required", "f: 0 is less than the minimum of 0.5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, errs, _ := v.Scan(NewSource([]byte("null")))
	if len(errs) != 3 || errs[0].Type != "value_error.missing" {
		t.Errorf("null: %v", errs)
	}
}

func TestUnknownFieldsAreLeftOutAndTheRestIsTheRequestsOwnBytes(t *testing.T) {
	v := compileInput(t, document(allKinds, ""))
	in, _, err := scan(v, ` {"s": "ab", "unknown": {"a": 1}, "i": 2}`)
	if err != nil || string(in.JSON()) != `{"s":"ab","i":2}` {
		t.Errorf("%s, %v", in.JSON(), err)
	}
	in, _, err = scan(v, `{"s": "ab" ,"i": 2}`)
	if err != nil || string(in.JSON()) != `{"s": "ab" ,"i": 2}` {
		t.Errorf("%s, %v", in.JSON(), err)
	}
	in.Set("s", []byte(`"/tmp/x"`))
	if string(in.JSON()) != `{"s":"/tmp/x","i":2}` {
		t.Errorf("after Set: %s", in.JSON())
	}
}

func TestNoSchemaTakesEverythingThatIsAnObject(t *testing.T) {
	in, errs, err := scan(nil, `{"x":[1]}`)
	if err != nil || errs != nil || string(in.JSON()) != `{"x":[1]}` {
		t.Errorf("%s %v %v", in.JSON(), errs, err)
	}
	if _, errs, _ := scan(nil, `"x"`); len(errs) != 1 {
		t.Errorf("a string: %v", errs)
	}
}

func TestBrokenJSONAndDuplicatesAreErrors(t *testing.T) {
	v := compileInput(t, document(allKinds, ""))
	for _, input := range []string{`{"s":`, `{"s":"a","s":"b"}`, `{"s":"a"]`, `{"s":nul}`} {
		if _, _, err := scan(v, input); err == nil {
			t.Errorf("%s was accepted", input)
		}
	}
}

func TestFieldsAnnotatedAnyTakeEverything(t *testing.T) {
	v := compileInput(t, document(allKinds, "")).Unchecked([]string{"o"})
	for _, input := range []string{`{"o":1}`, `{"o":null}`, `{"o":[{}]}`} {
		if _, errs, err := scan(v, input); errs != nil || err != nil {
			t.Errorf("%s: %v %v", input, errs, err)
		}
	}
	if _, errs, _ := scan(v, `{"i":9}`); len(errs) != 1 {
		t.Errorf("the others: %v", errs)
	}
}

func TestDefaultsOrderOutputAndExample(t *testing.T) {
	s, err := Compile(document(allKinds, ""))
	if err != nil {
		t.Fatal(err)
	}
	v := s.Input(Predict)
	if d, ok := v.Default("uri"); !ok || string(d) != `"https://x/y"` {
		t.Errorf("default: %s %t", d, ok)
	}
	if _, ok := v.Default("s"); ok {
		t.Error("a default that is none")
	}
	if got := strings.Join(v.order, " "); got != "s one i f b n mode list nlist o u bad loop uri" {
		t.Errorf("order: %s", got)
	}
	if !s.OutputIsArray(Predict) || s.OutputIsArray(Train) {
		t.Error("output")
	}
	if got := string(v.Example()); got != `{"s":"..."}` {
		t.Errorf("example: %s", got)
	}
}

func TestFormsAreToldWhatAFieldTakes(t *testing.T) {
	v := compileInput(t, document(allKinds+`,"modes":{"type":"array","items":{"allOf":[{"$ref":"#/components/schemas/mode"}]}}`, ""))
	for name, want := range map[string][2]bool{ // text, list
		"s": {true, false}, "i": {false, false}, "list": {false, true}, "nlist": {true, true}, "modes": {true, true},
		"o": {false, false}, "u": {false, false}, "unknown": {false, false},
	} {
		if got := [2]bool{v.TakesText(name), v.TakesList(name)}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if none := (*Validator)(nil); none.TakesText("s") || none.TakesList("s") {
		t.Error("without a schema nothing is known")
	}
}

func TestDocumentsOfCogsGeneratorCompile(t *testing.T) {
	docs, err := filepath.Glob("../../python/tests/fixtures/schema/*.json")
	if err != nil || len(docs) < 13 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	for _, doc := range docs {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Compile(text)
		if err != nil || s.Input(Predict) == nil && s.Input(Train) == nil {
			t.Errorf("%s: %v", doc, err)
		}
	}
	if _, err := Compile([]byte("[")); err == nil {
		t.Error("broken JSON compiled")
	}
}

func FuzzScan(f *testing.F) {
	v := compileInput(f, document(allKinds, `"i"`))
	for _, seed := range []string{
		`{"i":1}`, `{"s":"ab","list":[1]}`, `null`, `{"u":{}}`, `{"i":1e999999999}`,
		`{"s":"abcdef","s":"ghi"}`, `{ "list" : ["abc" , "a\"b", "d\\"], "abcdef" : {"abc":"def"},"i":1 }`, `{"s":"abc}`,
		`{"s":"é€𝄞","u":["\u0041bcd",{"abc":1,"abd":2}]}`, "{\"s\":\"a\nbc\",\"i\":\"abc\"}", "{\"s\":\"ab\xff\"}", `{"s":abc"def"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		in, errs, err := v.Scan(newSource(input, len(input)+1))
		if err == nil && !jsontext.Value(in.JSON()).IsValid() {
			t.Fatalf("%q became %q", input, in.JSON())
		}
		for _, size := range []int{1, 3} {
			short, shortErrs, shortErr := v.Scan(newSource(input, size))
			if fmt.Sprint(err) != fmt.Sprint(shortErr) {
				t.Fatalf("%q: %v, without texts: %v", input, err, shortErr)
			}
			if err == nil && (!reflect.DeepEqual(in, short) || !reflect.DeepEqual(errs, shortErrs)) {
				t.Fatalf("%q: %v %v, without texts: %v %v", input, in, errs, short, shortErrs)
			}
		}
	})
}

func BenchmarkScan(b *testing.B) {
	v := compileInput(b, document(`"s":{"type":"string"}`, ""))
	for name, size := range map[string]int{"small": 5, "10MB": 10 << 20} {
		body := []byte(`{"s":"` + strings.Repeat("x", size) + `"}`)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, errs, err := v.Scan(NewSource(body)); errs != nil || err != nil {
					b.Fatal(errs, err)
				}
			}
		})
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	v := compileInput(t, document(`
		"key":{"type":"string","format":"password","writeOnly":true,"x-cog-secret":true},
		"other":{"type":"string","x-cog-secret":true,"nullable":true},
		"keys":{"type":"array","items":{"type":"string","format":"password"}},
		"s":{"type":"string"}`, ""))
	for input, want := range map[string]string{
		`{"s":"x", "more":1}`:                   `{"s":"x", "more":1}`,
		`{"key":"k","s":"x"}`:                   `{"key":"**********","s":"x"}`,
		`{"keys":["a","b"],"other":null}`:       `{"keys":["**********"],"other":null}`,
		`{"other":"o","key":"\u006b","more":1}`: `{"other":"**********","key":"**********"}`,
	} {
		in, _, err := scan(v, input)
		if err != nil {
			t.Fatal(err)
		}
		sent := string(in.JSON())
		if got := string(v.Shown(&in, jsontext.Value(input))); got != want {
			t.Errorf("%s is shown as %s, want %s", input, got, want)
		}
		if string(in.JSON()) != sent {
			t.Errorf("%s: what the worker gets is masked too", input)
		}
	}
}
