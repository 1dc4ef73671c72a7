"""Outputs as JSON."""

import collections
import dataclasses
import datetime
import decimal
import enum
import io
import json
import math
import os
import types
import uuid

import pytest
from coglet import _encode


@pytest.fixture
def encoder(tmp_path):
    return _encode.Encoder(str(tmp_path / "own"))


def encode(encoder, value):
    body, files = encoder.encode(value)
    return json.loads(body), files


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Inner:
    when: datetime.date


@dataclasses.dataclass
class Outer:
    inner: Inner
    names: tuple


class Array:
    """As numpy and torch have them."""

    def __init__(self, values, ndim):
        self.values, self.ndim = values, ndim

    def tolist(self):
        return self.values


class Scalar:
    """As numpy.longdouble: its item() is one of itself."""

    def item(self):
        return Scalar()

    def __float__(self):
        return 0.5


class SecretStr:
    """As pydantic has it."""

    def get_secret_value(self):
        return "hidden"

    def __str__(self):
        return "**********"


class Model:
    def model_dump(self):
        return {"color": Color.RED}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ü\u2028", "ü\u2028"),
        (2**80, 2**80),
        (None, None),
        ({1: True, None: 2.5, "a": ()}, {"1": True, "null": 2.5, "a": []}),
        (Outer(Inner(datetime.date(2026, 1, 2)), ("a",)), {"inner": {"when": "2026-01-02"}, "names": ["a"]}),
        (datetime.datetime(2026, 1, 2, 3), "2026-01-02T03:00:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (decimal.Decimal("1.50"), "1.50"),
        (b"ab", "data:application/octet-stream;base64,YWI="),
        (Color.RED, "red"),
        (Model(), {"color": "red"}),
        (Array(3.5, 0), 3.5),
        (collections.OrderedDict(a=Array([1, [2]], 2)), {"a": [1, [2]]}),
        ({"x": {4}}, {"x": [4]}),
        ([range(3), map(str, [1])], [[0, 1, 2], ["1"]]),
        ("\ud800", "?"),
        (Scalar(), 0.5),
        ({Color.RED: 1}, {"red": 1}),
        (datetime.time(1, 2), "01:02:00"),
        (SecretStr(), "**********"),
        (collections.namedtuple("P", "x y")(1, 2), [1, 2]),
        (collections.deque([1]), [1]),
        (collections.defaultdict(list, a=[Array([1], 1)]), {"a": [[1]]}),
        ({"a": frozenset()}, {"a": []}),
        ((n for n in [1, [2]]), [1, [2]]),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (datetime.timedelta(seconds=1).total_seconds(), 1.0),
    ],
)
def test_values(encoder, value, expected):
    assert encode(encoder, value) == (expected, [])


def test_nan_becomes_null_with_one_warning(encoder, capsys):
    assert encode(encoder, [math.nan, {"a": -math.inf}, 1.0])[0] == [None, {"a": None}, 1.0]
    assert encode(encoder, math.nan)[0] is None
    assert capsys.readouterr().err.count("NaN") == 1


def test_errors_name_where(encoder):
    loop = {"a": {}}
    loop["a"]["b"] = loop
    with pytest.raises(_encode.EncodeError, match=r"output\.a\.b: refers to itself"):
        encoder.encode(loop)
    with pytest.raises(_encode.EncodeError, match=r"output\.items\[1\]\.mask: cannot encode complex"):
        encoder.encode({"items": [{}, {"mask": 1j}]})
    with pytest.raises(_encode.EncodeError, match=r"output\.image: no such file: /nonexistent"):
        from cog import Path

        encoder.encode({"image": Path("/nonexistent")})
    inner = []
    inner.append({"self": (inner,)})
    with pytest.raises(_encode.EncodeError, match=r"^output\[1\]\[0\]\.self\[0\]: refers to itself$"):
        encoder.encode([0, inner])
    with pytest.raises(_encode.EncodeError, match=r"^output\.f: cannot encode the class .*Model: return str, numbers"):
        encoder.encode({"f": Model})
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(_encode.EncodeError, match="nested too deep"):
        encoder.encode(deep)
    same = [1]
    assert encode(encoder, [same, same])[0] == [[1], [1]]  # twice is no cycle


def test_secrets_are_masked(encoder):
    from cog import Secret

    assert encode(encoder, {"s": Secret("hidden")})[0] == {"s": "**********"}


def test_files_are_references(encoder, tmp_path):
    from cog import Path

    out = tmp_path / "out.png"
    out.write_bytes(b"pixels")
    body, files = encode(encoder, {"a": Path(out), "b": [io.BytesIO(b"bytes"), io.StringIO("text")]})
    assert [f["ref"] for f in files] == [body["a"], *body["b"]]
    assert len({f["ref"].rsplit(":", 1)[0] for f in files}) == 1 and len(files[0]["ref"].split(":")[1]) == 32
    assert files[0]["path"] == str(out)
    assert [open(f["path"], "rb").read() for f in files] == [b"pixels", b"bytes", b"text"]
    assert all(f["path"].startswith(str(tmp_path / "own") + os.sep) for f in files[1:])


def test_yielded_files_are_copied(encoder, tmp_path):
    from cog import Path

    out = tmp_path / "out.txt"
    out.write_text("first")
    _, files = encoder.encode_yielded(Path(out), 0)
    out.write_text("second")
    assert open(files[0]["path"]).read() == "first" and files[0]["path"].endswith("/out.txt")


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ([1, "a"], 2),
        ((), 0),
        ({1}, 1),
        (Array([1, 2], 1), 2),
        (Array(1, 0), None),
        ("abc", None),
        ({"a": 1}, None),
        (b"x", None),
    ],
)
def test_lists_are_told_from_single_values(encoder, value, items):
    found = encoder.encode_items(value)
    assert (found and found[1]) == items if items is not None else found is None
    if found:
        assert len(json.loads(found[0])) == items


def test_streams():
    assert _encode.is_stream(iter([])) and _encode.is_stream(n for n in ())
    assert not _encode.is_stream([]) and not _encode.is_stream(io.StringIO("x")) and not _encode.is_stream("x")
