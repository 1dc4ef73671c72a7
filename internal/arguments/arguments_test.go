package arguments

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

const document1 = `{"components":{"schemas":{
	"Input":{"properties":{
		"s":{"type":"string","x-order":0},
		"n":{"type":"integer","x-order":1},
		"f":{"type":"number"},
		"b":{"type":"boolean"},
		"file":{"type":"string","format":"uri"},
		"files":{"type":"array","items":{"type":"string","format":"uri"}},
		"list":{"type":"array","items":{"type":"integer"}},
		"names":{"type":"array","items":{"type":"string"}},
		"o":{"type":"object"},
		"choice":{"allOf":[{"$ref":"#/components/schemas/choice"}],"default":2},
		"maybe":{"type":"integer","nullable":true},
		"either":{"anyOf":[{"type":"string"},{"type":"integer"}]},
		"maybefile":{"type":"string","format":"uri","nullable":true},
		"textfile":{"anyOf":[{"type":"string"},{"type":"string","format":"uri"}]},
		"any":{},
		"loop":{"$ref":"#/components/schemas/loop"}}},
	"choice":{"type":"integer","enum":[1,2]},
	"loop":{"type":"array","items":{"$ref":"#/components/schemas/loop"}},
	"TrainingInput":{"properties":{"steps":{"type":"integer"}}},
	"TrainingOutput":{"type":"object","properties":{"weights":{"type":"string","format":"uri"}}},
	"Output":{"type":"array","items":{"type":"string"},"x-cog-array-type":"iterator","x-cog-array-display":"concatenate"}}}}`

func file(path string) (jsontext.Value, error) {
	if path == "gone" {
		return nil, errors.New("open gone: no such file")
	}
	return jsontext.AppendQuote(nil, "file:"+path)
}

func TestTypesComeFromTheSchema(t *testing.T) {
	s, err := Read([]byte(document1), "predict")
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"s=5":                           `{"s":"5"}`,
		"s=":                            `{"s":""}`,
		"s=a=b":                         `{"s":"a=b"}`,
		"s=@ada":                        `{"s":"@ada"}`,
		"s=null":                        `{"s":"null"}`,
		"s=é\n\"":                       `{"s":"é\n\""}`,
		"n=9223372036854775807":         `{"n":9223372036854775807}`,
		"n=123456789012345678901234567": `{"n":123456789012345678901234567}`,
		"n=-0":                          `{"n":-0}`,
		"n=+7":                          `{"n":7}`,
		"n=2.0":                         `{"n":2.0}`,
		"f=.5":                          `{"f":0.5}`,
		"f=1e-3":                        `{"f":1e-3}`,
		"f=3":                           `{"f":3}`,
		"b=True":                        `{"b":true}`,
		"b=0":                           `{"b":false}`,
		"file=@a b.png":                 `{"file":"file:a b.png"}`,
		"file=https://x/y":              `{"file":"https://x/y"}`,
		"files=@a files=@b":             `{"files":["file:a","file:b"]}`,
		"files=@a":                      `{"files":["file:a"]}`,
		"list=1":                        `{"list":[1]}`,
		"list=1 s=x list=2":             `{"list":[1,2],"s":"x"}`,
		"list=[3,4]":                    `{"list":[3,4]}`,
		"names=[x":                      `{"names":["[x"]}`,
		`o={"a":1}`:                     `{"o":{"a":1}}`,
		"choice=2":                      `{"choice":2}`,
		"maybe=null":                    `{"maybe":null}`,
		"either=5":                      `{"either":5}`,
		"either=five":                   `{"either":"five"}`,
		"maybefile=null":                `{"maybefile":null}`,
		"textfile=plain":                `{"textfile":"plain"}`,
		"textfile=@x":                   `{"textfile":"file:x"}`,
		`any={"x":[1]}`:                 `{"any":{"x":[1]}}`,
		"any=word":                      `{"any":"word"}`,
		"any=1 any=two":                 `{"any":[1,"two"]}`,
		"":                              `{}`,
	} {
		var list []string
		if args != "" {
			list = strings.Split(args, " ")
		}
		if args == "file=@a b.png" {
			list = []string{args}
		}
		got, err := s.Object(list, file)
		if err != nil || string(got) != want {
			t.Errorf("%q: %s, %v, want %s", args, got, err, want)
		}
	}
}

func TestErrorsSayWhatIsWanted(t *testing.T) {
	s, err := Read([]byte(document1), "predict")
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"nmae=x":     `no input "nmae": the model has `,
		"n=abc":      `input "n": want a whole number, got "abc"`,
		"n=1.5":      `input "n": want a whole number, got "1.5"`,
		"n=0x10":     `want a whole number`,
		"f=nan":      `want a number`,
		"f=inf":      `want a number`,
		"b=maybe":    `want true or false`,
		"o=[1]":      `want a JSON object`,
		"n=1 n=2":    `given 2 times`,
		"file=a":     `want a file: file=@PATH, or a URL`,
		"file=@gone": `input "file": open gone: no such file`,
		"list=x":     `want a whole number, got "x"`,
		"list=[x]":   `want a whole number`,
		"s":          `-i s: want name=value`,
		"=x":         `want name=value`,
		"s=\xff":     `not valid UTF-8`,
	} {
		got, err := s.Object(strings.Split(args, " "), file)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %s, %v, want %q", args, got, err, want)
		}
	}
}

func TestSignatureOfEachMode(t *testing.T) {
	s, err := Read([]byte(document1), "predict")
	if err != nil || !s.Output.Concatenate || !s.Output.Iterator || s.Output.Files {
		t.Errorf("predict: %+v, %v", s.Output, err)
	}
	s, err = Read([]byte(document1), "train")
	if err != nil || s.Output.Concatenate || !s.Output.Files {
		t.Errorf("train: %+v, %v", s.Output, err)
	}
	if got, err := s.Object([]string{"steps=3"}, file); err != nil || string(got) != `{"steps":3}` {
		t.Errorf("train: %s, %v", got, err)
	}
	var unknown *Signature
	if got, err := unknown.Object([]string{"x=1", "y=z"}, file); err != nil || string(got) != `{"x":1,"y":"z"}` {
		t.Errorf("no schema: %s, %v", got, err)
	}
}

func FuzzObjectIsJSON(f *testing.F) {
	f.Add("n=5", "list=1")
	f.Add(`o={"a":[1,{}]}`, `any="x`)
	f.Fuzz(func(t *testing.T, a, b string) {
		s, err := Read([]byte(document1), "predict")
		if err != nil {
			t.Fatal(err)
		}
		object, err := s.Object([]string{a, b}, file)
		if err == nil && !object.IsValid() {
			t.Fatalf("%q %q: %s", a, b, object)
		}
	})
}
