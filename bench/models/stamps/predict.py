"""Yields that know when they were made."""

import time
from typing import Iterator

from cog import BasePredictor, streaming


class Predictor(BasePredictor):
    @streaming
    def predict(self) -> Iterator[str]:
        for _ in range(200):
            time.sleep(0.005)
            yield str(time.time_ns())
