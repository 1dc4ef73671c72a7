"""So many of something: as outputs, or as lines in the logs."""

from typing import Iterator

from cog import BasePredictor, streaming


class Predictor(BasePredictor):
    @streaming
    def predict(self, n: int, do: str = "yield") -> Iterator[str]:
        for i in range(n):
            if do == "print":
                print(f"line {i}")
            else:
                yield f"item {i}"
