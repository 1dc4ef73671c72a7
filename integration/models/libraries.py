"""Does what real models do with the standard library and with those of others; `do` names one."""

import asyncio
import concurrent.futures
import contextlib
import contextvars
import enum
import logging
import multiprocessing
import signal
import sqlite3
import subprocess
import sys
import threading
from typing import Any, List, Literal, Optional

import numpy as np
import pydantic
import structlog
from cog import BasePredictor, Input, current_scope
from PIL import Image
from rich.console import Console
from tqdm import tqdm

var = contextvars.ContextVar("var")


def square(n: int) -> int:
    print("squaring", n)
    return n * n


def in_child(n: int) -> Any:
    """Return what a child has of ours: nothing."""
    print("in a child")
    sys.stdout.flush()
    current_scope().record_metric("from_child", n)
    return type(sys.stdout).__module__, n * n


class inference_mode(contextlib.ContextDecorator):
    """As torch has it: an object that is a context and a decorator."""

    depth = 0

    def __enter__(self):
        inference_mode.depth += 1
        return self

    def __exit__(self, *_):
        inference_mode.depth -= 1


class Tensor:
    """As torch has it."""

    def __init__(self, values, device="cuda:0"):
        self.values, self.shape = values, (len(values),) if isinstance(values, list) else ()

    def tolist(self):
        return self.values

    def item(self):
        return self.values

    def __iter__(self):
        return (Tensor(v) for v in self.values)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Options(pydantic.BaseModel):
    steps: int = 3
    color: Optional[Color] = None


class Predictor(BasePredictor):
    def setup(self):
        self.local = threading.local()
        self.local.value = "thread-local"
        self.db = sqlite3.connect(":memory:")
        self.db.execute("create table t (x)")
        var.set("context")
        self.caught = []
        signal.signal(signal.SIGUSR2, lambda number, _: self.caught.append(number))
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
        structlog.configure(processors=[structlog.processors.KeyValueRenderer(key_order=["event"])])
        self.log = structlog.get_logger()
        self.console = Console(width=60)
        self.pool = concurrent.futures.ThreadPoolExecutor(2)
        self.pool.submit(int).result()

    @inference_mode()
    def predict(
        self,
        do: str,
        n: int = Input(default=3, ge=0),
        options: Options = Options(),
        color: Color = Color.RED,
        size: Literal["small", "large"] = "small",
        many: List[int] = Input(default=[], ge=0, le=9),
    ) -> Any:
        assert inference_mode.depth == 1
        return getattr(self, f"do_{do}")(n, options, color, size, many)

    def do_inputs(self, n, options, color, size, many):
        return f"{n!r} {options.steps!r} {options.color} {color} {size} {many}"

    def do_setup_state(self, n, *_):
        self.db.execute("insert into t values (?)", (n,))
        signal.raise_signal(signal.SIGUSR2)
        (rows,) = self.db.execute("select count(*) from t").fetchone()
        return [self.local.value, var.get(), rows, len(self.caught)]

    def do_processes(self, n, *_):
        found = {}
        for method in ("fork", "spawn", "forkserver"):
            context = multiprocessing.get_context(method)
            with context.Pool(1) as pool:
                found[method] = pool.map(in_child, [n])[0]
            queue = context.Queue()
            process = context.Process(target=queue.put, args=(n,))
            process.start()
            found[method + "_queue"] = queue.get(timeout=30)
            process.join()
        with concurrent.futures.ProcessPoolExecutor(1) as pool:
            found["executor"] = pool.submit(square, n).result()
        return found

    def do_threads(self, n, *_):
        def work():
            print("in a thread")
            current_scope().record_metric("by_thread", n)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

        async def many():
            return await asyncio.gather(*(asyncio.to_thread(square, i) for i in range(n)))

        squares = asyncio.run(many())
        return squares + list(self.pool.map(square, range(n))) + [self.pool.submit(square, n).result()]

    def do_thread_that_fails(self, *_):
        def fail():
            raise ValueError("in a thread")

        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()

    def do_logs(self, n, *_):
        logging.getLogger("a.b").info("through logging")
        logging.captureWarnings(True)
        self.log.info("through structlog", n=n)
        self.console.print("[bold]through[/bold] rich")
        for _ in tqdm(range(n), desc="through tqdm", mininterval=0):
            pass
        subprocess.run(["sh", "-c", "echo through a child"], check=True)
        sys.stdout.buffer.write(b"through bytes\n")
        print("to stderr", file=sys.stderr)

    def do_values(self, n, *_):
        return {
            "array": np.arange(n, dtype=np.float32),
            "scalar": np.bool_(True),
            "tensor": Tensor([1, 2.5]),
            "loss": Tensor(0.5),
            "picture": Image.new("RGB", (2, 2)),
            "model": Options(color=Color.BLUE),
            "nan": [float("nan"), np.float64("inf")],
        }

    def do_tensor(self, *_):
        return Tensor([1, 2])

    def do_pictures(self, n, *_):
        return (Image.new("RGB", (2, 2)) for _ in range(n))

    def do_cycle(self, *_):
        value = {"items": [{}]}
        value["items"][0]["back"] = value
        return value

    def do_complex(self, *_):
        return [1, {"z": 1j}]
