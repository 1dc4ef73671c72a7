"""Long strings with and without characters that JSON escapes: returned, yielded, in a list."""

from typing import Any, Iterator

from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def predict(self, s: str, how: str = Input(default="return")) -> Any:
        if how == "return":
            return s
        if how == "list":
            return [s, s]
        return self.items(s)

    def items(self, s: str) -> Iterator[str]:
        yield s
        yield s
