package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
)

// documented is a predictor of docs/python.md with the requests that are said to work on it.
type documented struct {
	line     int
	source   string
	requests []request
}

// request is an input, and what is to come of it: what is not given is not compared.
type request struct {
	Input   json.RawMessage `json:"input"`
	Context json.RawMessage `json:"context"`
	Output  any             `json:"output"`
	Metrics map[string]any  `json:"metrics"`
	Error   string          `json:"error"`
	Code    int             `json:"code"`
}

// readDocumented takes the blocks of code out of a page.
func readDocumented(t *testing.T, page string) (found []*documented) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	kind, block := "", ""
	for n, line := range strings.Split(string(text), "\n") {
		switch fence, isFence := strings.CutPrefix(line, "```"); {
		case isFence && kind == "":
			kind, block = fence, ""
			if kind == "python" {
				found = append(found, &documented{line: n + 1})
			}
		case isFence && kind == "python":
			found[len(found)-1].source = block
			kind = ""
		case isFence:
			if kind == "json" {
				last := found[len(found)-1]
				var r request
				if err := json.Unmarshal([]byte(block), &r); err != nil {
					t.Fatalf("%s:%d: %v", page, n+1, err)
				}
				last.requests = append(last.requests, r)
			}
			kind = ""
		default:
			block += line + "\n"
		}
	}
	return found
}

func TestDocumentedPredictors(t *testing.T) {
	found := readDocumented(t, "../docs/python.md")
	if len(found) < 15 {
		t.Fatalf("%d predictors", len(found))
	}
	for _, d := range found {
		t.Run(fmt.Sprintf("line %d", d.line), func(t *testing.T) {
			t.Parallel()
			if len(d.requests) == 0 {
				t.Fatal("no request under it")
			}
			d.run(t)
		})
	}
}

func (d *documented) run(t *testing.T) {
	l := launch{dir: model(t, d.source), python: venv(t, "libs")}
	path, ref := "/predictions", "predict: predict.py"
	if strings.Contains(d.source, "def predict(text") {
		ref += ":predict"
	}
	if strings.Contains(d.source, "def train(") {
		path, ref = "/trainings", "train: predict.py:train"
		if strings.Contains(d.source, "class Trainer") {
			ref = "train: predict.py:Trainer"
		}
		l.flags = []string{"--x-mode", "train"}
	}
	write(t, l.dir, map[string]string{"cog.yaml": ref + "\n"})
	s := ready(t, "", l)
	for _, r := range d.requests {
		body, err := json.Marshal(map[string]any{"input": r.Input, "context": r.Context})
		if err != nil {
			t.Fatal(err)
		}
		if r.Context == nil {
			body = fmt.Appendf(nil, `{"input":%s}`, r.Input)
		}
		a := s.do("POST", path, string(body))
		switch {
		case r.Code != 0:
			if a.code != r.Code {
				t.Errorf("status code %d: %s", a.code, a.raw)
			}
			continue
		case r.Error != "":
			s.failed(a, r.Error)
			continue
		}
		if a.code != http.StatusOK || !reflect.DeepEqual(s.succeeded(a), r.Output) {
			t.Errorf("got %s\nwant %v", a.raw, r.Output)
		}
		metrics, _ := a.body["metrics"].(map[string]any)
		for name, want := range r.Metrics {
			if !reflect.DeepEqual(metrics[name], want) {
				t.Errorf("metric %s: %v, want %v", name, metrics[name], want)
			}
		}
	}
}
