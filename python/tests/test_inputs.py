"""Arguments of a call, by annotation."""

import enum
import pathlib

import pytest
from coglet import _encode, _fetch, _inputs, _load, _schema
from conftest import REAL_SDK

HEAD = "import enum, pathlib, dataclasses\nfrom typing import *\nfrom cog import Input, Path, File, Secret, BaseModel\n"


def call(load, signature, raw, head=""):
    predictor = load(f"{HEAD}{head}\ndef predict({signature}) -> str: ...\n", "predict")
    return _inputs.Coercer(predictor)(raw)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        ("int", 2.0, 2),
        ("float", 1, 1.0),
        ("str", "2", "2"),
        ("bool", True, True),
        ("Optional[int]", None, None),
        ("Optional[int]", 3.0, 3),
        ("List[float]", [1, 2.5], [1.0, 2.5]),
        ("Optional[List[int]]", None, None),
        ("Union[int, str]", 3, 3),
        ("Union[int, str]", "3", "3"),
        ("Union[float, str]", 3, 3.0),
        ("Union[List[int], str]", [1.0], [1]),
        ("Any", {"a": [None]}, {"a": [None]}),
        ("dict", {"a": 1}, {"a": 1}),
        ("Literal['a', 2]", 2, 2),
        ("Optional[Literal['a']]", None, None),
        ("Literal['a', None]", None, None),
        ("Annotated[int, 'anything']", 2.0, 2),
        ("'int'", 2.0, 2),
        ("'Optional[List[float]]'", [1], [1.0]),
        ("List['float']", [1], [1.0]),
        ("Optional['float']", 1, 1.0),
        ("List[List[float]]", [[1]], [[1.0]]),
        ("list", [1, "a", None], [1, "a", None]),
        ("List[Any]", [1, "a", None], [1, "a", None]),
        ("Set[int]", [1, 1.0], {1}),
        ("FrozenSet[str]", ["a"], frozenset("a")),
        ("tuple", [1, "a"], (1, "a")),
        ("Tuple[float, ...]", [1, 2], (1.0, 2.0)),
        ("Tuple[int, str]", [1.0, "a"], (1, "a")),
        ("Sequence[float]", [1], [1.0]),
        ("Mapping[str, Any]", {"a": 1}, {"a": 1}),
        ("Dict[str, float]", {"a": 1}, {"a": 1.0}),
        ("Dict[str, List[int]]", {"a": [1.0]}, {"a": [1]}),
        ("NewType('N', int)", 2.0, 2),
        ("object", {"a": [1]}, {"a": [1]}),
        ("'Missing'", {"a": [1]}, {"a": [1]}),
        ("Union[None, int, str]", None, None),
        ("Union[bool, int]", True, True),
        ("Union[Dict[str, int], str]", {"a": 1}, {"a": 1}),
    ],
)
def test_values_arrive_as_declared(load, annotation, value, expected):
    got = call(load, f"x: {annotation}", {"x": value})["x"]
    assert got == expected and type(got) is type(expected)
    if isinstance(expected, list):
        assert [type(v) for v in got] == [type(v) for v in expected]


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        ("int", "2", 'input.x: "2" is not an integer'),
        ("int", 2.5, "input.x: 2.5 is not an integer"),
        ("int", True, "input.x: true is not an integer"),
        ("float", "1", 'input.x: "1" is not a number'),
        ("str", 1, "input.x: 1 is not a string"),
        ("str", None, "input.x: null is not a string"),
        ("List[int]", [1, "a"], 'input.x: item 1: "a" is not an integer'),
        ("Literal['a', 'b']", "c", 'input.x: "c" is not one of ["a", "b"]'),
        ("Literal[1]", True, "input.x: true is not one of [1]"),
        ("Tuple[int, str]", [1], "input.x: [1] is not a list of 2"),
        ("Dict[str, int]", {"a": "b"}, 'input.x: a: "b" is not an integer'),
        ("dict", [1], "input.x: [1] is not an object"),
    ],
)
def test_values_that_do_not_fit(load, annotation, value, message):
    with pytest.raises(_inputs.InputError) as caught:
        call(load, f"x: {annotation}", {"x": value})
    assert str(caught.value) == message


def test_missing_inputs_get_defaults_or_fail(load):
    signature = (
        "a: str, b: Optional[int], c: int = 3, d: int = Input(default=4), e: str = Input(default=None), f: str = None, "
        "*, g: str = Input()"
    )
    with pytest.raises(_inputs.InputError, match=r"input\.a: is required"):
        call(load, signature, {"g": ""})
    if not REAL_SDK:  # which does not tell it from default=None
        with pytest.raises(_inputs.InputError, match=r"input\.g: is required"):
            call(load, signature, {"a": ""})
    # a schema that was made by an older Cog lets clients leave e out
    got = call(load, signature, {"a": "", "g": "x"})
    assert got == {"a": "", "b": None, "c": 3, "d": 4, "e": None, "f": None, "g": "x"}


def test_mutable_defaults_are_fresh(load):
    predictor = load(
        "from cog import Input\ndef predict(x: list = Input(default=[1]), y: dict = {}) -> str: ...\n", "predict"
    )
    coercer = _inputs.Coercer(predictor)
    first = coercer({})
    first["x"].append(2)
    first["y"]["a"] = 1
    assert coercer({}) == {"x": [1], "y": {}}


def test_files(load, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("content")
    got = call(
        load,
        "a: Path, b: List[Path], c: pathlib.Path, d: File, e: Path = Input(default='/x')",
        {
            "a": str(file),
            "b": [str(file)],
            "c": str(file),
            "d": str(file),
        },
    )
    from cog import Path

    assert isinstance(got["a"], Path) and isinstance(got["b"][0], Path) and got["a"].read_text() == "content"
    assert isinstance(got["c"], pathlib.Path) and not isinstance(got["c"], Path)
    assert got["d"].read() == b"content"
    assert isinstance(got["e"], Path) and str(got["e"]) == "/x"


def test_what_the_server_has_fetched_is_told_from_text(load, tmp_path, monkeypatch):
    """A union with str: a URL has become a path by then, and what was sent as text is still text."""
    monkeypatch.setattr(_fetch, "_folder", "")
    _inputs.use_folder(str(tmp_path))
    file = tmp_path / "a.txt"
    file.write_text("x")
    got = call(
        load,
        "a: Union[str, Path], b: Union[str, Path], c: List[Union[str, Path]]",
        {"a": str(file), "b": "/etc/x", "c": ["b", str(file)]},
    )
    assert [type(v).__name__ for v in (got["a"], got["b"], *got["c"])] == ["Path", "str", "str", "Path"]


def test_secrets(load):
    from cog import Secret

    got = call(load, "a: Secret, b: List[Secret], c: Optional[Secret] = None", {"a": "s", "b": ["t"]})
    assert got == {"a": Secret("s"), "b": [Secret("t")], "c": None}
    assert "s" not in str(got["a"]).replace("Secret", "")


def test_enums_dataclasses_and_typed_dicts(load):
    head = (
        "class E(enum.Enum):\n    A = 'a'\n"
        "@dataclasses.dataclass\nclass D:\n    x: int\n    y: Optional[List[float]] = None\n"
        "class T(TypedDict):\n    z: int\n"
    )
    got = call(load, "e: E, d: D, t: T", {"e": "a", "d": {"x": 1.0, "y": [1]}, "t": {"z": 1}}, head)
    assert isinstance(got["e"], enum.Enum) and got["e"].value == "a"
    assert (got["d"].x, got["d"].y) == (1, [1.0]) and type(got["d"].x) is int
    assert got["t"] == {"z": 1}
    with pytest.raises(_inputs.InputError, match=r"input\.d: has no field 'q'"):
        call(load, "d: D", {"d": {"x": 1, "q": 2}}, head)


def test_a_models_own_fields(load):
    """Dataclasses in lists and in each other, with defaults, and with fields that the server has not looked at."""
    head = (
        "from dataclasses import dataclass, field\n"
        "@dataclass\nclass D:\n    x: float\n    f: Optional[Path] = None\n    more: 'List[D]' = field(default_factory=list)\n"
    )
    got = call(load, "d: D, l: List[D] = []", {"d": {"x": 1, "more": [{"x": 2}]}, "l": [{"x": 3}]}, head)
    assert (type(got["d"].x), got["d"].more[0].x, got["l"][0].x) == (float, 2.0, 3.0)
    for value, message in [
        ({}, "lacks 'x'"),
        ({"x": "1"}, 'x: "1" is not a number'),
        ({"x": 1, "f": "/etc/passwd"}, 'f: "/etc/passwd" is not a URL'),
        ({"x": 1, "more": [{}]}, "more: item 0: lacks 'x'"),
        (3, "3 is not an object"),
    ]:
        with pytest.raises(_inputs.InputError) as caught:
            call(load, "d: D", {"d": value}, head)
        assert str(caught.value) == f"input.d: {message}"


def test_urls_that_the_server_does_not_see_are_fetched_and_removed(load):
    """A default, and a field of an object. W26."""
    head = "@dataclasses.dataclass\nclass D:\n    f: Path\n"
    signature = (
        "d: D, p: Path = Input(default='data:text/plain,x'), l: List[Path] = ['data:,y', '/z'], s: List[Secret] = ['t']"
    )
    predictor = load(HEAD + head + f"\ndef predict({signature}) -> str: ...\n", "predict")
    cleanups = []
    got = _inputs.Coercer(predictor)({"d": {"f": "data:text/plain;base64,eA=="}}, cleanups)
    paths = [got["d"].f, got["p"], got["l"][0]]
    assert [p.read_text() for p in paths] == ["x", "x", "y"] and str(got["l"][1]) == "/z"
    assert got["s"][0].get_secret_value() == "t"
    _inputs.clean_up(cleanups)
    assert not any(p.exists() for p in paths)


def test_a_failed_fetch_leaves_no_file(load, tmp_path, monkeypatch):
    """W16, with the bundled SDK: the real one leaves its own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("shutil.copyfileobj", lambda *_: 1 / 0)
    with pytest.raises(_inputs.InputError, match=r"input\.p: ZeroDivisionError"):
        call(load, "p: List[List[Path]]", {"p": [["data:,x"]]})
    assert REAL_SDK or [p.name for p in tmp_path.iterdir() if p.suffix == ".txt"] == []


def test_coders(load):
    head = (
        "from cog.coder import Coder\nclass Point:\n    def __init__(self, x): self.x = x\n"
        "class PointCoder(Coder):\n"
        "    @staticmethod\n    def factory(tpe): return PointCoder() if tpe is Point else None\n"
        "    def encode(self, value): return {'x': value.x}\n"
        "    def decode(self, value): return Point(value['x'])\n"
        "Coder.register(PointCoder)\n"
    )
    got = call(load, "p: Point, l: List[Point] = None", {"p": {"x": 1}, "l": [{"x": 2}]}, head)
    assert (got["p"].x, got["l"][0].x) == (1, 2)
    assert _encode.Encoder("").encode([got["p"], {"a": got["l"]}])[0] == b'[{"x":1},{"a":[{"x":2}]}]'


def test_keyword_collector_gets_the_rest(load):
    """S1."""
    predictor = load("def predict(x: int, **rest) -> str: ...\n", "predict")
    assert _inputs.Coercer(predictor)({"x": 1, "y": [2], "z": None}) == {"x": 1, "y": [2], "z": None}
    assert _schema.document(predictor)["components"]["schemas"]["Input"]["additionalProperties"] is True


@pytest.mark.parametrize(
    ("signature", "value", "message"),
    [
        ("x: List[int] = Input(default=[2], ge=1)", [2, 0], "0 is less than the minimum of 1"),
        ("x: List[float] = Input(default=[2], le=3)", [3.5], "3.5 is greater than the maximum of 3"),
        ("x: List[str] = Input(default=[], max_length=1)", ["ab"], '"ab" is longer than 1 character'),
        ("x: List[str] = Input(default=[], min_length=2)", ["a"], '"a" is shorter than 2 characters'),
        ("x: List[str] = Input(default=[], regex=r'^a\\Z')", ["b"], '"b" does not match "^a\\\\Z"'),
        ("x: Optional[List[str]] = Input(default=None, choices=['p', 'q'])", ["z"], '"z" is not one of ["p", "q"]'),
        ("x: str = Input(regex='(?<=a)b')", "b", '"b" does not match "(?<=a)b"'),
    ],
)
def test_constraints_hold_for_each_item(load, signature, value, message):
    """W24: what no engine of the server's compiles is checked here."""
    with pytest.raises(_inputs.InputError) as caught:
        call(load, signature, {"x": value})
    assert str(caught.value) == f"input.x: {message}"


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("x: int = Input(default=0, ge=1)", "0 is less than the minimum of 1"),
        ("x: float = Input(default=2.5, le=2)", "2.5 is greater than the maximum of 2"),
        ("x: str = Input(default='', min_length=1)", '"" is shorter than 1 character'),
        ("x: str = Input(default='b', regex='a')", '"b" does not match "a"'),
        ("x: str = Input(default='c', choices=['a', 'b'])", '"c" is not one of ["a", "b"]'),
        ("x: List[int] = Input(default=[1, 9], le=5)", "9 is greater than the maximum of 5"),
        ("x: int = Input(default='notint')", '"notint" is not an integer'),
    ],
)
def test_default_that_breaks_its_own_constraint(load, signature, message):
    """S5. The message says where it stands."""
    with pytest.raises(_load.LoadError) as caught:
        call(load, signature, {})
    assert message in str(caught.value) and ".py:5: the default of x: " in str(caught.value), caught.value
    assert "change the default" in str(caught.value)


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("x: float = 1", 1.0),
        ("x: float = Input(default=1, le=1.5)", 1.0),
        ("x: int = Input(default=5.0)", 5),
        ("x: List[float] = (1, 2)", [1.0, 2.0]),
        ("x: str = 5", 5),  # without Input() nothing is declared that it breaks
        ("x: Optional[int] = Input(default=None, ge=1)", None),
        ("x: 'Literal[\"a\", \"b\"]' = 'a'", "a"),
        ("x: Any = Input(default_factory=list)", []),
    ],
)
def test_defaults_arrive_as_declared(load, signature, expected):
    """W27."""
    if REAL_SDK and "default_factory" in signature:
        with pytest.raises(TypeError, match="default_factory is not supported"):
            call(load, signature, {})
        return
    got = call(load, signature, {})["x"]
    assert got == expected and type(got) is type(expected)


def test_enum_defaults(load):
    head = "class E(enum.Enum):\n    A = 'a'\nclass S(str, enum.Enum):\n    B = 'b'\n"
    got = call(load, "a: E = E.A, b: E = 'a', c: S = Input(default=S.B), d: List[E] = [E.A]", {}, head)
    assert [v.value for v in (got["a"], got["b"], got["c"], *got["d"])] == ["a", "a", "b", "a"]


def test_a_regex_that_is_not_valid_is_told_and_not_checked(load, capsys):
    assert call(load, "x: str = Input(default='a', regex='('), y: int = Input(default=1, le=1)", {"x": "b"})["x"] == "b"
    assert capsys.readouterr().err.endswith(".py:5: input 'x': its regex is not valid, and is not checked: '('\n")


def test_constraints_that_the_parent_leaves_to_python(load):
    signature = r"a: str = Input(default='xx', regex=r'(?P<c>.)(?P=c)'), b: List[str] = Input(default=['p'], choices=['p', 'q'])"
    assert call(load, signature, {"a": "abba", "b": ["q"]}) == {"a": "abba", "b": ["q"]}
    with pytest.raises(_inputs.InputError, match=r"input\.a: .* does not match"):
        call(load, signature, {"a": "abc"})
    with pytest.raises(_inputs.InputError, match=r"input\.b: .* is not one of"):
        call(load, signature, {"b": ["p", "z"]})
