"""An async model that has its own way to make tasks; FACTORY names it."""

import asyncio
import os

from cog import BasePredictor


def strict(loop, coro):
    return asyncio.Task(coro, loop=loop)


class Predictor(BasePredictor):
    async def setup(self) -> None:
        how = os.environ["FACTORY"]
        factory = getattr(asyncio, how, None) if how != "strict" else strict
        asyncio.get_running_loop().set_task_factory(factory)
        print("set" if factory is not None else "none")

    async def predict(self, do: str = "nothing") -> str:
        print("doing", do)
        if do == "sleep":
            await asyncio.sleep(60)
        return do
