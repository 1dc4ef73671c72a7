"""current_scope(): metrics and context of the prediction on whose behalf code runs.

Names, types and their error texts are Cog's.
"""

import math
from typing import Any, Dict, Optional

from ._prediction import Prediction, current

_MODES = {None: "replace", "replace": "replace", "incr": "increment", "increment": "increment", "append": "append"}
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_NAME = _LETTERS | frozenset("0123456789_")
_MAX_NAME = 128  # bytes
_MAX_SEGMENTS = 4


def _check_name(name: str) -> None:
    """Raise ValueError unless name is dotted identifiers as Cog allows them, TypeError for what is no string."""
    if not isinstance(name, str):
        raise TypeError(f"metric name must be a string, got {type(name).__name__}")
    if not name:
        raise ValueError("metric name must not be empty")
    size = len(name.encode("utf-8", "replace"))
    if size > _MAX_NAME:
        raise ValueError(f"metric name must be {_MAX_NAME} characters or fewer (got {size} characters)")
    segments = name.split(".")
    if len(segments) > _MAX_SEGMENTS:
        raise ValueError(f"metric name must have at most {_MAX_SEGMENTS} dot-separated segments (got {len(segments)})")
    if not segments[0]:
        raise ValueError("metric name must not start with a dot")
    if not segments[-1]:
        raise ValueError("metric name must not end with a dot")
    for segment in segments:
        _check_segment(segment)


def _check_segment(segment: str) -> None:
    if not segment:
        raise ValueError("metric name must not contain empty segments (consecutive dots)")
    if segment[0] not in _LETTERS:
        raise ValueError(f"metric name segment '{segment}' must start with a letter")
    for char in segment:
        if char not in _NAME:
            raise ValueError(f"metric name segment '{segment}' contains invalid character '{char}'")
    if "__" in segment:
        raise ValueError(f"metric name segment '{segment}' must not contain consecutive underscores")
    if segment[-1] == "_":
        raise ValueError(f"metric name segment '{segment}' must end with a letter or digit")


def _check_reserved(name: Any) -> None:
    if not isinstance(name, str):
        return
    if name == "predict_time":
        raise ValueError("'predict_time' is reserved by the runtime")
    if name.startswith("cog."):
        raise ValueError("the 'cog.' prefix is reserved for system metrics")


def _kind(value: Any) -> str:
    for kind in (bool, int, float, str, list, dict):
        if isinstance(value, kind):
            return kind.__name__
    raise TypeError(
        f"Unsupported metric value type: {type(value).__name__}. Expected bool, int, float, str, list, or dict."
    )


class MetricRecorder:
    """Records the metrics of one prediction; one without a prediction, or whose prediction has ended, does nothing."""

    __slots__ = ("_kinds", "_prediction")

    def __init__(self, prediction: Optional[Prediction] = None) -> None:
        self._prediction = prediction
        self._kinds: Dict[str, str] = {}

    def record(self, key: str, value: Any, mode: Optional[str] = None) -> None:
        """Record value (bool, int, float, str, list, dict; None deletes) under a dotted name.

        mode is "replace" (the default), "incr" or "append". Raises TypeError and ValueError for what cannot be.
        """
        if mode not in _MODES:
            raise TypeError(f"Invalid metric mode: '{mode}'. Expected 'replace', 'incr', or 'append'.")
        if not self._active():
            return
        if value is None and _MODES[mode] == "replace":
            self.delete(key)
            return
        _check_reserved(key)
        _check_name(key)
        kind = _kind(value)
        self._check_kind(key, kind)
        if _MODES[mode] == "increment" and kind not in ("int", "float"):
            raise TypeError(f"Increment mode requires int or float, got {kind}")
        if kind == "float" and not math.isfinite(value):
            self.delete(key)  # as in Cog: no JSON holds it
            return
        self._send(key, _MODES[mode], value)
        self._kinds[key] = kind

    def _check_kind(self, key: str, kind: str) -> None:
        """A metric keeps its type; int and float are one, a sum may become either."""
        known = self._kinds.get(key, kind)
        if known != kind and {known, kind} != {"int", "float"}:
            raise TypeError(f"Metric '{key}' has type {known}, cannot set to {kind} without deleting first")

    def _send(self, key: str, mode: str, value: Any) -> None:
        assert self._prediction is not None
        try:
            self._prediction.metric(key, mode, value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"metric {key!r}: {error}") from None

    def delete(self, key: str) -> None:
        """Forget a metric, and with it its type."""
        if not self._active():
            return
        _check_name(key)
        self._kinds.pop(key, None)
        self._send(key, "replace", None)

    def _active(self) -> bool:
        return self._prediction is not None and self._prediction.active

    def __setitem__(self, key: str, value: Any) -> None:
        if value is None:
            self.delete(key)
        else:
            self.record(key, value)

    def __delitem__(self, key: str) -> None:
        self.delete(key)

    def __repr__(self) -> str:
        return f"MetricRecorder(keys={len(self._kinds)})" if self._active() else "MetricRecorder(inactive)"


class Scope:
    """Metrics and context of one prediction."""

    __slots__ = ("_context", "_metrics")

    def __init__(self, prediction: Optional[Prediction] = None) -> None:
        self._metrics = MetricRecorder(prediction)
        self._context: Dict[str, str] = prediction.context if prediction is not None else {}

    @property
    def metrics(self) -> MetricRecorder:
        return self._metrics

    @property
    def context(self) -> Dict[str, str]:
        """What the request gave as context: a dict of this prediction's own."""
        return self._context

    def record_metric(self, key: str, value: Any, mode: Optional[str] = None) -> None:
        """Record a metric, see MetricRecorder.record."""
        self._metrics.record(key, value, mode)

    def __repr__(self) -> str:
        return f"Scope({self._metrics!r})"


def current_scope() -> Scope:
    """Return the scope of the running prediction; outside of one, a scope that does nothing."""
    prediction = current.get()
    if prediction is None:
        return Scope()
    if prediction.scope is None:
        prediction.scope = Scope(prediction)
    scope: Scope = prediction.scope
    return scope
