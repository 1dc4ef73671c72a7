"""Exceptions that a predictor may see."""

from coglet import CancelationException

__all__ = ["CancelationException"]
