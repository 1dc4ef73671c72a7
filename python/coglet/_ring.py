"""Memory shared with the parent, through which the lines and items of a burst go without a system call."""

import os
from typing import Any, List, Optional

from . import _wire

# Bytes in front, eight for each counter. 0 and 1: how many bytes have been put, and how many the parent has taken, both
# ever. 2 and 3, for fd 1 and fd 2: twice the bytes that the parent has read from the pipe, ever, and one more while it
# reads.
COUNTERS = 64
_PUT, _TAKEN = 0, 1


class Ring:
    """
    The writing end. Who uses it has the turn of the data channel.

    A frame counts from the moment that the first counter says so; the parent looks by itself, and after the death of
    this process too. So nothing is lost that was put.
    """

    def __init__(self, memory: Any) -> None:
        self._counters = _front(memory)
        self._data = memoryview(memory).cast("B")[COUNTERS:]
        self._size = len(self._data)
        self._put = 0
        self._start = 0  # self._put modulo the size
        self._limit = self._size  # up to where there is room, for all that is known
        self._told = 0  # up to where frames on the socket have told the parent

    def put(self, frame: bytes) -> bool:
        """Add a frame. False: it does not fit now."""
        put = self._put + len(frame)
        if put > self._limit:
            self._limit = self._counters[_TAKEN] + self._size
            if put > self._limit:
                return False
        start = self._start
        end = start + len(frame)
        if end < self._size:
            self._data[start:end] = frame
        else:
            cut = self._size - start
            end -= self._size
            self._data[start:] = frame[:cut]
            self._data[:end] = frame[cut:]
        self._start = end
        self._put = self._counters[_PUT] = put
        return True

    @property
    def untold(self) -> bool:
        """Whether something was put of which no frame on the socket has told."""
        return self._put != self._told

    def tell(self) -> bytes:
        """Return the frame that tells the parent to take all that was put before what follows it."""
        return _wire.frame({"type": "ring", "to": self._put})

    def has_told(self) -> None:
        """Take notice that the frame is on its way."""
        self._told = self._put

    def refuse(self) -> None:
        """Take no more frames, and let go of the memory."""
        self._size = self._limit = 0
        self._counters = _front(bytes(COUNTERS))
        self._data = memoryview(b"")


_memory: Any = None  # once it has been asked for
_rings: List[Ring] = []


def _front(memory: Any) -> memoryview:
    return memoryview(memory).cast("B")[:COUNTERS].cast("Q")


def _shared() -> Any:
    """Return the memory that the parent has given to this worker; None: it has not."""
    global _memory
    ours = _wire.MEMORY_FILE
    if _memory is None and ours is not None:
        import mmap

        try:
            if os.path.samestat(os.fstat(_wire.MEMORY), ours):
                _memory = mmap.mmap(_wire.MEMORY, ours.st_size)
        except (OSError, ValueError):  # user code has closed it
            pass
    return _memory


def counters() -> Optional[memoryview]:
    """Return what stands in front of the ring, if there is memory."""
    memory = _shared()
    return None if memory is None else _front(memory)


def attach() -> Optional[Ring]:
    """Return the ring, if there is one: the parent must see stores in the order in which they were made."""
    if os.uname().machine != "x86_64":
        return None
    memory = _shared()
    if memory is None:
        return None
    ring = Ring(memory)
    _rings.append(ring)
    return ring


def in_child() -> None:
    """Leave a forked child without the memory, which is the parent's, and its descriptor: mmap has one of its own."""
    global _memory
    for ring in _rings:
        ring.refuse()
    memory, _memory = _memory, None
    if memory is not None:
        try:
            memory.close()
        except BufferError:  # a look that the fork has interrupted holds it
            pass
