"""The model's own healthcheck()."""

import threading
from typing import Any, Callable, Optional

from ._worker import Worker, describe

LIMIT = 5.0  # seconds
TIMED_OUT = f"Healthcheck failed: user-defined healthcheck timed out after {LIMIT} seconds"


def judge(result: Any) -> Optional[str]:
    """Return what is wrong: as in Cog, only False itself says that the model is unhealthy."""
    return "Healthcheck failed: user-defined healthcheck returned False" if result is False else None


def answer(worker: Worker, number: int, error: Optional[str]) -> None:
    """Send the result of a healthcheck."""
    if error is None:
        worker.tell(type="healthcheck_result", id=number, status="healthy")
    else:
        worker.tell(type="healthcheck_result", id=number, status="unhealthy", error=error)


class SyncHealthcheck:
    """Runs a sync healthcheck() on one thread of its own. The parent gives up on one that hangs; while it does, no
    other is started, and the model is unhealthy."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._ask: Any = None  # made with the thread: models mostly have no healthcheck()
        self._thread: Optional[threading.Thread] = None
        self._busy = False  # written before a question is put, and by the thread after its answer

    def check(self, number: int) -> None:
        """Ask; the answer comes from the thread."""
        if self._busy:
            answer(self._worker, number, TIMED_OUT)
            return
        self._busy = True
        if self._thread is None:
            import queue

            self._ask = queue.SimpleQueue()
            self._thread = threading.Thread(target=self._run, name="coglet-healthcheck", daemon=True)
            self._thread.start()
        self._ask.put(number)

    def _run(self) -> None:
        call: Callable[[], Any] = self._worker.predictor.healthcheck
        while True:
            number = self._ask.get()
            error: Optional[str]
            try:
                error = judge(call())
            except BaseException as problem:
                error = f"Healthcheck failed: {describe(problem)}"
            self._busy = False
            answer(self._worker, number, error)
