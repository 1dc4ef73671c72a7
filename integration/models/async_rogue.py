"""Async predictions that do what they should not, beside neighbours that do."""

import asyncio
import os
import sys

from cog import BasePredictor, Input, current_scope


class Predictor(BasePredictor):
    async def predict(self, do: str, seconds: float = Input(default=0.0), tag: str = "") -> str:
        return await getattr(self, do)(seconds, tag)

    async def echo(self, seconds: float, tag: str) -> str:
        await asyncio.sleep(seconds)
        return tag

    async def talk(self, seconds: float, tag: str) -> str:
        for n in range(20):
            print(f"{tag}:{n}", end="")
            await asyncio.sleep(seconds)
            print(f":{tag}")
            current_scope().record_metric(f"m.{tag}", 1, mode="incr")
            await asyncio.to_thread(print, f"thread {tag}")
        print(f"partial {tag}", end="")
        return tag

    async def slow_cleanup(self, seconds: float, tag: str) -> str:
        try:
            await asyncio.sleep(60)
        finally:
            print("cleaning up")
            await asyncio.sleep(seconds)
            print("clean")
        return tag

    async def swallow(self, seconds: float, tag: str) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            print("swallowed")
        return tag

    async def stubborn(self, seconds: float, tag: str) -> str:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("no")

    async def sys_exit(self, seconds: float, tag: str) -> str:
        sys.exit(3)

    async def keyboard(self, seconds: float, tag: str) -> str:
        raise KeyboardInterrupt

    async def exit_in_task(self, seconds: float, tag: str) -> str:
        async def bad() -> None:
            sys.exit(4)

        task = asyncio.ensure_future(bad())
        await asyncio.sleep(0.05)
        await task
        return tag

    async def die(self, seconds: float, tag: str) -> str:
        print("last words", flush=True)
        os._exit(5)

    async def says_cancelled(self, seconds: float, tag: str) -> str:
        raise ValueError("the order was cancelled by the shop")
