"""JSON in which a few strings are most of it, such as pictures as data: URLs: the json module looks at each character.

Measured on 10 MB of base64: 1 ms instead of 10 to read it, 7 ms instead of 20 to write it. A string that is a whole
output is not written here: the parent escapes it.
"""

import json
from typing import Any, Callable, List, Optional, Tuple, Union

from ._encode import LONG

_MANY = 1000  # strings: most of them are short
_decode = json.JSONDecoder().raw_decode
_quote = json.encoder.encode_basestring

# Changes what must be escaped in a string, and nothing else.
_ESCAPED = bytes(byte ^ 0x80 if byte < 0x20 or byte in b'"\\' else byte for byte in range(256))


def decode(data: Union[bytes, bytearray, memoryview]) -> Any:
    """Return the value of JSON that its sender has checked."""
    if isinstance(data, memoryview):
        data = bytes(data)
    short, taken = _take(data)
    value = _decode(str(short, "utf-8"))[0]
    return _put_back(value, taken) if taken else value


def _take(data: Union[bytes, bytearray]) -> Tuple[Union[bytes, bytearray], List[str]]:
    """Return the JSON with something short for each long string, and these strings."""
    taken: List[str] = []
    if b"\\" in data:
        return data, taken
    kept: List[bytes] = []
    done = 0
    start = data.find(b'"')  # without escapes each string goes from one quote to the next
    for _ in range(_MANY):
        if start < 0:
            break
        end = data.find(b'"', start + 1)
        if end - start > LONG:
            # what stands for it begins with a character that no string here has: it would have been escaped
            kept += [bytes(data[done : start + 1]), b"\\u0000%d" % len(taken)]
            taken.append(str(memoryview(data)[start + 1 : end], "utf-8"))
            done = end
        start = data.find(b'"', end + 1)
    else:
        return data, []
    return (b"".join((*kept, data[done:])) if taken else data), taken


def _put_back(value: Any, taken: List[str]) -> Any:
    if isinstance(value, str):
        return taken[int(value[1:])] if value.startswith("\0") else value
    if isinstance(value, dict):
        return {_put_back(key, taken): _put_back(item, taken) for key, item in value.items()}
    if isinstance(value, list):
        return [_put_back(item, taken) for item in value]
    return value


def quote(text: str) -> bytes:
    """Return a string as JSON."""
    data = text.encode("utf-8", "replace")
    if b'"' not in data and b"\\" not in data and data.translate(_ESCAPED) == data:
        return b"".join((b'"', data, b'"'))
    dumps = _orjson()
    if dumps is not None:
        try:
            return dumps(text)
        except Exception:  # a lone surrogate
            pass
    return _quote(text).encode("utf-8", "replace")


def _orjson() -> Optional[Callable[[Any], bytes]]:
    """Return orjson's dumps where the model's environment has it: three times as fast as the standard library's."""
    try:
        from orjson import dumps  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    return dumps  # type: ignore[no-any-return,unused-ignore]
