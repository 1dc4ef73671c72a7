"""From what a predictor returns to JSON: conversions, files as references, errors that name where."""

import json
import math
import os
import sys
from stat import S_ISREG
from typing import Any, Dict, List, Optional, Set, Tuple

from . import _types

_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_quote = json.encoder.encode_basestring
LONG = 64 << 10  # characters from which a string has a quicker way
# Types whose values are encoded as they are: those of most outputs, and of most tokens.
PLAIN = frozenset((str, int, bool, type(None)))

Files = List[Dict[str, str]]


class EncodeError(Exception):
    """An output that has no JSON; the text says where it stands and why."""


def encode_plain(value: Any) -> bytes:
    """Return the JSON of a value whose type is in PLAIN."""
    if type(value) is not str:
        return _dumps(value).encode()
    if len(value) >= LONG:
        from ._long import quote

        return quote(value)
    return _quote(value).encode("utf-8", "replace")


def is_stream(value: Any) -> bool:
    """Whether its items come one after the other: generators, and everything else with __next__."""
    return hasattr(value, "__next__") and not hasattr(value, "read")


class Encoder:
    """Encodes the outputs of one prediction. Files become references that the parent replaces."""

    def __init__(self, folder: str) -> None:
        self._dir = folder
        self._prefix = ""
        self._count = 0
        self._warned = False
        self._copy = False
        self._files: Files = []
        self._open: Set[int] = set()

    def encode(self, value: Any, where: str = "output") -> Tuple[bytes, Files]:
        """Return JSON and the files in it. Raises EncodeError, which says where."""
        self._files = []
        if type(value) in PLAIN:
            return encode_plain(value), []
        return self._bytes(self._convert(value, where)), self._files

    def encode_yielded(self, value: Any, index: int) -> Tuple[bytes, Files]:
        """Return the same for an item of a generator, which goes on and may write its files anew: they are copied."""
        self._copy = True
        return self.encode(value, f"output[{index}]")

    def encode_items(self, value: Any) -> Optional[Tuple[bytes, int, Files]]:
        """Return a list as a JSON array with the number of its items; None for what is one value."""
        if not _is_list(value):
            return None
        self._files = []
        converted = self._convert(value, "output")
        if not isinstance(converted, list):
            return None
        return self._bytes(converted), len(converted), self._files

    def _bytes(self, value: Any) -> bytes:
        if type(value) in PLAIN:
            return encode_plain(value)
        try:
            text = _dumps(value)
        except RecursionError:
            raise EncodeError("output: nested too deep") from None
        return text.encode("utf-8", "replace")

    def _convert(self, value: Any, where: str) -> Any:
        """Return value as str, int, float, bool, None, list and dict with string keys."""
        kind = type(value)
        if kind in PLAIN:
            return value
        if kind is float:
            return self._float(value)
        try:
            if id(value) in self._open:
                raise EncodeError(f"{where}: refers to itself")
            self._open.add(id(value))
            try:
                return self._convert_object(value, where)
            finally:
                self._open.discard(id(value))
        except RecursionError:
            raise EncodeError(f"{where[:200]}: nested too deep") from None

    def _float(self, value: float) -> Optional[float]:
        if math.isfinite(value):
            return value
        if not self._warned:
            self._warned = True
            print("coglet: the output has NaN or infinity, which JSON cannot hold: null stands for it", file=sys.stderr)
        return None

    def _convert_object(self, value: Any, where: str) -> Any:
        if isinstance(value, dict):
            return self._mapping(value, where)
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._convert(item, f"{where}[{i}]") for i, item in enumerate(value)]
        if isinstance(value, os.PathLike):
            return self._path(os.fspath(value), where)
        if hasattr(value, "read") and hasattr(value, "close"):
            return self._file(value, where)
        if _is_secret(value):
            return str(value)
        if _coders():
            coder = _types.coder_of(type(value))
            if coder is not None:
                return self._convert(coder.encode(value), where)
        for method in ("model_dump", "dict"):
            dump = getattr(value, method, None)
            if callable(dump) and not isinstance(value, type):
                return self._convert(dump(), where)
        fields = getattr(type(value), "__dataclass_fields__", None)
        if fields is not None:
            return {name: self._convert(getattr(value, name), f"{where}.{name}") for name in fields}
        return self._convert_other(value, where)

    def _mapping(self, value: Any, where: str) -> Dict[str, Any]:
        return {_key(k): self._convert(v, f"{where}.{k}") for k, v in value.items()}

    def _convert_other(self, value: Any, where: str) -> Any:
        """Return what is told by more than a look: scalars of libraries, and anything that can be iterated over."""
        enum = sys.modules.get("enum")
        if enum is not None and isinstance(value, enum.Enum):
            return self._convert(value.value, where)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return self._float(float(value))
        if isinstance(value, (bytes, bytearray, memoryview)):
            import base64

            return "data:application/octet-stream;base64," + base64.b64encode(value).decode()
        module = type(value).__module__
        if hasattr(value, "isoformat") and not isinstance(value, type):
            return value.isoformat()
        if module in ("uuid", "decimal", "_decimal", "_pydecimal", "fractions", "ipaddress") or module == "pathlib":
            return str(value)
        if hasattr(value, "save") and module.split(".")[0] == "PIL":
            return self._image(value, where)
        for method in ("tolist", "item"):  # numpy, torch and what is like them
            convert = getattr(value, method, None)
            if callable(convert) and not isinstance(value, type):
                plain = convert()
                if type(plain) is not type(value):
                    return self._convert(plain, where)
        number = None if isinstance(value, type) else _number(value)
        if number is not None:
            return self._convert(number, where)
        if hasattr(value, "keys") and hasattr(value, "__getitem__") and not isinstance(value, type):
            return self._mapping({k: value[k] for k in value.keys()}, where)
        if hasattr(value, "__iter__") and not isinstance(value, type):
            return [self._convert(item, f"{where}[{i}]") for i, item in enumerate(value)]
        attributes = getattr(type(value), "__attrs_attrs__", None)
        if attributes is not None:
            return {a.name: self._convert(getattr(value, a.name), f"{where}.{a.name}") for a in attributes}
        raise EncodeError(
            f"{where}: cannot encode {_name(value)}: return str, numbers, lists, dicts, Path, a dataclass or a model"
        )

    def _image(self, image: Any, where: str) -> str:
        """Store a picture of Pillow's, in the format that it was read from where that can be written, else as PNG."""
        path = os.path.join(self._folder(), f"{self._count}.")
        extension = {"JPEG": "jpg", "WEBP": "webp", "GIF": "gif"}.get(str(getattr(image, "format", "")), "png")
        try:
            image.save(path + extension)
        except Exception:  # a mode that the format does not have
            try:
                extension = "png"
                image.convert("RGBA").save(path + extension)
            except Exception as error:
                raise EncodeError(f"{where}: cannot save {_name(image)}: {type(error).__name__}: {error}") from error
        return self._reference(path + extension)

    def _path(self, path: Any, where: str) -> str:
        text = os.fsdecode(path)
        try:
            mode = os.stat(text).st_mode
        except (OSError, ValueError):
            raise EncodeError(f"{where}: no such file: {text}") from None
        if not S_ISREG(mode):
            raise EncodeError(f"{where}: not a file: {text}")
        if self._copy:
            import shutil

            text = shutil.copyfile(text, os.path.join(self._folder(), os.path.basename(text)))
        return self._reference(os.path.abspath(text))

    def _file(self, file: Any, where: str) -> str:
        """Store what an open file holds."""
        name = getattr(file, "name", None)
        extension = os.path.splitext(name)[1] if isinstance(name, str) else ""
        path = os.path.join(self._folder(), f"{self._count}{extension or '.bin'}")
        try:
            if getattr(file, "seekable", lambda: False)():
                file.seek(0)
            with open(path, "wb") as out:
                while True:
                    block = file.read(1 << 20)
                    if not block:
                        break
                    out.write(block.encode("utf-8", "backslashreplace") if isinstance(block, str) else block)
        except Exception as error:
            raise EncodeError(f"{where}: cannot read {_name(file)}: {type(error).__name__}: {error}") from error
        return self._reference(path)

    def _folder(self) -> str:
        """Return a folder for one file, so that two of the same name do not meet."""
        folder = os.path.join(self._dir, f"output-{self._count}")
        os.makedirs(folder, 0o700)
        return folder

    def _reference(self, path: str) -> str:
        if not self._prefix:
            self._prefix = f"coglet-file:{os.urandom(16).hex()}:"
        ref = f"{self._prefix}{self._count}"
        self._count += 1
        self._files.append({"ref": ref, "path": path})
        return ref


def _is_list(value: Any) -> bool:
    """Whether a top-level value is a list to JSON."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return True
    if isinstance(value, (str, bytes, bytearray, dict, os.PathLike)) or type(value) in PLAIN or isinstance(value, type):
        return False
    if hasattr(value, "read") or hasattr(value, "keys"):
        return False
    if hasattr(value, "model_dump") or hasattr(value, "dict") or hasattr(type(value), "__dataclass_fields__"):
        return False
    if hasattr(value, "tolist"):
        return bool(getattr(value, "ndim", getattr(value, "shape", ())))
    return hasattr(value, "__iter__")


def _is_secret(value: Any) -> bool:
    """Whether it is Cog's Secret, or one of pydantic's."""
    return type(value).__name__.startswith("Secret") and hasattr(value, "get_secret_value")


def _coders() -> Any:
    """Return the coders that the author has registered."""
    module = sys.modules.get("cog.coder")
    if module is None:
        return None
    return module.Coder._coders


def _number(value: Any) -> Any:
    """Return what says of itself that it is a number, as a plain one."""
    kind = type(value)
    for method, make in (("__index__", int), ("__float__", float)):
        if hasattr(kind, method):
            try:
                return make(value)
            except Exception:  # user code: an array of several numbers has the method too
                pass
    return None


def _key(key: Any) -> str:
    enum = sys.modules.get("enum")
    if enum is not None and isinstance(key, enum.Enum):
        return _key(key.value)
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, bool):
        return json.dumps(key)
    return str(key)


def _name(value: Any) -> str:
    kind = value if isinstance(value, type) else type(value)
    text = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"the class {text}" if isinstance(value, type) else text
