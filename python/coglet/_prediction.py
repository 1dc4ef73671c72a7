"""One prediction inside the worker: who prints, records metrics and asks for its scope on whose behalf."""

import json
from contextvars import ContextVar
from functools import cache
from typing import Any, Callable, Dict, List, Optional

from . import _encode, _pipes, _wire
from ._channel import BURST, Channel

STDOUT, STDERR = 0, 1
SOURCES = ("stdout", "stderr")

# Unfinished lines are sent when they get this long, in characters; a frame's text is at most four times as many bytes.
MAX_REST = 1 << 20


@cache
def log_headers(slot: Optional[int]) -> List[bytes]:
    """Return the headers of log frames for stdout and stderr."""
    where: _wire.Header = {} if slot is None else {"slot": slot}
    return [_wire.header_bytes({"type": "log", **where, "source": source}) for source in SOURCES]


class Text:
    """
    Where text goes: complete lines at once, the rest when it is asked for. Of a prediction, or of nobody.

    Any thread may write at any moment, and what interrupts it. So pieces come into the list of what is not sent yet,
    and leave it, by single calls that nothing comes between; who takes them out has the channel's turn.
    """

    __slots__ = ("_channel", "_ended", "_headers", "_heir", "_put", "_rest", "_rest_size")

    def __init__(self, channel: Channel, headers: List[bytes], heir: Optional["Text"] = None) -> None:
        self._channel = channel
        self._headers = headers
        self._heir = heir  # of a prediction: who gets what its threads print after its end
        self._ended = False
        self._rest: List[List[str]] = [[], []]
        self._rest_size = [0, 0]
        self._put: Optional[Callable[[bytes], bool]] = None  # into the ring, from a prediction's first burst of lines

    def write(self, source: int, text: str) -> None:
        """Send the complete lines of text together with what came before, and keep the rest."""
        self._rest[source].append(text)
        if text[-1:] == "\n":
            self._channel.run(self._send, source, True)
            return
        if "\n" in text:
            self._channel.run(self._send, source, False)
            return
        size = self._rest_size[source] = self._rest_size[source] + len(text)
        if size >= MAX_REST or self._ended:  # nobody asks for the rest any more
            self.flush(source)

    def flush(self, source: int) -> None:
        """Send the unfinished line."""
        if self._rest[source]:
            self._channel.run(self._send, source, True)

    def flush_all(self) -> None:
        """Send the unfinished lines."""
        self.flush(STDOUT)
        self.flush(STDERR)

    def end(self) -> None:
        """Send the unfinished lines. What is written from now on goes to the heir."""
        rest = self._rest
        if rest[STDOUT] or rest[STDERR]:  # mostly there are none
            self.flush_all()
        self._ended = True
        if rest[STDOUT] or rest[STDERR]:  # another thread has written in the last moment
            self.flush_all()

    def _send(self, source: int, unfinished: bool) -> None:
        """Send what is complete, and the rest where it is asked for or there is none. Needs the turn."""
        pieces = self._rest[source]
        count = len(pieces)
        text = "".join(pieces[:count])
        cut = len(text) if unfinished else text.rfind("\n") + 1
        if cut == len(text):
            del pieces[:count]
        else:
            pieces[:count] = [text[cut:]]
        self._rest_size[source] = len(text) - cut
        if self._ended and self._heir is not None:
            self._heir.write(source, text[:cut])
            return
        while cut > MAX_REST:
            self._frame(source, text[:MAX_REST])
            text = text[MAX_REST:]
            cut -= MAX_REST
        if cut:
            self._frame(source, text[:cut])

    def _frame(self, source: int, text: str) -> None:
        body = text.encode("utf-8", "backslashreplace")
        head = self._headers[source]
        raw = _pipes.written()
        if raw is not None:
            head = head[:-1] + b',"raw":[%d,%d]}' % raw
        frame = _wire.join(head, len(body)) + body
        if raw is None and _pipes.calm >= BURST and self._heir is not None:
            if self._put is None:
                self._put = self._channel.open_ring()
            if self._put(frame):
                return
        # at once: the order against what child processes write is a promise
        self._channel.write([frame], urgent=True)


class Prediction:
    """A prediction that runs, or has run."""

    __slots__ = (
        *("slot", "seq", "id", "context", "method"),
        *("channel", "text", "active", "outputs", "cleanups", "scope", "swallowed"),
        *("task", "reached", "_heir", "_texts", "_put", "_tmp"),
    )

    def __init__(self, channel: Channel, heir: Text, header: _wire.Header, tmp: str) -> None:
        self.channel = channel
        self.slot: int = header["slot"]
        self.seq: int = header["seq"]
        self.id: str = header["id"]
        self.context: Dict[str, str] = header.get("context") or {}
        self.method: Optional[str] = header.get("method")  # None: what the worker was started for
        self._tmp = tmp
        self.active = True
        self.outputs = 0
        self.cleanups: List[Callable[[], Any]] = []  # called when it has ended
        self.scope: Any = None  # made when it is asked for
        self.swallowed: Optional[BaseException] = None  # what escaped from a task of its own
        self.task: Any = None  # that runs it, where there is one
        self.reached = False  # its cancel has reached user code
        self.text: Optional[Text] = None  # what it prints, from its first print
        self._heir = heir
        self._texts: Dict[int, Text] = {}  # 0 → text; the heir where it ended first
        self._put: Optional[Callable[[bytes], bool]] = None  # into the ring, from its first burst of items

    @property
    def dir(self) -> str:
        """The folder for files of its outputs; whoever puts the first one there makes it."""
        return f"{self._tmp}/{self.seq}"

    def open_text(self) -> Text:
        """
        Return where it prints to; the heir when it has ended. Any thread may be the first to ask, and the end may come
        at the same time: setdefault decides who was first.
        """
        text = self.text = self._texts.setdefault(0, Text(self.channel, log_headers(self.slot), self._heir))
        return text

    def output(self, body: bytes, files: List[Dict[str, str]], items: Optional[int] = None) -> List[bytes]:
        """Return the frame of an output; items says that body is a list of so many."""
        header: _wire.Header = {"type": "output", "slot": self.slot, "index": self.outputs}
        if items is not None:
            header["items"] = items
        if files:
            header["files"] = files
        head = _wire.header_bytes(header)
        self.outputs += 1 if items is None else items
        return _wire.frames(head, body)

    def output_plain(self, value: Any) -> List[bytes]:
        """Return the frame of an output whose type is in _encode.PLAIN: of most predictions and tokens."""
        if type(value) is str and len(value) >= _encode.LONG:
            # the parent escapes what must be: it looks at eight characters at a time, and copies nothing where none is
            data = value.encode("utf-8", "replace")
            head = b'{"type":"output","slot":%d,"index":%d,"text":true}' % (self.slot, self.outputs)
            self.outputs += 1
            return [_wire.join(head, len(data) + 2), b'"', data, b'"']
        body = _encode.encode_plain(value)
        head = b'{"type":"output","slot":%d,"index":%d}' % (self.slot, self.outputs)
        self.outputs += 1
        return _wire.frames(head, body)

    def send_item(self, encoder: _encode.Encoder, item: Any) -> None:
        """Send an item of a generator: at once, or through the ring where items come in a burst."""
        if type(item) in _encode.PLAIN:
            pieces = self.output_plain(item)
        else:
            pieces = self.output(*encoder.encode_yielded(item, self.outputs))
        self.channel.run(self._send_item, pieces)

    def _send_item(self, pieces: List[bytes]) -> None:
        if self.channel.pace() >= BURST and len(pieces) == 1:  # large ones are no matter of system calls
            if self._put is None or not self.channel.ring_is_open:
                self._put = self.channel.open_ring()
            if self._put(pieces[0]):
                return
        # a generator that blocks an event loop would hold back what waits for its turn to end
        self.channel.write(pieces, urgent=True)

    def metric(self, name: str, mode: str, value: Any) -> None:
        """Record a metric. Raises ValueError when it is too large for a frame."""
        header = {"type": "metric", "slot": self.slot, "name": name, "mode": mode, "value": value}
        self.channel.send([_wire.frame(header)])

    def done(self, status: str, error: Optional[str], nanoseconds: int, is_stream: bool) -> List[bytes]:
        """Return the last frame. Nothing of this prediction may be sent after it."""
        self.active = False
        text = self._texts.setdefault(0, self._heir)
        if text is not self._heir:
            text.end()
        more = "" if error is None else f',"error":{_wire.quote(error)}'
        if is_stream:
            more += ',"is_stream":true'
        head = b'{"type":"done","slot":%d,"seq":%d,"status":"%b","predict_time":%de-9%b}'
        return [_wire.join(head % (self.slot, self.seq, status.encode(), nanoseconds, more.encode()), 0)]

    def __repr__(self) -> str:
        return f"<prediction {json.dumps(self.id)}>"


current: "ContextVar[Optional[Prediction]]" = ContextVar("coglet_prediction", default=None)
