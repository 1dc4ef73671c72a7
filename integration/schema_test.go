package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// needsChange are the fixtures that only a static reader takes as they are: test_schema.py has them all.
var needsChange = map[string]bool{"e4": true, "e9": true, "e12": true}

func TestSchemaCommandPrintsWhatCogsGeneratorDoes(t *testing.T) {
	fixtures, err := filepath.Glob("../python/tests/fixtures/schema/*.py")
	if err != nil || len(fixtures) < 13 {
		t.Fatalf("%d fixtures, %v", len(fixtures), err)
	}
	for _, path := range fixtures {
		name := strings.TrimSuffix(filepath.Base(path), ".py")
		if needsChange[name] {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"schema", model(t, string(text)), "--python", venv(t, "bundled")}
			if strings.Contains(string(text), "\ndef train(") {
				write(t, args[1], map[string]string{"cog.yaml": "train: predict.py:train\n"})
				args = append(args, "--x-mode", "train")
			}
			code, stdout, stderr := coglet(t, nil, args...)
			var got, want map[string]any
			if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 {
				t.Fatalf("exit status %d, %v: %s%s", code, err, stdout, stderr)
			}
			text, err = os.ReadFile(strings.TrimSuffix(path, ".py") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			delete(got["info"].(map[string]any), "version")
			delete(want["info"].(map[string]any), "version")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

const loud = `
print("noise")
from cog import BasePredictor
class Predictor(BasePredictor):
    def setup(self):
        open("marker", "w").close()
        raise ValueError("setup ran")
    def predict(self, s: str) -> str: ...
    def train(self, n: int) -> str: ...
`

// setup() does not run, what the module prints is not in the document, and both methods of a model are in it.
func TestSchemaCommandRunsNoSetup(t *testing.T) {
	dir := model(t, loud)
	python := venv(t, "bundled")
	schemas := func() map[string]any {
		t.Helper()
		code, stdout, stderr := coglet(t, nil, "schema", dir, "--python", python)
		var got struct {
			Components struct{ Schemas map[string]any }
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 {
			t.Fatalf("exit status %d, %v: %s%s", code, err, stdout, stderr)
		}
		return got.Components.Schemas
	}
	got := schemas()
	for _, name := range []string{"Input", "Output", "TrainingInput", "TrainingOutput", "PredictionRequest", "TrainingRequest"} {
		if got[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "marker")); err == nil {
		t.Error("setup() ran")
	}
	if err := os.Mkdir(filepath.Join(dir, ".cog"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, ".cog"), map[string]string{"openapi_schema.json": `{"openapi":"3.0.2","components":{"schemas":{"Input":{"title":"of the file"}}}}`})
	if got := schemas(); len(got) != 1 {
		t.Errorf("the file of cog build was not taken: %v", got)
	}
}
