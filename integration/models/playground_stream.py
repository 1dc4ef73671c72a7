"""Text in pieces, and floods of it."""

import time

from cog import BasePredictor, ConcatenateIterator, Input


class Predictor(BasePredictor):
    def predict(
        self,
        tokens: int = Input(description="How many pieces", default=10, ge=0),
        lines: int = Input(description="How many lines of logs", default=0, ge=0),
        pause: float = Input(description="Seconds between two pieces", default=0.0, ge=0.0, le=5.0),
    ) -> ConcatenateIterator[str]:
        for k in range(lines):
            print(f"line {k}")
        for k in range(tokens):
            yield f"token{k} "
            time.sleep(pause)
