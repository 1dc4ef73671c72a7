"""A file of n bytes, made anew for each prediction."""

import os
import tempfile

from cog import BasePredictor, Path


class Predictor(BasePredictor):
    def predict(self, n: int) -> Path:
        handle, name = tempfile.mkstemp(suffix=".bin")
        with os.fdopen(handle, "wb") as out:
            out.write(bytes(range(256)) * (n // 256))
        return Path(name)
