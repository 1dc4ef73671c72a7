package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const pydantic = `
from typing import List, Optional
import pydantic
from cog import BasePredictor
class Inner(pydantic.BaseModel):
    scale: float
class Options(pydantic.BaseModel):
    steps: int = pydantic.Field(3, ge=1)
    inner: Optional[Inner] = None
    token: pydantic.SecretStr = pydantic.SecretStr("hidden")
class Predictor(BasePredictor):
    def predict(self, options: Options, many: List[Inner] = [], maybe: Optional[Options] = None) -> Options:
        assert type(options) is Options and all(type(m) is Inner for m in many) and maybe is None
        return Options(steps=options.steps + len(many), inner=options.inner)
`

func TestPydanticOneAndTwo(t *testing.T) {
	for _, env := range []string{"pydantic1", "libs"} {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			s := ready(t, "", launch{dir: model(t, pydantic), python: venv(t, env)})
			a := s.do("POST", "/predictions", `{"input":{"options":{"steps":5,"inner":{"scale":1}},"many":[{"scale":2}]}}`)
			s.succeeded(a)
			if !strings.Contains(a.raw, `"output":{"steps":6,"inner":{"scale":1.0},"token":"**********"}`) {
				t.Errorf("%s", a.raw)
			}
			a = s.do("POST", "/predictions", `{"input":{"options":{"steps":0}}}`) // its own validation
			if s.failed(a, "input.options: "); !strings.Contains(a.str("error"), "greater than or equal to 1") {
				t.Errorf("%s", a.raw)
			}
			if a := s.do("POST", "/predictions", `{"input":{"options":[]}}`); a.code != http.StatusUnprocessableEntity {
				t.Errorf("%d %s", a.code, a.raw)
			}
			doc := s.do("GET", "/openapi.json", "")
			if !strings.Contains(doc.raw, `"steps":{"title":"Steps","type":"integer"}`) {
				t.Errorf("%s", doc.raw)
			}
		})
	}
}

// TestLibraries runs one model on the libraries that models are made of, as they come from PyPI.
func TestLibraries(t *testing.T) {
	s := ready(t, "libraries", launch{python: venv(t, "libs")})
	output := func(t *testing.T, want string, inputs ...any) answer {
		t.Helper()
		a := s.predict(inputs...)
		got, _ := json.Marshal(s.succeeded(a))
		if string(got) != want {
			t.Errorf("output %s, want %s", got, want)
		}
		return a
	}
	logged := func(t *testing.T, a answer, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(a.str("logs"), want) {
				t.Errorf("%q is not in the logs:\n%s", want, a.str("logs"))
			}
		}
	}
	t.Run("inputs", func(t *testing.T) {
		output(t, `"3 3 None Color.RED small []"`, "do", "inputs")
		output(t, `"2 7 Color.BLUE Color.BLUE large [1, 2]"`, "do", "inputs", "n", 2.0, "color", "blue", "size", "large",
			"options", map[string]any{"steps": 7, "color": "blue"}, "many", []any{1.0, 2})
		s.failed(s.predict("do", "inputs", "options", map[string]any{"steps": "x"}), "input.options: ")
		for name, value := range map[string]any{"color": "green", "size": "medium", "many": []int{1, 10}, "n": -1} {
			if a := s.predict("do", "inputs", name, value); a.code != http.StatusUnprocessableEntity || !strings.Contains(a.raw, name) {
				t.Errorf("%s=%v: %d %s", name, value, a.code, a.raw)
			}
		}
	})
	t.Run("what setup made works in predict", func(t *testing.T) { // W21
		output(t, `["thread-local","context",1,1]`, "do", "setup_state")
		output(t, `["thread-local","context",2,2]`, "do", "setup_state")
	})
	t.Run("processes", func(t *testing.T) {
		a := output(t, `{"executor":16,"fork":["_io",16],"fork_queue":4,"forkserver":["_io",16],"forkserver_queue":4,"spawn":["_io",16],"spawn_queue":4}`,
			"do", "processes", "n", 4)
		if n := strings.Count(a.str("logs"), "in a child\n"); n != 3 {
			t.Errorf("%d of 3 children are in the logs:\n%s", n, a.str("logs"))
		}
		logged(t, a, "squaring 4\n")
		if strings.Contains(fmt.Sprint(a.body["metrics"]), "from_child") {
			t.Errorf("a child recorded a metric: %s", a.raw)
		}
	})
	t.Run("threads", func(t *testing.T) {
		a := output(t, `[0,1,0,1,4]`, "do", "threads", "n", 2)
		logged(t, a, "in a thread\n")
		if n := strings.Count(a.str("logs"), "squaring "); n != 5 {
			t.Errorf("%d of 5 prints are in the logs:\n%s", n, a.str("logs"))
		}
		if !strings.Contains(fmt.Sprint(a.body["metrics"]), "by_thread:2") {
			t.Errorf("metrics: %v", a.body["metrics"])
		}
	})
	t.Run("a thread that fails", func(t *testing.T) {
		a := output(t, `null`, "do", "thread_that_fails")
		logged(t, a, "ValueError: in a thread", `predict.py", line`)
		if strings.Contains(a.str("logs"), "/coglet/") {
			t.Errorf("frames of the harness:\n%s", a.str("logs"))
		}
	})
	t.Run("logs", func(t *testing.T) {
		logged(t, output(t, `null`, "do", "logs"), "INFO through logging\n", "event='through structlog' n=3\n", "through rich\n",
			"through tqdm: 100%", "3/3", "through a child\n", "through bytes\n", "to stderr\n")
	})
	t.Run("values", func(t *testing.T) {
		a := s.predict("do", "values")
		out := s.succeeded(a).(map[string]any)
		picture, _ := out["picture"].(string)
		if !strings.HasPrefix(picture, "data:image/png;base64,iVBOR") {
			t.Errorf("picture: %.60v", out["picture"])
		}
		delete(out, "picture")
		got, _ := json.Marshal(out)
		if want := `{"array":[0,1,2],"loss":0.5,"model":{"color":"blue","steps":3},"nan":[null,null],"scalar":true,"tensor":[1,2.5]}`; string(got) != want {
			t.Errorf("output %s, want %s", got, want)
		}
		if n := strings.Count(a.str("logs"), "NaN or infinity"); n != 1 {
			t.Errorf("%d warnings of NaN:\n%s", n, a.str("logs"))
		}
		output(t, `[1,2]`, "do", "tensor")
		if pictures, _ := s.succeeded(s.predict("do", "pictures", "n", 2)).([]any); len(pictures) != 2 {
			t.Errorf("%d pictures", len(pictures))
		}
	})
	t.Run("outputs without JSON", func(t *testing.T) {
		s.failed(s.predict("do", "cycle"), "output.items[0].back: refers to itself")
		s.failed(s.predict("do", "complex"), "output[1].z: cannot encode complex: return str, numbers")
		s.failed(s.predict("do", "complex"), "(returned by predict() at predict.py:")
	})
}
