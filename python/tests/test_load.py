"""From a reference to a predictor."""

import pytest
from coglet import _load, _types


def test_classes_functions_and_instances(load):
    assert load("class Predictor:\n    def predict(self, s: str) -> str:\n        return s\n").call(s="a") == "a"
    assert load("class Runner:\n    def run(self) -> int:\n        return 1\n", "Runner").call() == 1
    assert load("def f(x: int = 2):\n    return x\n", "f").call() == 2
    assert load("class P:\n    def predict(self):\n        return 3\np = P()\n", "p").call() == 3
    assert load("class P:\n    @staticmethod\n    def predict(x: int):\n        return x\n", "P").call(x=4) == 4


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "class Predictor:\n    def run(self): ...\n    def predict(self): ...\n",
            "must define either run() or predict(), not both",
        ),
        ("class Predictor:\n    pass\n", "run or predict method not found: Predictor"),
        (
            "from cog import BasePredictor\nclass Predictor(BasePredictor):\n    pass\n",
            "run or predict method not found",
        ),
    ],
)
def test_classes_that_are_refused(load, source, message):
    with pytest.raises(ValueError, match=".*") as caught:
        load(source)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "class Predictor:\n    def setup(self, model): ...\n    def predict(self): ...\n",
            ".py:2: setup() has a parameter 'model', but it is called with none, or with `weights` alone: give 'model' a default",
        ),
        (
            "class Predictor:\n    def setup(self, weights, *,\n              device): ...\n    def predict(self): ...\n",
            ".py:3: setup() has a parameter 'device'",
        ),
        (
            "class Predictor:\n    def setup(): ...\n    def predict(self): ...\n",
            ".py:2: setup() lacks its first parameter, self",
        ),
        ("class Predictor:\n    def predict(): ...\n", ".py:2: predict() lacks its first parameter, self"),
        ("class Predictor:\n    def predict(self, x: int, /): ...\n", ".py:2: predict() has parameters without a name"),
        (
            "class Predictor:\n    def run(self): ...\n\n    def predict(self): ...\n",
            "not both: run() at model_0.py:2, predict() at model_0.py:4: remove one",
        ),
        ("\n\nclass Predictor:\n    def predictt(self): ...\n", "(model_0.py:3): add `def predict(self, ...)`"),
        ("class Other:\n    def predict(self): ...\n", "it has Other: name one of them, as model_0.py:Other"),
    ],
)
def test_mistakes_are_told_with_their_place_and_their_mend(load, source, message):
    with pytest.raises(_load.LoadError) as caught:
        load(source)
    assert message in str(caught.value), caught.value


def test_conventional_names(load):
    helper = "class Runner:\n    pass\n"
    assert load(helper + "class Predictor:\n    def predict(self): return 1\n").call() == 1
    with pytest.warns(UserWarning, match="taking Runner"):
        both = load("class Runner:\n    def run(self): return 2\nclass Predictor:\n    def predict(self): return 1\n")
    assert both.call() == 2
    with pytest.raises(_load.LoadError, match="run or predict method not found: Runner"):
        load(helper)


def test_run_and_predict_stand_for_each_other(load):
    base = "from cog import BasePredictor, BaseRunner\n"
    target = load(base + "class Predictor(BasePredictor):\n    def predict(self, x): return x\n").target
    assert target.run(x=1) == 1
    target = load(base + "class Runner(BaseRunner):\n    def run(self, x): return x\n").target
    with pytest.warns(DeprecationWarning):
        assert target.predict(x=1) == 1


def test_setups_that_are_right(load):
    for arguments in (
        "self",
        "self, weights",
        "self, weights=None",
        "self, device='cpu', weights=None",
        "self, *, weights",
    ):
        predictor = load(f"class Predictor:\n    def setup({arguments}): ...\n    def predict(self): ...\n")
        assert predictor.setup_wants_weights == ("weights" in arguments)
    assert not load(
        "class Predictor:\n    def setup(*args, **kwargs): ...\n    def predict(self): ...\n"
    ).setup_wants_weights


def test_annotations_as_strings(load, capsys):
    predictor = load(
        "from __future__ import annotations\n"
        "from typing import TYPE_CHECKING, List, Optional\n"
        "from cog import Path\n"
        "if TYPE_CHECKING:\n    import nothing\n"
        "def predict(a: int | None, b: list[Path | str], c: nothing.Thing, d: Optional[Path] = None) -> List[Path]: ...\n",
        "predict",
    )
    kinds = {p.name: _types.classify(p.annotation) for p in predictor.parameters}
    assert (kinds["a"].kind, kinds["a"].nullable) == ("int", True)
    assert [m.kind for m in kinds["b"].item.members] == ["path", "str"]
    assert kinds["c"].kind == "unknown" and kinds["d"].kind == "path"
    told = capsys.readouterr().err
    assert (
        "model_0.py:6: annotation 'nothing.Thing' cannot be resolved (NameError" in told and told.count("coglet:") == 1
    )


def test_names_that_are_missing(load, tmp_path, monkeypatch):
    with pytest.raises(_load.LoadError, match=r"has no 'Nobody'; it has A, f"):
        load("class A: ...\ndef f(): ...\nfrom os.path import join\n", "Nobody")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(_load.LoadError, match=r"gone.py: no such file in "):
        _load.load("gone.py:P", "predict")


def test_inherited_and_mixed_in(load):
    base = (
        "from cog import BasePredictor\nclass Base(BasePredictor):\n    def predict(self) -> int:\n        return 1\n"
    )
    assert load(base + "class Predictor(Base): ...\n", "Predictor").call() == 1
    mixin = "class Mixin:\n    def run(self): ...\n" + base + "class Predictor(Base, Mixin): ...\n"
    assert load(mixin, "Predictor").call() == 1


DECORATED = """
import functools
from cog import Input
def wrap(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        return f(*args, **kwargs)
    return inner
class Wrap:
    def __init__(self, f):
        functools.update_wrapper(self, f)
        self.f = f
    def __call__(self, *args, **kwargs):
        return self.f(*args, **kwargs)
class Predictor:
    @wrap
    @wrap
    def predict(self, n: int = Input(default=3, ge=1)) -> int:
        return n
@Wrap
def function(n: int = Input(default=4)) -> int:
    return n
@wrap
async def later(n: int = Input(default=5)) -> int:
    return n
@wrap
async def stream(n: int = Input(default=5)):
    yield n
"""


def test_decorated_predictors(load):
    predictor = load(DECORATED, "Predictor")
    assert [p.name for p in predictor.parameters] == ["n"] and predictor.call() == 3
    assert load(DECORATED, "function").call() == 4
    assert load(DECORATED, "later").kind == "async" and load(DECORATED, "stream").kind == "asyncgen"


def test_decorators_without_wraps(load):
    """Cog reads their inputs from the source; a decorator hides them from whoever only looks at the function."""
    source = (
        "from cog import Input\n"
        "def log(message): print(message)\n"
        "def decorate(f):\n"
        "    def inner(*args, **kwargs):\n        log('called')\n        return f(*args, **kwargs)\n"
        "    return inner\n"
        "class Predictor:\n"
        "    @decorate\n    @decorate\n    def predict(self, n: int = Input(default=3, ge=1)) -> int:\n        return n\n"
        "    @decorate\n    async def setup(self): ...\n"
        "def collects(**rest):\n    return rest\n"
    )
    predictor = load(source, "Predictor")
    assert [p.name for p in predictor.parameters] == ["n"] and predictor.call() == 3 and not predictor.collects
    assert predictor.setup_async
    assert load(source, "collects").collects


def test_setup_and_healthcheck(load):
    predictor = load(
        "class Predictor:\n    async def setup(self, weights=None): ...\n    def predict(self): ...\n"
        "    async def healthcheck(self): ...\n"
    )
    assert predictor.setup_async and predictor.setup_wants_weights and predictor.healthcheck_async
    assert load("def f(): ...\n", "f").setup is None


def test_train(load):
    assert load("class T:\n    def train(self, n: int): return n\n", "T", "train").call(n=2) == 2
    assert load("def train(n: int): return n\n", "train", "train").call(n=2) == 2
    with pytest.raises(_load.LoadError, match=r"P has no train\(\)"):
        load("class P:\n    def predict(self): ...\n", "P", "train")


def test_module_can_be_pickled_and_sees_its_neighbours(tmp_path, monkeypatch):
    import pickle

    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "neighbour.py").write_text("VALUE = 5\n")
    (tmp_path / "sub" / "nested_model.py").write_text("import neighbour\ndef predict(): return neighbour.VALUE\n")
    monkeypatch.chdir(tmp_path)
    predictor = _load.load("sub/nested_model.py:predict", "predict")
    assert predictor.call() == 5 and pickle.loads(pickle.dumps(predictor.target)) is predictor.target


def test_concurrency_mark(load):
    predictor = load("from cog import concurrent\n@concurrent(max=4)\nasync def predict(): ...\n", "predict")
    assert predictor.concurrent_max == 4
