"""The writing end of a channel, shared by all threads of the worker."""

import threading
from typing import Callable, List, Optional

from . import _wire


class Guard:
    """Knows when the main thread is inside a write: a cancel that comes there waits until it has left."""

    def __init__(self) -> None:
        self.main = threading.get_ident()
        self.depth = 0
        self.on_leave: Optional[Callable[[], None]] = None  # a cancel that waits

    def leave(self) -> None:
        self.depth -= 1
        if not self.depth and self.on_leave is not None:
            waiting, self.on_leave = self.on_leave, None
            waiting()


class Channel:
    """Writes frames whole, from whichever thread. Ends the process when nobody reads any more."""

    def __init__(self, fd: int, guard: Guard) -> None:
        self.lock = threading.RLock()
        self._fd = fd
        self._guard = guard
        self._writing = False
        self._deferred: List[bytes] = []

    def send(self, pieces: List[bytes], urgent: bool = False) -> None:
        """Write the pieces of one or more frames; urgent ones never wait for others to go along."""
        main = threading.get_ident() == self._guard.main
        if main:
            self._guard.depth += 1
        try:
            with self.lock:
                if self._writing:  # a signal handler, or a finalizer, that prints while this thread writes
                    self._deferred.extend(pieces)
                    return
                self._writing = True
                try:
                    self.write(pieces, urgent)
                    while self._deferred:
                        pieces, self._deferred = self._deferred, []
                        self.write(pieces, urgent)
                finally:
                    self._writing = False
        finally:
            if main:
                self._guard.leave()

    def write(self, pieces: List[bytes], urgent: bool = False) -> None:
        """Write, with the lock held."""
        try:
            _wire.write_all(self._fd, pieces)
        except _wire.Broken as error:
            _wire.give_up(f"fd {self._fd}: {error}")
