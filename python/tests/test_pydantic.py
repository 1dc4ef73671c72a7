"""Models of pydantic, 1 and 2, as inputs and outputs. Runs where it is installed."""

import json

import pydantic
import pytest
from coglet import _encode, _inputs, _schema

HEAD = """
from typing import List, Optional
import pydantic
from cog import Input, Path
class Inner(pydantic.BaseModel):
    v: float
class M(pydantic.BaseModel):
    a: int
    b: Optional[str] = None
    inner: Optional[Inner] = None
    token: pydantic.SecretStr = pydantic.SecretStr("hidden")
"""


def test_inputs(load):
    predictor = load(HEAD + "def predict(m: M, l: List[M] = [], o: Optional[M] = None) -> M: ...\n", "predict")
    coercer = _inputs.Coercer(predictor)
    got = coercer({"m": {"a": 1, "inner": {"v": 2}}, "l": [{"a": 2}], "o": None})
    assert (got["m"].a, got["m"].b, got["m"].inner.v, got["l"][0].a, got["o"]) == (1, None, 2.0, 2, None)
    with pytest.raises(_inputs.InputError, match=r"^input\.m: (?s:.*)valid(?s:.*)integer"):
        coercer({"m": {"a": "x"}})
    with pytest.raises(_inputs.InputError, match=r"^input\.m: 3 is not an object"):
        coercer({"m": 3})


def test_outputs(load):
    """E14, and models in each other. A secret of pydantic's is masked as Cog's is."""
    predictor = load(HEAD + "def predict() -> M:\n    return M(a=1, inner=Inner(v=2))\n", "predict")
    body, _ = _encode.Encoder("").encode({"m": [predictor.call()]})
    assert json.loads(body) == {"m": [{"a": 1, "b": None, "inner": {"v": 2.0}, "token": "**********"}]}
    output = _schema.document(predictor)["components"]["schemas"]["Output"]
    assert output["properties"]["a"] == {"title": "A", "type": "integer"}
    assert output["properties"]["b"] == {"nullable": True, "title": "B", "type": "string"}
    assert output["properties"]["inner"]["properties"] == {"v": {"title": "V", "type": "number"}}
    assert (output["required"], output["title"]) == (["a"], "Output")
    with pytest.raises(_encode.EncodeError, match="cannot encode the class"):
        _encode.Encoder("").encode(type(predictor.call()))


def test_nested_values_of_a_model_are_converted(load, tmp_path):
    (tmp_path / "f.txt").write_text("x")
    predictor = load(
        "import enum, pathlib, pydantic\n"
        "class E(enum.Enum):\n    A = 'a'\n"
        "class M(pydantic.BaseModel):\n    e: E\n    p: pathlib.Path\n    x: float\n"
        "def predict() -> M:\n    return M(e=E.A, p='f.txt', x=float('nan'))\n",
        "predict",
    )
    body, files = _encode.Encoder("").encode(predictor.call())
    assert json.loads(body) == {"e": "a", "p": files[0]["ref"], "x": None}


def test_pydantic_dataclasses(load):
    head = "import pydantic.dataclasses\n@pydantic.dataclasses.dataclass\nclass D:\n    x: float\n"
    predictor = load(head + "def predict(d: D) -> D: ...\n", "predict")
    got = _inputs.Coercer(predictor)({"d": {"x": 1}})["d"]
    assert got.x == 1.0 and _encode.Encoder("").encode(got)[0] == b'{"x":1.0}'


def test_version():
    assert pydantic.VERSION.split(".")[0] in ("1", "2")
