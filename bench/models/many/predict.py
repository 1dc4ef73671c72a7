"""Ten thousand of something."""

from typing import Iterator

from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self, do: str) -> Iterator[str]:
        for n in range(10_000):
            if do == "print":
                print(f"line {n}")
            else:
                yield f"item {n}"
