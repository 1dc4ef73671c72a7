package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTrainingsAndPredictionsWhicheverWayTheServerWasStarted(t *testing.T) {
	for _, mode := range []string{"predict", "train"} {
		s := ready(t, "contract", launch{flags: []string{"--x-mode", mode}})
		a := s.do("POST", "/trainings", `{"id":"t","input":{"n":7,"data":"data:,weights"}}`)
		if out := s.succeeded(a); fmt.Sprint(out) != "map[data:weights trained:7]" || a.str("logs") != "training\n" {
			t.Errorf("%s: training: %s", mode, a.raw)
		}
		if out := s.succeeded(s.predict("do", "echo", "text", "x")); out != "x" {
			t.Errorf("%s: prediction: %v", mode, out)
		}
		if a := s.do("POST", "/trainings", `{"input":{}}`); a.code != 422 || !strings.Contains(a.raw, `"n"`) {
			t.Errorf("%s: %d %s", mode, a.code, a.raw)
		}
		if a := s.do("PUT", "/trainings/x", `{"id":"y","input":{"n":1}}`); a.code != 422 ||
			!strings.Contains(a.raw, "training ID must match the ID supplied in the URL") {
			t.Errorf("%s: %d %s", mode, a.code, a.raw)
		}
		if a := s.do("PUT", "/trainings/x", `{"input":{"n":1}}`, "Prefer", "respond-async"); a.code != 202 {
			t.Errorf("%s: %d %s", mode, a.code, a.raw)
		}
		if a := s.do("GET", "/trainings/t", ""); a.str("status") != "succeeded" {
			t.Errorf("%s: %d %s", mode, a.code, a.raw)
		}
		if a := s.do("POST", "/trainings/t/cancel", ""); a.code != 200 || a.raw != "{}" {
			t.Errorf("%s: %d %s", mode, a.code, a.raw)
		}
		root := s.do("GET", "/", "")
		if root.str("trainings_url") != "/trainings" || root.str("trainings_cancel_url") != "/trainings/{training_id}/cancel" {
			t.Errorf("%s: %s", mode, root.raw)
		}
	}
}

func modelFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const trainer = `
import time
class Trainer:
    def setup(self):
        print("trainer set up")
        self.ready = True
    def train(self, n: int) -> str:
        assert self.ready
        return f"trained {n}"
def train(n: int, mode: str = "x") -> str:
    time.sleep(n / 1000)
    return f"function {n}"
def broken(:
`

func TestTrainReferences(t *testing.T) {
	source := strings.ReplaceAll(trainer, "def broken(:\n", "")
	predict := "async def predict(s: str) -> str:\n    return s\n"
	// a function beside an async predictor
	s := ready(t, "", launch{dir: modelFolder(t, map[string]string{
		"predict.py": predict, "fit.py": source, "cog.yaml": "predict: predict.py:predict\ntrain: fit.py:train\nconcurrency:\n  max: 4\n",
	})})
	if out := s.succeeded(s.do("POST", "/trainings", `{"input":{"n":3}}`)); out != "function 3" {
		t.Errorf("function: %v", out)
	}
	if out := s.succeeded(s.predict("s", "x")); out != "x" {
		t.Errorf("prediction: %v", out)
	}
	id := s.do("POST", "/trainings", `{"input":{"n":60000}}`, "Prefer", "respond-async").str("id")
	if out := s.succeeded(s.predict("s", "beside it")); out != "beside it" {
		t.Errorf("prediction beside a training: %v", out)
	}
	s.cancel(id)

	// a class with only train, by environment
	dir := modelFolder(t, map[string]string{"predict.py": predict, "fit.py": source})
	s = ready(t, "", launch{dir: dir, env: []string{"COG_TRAIN_TYPE_STUB=fit.py:Trainer"}})
	a := s.do("POST", "/trainings", `{"input":{"n":3}}`)
	if out := s.succeeded(a); out != "trained 3" || a.str("logs") != "trainer set up\n" {
		t.Errorf("class: %s", a.raw)
	}
	if a := s.do("POST", "/trainings", `{"input":{"n":4}}`); s.succeeded(a) != "trained 4" || a.str("logs") != "" {
		t.Errorf("class, again: %s", a.raw)
	}

	// nothing but a trainer
	s = ready(t, "", launch{dir: modelFolder(t, map[string]string{"fit.py": source, "cog.yaml": "train: fit.py:Trainer\n"}), flags: []string{"--x-mode", "train"}})
	for _, path := range []string{"/trainings", "/predictions"} { // Cog's server trains on either
		if out := s.succeeded(s.do("POST", path, `{"input":{"n":3}}`)); out != "trained 3" {
			t.Errorf("%s: %v", path, out)
		}
	}

	// no train, and one that does not load
	for _, yaml := range []string{"", "train: fit.py:Trainer\n"} {
		files := map[string]string{"predict.py": predict, "fit.py": trainer}
		if yaml != "" {
			files["cog.yaml"] = "predict: predict.py:predict\n" + yaml
		}
		s = ready(t, "", launch{dir: modelFolder(t, files)})
		if a := s.do("POST", "/trainings", `{"input":{"n":3}}`); a.code != 404 || a.str("error") != "Training not supported by this predictor" {
			t.Errorf("%q: %d %s", yaml, a.code, a.raw)
		}
		if out := s.succeeded(s.predict("s", "x")); out != "x" {
			t.Errorf("prediction: %v", out)
		}
		if root := s.do("GET", "/", ""); root.str("trainings_url") != "" {
			t.Errorf("%q: %s", yaml, root.raw)
		}
		if yaml != "" && !strings.Contains(s.logs(), "cannot be loaded and is not served: SyntaxError") {
			t.Error("the log does not say why trainings are not served")
		}
	}
}

const trainings = `
import asyncio
from cog import BaseModel, Input, Path, current_scope
class Output(BaseModel):
    weights: Path
async def train(do: str, n: int = Input(default=2, ge=1)) -> Output:
    await asyncio.sleep(0)
    if do == "fail":
        raise ValueError("bad n")
    print("training")
    current_scope().record_metric("steps", n)
    path = Path("/tmp/coglet-test-train.txt")
    path.write_text("w" * n)
    return Output(weights=path)
async def stream(n: int = 2):
    for i in range(n):
        yield i
`

// Async trainings and those that yield; inputs, metrics, files and errors are as those of predictions.
func TestKindsOfTrainings(t *testing.T) {
	run := func(ref string) *server {
		dir := modelFolder(t, map[string]string{"fit.py": trainings, "cog.yaml": "train: fit.py:" + ref + "\n"})
		return ready(t, "", launch{dir: dir, flags: []string{"--x-mode", "train"}})
	}
	s := run("train")
	a := s.do("POST", "/trainings", `{"input":{"do":"train"}}`)
	if out, _ := s.succeeded(a).(map[string]any); out["weights"] != dataURL("text/plain", "ww") || a.str("logs") != "training\n" ||
		!strings.Contains(a.raw, `"steps":2`) {
		t.Errorf("%s", a.raw)
	}
	if a := s.do("POST", "/trainings", `{"input":{"do":"train","n":0}}`); a.code != 422 {
		t.Errorf("%d %s", a.code, a.raw)
	}
	a = s.do("POST", "/trainings", `{"input":{"do":"fail"}}`)
	if s.failed(a, "ValueError: bad n"); a.str("error") != "ValueError: bad n" || !strings.Contains(a.str("logs"), "fit.py\", line") {
		t.Errorf("%s", a.raw)
	}
	s = run("stream")
	if out := s.succeeded(s.do("POST", "/trainings", `{"input":{}}`)); fmt.Sprint(out) != "[0 1]" {
		t.Errorf("items: %v", out)
	}
}

const trainBeside = `
import time
async def predict(s: str) -> str:
    return s
def train(n: int) -> str:
    for _ in range(n):
        time.sleep(0.001)
    return "trained"
`

// Trainings beside an async predictor run in threads, of which there are at most 32. A cancel that came before its thread had
// begun was lost, and cost the worker its life.
func TestCancelOfATrainingThatHasNotBegun(t *testing.T) {
	s := ready(t, "", launch{dir: modelFolder(t, map[string]string{
		"predict.py": trainBeside, "cog.yaml": "predict: predict.py:predict\ntrain: predict.py:train\n",
	}), env: []string{"COG_MAX_CONCURRENCY=40"}, flags: []string{"--cancel-grace", "5s"}})
	cancel := func(id string) {
		s.cancel(id)
		if a := s.do("GET", "/trainings/"+id+"?wait=60", ""); a.str("status") != "canceled" {
			t.Errorf("%s", a.raw)
		}
	}
	var ids []string
	for range 33 {
		ids = append(ids, s.do("POST", "/trainings", `{"input":{"n":60000}}`, "Prefer", "respond-async").str("id"))
	}
	for _, id := range slices.Backward(ids) { // the last one waits for a thread, the first one has one
		cancel(id)
	}
	for range 20 { // as early as may be
		cancel(s.do("POST", "/trainings", `{"input":{"n":60000}}`, "Prefer", "respond-async").str("id"))
	}
	if strings.Contains(s.logs(), "stopping its worker") {
		t.Error("a cancel was lost")
	}
	if out := s.succeeded(s.do("POST", "/trainings", `{"input":{"n":1}}`)); out != "trained" {
		t.Errorf("the next one: %v", out)
	}
}
