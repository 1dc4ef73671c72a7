"""Memory shared with the parent, through which the lines and items of a burst go without a system call."""

from typing import Any, List, Optional

from . import _wire

COUNTERS = 64  # bytes in front: how many bytes have been put, and how many the parent has taken, both ever
_PUT, _TAKEN = 0, 1


class Ring:
    """
    The writing end. Who uses it has the turn of the data channel.

    A frame counts from the moment that the first counter says so; the parent looks by itself, and after the death of
    this process too. So nothing is lost that was put.
    """

    def __init__(self, memory: Any) -> None:
        self._counters = memoryview(memory).cast("B")[:COUNTERS].cast("Q")
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
        """Take no more frames."""
        self._size = self._limit = 0


_rings: List[Ring] = []


def attach() -> Optional[Ring]:
    """Return the ring that the parent has given to this worker, if it has."""
    if not _wire.RING_SIZE:
        return None
    import mmap

    try:
        ring = Ring(mmap.mmap(_wire.RING, _wire.RING_SIZE))
    except (OSError, ValueError):  # user code has closed it
        return None
    _rings.append(ring)
    return ring


def in_child() -> None:
    """Leave a forked child without a ring: it is the parent's."""
    for ring in _rings:
        ring.refuse()
