"""What sync and async workers do alike: setup(), and the control thread."""

import os
import sys
from contextvars import Context, copy_context
from typing import Any, Callable, List

from . import _wire
from ._worker import Worker


def run_setup(predictor: Any, wait: Callable[[Any], Any]) -> None:
    """Run a predictor's setup(); wait runs a coroutine to its end. Raises what setup() raises."""
    if predictor.setup is None:
        return
    result = begin_setup(predictor)
    if predictor.setup_async:
        kept: List[Context] = []
        wait(_keep_context(result, kept))
        for variable, value in kept[0].items():
            variable.set(value)


async def _keep_context(setup: Any, kept: List[Context]) -> None:
    """Run an async setup() and keep the context that it leaves: its task's own, which predictions do not start from."""
    await setup
    kept.append(copy_context())


def begin_setup(predictor: Any) -> Any:
    """Call a predictor's setup() and return what it returns: a coroutine, when it is async."""
    weights = {"weights": os.environ.get("COG_WEIGHTS") or None} if predictor.setup_wants_weights else {}
    return predictor.setup(**weights)


def read_control(
    worker: Worker, reader: _wire.Reader, cancel: Callable[[int, int], Any], healthcheck: Callable[[int], Any]
) -> None:
    """Handle control messages until the parent is gone: the control thread."""
    try:
        while True:
            header, _ = reader.next()
            kind = header.get("type")
            if kind == "cancel":
                cancel(header["slot"], header["seq"])
            elif kind == "healthcheck":
                healthcheck(header["id"])
            elif kind == "shutdown":
                worker.stopping = True
                _stop_reading(_wire.DATA)
            else:
                worker.log("warn", f"unknown control message {kind!r}")
    except _wire.Broken:
        _parent_is_gone()


def _stop_reading(fd: int) -> None:
    """Make the reader of the data socket see its end."""
    import socket

    try:
        with socket.socket(fileno=os.dup(fd)) as end:
            end.shutdown(socket.SHUT_RD)
    except OSError:
        pass


def _parent_is_gone() -> None:
    """End with the parent. Where the kernel does not kill the process group, this does."""
    if sys.platform != "linux":
        import signal

        try:
            os.killpg(0, signal.SIGKILL)
        except OSError:
            pass
    os._exit(0)
