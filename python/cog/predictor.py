"""The base classes of predictors. None is required: any class with run() or predict() serves."""

import warnings
from typing import Any, Callable, Optional

from coglet._load import LoadError, is_framework, load
from coglet._scope import Scope, current_scope


class BaseRunner:
    """A predictor: setup() once, then run() for each prediction."""

    def setup(self, weights: Any = None) -> None:
        """Load what predictions need. weights is the value of COG_WEIGHTS, None where that is not set."""

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Run one prediction. Its parameters are the inputs, its return annotation the output. Where only predict() is
        written, this is it."""
        if _is_written(self, "predict"):
            return self.predict(*args, **kwargs)
        raise NotImplementedError("run has not been implemented by parent class.")

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Call run(), whose older name this is."""
        if not _is_written(self, "run"):
            raise NotImplementedError("predict has not been implemented by parent class.")
        warnings.warn(
            f"{type(self).__name__}.predict() is deprecated; use run() instead", DeprecationWarning, stacklevel=2
        )
        return self.run(*args, **kwargs)

    @property
    def scope(self) -> Scope:
        """Metrics and context of the running prediction."""
        return current_scope()

    def record_metric(self, key: str, value: Any, mode: Optional[str] = None) -> None:
        """Record a metric of the running prediction, see Scope.record_metric."""
        current_scope().record_metric(key, value, mode)


class BasePredictor(BaseRunner):
    """A predictor with predict(), the older name of run()."""


def _is_written(predictor: Any, name: str) -> bool:
    """Whether the author's own classes have the method."""
    for kind in type(predictor).__mro__:
        if is_framework(kind):
            return False
        if callable(kind.__dict__.get(name)):
            return True
    return False


def load_predictor_from_ref(ref: str) -> Any:
    """Return the predictor that a reference such as predict.py:Predictor names. Raises LoadError."""
    return load(ref, "predict").target


def has_setup_weights(predictor: Any) -> bool:
    """Whether setup() takes weights."""
    return "weights" in _arguments(predictor.setup)


def extract_setup_weights(predictor: Any) -> Optional[str]:
    """Return what setup() gets as weights: COG_WEIGHTS, None where it is not set or not taken."""
    import os

    return (os.environ.get("COG_WEIGHTS") or None) if has_setup_weights(predictor) else None


def _arguments(function: Callable[..., Any]) -> Any:
    code = getattr(function, "__func__", function).__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


__all__ = [
    "BasePredictor",
    "BaseRunner",
    "LoadError",
    "extract_setup_weights",
    "has_setup_weights",
    "load_predictor_from_ref",
]
