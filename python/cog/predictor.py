"""The base classes of predictors. None is required: any class with run() or predict() serves."""

from typing import Any, Callable, Optional

from coglet._load import LoadError, load
from coglet._scope import Scope, current_scope


class BaseRunner:
    """A predictor: setup() once, then run() for each prediction."""

    def setup(self, weights: Any = None) -> None:
        """Load what predictions need. weights is the value of COG_WEIGHTS, None where that is not set."""

    def run(self, **kwargs: Any) -> Any:
        """Run one prediction. Its parameters are the inputs, its return annotation the output."""
        raise NotImplementedError("run has not been implemented by parent class.")

    @property
    def scope(self) -> Scope:
        """Metrics and context of the running prediction."""
        return current_scope()

    def record_metric(self, key: str, value: Any, mode: Optional[str] = None) -> None:
        """Record a metric of the running prediction, see Scope.record_metric."""
        current_scope().record_metric(key, value, mode)


class BasePredictor(BaseRunner):
    """A predictor with predict(), the older name of run()."""

    def predict(self, **kwargs: Any) -> Any:
        """Run one prediction, see BaseRunner.run."""
        raise NotImplementedError("predict has not been implemented by parent class.")


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
