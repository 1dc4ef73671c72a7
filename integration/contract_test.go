package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ours are lines of a traceback that are not the model's own.
var ours = regexp.MustCompile(`File ".*(/coglet/|/cog/|/asyncio/|<frozen )`)

// TestMistakesInAPredictor makes each mistake that a person makes: the message names file, line and mend, and the
// traceback, where there is one, has no frame of ours.
func TestMistakesInAPredictor(t *testing.T) {
	const head = "from cog import BasePredictor, Input\n"
	for name, tc := range map[string]struct {
		source string
		ref    string
		want   []string
	}{
		"no such class":   {head + "class Model(BasePredictor):\n    def predict(self): ...\n", "predict.py:Predictor", []string{"predict.py has no 'Predictor'", "it has Model", "as predict.py:Model"}},
		"run and predict": {head + "class Predictor:\n    def run(self): ...\n    def predict(self): ...\n", "", []string{"must define either run() or predict(), not both", "predict.py:3", "predict.py:4", "remove one"}},
		"neither":         {head + "class Predictor(BasePredictor):\n    def prdict(self): ...\n", "", []string{"run or predict method not found: Predictor (predict.py:2)", "add `def predict(self, ...)`"}},
		"setup":           {head + "class Predictor(BasePredictor):\n    def setup(self, device):\n        ...\n    def predict(self): ...\n", "", []string{"predict.py:3: setup() has a parameter 'device'", "give 'device' a default"}},
		"default":         {head + "class Predictor(BasePredictor):\n    def predict(self,\n        n: int = Input(default=0, ge=1)) -> str: ...\n", "", []string{"predict.py:4: the default of n: 0 is less than the minimum of 1", "change the default"}},
		"import":          {head + "import torhc\nclass Predictor(BasePredictor):\n    def predict(self): ...\n", "", []string{"ModuleNotFoundError: No module named 'torhc' (predict.py:2)", "install it for ", "Traceback (most recent call last):\n  File \""}},
		"name of import":  {"from cog import BasePredictr\n", "", []string{"ImportError: cannot import name 'BasePredictr'", "(predict.py:1)"}},
		"syntax":          {head + "class Predictor(BasePredictor)\n    def predict(self): ...\n", "", []string{"SyntaxError: expected ':' (predict.py, line 2)", "    class Predictor(BasePredictor)\n", "^"}},
		"indentation":     {head + "class Predictor(BasePredictor):\ndef predict(self): ...\n", "", []string{"IndentationError: expected an indented block after class definition on line 2 (predict.py, line 3)"}},
		"module's code":   {head + "\nN = int('x')\n", "", []string{"ValueError: invalid literal for int() with base 10: 'x' (predict.py:3)", "line 3, in <module>"}},
		"__init__":        {head + "class Predictor(BasePredictor):\n    def __init__(self):\n        self.x = self.y\n    def predict(self): ...\n", "", []string{"AttributeError: 'Predictor' object has no attribute 'y' (predict.py:4)", "line 4, in __init__"}},
		"setup's code":    {head + "class Predictor(BasePredictor):\n    def setup(self):\n        open('/nonexistent')\n    def predict(self): ...\n", "", []string{"FileNotFoundError", "(predict.py:4)", "line 4, in setup"}},
		"arguments":       {head + "class Predictor(BasePredictor):\n    def __init__(self, device): ...\n    def predict(self): ...\n", "", []string{"predict.py:2: ", "__init__() missing 1 required positional argument: 'device'; it is made by Predictor()", "in setup()"}},
		"abstract":        {"import abc\nclass Predictor(abc.ABC):\n    @abc.abstractmethod\n    def predict(self): ...\n", "", []string{"predict.py:2: Can't instantiate abstract class Predictor", "it is made by Predictor()"}},
		"relative import": {head + "from . import helper\n", "", []string{"ImportError: attempted relative import with no known parent package (predict.py:2)", "without the dot"}},
		"Input()":         {head + "def predict(x: int = Input(default=1, default_factory=int)) -> int: ...\n", "", []string{"TypeError: Input() takes default or default_factory, not both (predict.py:2)", "line 2, in <module>"}},
		"async setup":     {head + "class Predictor(BasePredictor):\n    async def setup(self):\n        raise ValueError('no weights')\n    def predict(self): ...\n", "", []string{"ValueError: no weights (predict.py:4)", "most recent call last):\n  File \""}},
		"no self":         {head + "class Predictor(BasePredictor):\n    def predict() -> str: ...\n", "", []string{"predict.py:3: predict() lacks its first parameter, self"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := model(t, tc.source)
			if tc.ref != "" {
				write(t, dir, map[string]string{"cog.yaml": "predict: " + tc.ref + "\n"})
			}
			s := start(t, "", launch{dir: dir})
			s.untilHealth("SETUP_FAILED")
			logs := s.setupLogs()
			for _, want := range tc.want {
				if !strings.Contains(logs, want) {
					t.Errorf("%q is not in\n%s", want, logs)
				}
			}
			if ours.MatchString(logs) {
				t.Errorf("frames of the harness:\n%s", logs)
			}
			if strings.Count(logs, "Traceback (most recent call last)") > 1 {
				t.Errorf("several tracebacks:\n%s", logs)
			}
			if a := s.predict(); a.code != http.StatusServiceUnavailable {
				t.Errorf("prediction: %d %s", a.code, a.raw)
			}
		})
	}
}

func TestFileOfCogBuildWinsAndItsContradictionsAreTold(t *testing.T) {
	dir := model(t, "class Predictor:\n    def predict(self, n: int, new: str = '') -> str:\n        return repr((n, new))\n")
	if err := os.Mkdir(filepath.Join(dir, ".cog"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, ".cog"), map[string]string{"openapi_schema.json": `{"openapi":"3.0.2","info":{"title":"Cog"},"components":{"schemas":{"Input":{"type":"object",` +
		`"properties":{"n":{"type":"number"},"old":{"type":"string"}},"required":["n"]}}}}`})
	s := ready(t, "", launch{dir: dir})
	if out := s.succeeded(s.predict("n", 2.0, "new", "dropped")); out != "(2, '')" {
		t.Errorf("output: %v", out)
	}
	for _, want := range []string{
		"input 'n' is number in the file and integer in the code", "input 'new' is only in the code", "input 'old' is not in the code",
	} {
		if !strings.Contains(s.logs(), want) {
			t.Errorf("%q is not in the log:\n%s", want, s.logs())
		}
	}
}

const collector = `
from typing import Any, List, Optional
from cog import Input, Secret
class Predictor:
    def predict(self, x, items: List[Any] = [], maybe: Optional[int] = Input(default=None, ge=1),
                code: str = Input(default="abba", regex=r"^(?P<c>.).*(?P=c)\Z"), secret: Secret = Secret("s"), **rest) -> Any:
        return [x, items, maybe, code, secret, rest]
`

// S1: parameters without annotation and collectors get what is sent. W24: a regex that only Python has turns nothing off.
// W25: null for an Optional, any JSON for Any. W34: a returned Secret is masked.
func TestInputsThatCogRefusesOrDrops(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, collector)})
	a := s.do("POST", "/predictions", `{"input":{"x":[1],"items":[1,"a",null],"maybe":null,"more":{"a":1}}}`)
	s.succeeded(a)
	if !strings.Contains(a.raw, `"output":[[1],[1,"a",null],null,"abba","**********",{"more":{"a":1}}]`) {
		t.Errorf("%s", a.raw)
	}
	s.failed(s.predict("x", 1, "code", "abc"), `input.code: "abc" does not match`)
	if a := s.predict("x", 1, "maybe", 0); a.code != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", a.code, a.raw)
	}
	if a := s.predict(); a.code != http.StatusUnprocessableEntity || !strings.Contains(a.raw, "Field required") {
		t.Errorf("%d %s", a.code, a.raw)
	}
}
