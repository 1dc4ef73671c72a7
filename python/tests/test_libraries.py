"""Values of the libraries that models are made of. Runs where they are installed: make test-python has a place."""

import decimal
import json
import math
import subprocess
import sys

import attrs
import numpy as np
import pytest
from coglet import _encode, _inputs, _schema
from PIL import Image


@pytest.fixture
def encode(tmp_path):
    encoder = _encode.Encoder(str(tmp_path / "own"))

    def encode(value):
        body, files = encoder.encode(value)
        return json.loads(body), files

    return encode


@attrs.define
class Point:
    x: int
    y: list


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.bool_(True), True),
        (np.int64(2**40), 2**40),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.str_("a"), "a"),
        (np.array(3), 3),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.array([1.5, math.nan, math.inf]), [1.5, None, None]),
        (np.array([np.float32(1), {"a": np.int8(2)}], dtype=object), [1.0, {"a": 2}]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]), [[1, 2.0]]),
        (np.ma.array([1, 2], mask=[0, 1]), [1, None]),
        ({"boxes": [np.float32(1)], np.int64(3): np.array([True])}, {"boxes": [1.0], "3": [True]}),
        (Point(1, [np.int8(2)]), {"x": 1, "y": [2]}),
        (decimal.Decimal("0.1"), "0.1"),
    ],
)
def test_values(encode, value, expected):
    assert encode(value) == (expected, [])


def test_arrays_are_lists_of_outputs():
    body, count, _ = _encode.Encoder("").encode_items(np.arange(3))  # W13
    assert (body, count) == (b"[0,1,2]", 3)
    assert _encode.Encoder("").encode_items(np.array(3)) is None


def test_what_numpy_has_and_json_has_not(encode):
    with pytest.raises(_encode.EncodeError, match=r"^output\.z\[1\]: cannot encode complex"):
        encode({"z": [1, np.complex64(2j)]})


@pytest.mark.parametrize(
    ("mode", "extension"), [("RGB", "png"), ("RGBA", "png"), ("L", "png"), ("CMYK", "png"), ("F", "png")]
)
def test_pictures_become_files(encode, mode, extension):
    body, files = encode({"picture": Image.new(mode, (4, 3))})
    assert body["picture"] == files[0]["ref"] and files[0]["path"].endswith(f".{extension}")
    with Image.open(files[0]["path"]) as picture:
        assert picture.size == (4, 3)


def test_a_picture_keeps_its_format(encode, tmp_path):
    Image.new("RGB", (4, 3)).save(tmp_path / "in.jpg")
    with Image.open(tmp_path / "in.jpg") as picture:
        _, files = encode([picture])
    with Image.open(files[0]["path"]) as written:
        assert written.format == "JPEG"


def test_schema_of_what_they_have(load):
    predictor = load(
        "import numpy as np\nfrom PIL import Image\nfrom typing import Dict, List\n"
        "def predict(a: np.ndarray, n: np.int64 = 1) -> Dict[str, List[Image.Image]]: ...\n",
        "predict",
    )
    schemas = _schema.document(predictor)["components"]["schemas"]
    assert schemas["Output"]["additionalProperties"]["items"] == {"format": "uri", "type": "string"}
    assert "type" not in schemas["Input"]["properties"]["a"]
    assert _inputs.Coercer(predictor)({"a": [1]}) == {"a": [1], "n": 1}


def test_they_are_not_imported_for_who_does_not_use_them(tmp_path):
    """Neither by what is encoded nor by what is declared."""
    root = str(_encode.__file__).rsplit("/", 2)[0]
    (tmp_path / "model.py").write_text("from cog import BaseModel\ndef predict(x: float) -> list: ...\n")
    program = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        "from coglet import _load, _schema, _inputs, _encode\n"
        "predictor = _load.load('model.py:predict', 'predict')\n"
        "_inputs.Coercer(predictor)({'x': 1}); _schema.encode(predictor)\n"
        "_encode.Encoder('').encode([object.__class__.__name__, float('nan'), {1}, b'', (n for n in ())])\n"
        "found = {m.split('.')[0] for m in sys.modules} & {'numpy', 'torch', 'PIL', 'pydantic', 'attrs', 'attr'}\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)
