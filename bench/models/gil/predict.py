"""C code that keeps the interpreter's lock for so many seconds."""

import ctypes

from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self, seconds: int) -> str:
        ctypes.PyDLL(None).sleep(seconds)  # PyDLL, unlike CDLL, keeps the lock
        return "slept"
