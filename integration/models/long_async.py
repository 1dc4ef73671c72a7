"""The same as long.py, by coroutines."""

from typing import Any, AsyncIterator

from cog import BasePredictor, Input


class Predictor(BasePredictor):
    async def predict(self, s: str, how: str = Input(default="return")) -> Any:
        if how == "return":
            return s
        if how == "list":
            return [s, s]
        return self.items(s)

    async def items(self, s: str) -> AsyncIterator[str]:
        yield s
        yield s
