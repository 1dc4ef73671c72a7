"""Long strings come through as the json module reads and writes them."""

import json
import sys
import types

import pytest
from coglet import _encode, _long, _wire

LONG = "0123456789abcdef" * (_long.LONG // 16)

TEXTS = [
    LONG,
    LONG + "é\u2028😀",
    LONG + '"',
    LONG + "\\",
    LONG + "\n",
    LONG + "\0",
    "\x1f" + LONG,
    LONG + "\x7f\x80",
    LONG + "\ud800",
    LONG[1:],
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_long_string_is_written_as_json_writes_it(text):
    want = _long._quote(text).encode("utf-8", "replace")
    assert _long.quote(text) == want
    assert _encode.Encoder("").encode(text) == (want, [])


@pytest.mark.parametrize("text", TEXTS)
def test_orjson_is_used_where_it_is_installed_and_what_it_refuses_is_written_all_the_same(text, monkeypatch):
    asked = []

    def dumps(value):
        asked.append(value)
        return json.dumps(value, ensure_ascii=False).encode()  # raises for a lone surrogate, as orjson does

    monkeypatch.setitem(sys.modules, "orjson", types.SimpleNamespace(dumps=dumps))
    plain = _long.quote(text)
    assert json.loads(plain) == text.encode("utf-8", "replace").decode()
    assert bool(asked) == any(c in text for c in '"\\\n\0\x1f')


@pytest.mark.parametrize(
    "value",
    [
        {"s": LONG},
        {"a": LONG, "b": [LONG + "x", {"c": LONG + "é"}, 1, None, True, 2.5, ""], LONG: "as a name"},
        {"s": LONG, "n": "\00", "m": "0"},
        {"s": LONG, "escaped": '"\\\n'},
        {"many": ["x"] * 2000 + [LONG]},
        LONG,
        [],
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_document_with_long_strings_is_read_as_json_reads_it(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert _long.decode(text.encode()) == value
    assert _wire.decode(bytearray(text.encode())) == value
    if isinstance(value, dict):
        assert list(_long.decode(memoryview(text.encode()))) == list(value)
