"""Threads inherit the context of who starts them, so that what they print and record lands on the right prediction.

Python by itself starts a thread with an empty context. Tracing libraries close the same gap in the same way.
"""

import sys
import threading
from contextvars import copy_context
from functools import partial
from typing import Any

_patched = False


def install() -> None:
    """Make Thread.start carry the caller's context, and with the first thread also ThreadPoolExecutor.submit: an
    executor's threads serve many callers."""
    start = threading.Thread.start

    def start_in_context(self: threading.Thread) -> None:
        _patch_executor()
        within = copy_context().run
        self.run = partial(within, self.run)  # type: ignore[method-assign]  # partial: no frame in tracebacks
        hook = getattr(self, "_invoke_excepthook", None)  # prints the traceback of what escapes, after run()
        if hook is not None:
            self._invoke_excepthook = partial(within, hook)  # type: ignore[attr-defined]
        start(self)

    threading.Thread.start = start_in_context  # type: ignore[method-assign]


def _patch_executor() -> None:
    global _patched
    module = sys.modules.get("concurrent.futures.thread")
    if _patched or module is None:
        return
    _patched = True
    executor: Any = module.ThreadPoolExecutor
    submit = executor.submit

    def submit_in_context(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        return submit(self, copy_context().run, fn, *args, **kwargs)

    executor.submit = submit_in_context
