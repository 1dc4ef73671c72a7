"""The bundled cog SDK: the names that a predictor imports. Used where the cog package is not installed."""

from typing import TYPE_CHECKING, Any

from coglet import CancelationException, __version__
from coglet._scope import current_scope

from ._decorators import concurrent, streaming
from .input import FieldInfo, Input
from .predictor import BasePredictor, BaseRunner

if TYPE_CHECKING:
    from .model import BaseModel
    from .types import AsyncConcatenateIterator, ConcatenateIterator, File, Opaque, Path, Secret, URLFile, URLPath

__all__ = [
    "AsyncConcatenateIterator",
    "BaseModel",
    "BasePredictor",
    "BaseRunner",
    "CancelationException",
    "ConcatenateIterator",
    "ExperimentalFeatureWarning",
    "FieldInfo",
    "File",
    "Input",
    "Opaque",
    "Path",
    "Secret",
    "URLFile",
    "URLPath",
    "__version__",
    "concurrent",
    "current_scope",
    "emit_metric",
    "streaming",
]


# What comes with much of the standard library is imported when a model asks for it: many need none of it, and each
# waits for its import at every start.
_LATER = {
    **dict.fromkeys(("ExperimentalFeatureWarning", "emit_metric"), "_deprecated"),
    "BaseModel": "model",
    **dict.fromkeys(
        ("AsyncConcatenateIterator", "ConcatenateIterator", "File", "Opaque", "Path", "Secret", "URLFile", "URLPath"),
        "types",
    ),
}


def __getattr__(name: str) -> Any:
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module 'cog' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{module}", __name__), name)
    if module != "_deprecated":  # which warns each time
        globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})
