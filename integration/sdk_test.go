package integration

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

func TestBundledAndRealSDK(t *testing.T) {
	for env, want := range map[string]string{
		"bundled": "bundled 0.24.0", "cog": "cog 0.23.1", "cog-0.19.3": "cog 0.19.3", "cog-0.17.2": "cog 0.17.2",
		"cog-0.16.12": "bundled 0.24.0 (before cog 0.16.12, which is too old)",
	} {
		t.Run(env, func(t *testing.T) {
			s := ready(t, "sdk", launch{python: venv(t, env)})
			version, _ := s.health().body["version"].(map[string]any)
			if version["python_sdk"] != want {
				t.Errorf("SDK in use: %v, want %s", version["python_sdk"], want)
			}
			if logs := s.setupLogs(); !strings.Contains(logs, "cog "+strings.Fields(want)[1]+" ") {
				t.Errorf("the model imported another one: %s", logs)
			}
			if n := strings.Count(s.logs(), "which is too old"); n != strings.Count(want, "which is too old") {
				t.Errorf("the log says %d times which SDK stands before an older one:\n%s", n, s.logs())
			}
			for range 2 { // a default is fresh each time
				a := s.predict("text", "hi", "n", 2.0, "ratio", 1, "token", "geheim", "maybe", nil)
				out := s.succeeded(a).(map[string]any)
				if out["text"] != "hi 2 1.0 a None geheim" || out["file"] != dataURL("text/plain", "x hi") ||
					out["secret"] != "**********" {
					t.Errorf("output: %v", out)
				}
				if m := fmt.Sprint(a.body["metrics"]); !strings.Contains(m, "letters:2") || !strings.Contains(m, "calls:1") {
					t.Errorf("metrics: %s", m)
				}
			}
			a := s.predict("text", "hi", "n", 9, "mode", "z")
			if a.code != http.StatusUnprocessableEntity || !strings.Contains(a.raw, "9 is greater than the maximum of 5") ||
				!strings.Contains(a.raw, `\"z\" is not one of [\"a\",\"b\"]`) {
				t.Errorf("bad inputs: %d %s", a.code, a.raw)
			}
		})
	}
}

const seeded = `
from typing import Any
from cog import BasePredictor, Input
class Predictor(BasePredictor):
    def predict(self, seed: int = Input(description="Random seed", default=None), other: str = None) -> Any:
        return [seed, other]
`

// Up to 0.16 an input whose default is None could be left out, whatever its type. From 0.17 on it is required, unless a
// schema that was made before says otherwise.
func TestDefaultsOfNone(t *testing.T) {
	for _, tc := range []struct {
		env      string
		file     bool
		required bool
	}{{"cog-0.16.12", false, false}, {"bundled", false, true}, {"bundled", true, false}, {"cog", true, false}} {
		t.Run(fmt.Sprintf("%s %t", tc.env, tc.file), func(t *testing.T) {
			t.Parallel()
			dir := model(t, seeded)
			if tc.file {
				if err := os.Mkdir(dir+"/.cog", 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, dir+"/.cog", map[string]string{"openapi_schema.json": `{"openapi":"3.0.2","components":{"schemas":{"Input":{"type":"object",` +
					`"properties":{"seed":{"type":"integer","nullable":true},"other":{"type":"string"}}}}}}`})
			}
			s := ready(t, "", launch{dir: dir, python: venv(t, tc.env)})
			if a := s.predict(); tc.required {
				if a.code != http.StatusUnprocessableEntity || strings.Count(a.raw, "Field required") != 2 {
					t.Errorf("%d %s", a.code, a.raw)
				}
				return
			} else if out := s.succeeded(a); fmt.Sprint(out) != "[<nil> <nil>]" {
				t.Errorf("left out: %v", out)
			}
			if out := s.succeeded(s.predict("seed", nil)); fmt.Sprint(out) != "[<nil> <nil>]" {
				t.Errorf("null: %v", out)
			}
			if out := s.succeeded(s.predict("seed", 3.0, "other", "x")); fmt.Sprint(out) != "[3 x]" {
				t.Errorf("given: %v", out)
			}
		})
	}
}
