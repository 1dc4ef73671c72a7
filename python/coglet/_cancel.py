"""Cancels of a sync prediction: a signal to the main thread, whose handler raises where user code runs."""

import _signal  # type: ignore[import-not-found]
import signal
import sys
import threading
from typing import Any, Dict, Optional

from . import CancelationException
from ._prediction import Prediction
from ._worker import Worker

# A signal that nobody else uses; it ends sleeps, reads and waits at once.
SIGNAL = signal.SIGRTMIN + 6 if hasattr(signal, "SIGRTMIN") else signal.SIGUSR1

# That of the module below: the one above makes an enum of its answer, which costs 5 us.
getsignal = _signal.getsignal


def raise_in(thread: int) -> None:
    """Raise the cancel in a thread that is not ours to interrupt: it comes with its next bytecode."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(CancelationException))


class Canceler:
    """Raises CancelationException in the prediction that a cancel names, and in no other."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._main = threading.get_ident()
        self._asked: Dict[int, int] = {}  # slot → highest seq that is to stop
        self._running: Optional[Prediction] = None
        self._in_user_code = False
        self._raised = False  # the exception was delivered to the running prediction
        self._swallowed = False  # by a finalizer: nobody has seen it
        self._warned = False
        signal.signal(SIGNAL, self._on_signal)
        self._handler = getsignal(SIGNAL)
        self._hook = sys.unraisablehook
        sys.unraisablehook = self._on_unraisable

    # Called by the control thread.

    def cancel(self, slot: int, seq: int) -> None:
        """Stop a prediction, now or when it comes. A repeated cancel counts when a finalizer swallowed the first."""
        self._asked[slot] = max(seq, self._asked.get(slot, 0))
        running = self._running
        if running is not None and self.canceled(running) and (not self._raised or self._swallowed):
            self._kick()

    def _kick(self) -> None:
        if getsignal(SIGNAL) is self._handler:
            signal.pthread_kill(self._main, SIGNAL)
        elif self._in_user_code and not self._worker.guard.inside:
            self._raised = True
            raise_in(self._main)

    # Called by the main thread.

    def canceled(self, prediction: Prediction) -> bool:
        """Whether a cancel for this prediction has come."""
        return self._asked.get(prediction.slot, 0) >= prediction.seq

    def was_raised(self, prediction: Prediction) -> bool:
        """Whether the running prediction has got its cancel, and has perhaps swallowed it."""
        return self._raised and self.canceled(prediction)

    def begin(self, prediction: Prediction) -> None:
        """The prediction comes next."""
        self._raised = self._swallowed = False
        self._running = prediction
        if getsignal(SIGNAL) is not self._handler and not self._warned:
            self._warned = True
            self._worker.log("warn", f"user code has replaced the handler of signal {SIGNAL}: cancels may come late")

    def enter(self) -> None:
        """User code begins: from here on a cancel raises. Raises at once when it has come already."""
        self._in_user_code = True
        if self._asked:
            self._deliver()

    def leave(self) -> None:
        """User code has ended; nothing raises any more."""
        self._in_user_code = False

    def end(self) -> None:
        self._in_user_code = False
        self._running = None
        self._worker.guard.on_leave = None

    def _on_signal(self, _signum: int, _frame: Any) -> None:
        if self._worker.guard.inside:  # inside a write of ours: when it has ended
            self._worker.guard.on_leave = self._deliver
        else:
            self._deliver()

    def _deliver(self) -> None:
        running = self._running
        if running is None or not self._in_user_code or not self.canceled(running):
            return
        if self._raised and not self._swallowed:
            return
        self._raised, self._swallowed = True, False
        raise CancelationException("prediction was canceled")

    def _on_unraisable(self, unraisable: Any) -> None:
        if self._running is not None and issubclass(unraisable.exc_type, CancelationException):
            self._swallowed = True  # the parent repeats its cancel as long as it is ignored
            return
        self._hook(unraisable)
