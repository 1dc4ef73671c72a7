"""Coroutines that print in quick succession, in turn."""

import asyncio

from cog import BasePredictor, Input, concurrent


class Predictor(BasePredictor):
    @concurrent(max=4)
    async def predict(self, name: str, n: int = Input(default=2000)) -> str:
        for i in range(n):
            print(f"<{name} {i}>")
            if i % 100 == 0:
                await asyncio.sleep(0)
        return name
