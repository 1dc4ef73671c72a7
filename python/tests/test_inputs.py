"""Arguments of a call, by annotation."""

import enum
import pathlib

import pytest
from coglet import _inputs


def call(load, signature, raw, head=""):
    predictor = load(
        "import enum, pathlib, dataclasses\n"
        "from typing import *\n"
        "from cog import Input, Path, File, Secret, BaseModel\n"
        f"{head}\ndef predict({signature}) -> str: ...\n",
        "predict",
    )
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
    ],
)
def test_values_that_do_not_fit(load, annotation, value, message):
    with pytest.raises(_inputs.InputError) as caught:
        call(load, f"x: {annotation}", {"x": value})
    assert str(caught.value) == message


def test_missing_inputs_get_defaults_or_fail(load):
    signature = (
        "a: str, b: Optional[int], c: int = 3, d: int = Input(default=4), e: str = Input(default=None), f: str = None"
    )
    with pytest.raises(_inputs.InputError, match=r"input\.a: is required"):
        call(load, signature, {"e": ""})
    with pytest.raises(_inputs.InputError, match=r"input\.e: is required"):
        call(load, signature, {"a": ""})
    assert call(load, signature, {"a": "", "e": "x"}) == {"a": "", "b": None, "c": 3, "d": 4, "e": "x", "f": None}


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


def test_constraints_that_the_parent_leaves_to_python(load):
    signature = r"a: str = Input(default='xx', regex=r'(?P<c>.)(?P=c)'), b: List[str] = Input(default=['p'], choices=['p', 'q'])"
    assert call(load, signature, {"a": "abba", "b": ["q"]}) == {"a": "abba", "b": ["q"]}
    with pytest.raises(_inputs.InputError, match=r"input\.a: .* does not match"):
        call(load, signature, {"a": "abc"})
    with pytest.raises(_inputs.InputError, match=r"input\.b: .* is not one of"):
        call(load, signature, {"b": ["p", "z"]})
