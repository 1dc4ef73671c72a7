"""The writing end of a channel, shared by all threads of the worker."""

from functools import partial
from threading import get_ident
from time import monotonic_ns, sleep
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional

from . import _wire

if TYPE_CHECKING:
    from ._ring import Ring

# How long a thread waits that finds another one writing: about as long as a write takes, and longer where the parent is
# slow to read, so that many who wait do not keep a processor busy.
_PAUSE = 50e-6  # seconds
_MAX_PAUSE = 5e-3

# From so many lines or items on that follow each other so closely they are a burst.
BURST = 32
CLOSE = 200_000  # nanoseconds


class Guard:
    """Knows when the main thread is inside a write: a cancel that comes there waits until it has left."""

    def __init__(self) -> None:
        self.main = get_ident()
        self.on_leave: Optional[Callable[[], None]] = None  # a cancel that waits
        self._turns: List[Dict[int, int]] = []

    def watch(self, turn: Dict[int, int]) -> None:
        """Take notice of a channel's turn."""
        self._turns.append(turn)

    @property
    def inside(self) -> bool:
        """Whether the main thread is inside a write."""
        return any(turn.get(0) == self.main for turn in self._turns)

    def leave(self) -> None:
        """Let the cancel come that has waited. Called by the main thread, which has left."""
        waiting, self.on_leave = self.on_leave, None
        if waiting is not None:
            waiting()


class Channel:
    """
    Writes frames whole, from whichever thread. Ends the process when nobody reads any more.

    Who writes has the turn: _turn[0] is its thread. One call of setdefault takes it and says whose it is, with no
    moment between in which a signal handler or a finalizer that prints would wait for the thread that it interrupts.
    It costs a tenth of a lock; three of those were a third of a printed line.
    """

    def __init__(self, fd: int, guard: Guard) -> None:
        self._fd = fd
        self._guard = guard
        self._turn: Dict[int, int] = {}
        self._deferred: List[Callable[[], None]] = []  # for who has the turn
        self._ring: Optional[Ring] = None  # until a burst asks for it
        self._items = 0  # that followed each other closely
        self._item_at = 0  # nanoseconds
        self.ring_is_open = False  # for the items of the present burst
        guard.watch(self._turn)

    def run(self, action: Callable[..., None], *args: Any) -> None:
        """
        Call something with the turn; behind what this thread does with it already, when a signal handler or a finalizer
        asks. Raises a cancel that has waited for the end of it.
        """
        me = get_ident()
        if self._turn.get(0) == me:
            self._deferred.append(partial(action, *args))
            return
        pause = _PAUSE
        while self._turn.setdefault(0, me) != me:
            sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE)
        try:
            action(*args)
        finally:
            try:
                if self._deferred:
                    self._catch_up()
            finally:
                del self._turn[0]
                if self._deferred:  # came in the last moment
                    self.run(self._catch_up)
                if self._guard.on_leave is not None and me == self._guard.main:
                    self._guard.leave()

    def _catch_up(self) -> None:
        while self._deferred:
            self._deferred.pop(0)()

    def send(self, pieces: List[bytes], urgent: bool = False) -> None:
        """Write the pieces of one or more frames; urgent ones never wait for others to go along."""
        self.run(self.write, pieces, urgent)

    def write(self, pieces: List[bytes], urgent: bool = False) -> None:
        """Write, with the turn."""
        try:
            _wire.write_all(self._fd, self.after_ring(pieces))
            if self._ring is not None:
                self._ring.has_told()
        except _wire.Broken as error:
            _wire.give_up(f"fd {self._fd}: {error}")

    def pace(self) -> int:
        """Take notice of an item, and return how many have followed each other closely. With the turn."""
        now = monotonic_ns()
        if now - self._item_at < CLOSE:
            self._items += 1
        else:
            self._items = 0
            self.ring_is_open = False  # the parent has found nothing for a while, and looks less often
        self._item_at = now
        return self._items

    def open_ring(self) -> Callable[[bytes], bool]:
        """
        Ask the parent to look into the ring as long as anything runs here, and return what puts a frame into it; False
        from that: it does not fit there now, or there is no ring. Both with the turn.
        """
        from . import _ring

        if self._ring is None:
            self._ring = _ring.attach()
        if self._ring is None:
            return lambda _frame: False
        self.write([] if self._ring.untold else [self._ring.tell()], urgent=True)
        self.ring_is_open = True
        return self._ring.put

    def after_ring(self, pieces: List[bytes]) -> List[bytes]:
        """Return the pieces of frames so that they come behind what the ring holds."""
        if self._ring is not None and self._ring.untold:
            return [self._ring.tell(), *pieces]
        return pieces
