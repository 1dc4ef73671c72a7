"""The bundled cog SDK: the names that a predictor imports. Used where the cog package is not installed."""

from typing import Any

from coglet import CancelationException, __version__
from coglet._scope import current_scope

from ._decorators import concurrent, streaming
from .input import FieldInfo, Input
from .model import BaseModel
from .predictor import BasePredictor, BaseRunner
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


def __getattr__(name: str) -> Any:
    if name in ("ExperimentalFeatureWarning", "emit_metric"):
        from . import _deprecated

        return getattr(_deprecated, name)
    raise AttributeError(f"module 'cog' has no attribute {name!r}")
