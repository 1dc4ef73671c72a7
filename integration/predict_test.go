package integration

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run is a coglet command in a terminal's place.
type run struct {
	dir   string // working directory
	stdin string
	env   []string
}

// in runs coglet to its end.
func (r run) coglet(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	tmp := t.TempDir()
	cmd.Dir, cmd.Stdin = r.dir, strings.NewReader(r.stdin)
	cmd.Env = append(append(os.Environ(), "TMPDIR="+tmp, "COGLET_PYTHON="+venv(t, "bundled")), r.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	empty(t, tmp)
	if strings.Contains(errs.String(), "DATA RACE") {
		t.Errorf("data race: %s", errs.String())
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// function is a model that is the function predict.
func function(t *testing.T, source string) string {
	t.Helper()
	return write(t, model(t, source), map[string]string{"cog.yaml": "predict: predict.py:predict\n"})
}

// empty fails the test when a temp folder of ours was left.
func empty(t *testing.T, tmp string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(tmp, "*coglet-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in the temp folder: %v %v", left, err)
	}
}

// kinds takes one input of each type and says what it got.
const kindsModel = `import json
from typing import Dict, List, Optional

from cog import BaseModel, BasePredictor, Input, Path


class Output(BaseModel):
    got: str
    n: int
    copy: Path


class Predictor(BasePredictor):
    def predict(
        self,
        text: str,
        n: int = Input(default=1, le=9223372036854775807),
        ratio: float = 0.5,
        flag: bool = False,
        mode: str = Input(default="a", choices=["a", "b"]),
        options: dict = {},
        words: List[str] = [],
        numbers: List[int] = [],
        image: Optional[Path] = None,
        more: List[Path] = [],
    ) -> Output:
        print("looking")
        got = [text, n, ratio, flag, mode, options, words, numbers]
        if image is not None:
            got.append([image.name, image.read_text()])
            image.write_text("spoilt")
        got.append([path.read_text() for path in more])
        file = Path("/tmp") / "unused"
        import tempfile

        file = Path(tempfile.mkdtemp()) / "result.txt"
        file.write_text(text)
        return Output(got=json.dumps(got), n=n, copy=file)
`

func TestPredictTakesInputsOfEveryType(t *testing.T) {
	t.Parallel()
	here := write(t, t.TempDir(), map[string]string{"in put.txt": "content", "b.txt": "more"})
	dir := model(t, kindsModel)
	code, stdout, stderr := run{dir: here}.coglet(
		t, "predict", dir, "-i", "text=5", "-i", "n=9223372036854775807", "-i", "ratio=.25", "-i", "flag=true", "-i", "mode=b",
		"-i", `options={"deep": [1, {"a": null}]}`, "-i", "words=x y", "-i", "words=[z", "-i", "numbers=3",
		"-i", "image=@in put.txt", "-i", "more=@b.txt", "-i", "more=data:text/plain,third")
	want := `{
  "got": "[\"5\", 9223372036854775807, 0.25, true, \"b\", {\"deep\": [1, {\"a\": null}]}, [\"x y\", \"[z\"], [3], [\"in put.txt\", \"content\"], [\"more\", \"third\"]]",
  "n": 9223372036854775807,
  "copy": "result.txt"
}
`
	if code != 0 || stdout != want || stderr != "looking\ncoglet: saved result.txt\n" {
		t.Errorf("%d %s %q", code, stdout, stderr)
	}
	for name, want := range map[string]string{"result.txt": "5", "in put.txt": "content"} {
		if text, err := os.ReadFile(filepath.Join(here, name)); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

func TestPredictSavesFilesWhereItIsTold(t *testing.T) {
	t.Parallel()
	dir := model(t, kindsModel)
	here := write(t, t.TempDir(), map[string]string{"result.txt": "mine"})
	read := func(name, want string) {
		t.Helper()
		if text, err := os.ReadFile(filepath.Join(here, name)); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v, want %q", name, text, err, want)
		}
	}
	r := run{dir: here}
	if code, stdout, stderr := r.coglet(t, "predict", dir, "-i", "text=new"); code != 0 || !strings.Contains(stdout, "result-1.txt") {
		t.Errorf("%d %s %s", code, stdout, stderr)
	}
	read("result.txt", "mine") // nothing that exists is overwritten
	read("result-1.txt", "new")
	if code, _, stderr := r.coglet(t, "predict", dir, "-i", "text=named", "-o", "result.txt"); code != 0 {
		t.Error(stderr)
	}
	read("result.txt", "named") // unless it is named
	if code, _, stderr := r.coglet(t, "predict", dir, "-i", "text=deep", "-o", "out/"); code != 0 {
		t.Error(stderr)
	}
	read("out/result.txt", "deep")
	if code, stdout, stderr := r.coglet(t, "predict", dir, "-i", "text=raw", "-o", "-"); code != 0 || stdout != "raw" {
		t.Errorf("-o -: %d %q %s", code, stdout, stderr)
	}
	plain := function(t, "def predict(a: str = 'x') -> str:\n    return a\n")
	if code, stdout, stderr := r.coglet(t, "predict", plain, "-o", "text.txt"); code != 0 || stdout != "" {
		t.Errorf("%d %q %s", code, stdout, stderr)
	}
	read("text.txt", "x\n")
}

func TestPredictReadsTheWholeInputFromStdin(t *testing.T) {
	t.Parallel()
	dir := function(t, "def predict(n: int, s: str = '') -> str:\n    return f'{n} {s}'\n")
	code, stdout, stderr := run{stdin: ` {"n": 9007199254740993, "s": "ä\n"} `}.coglet(t, "predict", dir, "--json")
	if code != 0 || stdout != "9007199254740993 ä\n" {
		t.Errorf("%d %q %s", code, stdout, stderr)
	}
	for stdin, want := range map[string]string{
		"[1]": "want one JSON object", "{": "stdin is not JSON", "": "stdin is not JSON", `{"s": "x"}`: `input "n": Field required`,
	} {
		code, stdout, stderr := run{stdin: stdin}.coglet(t, "predict", dir, "--json")
		if code != 2 || stdout != "" || !strings.Contains(lastLine(stderr), want) {
			t.Errorf("%q: %d %q %s", stdin, code, stdout, stderr)
		}
	}
}

func TestPredictSaysWhatIsWrongWithInputs(t *testing.T) {
	t.Parallel()
	dir := model(t, kindsModel)
	for args, want := range map[string]string{
		"-i text":                  "-i text: want name=value",
		"-i text=a -i nmae=b":      `no input "nmae": the model has text, n, ratio`,
		"-i text=a -i n=1.5":       `input "n": want a whole number, got "1.5"`,
		"-i text=a -i mode=c":      `input "mode": "c" is not one of ["a","b"]`,
		"-i n=2":                   `input "text": Field required`,
		"-i text=a -i image=x.png": `input "image": want a file: image=@PATH, or a URL`,
		"-i text=a -i image=@gone": `input "image": open gone: no such file`,
		"-i text=a -i image=@/tmp": `input "image": /tmp is a folder`,
		"-i text=a --json":         "want -i or --json, not both",
		"-i text=a --url x":        "want a folder or --url, not both",
	} {
		code, stdout, stderr := run{}.coglet(t, append([]string{"predict", dir}, strings.Fields(args)...)...)
		if code != 2 || stdout != "" || !strings.HasPrefix(lastLine(stderr), "coglet: ") || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d %q %s, want %q", args, code, stdout, stderr, want)
		}
	}
}

func TestPredictSaysHowTheModelFailed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source string
		code   int
		want   string // last line of stderr
		also   string // of stderr
	}{
		"an exception": {"def predict() -> str:\n    print('so far')\n    raise ValueError('too hot')\n", 3, "coglet: prediction failed: ValueError: too hot", "so far\n"},
		"a death":      {"import os\ndef predict() -> str:\n    os.kill(os.getpid(), 9)\n", 3, "prediction failed", "signal killed"},
		"a bar":        {"import sys\ndef predict() -> str:\n    print('\\r 10%', end='', file=sys.stderr)\n    raise ValueError('too hot')\n", 3, "coglet: prediction failed: ValueError: too hot", "\r 10%Traceback"},
		"in setup":     {"raise RuntimeError('no weights')\n", 1, "coglet: setup failed: RuntimeError: no weights", "Traceback"},
		"syntax":       {"def predict(:\n", 1, "setup failed: SyntaxError", ""},
		"not there":    {"import coglet_no_such_module\n", 1, `"coglet_no_such_module" is not there for `, "add it to build.python_packages in cog.yaml and run  coglet install "},
	} {
		dir := function(t, tc.source)
		code, stdout, stderr := run{}.coglet(t, "predict", dir)
		if code != tc.code || stdout != "" || !strings.Contains(lastLine(stderr), tc.want) || !strings.Contains(stderr, tc.also) {
			t.Errorf("%s: %d %q %s", name, code, stdout, stderr)
		}
	}
}
