"""Yields many items in quick succession, and then something happens."""

import ctypes
import os
import signal
from typing import Iterator

from cog import BasePredictor, Input, current_scope


class Predictor(BasePredictor):
    def predict(self, do: str, n: int = Input(default=2000)) -> Iterator[str]:
        for i in range(n):
            yield f"item {i}"
        yield from getattr(self, do)(n)

    def nothing(self, _: int) -> Iterator[str]:
        return iter(())

    # deaths: what was yielded a microsecond before is there

    def exit(self, _: int) -> Iterator[str]:
        os._exit(3)

    def segfault(self, _: int) -> Iterator[str]:
        ctypes.string_at(0)
        return iter(())

    def kill(self, _: int) -> Iterator[str]:
        os.kill(os.getpid(), signal.SIGKILL)
        return iter(())

    # whatever comes between

    def silent(self, _: int) -> Iterator[str]:
        """A C call that keeps the GIL: nothing of this process can send what waits."""
        ctypes.PyDLL(None).sleep(3)
        return iter(())

    def mixed(self, n: int) -> Iterator[str]:
        """Short and long ones, with lines and metrics between."""
        for i in range(n, 2 * n):
            print(f"<line {i - n}>")
            if i % 50 == 0:
                current_scope().record_metric("at", i)
            yield f"item {i}" + " and more" * (1000 if i % 7 == 0 else 10_000 if i % 31 == 0 else 0)

    def forever(self, n: int) -> Iterator[str]:
        while True:
            yield f"item {n}"
            n += 1
