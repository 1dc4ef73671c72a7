"""One prediction inside the worker: who prints, records metrics and asks for its scope on whose behalf."""

import json
import sys
from contextvars import ContextVar
from time import monotonic_ns
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import _wire
from ._channel import Channel

STDOUT, STDERR = 0, 1
SOURCES = ("stdout", "stderr")

# Unfinished lines are sent when they get this long, in characters; a frame's text is at most four times as many bytes.
MAX_REST = 1 << 20

# In a burst of lines between which nothing else was written, a look at the capture pipes that found them empty holds
# for the lines that follow at once: the order is promised for what is a millisecond apart, and a look is two calls.
_BURST = 32  # looks that found nothing
_FRESH = 200_000  # nanoseconds

try:
    import fcntl
    from termios import FIONREAD

    _count = bytearray(4)
    _empty_at = 0  # when the pipes were last seen empty
    _calm = 0  # how many times in a row they were

    def _unread() -> Optional[Tuple[int, int, int]]:
        """Return how many bytes the capture pipes hold, and when; None where there are none."""
        global _empty_at, _calm
        now = monotonic_ns()
        age = now - _empty_at
        if age >= 2 * _FRESH:
            _calm = 0
        elif age < _FRESH and _calm >= _BURST:
            return None
        found = []
        for fd in (1, 2):
            try:
                fcntl.ioctl(fd, FIONREAD, _count)  # a pipe tells it at either end
                found.append(int.from_bytes(_count, sys.byteorder))
            except OSError:  # user code has put something else there
                found.append(0)
        if found == [0, 0]:
            _empty_at = now
            _calm += 1
            return None
        _calm = 0
        return found[0], found[1], monotonic_ns()  # behind the look: what is taken before it is not in the numbers
except ImportError:

    def _unread() -> Optional[Tuple[int, int, int]]:
        return None


def log_headers(slot: Optional[int]) -> List[bytes]:
    """Return the headers of log frames for stdout and stderr."""
    where: _wire.Header = {} if slot is None else {"slot": slot}
    return [_wire.header_bytes({"type": "log", **where, "source": source}) for source in SOURCES]


class Text:
    """Where text goes: complete lines at once, the rest when it is asked for. Of a prediction, or of nobody."""

    __slots__ = ("_channel", "_headers", "_rest", "_rest_size")

    def __init__(self, channel: Channel, headers: List[bytes]) -> None:
        self._channel = channel
        self._rest: List[List[str]] = [[], []]
        self._rest_size = [0, 0]
        self._headers = headers

    def write(self, source: int, text: str) -> None:
        """Send the complete lines of text together with what came before, and keep the rest."""
        with self._channel.lock:
            rest = self._rest[source]
            if rest and text == "\n":  # how print() ends a line
                lines = "".join(rest) + text
                rest.clear()
                self._rest_size[source] = 0
                self._send(source, lines)
                return
            cut = text.rfind("\n") + 1
            if not cut:
                rest.append(text)
                self._rest_size[source] += len(text)
                if self._rest_size[source] >= MAX_REST:
                    self.flush(source)
                return
            if rest:
                lines = "".join(rest) + text[:cut]
                rest.clear()
            else:
                lines = text[:cut]
            if cut < len(text):
                rest.append(text[cut:])
            self._rest_size[source] = len(text) - cut
            self._send(source, lines)

    def flush_all(self) -> None:
        """Send the unfinished lines. Mostly there are none."""
        if self._rest[STDOUT] or self._rest[STDERR]:
            for source in (STDOUT, STDERR):
                self.flush(source)

    def flush(self, source: int) -> None:
        """Send the unfinished line."""
        with self._channel.lock:
            rest = self._rest[source]
            if rest:
                text = "".join(rest)
                rest.clear()
                self._rest_size[source] = 0
                self._send(source, text)

    def _send(self, source: int, text: str) -> None:
        if len(text) > MAX_REST:
            for start in range(0, len(text), MAX_REST):
                self._send(source, text[start : start + MAX_REST])
            return
        body = text.encode("utf-8", "backslashreplace")
        head = self._headers[source]
        raw = _unread()
        if raw is not None:
            head = head[:-1] + b',"raw":[%d,%d],"at":%d}' % raw
        # at once: the order against what child processes write is a promise
        self._channel.send([_wire.join(head, len(body)) + body], urgent=True)


class Prediction:
    """A prediction that runs, or has run."""

    __slots__ = (
        *("slot", "seq", "id", "context", "method", "dir"),
        *("channel", "text", "active", "outputs", "cleanups", "scope", "swallowed"),
    )

    def __init__(self, channel: Channel, text: Text, header: _wire.Header, tmp: str) -> None:
        self.channel = channel
        self.text = text
        self.slot: int = header["slot"]
        self.seq: int = header["seq"]
        self.id: str = header["id"]
        self.context: Dict[str, str] = header.get("context") or {}
        self.method: Optional[str] = header.get("method")  # None: what the worker was started for
        self.dir = f"{tmp}/{self.seq}"
        self.active = True
        self.outputs = 0
        self.cleanups: List[Callable[[], Any]] = []  # called when it has ended
        self.scope: Any = None  # made when it is asked for
        self.swallowed: Optional[BaseException] = None  # what escaped from a task of its own

    def output(self, body: bytes, files: List[Dict[str, str]], items: Optional[int] = None) -> List[bytes]:
        """Return the frame of an output; items says that body is a list of so many."""
        if items is None and not files:  # by hand: the way of most predictions
            head = b'{"type":"output","slot":%d,"index":%d}' % (self.slot, self.outputs)
        else:
            header: _wire.Header = {"type": "output", "slot": self.slot, "index": self.outputs}
            if items is not None:
                header["items"] = items
            if files:
                header["files"] = files
            head = _wire.header_bytes(header)
        self.outputs += 1 if items is None else items
        return [_wire.join(head, len(body)), body]

    def metric(self, name: str, mode: str, value: Any) -> None:
        """Record a metric. Raises ValueError when it is too large for a frame."""
        header = {"type": "metric", "slot": self.slot, "name": name, "mode": mode, "value": value}
        self.channel.send([_wire.frame(header)])

    def done(self, status: str, error: Optional[str], seconds: float, is_stream: bool) -> List[bytes]:
        """Return the last frame. Nothing of this prediction may be sent after it."""
        self.text.flush_all()
        self.active = False
        more = "" if error is None else f',"error":{_wire.quote(error)}'
        if is_stream:
            more += ',"is_stream":true'
        which = f'"slot":{self.slot},"seq":{self.seq},"status":"{status}"'
        return [_wire.join(f'{{"type":"done",{which},"predict_time":{seconds!r}{more}}}'.encode(), 0)]

    def __repr__(self) -> str:
        return f"<prediction {json.dumps(self.id)}>"


current: "ContextVar[Optional[Prediction]]" = ContextVar("coglet_prediction", default=None)
