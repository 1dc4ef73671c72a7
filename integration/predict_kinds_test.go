package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPredictOnAServer(t *testing.T) {
	t.Parallel()
	here := write(t, t.TempDir(), map[string]string{"in.txt": "content"})
	s := start(t, "", launch{dir: model(t, kindsModel)})
	s.untilHealth("READY")
	r := run{dir: here}
	code, stdout, stderr := r.coglet(
		t, "predict", "--url", strings.TrimPrefix(s.url, "http://"), "-i", "text=hi", "-i", "n=9223372036854775807",
		"-i", "image=@in.txt", "-i", "words=a")
	if code != 0 || !strings.Contains(stdout, `"n": 9223372036854775807`) || !strings.Contains(stdout, `\"content\"`) ||
		!strings.Contains(stdout, `"copy": "output.txt"`) || !strings.Contains(stderr, "looking\n") {
		t.Errorf("%d %s %s", code, stdout, stderr)
	}
	if text, err := os.ReadFile(filepath.Join(here, "output.txt")); err != nil || string(text) != "hi" {
		t.Errorf("%q %v", text, err)
	}
	if code, _, stderr := r.coglet(t, "predict", "--url", s.url, "-i", "text=hi", "-i", "mode=c"); code != 2 ||
		lastLine(stderr) != `coglet: input "mode": "c" is not one of ["a","b"]` {
		t.Errorf("bad input: %d %s", code, stderr)
	}
	if code, _, stderr := r.coglet(t, "predict", "--url", "http://127.0.0.1:1", "-i", "text=hi"); code != 1 ||
		!strings.Contains(lastLine(stderr), "no answer from http://127.0.0.1:1") {
		t.Errorf("no server: %d %s", code, stderr)
	}
	if code, _, stderr := r.coglet(t, "predict", "--url", "ftp://x"); code != 2 || !strings.Contains(stderr, "want the address of a server") {
		t.Errorf("no address: %d %s", code, stderr)
	}
	failing := start(t, "", launch{dir: function(t, "def predict() -> str:\n    print('so far')\n    raise ValueError('too hot')\n")})
	failing.untilHealth("READY")
	if code, _, stderr := r.coglet(t, "predict", "--url", failing.url); code != 3 || !strings.HasPrefix(stderr, "so far\n") ||
		lastLine(stderr) != "coglet: prediction failed: ValueError: too hot" {
		t.Errorf("failing: %d %s", code, stderr)
	}
}

const trained = `from cog import BaseModel, Path


class TrainingOutput(BaseModel):
    weights: Path


def train(steps: int, data: Path) -> TrainingOutput:
    print("training")
    with open("/tmp/coglet-test-weights.bin", "w") as out:
        out.write(data.read_text() * steps)
    return TrainingOutput(weights=Path("/tmp/coglet-test-weights.bin"))
`

func TestTrainInTheTerminal(t *testing.T) {
	t.Parallel()
	here := write(t, t.TempDir(), map[string]string{"data.txt": "ab"})
	dir := write(t, t.TempDir(), map[string]string{"cog.yaml": "train: train.py:train\n", "train.py": trained})
	s := start(t, "", launch{dir: dir})
	s.untilHealth("READY")
	if code, _, stderr := (run{}).coglet(t, "predict", dir); code != 2 || lastLine(stderr) != "coglet: the model has no predict(): use coglet train" {
		t.Errorf("predict: %d %s", code, stderr)
	}
	for name, target := range map[string][]string{"in process": {dir}, "on a server": {"--url", s.url}} {
		args := append(append([]string{"train"}, target...), "-i", "steps=3", "-i", "data=@data.txt", "-o", "weights.bin")
		code, stdout, stderr := run{dir: here}.coglet(t, args...)
		text, err := os.ReadFile(filepath.Join(here, "weights.bin"))
		if code != 0 || err != nil || string(text) != "ababab" || !strings.Contains(stdout, `"weights": "weights.bin"`) ||
			!strings.Contains(stderr, "training\n") {
			t.Errorf("%s: %d %q %v %s %s", name, code, text, err, stdout, stderr)
		}
		_ = os.Remove(filepath.Join(here, "weights.bin"))
	}
}

func TestIteratorsShowOneItemPerLine(t *testing.T) {
	t.Parallel()
	dir := model(t, `from typing import Any, Iterator

from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self) -> Iterator[Any]:
        yield "text"
        yield {"a": [1, 2]}
        yield None
`)
	if code, stdout, stderr := (run{}).coglet(t, "predict", dir); code != 0 || stdout != "text\n{\"a\":[1,2]}\nnull\n" {
		t.Errorf("%d %q %s", code, stdout, stderr)
	}
	list := function(t, "from typing import List\n\n\ndef predict() -> List[int]:\n    return [1]\n")
	if code, stdout, stderr := (run{}).coglet(t, "predict", list); code != 0 || stdout != "[\n  1\n]\n" {
		t.Errorf("%d %q %s", code, stdout, stderr)
	}
}

func TestPredictOfAGoWorker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(example("go-worker"))); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin", "worker"), "../examples/go-worker")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the worker: %v\n%s", err, out)
	}
	code, stdout, stderr := run{}.coglet(t, "predict", dir, "-i", "text=the cat and the dog", "-i", "top=1")
	if code != 0 || !strings.Contains(stdout, `"word":"the"`) || stderr != "ready to count\n4 different words\n" {
		t.Errorf("%d %s %q", code, stdout, stderr)
	}
}

// TestMissingPackageIsSaidOnce: the harness and the command both gave advice, and schema put a server's log before it.
func TestMissingPackageIsSaidOnce(t *testing.T) {
	t.Parallel()
	dir := function(t, "import coglet_no_such_module\n")
	for _, command := range []string{"schema", "predict"} {
		code, stdout, stderr := run{}.coglet(t, command, dir)
		said := strings.Split(strings.TrimSpace(stderr), "\n")
		if command == "predict" { // which shows what setup printed
			if said[0] != "Traceback (most recent call last):" {
				t.Errorf("%s: no traceback: %s", command, stderr)
			}
			said = said[max(0, len(said)-2):]
		}
		if code != 1 || stdout != "" || len(said) != 2 || !strings.HasPrefix(said[0], "coglet: ") ||
			!strings.HasSuffix(said[0], "No module named 'coglet_no_such_module' (predict.py:1)") ||
			!strings.Contains(said[1], "run  coglet install ") || strings.Contains(stderr, "install it for") {
			t.Errorf("%s: %d %q %s", command, code, stdout, stderr)
		}
	}
}
