"""The schema of a live predictor is the one that Cog's generator prints, where that one is right."""

import json
import sys
from pathlib import Path

import pytest
from coglet import _choice, _inputs, _load, _schema
from conftest import REAL_SDK

FIXTURES = Path(__file__).parent / "fixtures" / "schema"


def as_strings(source):
    """A | B also runs on Python 3.9 as a string."""
    return "from __future__ import annotations\n" + source if sys.version_info < (3, 10) else source


# Fixtures that only a static reader can take as they are: what makes them run changes nothing of their schema.
RUNNABLE = {
    "e4": lambda source: as_strings(source.replace("def predict(self,", "def predict(self, *,")),  # defaults come first
    "e5": as_strings,
    "e9": lambda source: source.replace("from ext import Foo", "class Foo: ..."),
}

# Those that cannot run at all: what is missing, and how that shows.
IMPOSSIBLE = {}
if REAL_SDK or sys.version_info < (3, 10):
    IMPOSSIBLE["e8"] = TypeError  # a field without default behind one with
if sys.version_info < (3, 11):
    IMPOSSIBLE["e9"] = ImportError  # typing.NotRequired


def generated(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = (FIXTURES / f"{name}.py").read_text()
    (tmp_path / f"{name}.py").write_text(RUNNABLE.get(name, str)(source))
    expected = json.loads((FIXTURES / f"{name}.json").read_text())
    train = "TrainingInput" in expected["components"]["schemas"]
    predictor = _load.load(f"{name}.py:train" if train else ref_of(name), "train" if train else "predict")
    return _schema.document(predictor), expected


def ref_of(name):
    source = (FIXTURES / f"{name}.py").read_text()
    return f"{name}.py:predict" if "\ndef predict" in "\n" + source else f"{name}.py"


# Where we differ on purpose: what a static reader of the source cannot know.
def correct(name, expected):
    schemas = expected["components"]["schemas"]
    if name == "e12":  # S4: 1+1 is 2 to who runs the code, and not a missing default
        schemas["Input"]["properties"]["calc"] = {"default": 2, "title": "Calc", "type": "integer", "x-order": 5}
        del schemas["Input"]["required"]
    if name == "e4" and REAL_SDK:
        # The real SDK keeps no difference between Input() and Input(default=None). A Secret that may be left out is the
        # reading that refuses no request which the author allows.
        schemas["Input"]["properties"]["token"].update(default=None, nullable=True)
        schemas["Input"]["required"].remove("token")
    if name == "e10":  # S10: the title of TrainingOutput is kept as Cog has it
        assert schemas["TrainingOutput"]["title"] == "Output"
    return expected


def order_of(document):
    """What the order of keys says: components, and the fields of inputs and outputs."""
    schemas = document["components"]["schemas"]
    return list(schemas), {
        name: list(schema.get("properties", {}))
        for name, schema in schemas.items()
        if name.endswith(("Input", "Output"))
    }


@pytest.mark.parametrize("name", sorted((p.stem for p in FIXTURES.glob("*.json")), key=lambda n: int(n[1:])))
def test_schema_is_the_one_of_cogs_generator(name, tmp_path, monkeypatch):
    if name in IMPOSSIBLE:
        with pytest.raises(IMPOSSIBLE[name]):
            generated(name, tmp_path, monkeypatch)
        return
    got, expected = generated(name, tmp_path, monkeypatch)
    expected = correct(name, expected)
    del got["info"]["version"], expected["info"]["version"]
    assert json.loads(json.dumps(got)) == expected
    assert order_of(got) == order_of(expected)


def inputs(predictor):
    return _schema.document(predictor)["components"]["schemas"]["Input"]


def test_what_a_static_generator_gets_wrong(load):
    predictor = load(
        "import os, cog, enum\n"
        "from typing import Literal, List\n"
        "from cog import Input\n"
        "DEFAULT = ['q'] * 2\n"
        "class E(enum.Enum):\n    A = 'a'\n    B = 'b'\n"
        "def predict(x, s: str = 'it\\'s\\n', d: str = Input('positional'), q: int = cog.Input(default=2 * 3),\n"
        "            c: List[str] = Input(default=['a'], choices=['a', 'b']), Status: str = Input(default='x', choices=['x', 'y']),\n"
        "            l: Literal['a', 'b'] = 'a', e: E = E.A, r: str = Input(default='a' 'b', regex='\\\\d?', description=('two ' 'parts')),\n"
        "            m: str = Input(default=os.environ.get('NOTHING', 'fallback')), f: bool = Input(default=True, ge=0),\n"
        "            n: str = Input(default='', max_length=-1), o: List[str] = DEFAULT) -> List[str]: ...\n",
        "predict",
    )
    schema = inputs(predictor)
    properties = schema["properties"]
    assert schema["required"] == ["x"]  # S1
    assert properties["s"]["default"] == "it's\n"  # S2
    assert properties["d"]["default"] == "positional"  # S3
    assert properties["q"]["default"] == 6  # S3, S4
    assert properties["c"]["type"] == "array" and properties["c"]["items"]["enum"] == ["a", "b"]  # S6
    components = _schema.document(predictor)["components"]["schemas"]
    assert components["Status"]["enum"] == ["starting", "processing", "succeeded", "canceled", "failed"]  # S7
    assert components[properties["Status"]["allOf"][0]["$ref"].rsplit("/", 1)[1]]["enum"] == ["x", "y"]
    assert components["l"]["enum"] == ["a", "b"] and components["e"]["enum"] == ["a", "b"]  # S8
    assert properties["e"]["default"] == "a"
    r = properties["r"]
    assert (r["default"], r["pattern"], r["description"]) == ("ab", r"\d?", "two parts")  # S2
    assert properties["m"]["default"] == "fallback" and properties["o"]["default"] == ["q", "q"]  # S4
    assert "minimum" not in properties["f"] and "maxLength" not in properties["n"]  # S5


def test_models_that_a_static_generator_cannot_see(load):
    """S8: two levels of inheritance, and kinds of outputs and inputs that it has no words for. S9: pathlib."""
    predictor = load(
        "import dataclasses, enum, pathlib\n"
        "from collections.abc import Iterator\n"
        "from typing import Optional, Set, Tuple\n"
        "from cog import BaseModel\n"
        "class A(BaseModel):\n    a: int\n"
        "class B(A):\n    b: str\n"
        "@dataclasses.dataclass\nclass D:\n    x: int = 1\n"
        "def predict(p: pathlib.Path, d: D, s: Set[int], t: Tuple[int, str], n: Optional[D] = None) -> Iterator[B]: ...\n",
        "predict",
    )
    properties = inputs(predictor)["properties"]
    assert properties["p"] == {"format": "uri", "title": "P", "type": "string", "x-order": 0}
    assert (properties["d"]["type"], properties["n"]["nullable"]) == ("object", True)
    assert properties["s"]["items"] == {"type": "integer"}
    assert (properties["t"]["minItems"], properties["t"]["maxItems"]) == (2, 2)
    output = _schema.document(predictor)["components"]["schemas"]["Output"]
    assert output["x-cog-array-type"] == "iterator" and list(output["items"]["properties"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("declared", "items"),
    [
        ("List[int] = Input(default=[1], ge=1, le=5)", {"maximum": 5, "minimum": 1, "type": "integer"}),
        ("List[str] = Input(default=[], regex='a', max_length=2)", {"maxLength": 2, "pattern": "a", "type": "string"}),
        ("Optional[List[str]] = Input(default=None, choices=['a'])", {"enum": ["a"], "type": "string"}),
        ("List[Literal['a', 'b']] = []", {"enum": ["a", "b"], "type": "string"}),
    ],
)
def test_constraints_of_a_list_are_of_its_items(load, declared, items):
    """S6."""
    predictor = load(f"from typing import *\nfrom cog import Input\ndef predict(x: {declared}): ...\n", "predict")
    got = inputs(predictor)["properties"]["x"]
    assert got["items"] == items and got["type"] == "array" and got.get("nullable", False) == ("Optional" in declared)


def test_where_the_file_of_cog_build_contradicts_the_code(load):
    predictor = load(
        "from typing import List\nfrom cog import Input, Path\n"
        "def predict(a: int, b: str = Input(default='', max_length=3), c: Path = None, d: float = 1): ...\n",
        "predict",
    )
    assert _schema.differences(_schema.document(predictor), predictor) == []
    file = _schema.document(predictor)
    properties = file["components"]["schemas"]["Input"]["properties"]
    properties["a"]["type"] = "string"
    properties["b"]["maxLength"] = 9
    del properties["d"]
    properties["old"] = {"type": "string"}
    file["components"]["schemas"]["Input"]["required"] = ["a"]
    assert _schema.differences(file, predictor) == [
        "input 'a' is string in the file and integer in the code",
        "input 'b' has maxLength 9 in the file and 3 in the code",
        "input 'c' is required in the code and not in the file",
        "input 'd' is only in the code: what clients send for it is dropped",
        "input 'old' is not in the code",
    ]
    assert _schema.differences({}, predictor) == ["it describes no inputs"]


def test_defaults_of_secrets_are_not_shown(load):
    predictor = load(
        "import os\nfrom typing import List, Optional, Union\nfrom cog import Input, Secret\n"
        "def predict(a: Secret = Input(default='token'), b: Secret = Secret('token'), c: List[Secret] = ['token'],\n"
        "            d: Optional[Secret] = 'token', e: Union[Secret, int] = 'token', f: Secret = Input(default=None)): ...\n",
        "predict",
    )
    schema = inputs(predictor)
    assert "token" not in json.dumps(schema) and "*" not in json.dumps(schema) and "required" not in schema
    assert schema["properties"]["f"]["default"] is None
    got = _inputs.Coercer(predictor)({})
    assert [s.get_secret_value() for s in (got["a"], got["b"], *got["c"], got["d"])] == ["token"] * 4


def test_models_of_old_sdks_may_leave_out_what_is_none(load, monkeypatch):
    source = "from cog import Input\ndef predict(a: int = Input(default=None, ge=1), b: str = None, c: str = Input(default='x', choices=['x', 'y']), d: int = 1): ...\n"
    assert inputs(load(source, "predict"))["required"] == ["a", "b"]
    monkeypatch.setattr(_choice, "none_is_default", True)
    schema = inputs(load(source, "predict"))
    assert "required" not in schema
    assert schema["properties"]["a"] == {"minimum": 1, "nullable": True, "title": "A", "type": "integer", "x-order": 0}
    assert schema["properties"]["b"]["nullable"] is True and "nullable" not in schema["properties"]["d"]


def test_file_fields_and_any_fields_are_told(load):
    predictor = load(
        "from __future__ import annotations\n"
        "import pathlib\n"
        "from typing import Any, List, Optional, Tuple, Union\n"
        "from cog import Path, File\n"
        "def predict(a: Path, b: List[Path], c: Optional[File], d: Union[str, Path], e: pathlib.Path, f: Any, g: dict,\n"
        "            h: Optional[List[Path]] = None, i: str = '', j: 'Unknown' = 1, k: list = [],\n"
        "            l: Union[str, Any] = '', m: List[int] = [], n: 'Union[Path, List[Path]]' = '', o: List[Union[str, Path]] = [],\n"
        "            p: 'Tuple[Path, Path]' = (), q: 'Tuple[int, Path]' = (), r: List[List[Path]] = []) -> str: ...\n",
        "predict",
    )
    assert _schema.file_fields(predictor) == {
        "a": {"kind": "path"},
        "b": {"kind": "path", "list": True},
        "c": {"kind": "file"},
        "d": {"kind": "path", "str": True},
        "e": {"kind": "path"},
        "h": {"kind": "path", "list": True},
        "n": {"kind": "path"},
        "o": {"kind": "path", "list": True, "str": True},
        "p": {"kind": "path", "list": True},
    }
    assert _schema.any_fields(predictor) == ["f", "k", "l"]  # W25


def test_models_of_themselves_and_in_lists(load):
    predictor = load(
        "from __future__ import annotations\n"
        "import dataclasses\nfrom typing import List, Optional, TypedDict\n"
        "class T(TypedDict):\n    z: int\n"
        "@dataclasses.dataclass\nclass Node:\n    name: str\n    up: Optional[Node] = None\n"
        "    children: List[Node] = dataclasses.field(default_factory=list)\n    t: List[T] = ()\n"
        "def predict() -> List[Node]: ...\n",
        "predict",
    )
    node = _schema.document(predictor)["components"]["schemas"]["Output"]["items"]["properties"]
    assert node["up"] == {"nullable": True, "title": "Up", "type": "object"}
    assert node["children"] == {"items": {"type": "object"}, "title": "Children", "type": "array"}
    assert node["t"]["items"]["properties"] == {"z": {"title": "Z", "type": "integer"}}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("Any", {"title": "Output", "type": "object"}),
        ("dict", {"title": "Output", "type": "object"}),
        ("Path", {"format": "uri", "title": "Output", "type": "string"}),
        ("list", {"items": {"type": "object"}, "title": "Output", "type": "array"}),
        (
            "Dict[str, List[Path]]",
            {
                "additionalProperties": {"items": {"format": "uri", "type": "string"}, "type": "array"},
                "title": "Output",
                "type": "object",
            },
        ),
        (
            "Generator[int, None, None]",
            {"items": {"type": "integer"}, "title": "Output", "type": "array", "x-cog-array-type": "iterator"},
        ),
        ("None", {"title": "Output"}),
    ],
)
def test_outputs(load, annotation, expected):
    predictor = load(
        f"from typing import Any, Dict, Generator, List\nfrom cog import Path\ndef predict() -> {annotation}: ...\n",
        "predict",
    )
    assert _schema.document(predictor)["components"]["schemas"]["Output"] == expected
