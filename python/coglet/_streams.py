"""sys.stdout and sys.stderr: real text streams whose lines go to the prediction on whose behalf they are printed."""

import codecs
import io
import os
import sys
from typing import Any, Iterable, List, Optional

from ._prediction import SOURCES, STDERR, STDOUT, Text, current

_general: Optional[Text] = None  # what belongs to no prediction


class Stream(io.TextIOBase):
    """A text stream with all that io.TextIOWrapper has. Never closed, never a terminal."""

    mode = "w"
    line_buffering = True
    write_through = False

    def __init__(self, source: int) -> None:
        super().__init__()
        self._source = source
        self.name = f"<{SOURCES[source]}>"
        self.buffer = _Buffer(self)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "backslashreplace"

    @property
    def newlines(self) -> None:  # type: ignore[override]
        return None

    @property
    def closed(self) -> bool:
        return False

    def write(self, text: str) -> int:
        """Return the number of characters, as text streams do."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            prediction = current.get()
            if prediction is not None and prediction.active:  # _text, without a call
                (prediction.text or prediction.open_text()).write(self._source, text)
            else:
                self._text().write(self._source, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._text().flush(self._source)

    def _text(self) -> Text:
        prediction = current.get()
        if prediction is not None and prediction.active:
            return prediction.text or prediction.open_text()
        assert _general is not None
        return _general

    def reconfigure(self, **_: Any) -> None:
        """Accept what TextIOWrapper does; lines go out at once whatever is asked for."""

    def detach(self) -> Any:
        return self.buffer

    def close(self) -> None:
        self.flush()

    def fileno(self) -> int:
        return self._source + 1

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


class _Buffer(io.BufferedIOBase):
    """The binary side of a Stream: the same way, in order with its text."""

    mode = "wb"

    def __init__(self, text: Stream) -> None:
        super().__init__()
        self._stream = text
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.raw = self

    @property
    def name(self) -> str:
        return self._stream.name

    @property
    def closed(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._stream.write(self._decoder.decode(bytes(view)))
        return len(view)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True


def _write_plainly(stream: Stream, text: str) -> int:
    os.write(stream.fileno(), text.encode("utf-8", "backslashreplace"))
    return len(text)


def plain(fd: int, whole_lines: bool = False) -> io.TextIOWrapper:
    """Return a text stream onto a file descriptor: without a buffer, or with one that holds a line together."""
    raw = io.FileIO(fd, "w", closefd=False)
    how = {"line_buffering": True} if whole_lines else {"write_through": True}
    return io.TextIOWrapper(raw, "utf-8", "backslashreplace", "\n", **how)


def install(general: Text) -> List[Stream]:
    """Put the streams in place. What was printed before goes out first; its streams write through from now on."""
    global _general
    _general = general
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # closed, or replaced by something odd: nothing to keep
    sys.__stdout__ = plain(1)  # type: ignore[misc]
    sys.__stderr__ = plain(2)  # type: ignore[misc]
    streams = [Stream(STDOUT), Stream(STDERR)]
    sys.stdout, sys.stderr = streams
    return streams


def in_child() -> None:
    """Leave this process, a forked child, with plain streams; also for who has kept a reference to ours."""
    Stream.write, Stream.flush = _write_plainly, lambda _stream: None  # type: ignore[assignment,method-assign]
    # its lines and those of its siblings come whole: print() writes each of its arguments on its own
    sys.stdout = sys.__stdout__ = plain(1, whole_lines=True)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = plain(2, whole_lines=True)  # type: ignore[misc]
