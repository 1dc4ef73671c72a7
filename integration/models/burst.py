"""Prints many lines in quick succession, and then something happens."""

import contextvars
import ctypes
import gc
import itertools
import mmap
import os
import signal
import subprocess
import threading

from cog import BasePredictor, Input


def burst(name: str, n: int) -> None:
    for i in range(n):
        print(f"<{name} {i}>")


class Finalizer:
    """Garbage that only the collector finds: it prints in the middle of whatever allocates."""

    def __init__(self, n: int) -> None:
        self.me = self
        self.n = n

    def __del__(self) -> None:
        print(f"<finalizer {self.n}>")


class Predictor(BasePredictor):
    def predict(self, do: str, n: int = Input(default=2000)) -> str:
        burst("line", n)
        getattr(self, do)(n)
        return do

    def nothing(self, _: int) -> None:
        pass

    # deaths: what was printed a microsecond before is there

    def exit(self, _: int) -> None:
        os._exit(3)

    def segfault(self, _: int) -> None:
        ctypes.string_at(0)

    def kill(self, _: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    # whoever prints, and whatever comes between

    def silent(self, _: int) -> None:
        """A C call that keeps the GIL: nothing of this process can send what waits."""
        ctypes.PyDLL(None).sleep(3)

    def children(self, n: int) -> None:
        for i in range(10):
            burst(f"before {i}", n // 10)
            subprocess.run(["echo", f"child {i}"], check=True)
            burst(f"after {i}", n // 10)

    def threads(self, n: int) -> None:
        def run(number: int) -> None:
            burst(f"thread {number}", n)

        self._threads(run, 4)

    def handlers(self, n: int) -> None:
        """A signal every half millisecond, and a finalizer now and then, whose prints come inside those of the loop."""
        ticks = itertools.count()  # a handler may interrupt a handler

        def handler(*_: object) -> None:
            print(f"<handler {next(ticks)}>")

        old = signal.signal(signal.SIGALRM, handler)
        gc.set_threshold(50)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        try:
            for i in range(n):
                Finalizer(i)
                print(f"<loop {i}>")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
            gc.collect()
            gc.set_threshold(700)
        print(f"handlers {next(ticks)}")

    def forever(self, _: int) -> None:
        i = 0
        while True:
            print(f"<forever {i}>")
            i += 1

    def leave_threads(self, n: int) -> None:
        """Threads that print on behalf of this prediction, and go on when it has ended."""
        for number in range(2):
            context = contextvars.copy_context()
            threading.Thread(target=context.run, args=(burst, f"late {number}", n), daemon=True).start()

    def garbage(self, _: int) -> None:
        memory = mmap.mmap(104, os.fstat(104).st_size)
        memory[0:8] = b"\xff" * 8
        signal.pause()

    def _threads(self, target: object, count: int) -> None:
        threads = []
        for number in range(count):
            context = contextvars.copy_context()
            threads.append(threading.Thread(target=context.run, args=(target, number)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
