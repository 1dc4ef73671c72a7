"""A child of setup() prints 100 MB, in lines of 100 bytes."""

import subprocess
import sys

from cog import BasePredictor

PRINT = "import sys; line = b'x' * 99 + b'\\n'; [sys.stdout.buffer.write(line * 10_000) for _ in range(100)]"


class Predictor(BasePredictor):
    def setup(self) -> None:
        subprocess.run([sys.executable, "-c", PRINT], check=True)

    def predict(self, s: str) -> str:
        return s
