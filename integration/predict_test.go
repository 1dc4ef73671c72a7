package integration

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
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

// live is a coglet command that is looked at while it runs.
type live struct {
	*exec.Cmd
	stdout, stderr *bufio.Reader
	tmp            string
}

func startLive(t *testing.T, dir string, args ...string) *live {
	t.Helper()
	l := &live{Cmd: exec.Command(binary, args...), tmp: t.TempDir()}
	l.Dir = dir
	l.Env = append(os.Environ(), "TMPDIR="+l.tmp, "COGLET_PYTHON="+venv(t, "bundled"))
	stdout, err := l.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := l.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	l.stdout, l.stderr = bufio.NewReader(stdout), bufio.NewReader(stderr)
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Process.Kill() })
	return l
}

// reads fails the test unless exactly want comes next.
func reads(t *testing.T, from *bufio.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(from, got)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil || string(got) != want {
			t.Fatalf("read %q, %v, want %q", got, err, want)
		}
	case <-time.After(patience):
		t.Fatalf("%q does not come", want)
	}
}

// ends waits for the command's end and returns its exit code and what it still said.
func (l *live) ends(t *testing.T) (code int, stdout, stderr string) {
	t.Helper()
	timer := time.AfterFunc(patience, func() { _ = l.Process.Kill() })
	defer timer.Stop()
	errs := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(l.stderr)
		errs <- string(text)
	}()
	out, _ := io.ReadAll(l.stdout)
	stderr = <-errs
	_ = l.Wait() // its code is returned
	empty(t, l.tmp)
	return l.ProcessState.ExitCode(), string(out), stderr
}

// gated yields and prints one piece whenever the test says so by making a file.
const gated = `import os
import sys
import time

from cog import ConcatenateIterator


def wait(name: str) -> None:
    while not os.path.exists(name):
        time.sleep(0.005)


def predict(gates: str) -> ConcatenateIterator[str]:
    print("\r 10%", end="", file=sys.stderr, flush=True)
    wait(gates + "/1")
    yield "one"
    wait(gates + "/2")
    print("\r 20%", file=sys.stderr)
    yield " two"
    wait(gates + "/3")
    yield " \n three"
`

func open(t *testing.T, gates, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(gates, name), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPredictShowsTokensAndLogsAsTheyCome(t *testing.T) {
	t.Parallel()
	dir := function(t, gated)
	s := start(t, "", launch{dir: dir})
	s.untilHealth("READY")
	for name, target := range map[string][]string{"in process": {dir}, "on a server": {"--url", s.url}} {
		t.Run(name, func(t *testing.T) {
			gates := t.TempDir()
			l := startLive(t, "", append(append([]string{"predict"}, target...), "-i", "gates="+gates)...)
			reads(t, l.stderr, "\r 10%")
			open(t, gates, "1")
			reads(t, l.stdout, "one")
			open(t, gates, "2")
			reads(t, l.stdout, " two")
			reads(t, l.stderr, "\r 20%\n")
			open(t, gates, "3")
			if code, stdout, stderr := l.ends(t); code != 0 || stdout != " \n three\n" || stderr != "" {
				t.Errorf("%d %q %q", code, stdout, stderr)
			}
		})
	}
}

func TestCtrlCCancels(t *testing.T) {
	t.Parallel()
	dir := function(t, `import time


def predict() -> str:
    print("running", flush=True)
    try:
        time.sleep(600)
    finally:
        print("cleaned up")
`)
	s := start(t, "", launch{dir: dir})
	s.untilHealth("READY")
	for name, target := range map[string][]string{"in process": {dir}, "on a server": {"--url", s.url}} {
		t.Run(name, func(t *testing.T) {
			l := startLive(t, "", append([]string{"predict"}, target...)...)
			reads(t, l.stderr, "running\n")
			if err := l.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := l.ends(t)
			if code != 130 || stdout != "" || !strings.Contains(stderr, "cleaned up\n") || lastLine(stderr) != "coglet: canceled" {
				t.Errorf("%d %q %q", code, stdout, stderr)
			}
		})
	}
	s.untilHealth("READY")
}

func TestCtrlCTwiceKills(t *testing.T) {
	t.Parallel()
	dir := function(t, `import time


def predict() -> str:
    print("running", flush=True)
    while True:
        try:
            time.sleep(600)
        except BaseException:
            print("no", flush=True)
`)
	l := startLive(t, "", "predict", dir)
	reads(t, l.stderr, "running\n")
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	reads(t, l.stderr, "coglet: canceling; once more kills the model\n")
	reads(t, l.stderr, "no\n")
	started := time.Now()
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := l.ends(t)
	if code != 130 || time.Since(started) > 5*time.Second {
		t.Errorf("%d after %s: %s", code, time.Since(started), stderr)
	}
	if left := running(t, dir); len(left) > 0 {
		t.Errorf("still running: %q", left)
	}
}

// TestCtrlCIsHeardInAFlood: a model that never stops to yield once kept the terminal so busy that it heard nothing.
func TestCtrlCIsHeardInAFlood(t *testing.T) {
	t.Parallel()
	dir := function(t, `from cog import ConcatenateIterator


def predict() -> ConcatenateIterator[str]:
    while True:
        yield "again and again "
`)
	s := start(t, "", launch{dir: dir})
	s.untilHealth("READY")
	for name, target := range map[string][]string{"in process": {dir}, "on a server": {"--url", s.url}} {
		l := startLive(t, "", append([]string{"predict"}, target...)...)
		reads(t, l.stdout, "again")
		if err := l.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := l.ends(t); code != 130 {
			t.Errorf("%s: %d %s", name, code, stderr)
		}
		l = startLive(t, "", append([]string{"predict"}, target...)...)
		reads(t, l.stdout, "again") // and nothing more: the pipe fills up
		time.Sleep(200 * time.Millisecond)
		started := time.Now()
		if err := l.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		reads(t, l.stderr, "coglet: canceling")
		if err := l.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		errs, _ := io.ReadAll(l.stderr)
		_ = l.Wait() // its code is looked at
		if code := l.ProcessState.ExitCode(); code != 130 || time.Since(started) > 10*time.Second {
			t.Errorf("%s, blocked: %d after %s %s", name, code, time.Since(started), errs)
		}
		empty(t, l.tmp)
	}
	s.untilHealth("READY")
}

func TestCtrlCInSetupEndsAtOnce(t *testing.T) {
	t.Parallel()
	dir := function(t, "import time\nprint('loading', flush=True)\ntime.sleep(600)\n")
	l := startLive(t, "", "predict", dir)
	reads(t, l.stderr, "loading\n")
	started := time.Now()
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := l.ends(t); code != 130 || time.Since(started) > 5*time.Second {
		t.Errorf("%d after %s: %s", code, time.Since(started), stderr)
	}
}

func TestPredictEndsWhenNobodyReads(t *testing.T) {
	t.Parallel()
	endless := function(t, `from cog import ConcatenateIterator


def predict() -> ConcatenateIterator[str]:
    while True:
        yield "again and again "
`)
	pipeline := exec.Command("sh", "-c", `"$0" predict "$1" | head -c 5`, binary, endless)
	tmp := t.TempDir()
	pipeline.Env = append(os.Environ(), "TMPDIR="+tmp, "COGLET_PYTHON="+venv(t, "bundled"))
	out, err := pipeline.Output()
	if err != nil || string(out) != "again" {
		t.Errorf("%q %v", out, err)
	}
	empty(t, tmp)
}

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
			!strings.HasPrefix(stderr, "training\n") {
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
