"""Eight predictions at once in one worker, on one event loop."""

import asyncio

from cog import BasePredictor, Input, concurrent


class Predictor(BasePredictor):
    async def setup(self) -> None:
        self.running = 0

    @concurrent(max=8)
    async def predict(
        self,
        text: str = Input(description="What to send back"),
        seconds: float = Input(description="How long the work takes", default=0.1, ge=0, le=60),
    ) -> str:
        self.running += 1
        print(f"{self.running} running")
        try:
            await asyncio.sleep(seconds)
        finally:
            self.running -= 1
        return text
