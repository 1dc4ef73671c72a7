"""Files, and yields that know when they were made."""

import os
import tempfile
import time
from typing import Iterator

from cog import BasePredictor, Path


class Stamps(BasePredictor):
    def predict(self, s: str) -> Iterator[str]:
        for _ in range(200):
            time.sleep(0.005)
            yield str(time.time_ns())


class Predictor(BasePredictor):
    def setup(self) -> None:
        self.path = os.path.join(tempfile.gettempdir(), f"coglet-bench-{os.getpid()}.bin")
        with open(self.path, "wb") as out:
            for _ in range(100):
                out.write(os.urandom(1 << 20))

    def predict(self, s: str) -> Path:
        return Path(self.path)
