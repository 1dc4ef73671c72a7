"""What raw bytes come before a text: those that children and C code had written when it was printed."""

import sys
from time import monotonic_ns, sleep
from typing import Optional, Tuple

from ._channel import BURST, CLOSE

# In a burst of lines between which nothing else was written, a look at the capture pipes that found them empty holds
# for the lines that follow at once: the order is promised for what is a millisecond apart, and a look is two calls.
calm = 0  # how many times in a row the pipes were empty
_empty_at = 0  # when they were last seen empty, in nanoseconds

# How long a look waits for a parent that is in the middle of a read: it may have lost its processor there.
_PATIENCE = 200_000_000  # nanoseconds
_PAUSE = 50e-6  # seconds
_TRIES = 3

try:
    import fcntl
    from termios import FIONREAD

    def _unread(fd: int) -> int:
        """Return how many bytes a pipe holds; on Linux either end can tell."""
        try:
            return int.from_bytes(fcntl.ioctl(fd, FIONREAD, bytes(4)), sys.byteorder)
        except OSError:  # user code has put something else there
            return 0
except ImportError:

    def _unread(fd: int) -> int:
        return 0


def written() -> Optional[Tuple[int, int]]:
    """
    Return how many raw bytes have been written to stdout and to stderr, ever. None: the parent has read them all, or
    that cannot be told.
    """
    global _empty_at, calm
    now = monotonic_ns()
    age = now - _empty_at
    if age >= 2 * CLOSE:
        calm = 0
    elif age < CLOSE and calm >= BURST:
        return None
    if not _unread(1) and not _unread(2):
        _empty_at = now
        calm += 1
        return None
    calm = 0
    from . import _ring

    counters = _ring.counters()
    if counters is None:
        return None
    until = monotonic_ns() + _PATIENCE
    return _end(1, counters, until), _end(2, counters, until)


def _end(fd: int, counters: memoryview, until: int) -> int:
    """
    Return how many bytes have been written to a pipe: what it holds, and what the parent shows to have read. Where the
    parent has read during each of some looks, because other threads had the interpreter meanwhile, what it has read by
    then is counted twice: nothing that was written before is left out.
    """
    tries = 0
    while True:
        before = counters[fd + 1]
        unread = _unread(fd)
        shown = counters[fd + 1]
        tries += 1
        read, reading = divmod(shown, 2)
        if (not reading and (shown == before or tries >= _TRIES)) or monotonic_ns() > until:
            return read + unread
        if reading:
            sleep(_PAUSE)
