"""Coroutines that yield in quick succession, in turn, or hold up their loop between two items."""

import asyncio
import time
from typing import AsyncIterator

from cog import BasePredictor, Input, concurrent


class Predictor(BasePredictor):
    @concurrent(max=4)
    async def predict(
        self, name: str, n: int = Input(default=2000), block: float = Input(default=0.0)
    ) -> AsyncIterator[str]:
        for i in range(n):
            yield f"{name} {i}"
            if block:
                time.sleep(block)
            elif i % 100 == 0:
                await asyncio.sleep(0)
