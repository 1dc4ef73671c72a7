"""Frames: the wire format of docs/protocol.md. Knows no message and no prediction."""

import json
import os
import struct
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

MAGIC = b"CGL1"
VERSION = 1
MAX_HEADER = 1 << 20
MAX_BODY = 1 << 30

CONTROL_IN = 99
CONTROL_OUT = 100
DIAGNOSTIC = 101
DATA = 102
LIFELINE = 103
MEMORY = 104
try:
    # Looked up before user code runs, which may get that number for a file of its own.
    MEMORY_FILE: Optional[os.stat_result] = os.fstat(MEMORY)
except OSError:
    MEMORY_FILE = None
OURS = (CONTROL_IN, CONTROL_OUT, DIAGNOSTIC, DATA, LIFELINE, *((MEMORY,) if MEMORY_FILE else ()))

_PREFIX = struct.Struct(">4sII")
_PREFIX_SIZE = _PREFIX.size
_BUFFER = 64 << 10
SMALL = 4 << 10  # bytes up to which it costs less to copy a body than to write one more piece
_MAX_REUSED = 16 << 20

Header = Dict[str, Any]
Body = Union[bytes, bytearray]
Piece = Union[bytes, memoryview]


class Broken(Exception):
    """The channel has ended, or what came is no frame. It cannot be used any more."""


class TooLarge(ValueError):
    """A frame would be over a limit; nothing was written."""


quote = json.encoder.encode_basestring_ascii
_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # raw_decode adds half as much again to a short one


def decode(data: Union[bytes, bytearray, memoryview]) -> Any:
    """Return the value of JSON that its sender has checked; json.loads costs three times as much for a short one."""
    if len(data) >= _BUFFER:
        from ._long import decode as decode_long

        return decode_long(data)
    try:
        return _scan(str(data, "utf-8"), 0)[0]
    except StopIteration:
        raise ValueError("no JSON") from None


def header_bytes(header: Header) -> bytes:
    """Return a header as it goes over the wire."""
    return _encode(header).encode()


def join(head: bytes, body_size: int) -> bytes:
    """Return the prefix and the header of a frame; the body goes right behind it. Raises TooLarge."""
    if len(head) > MAX_HEADER:
        raise TooLarge(f"header of {len(head)} bytes, at most {MAX_HEADER}")
    if body_size > MAX_BODY:
        raise TooLarge(f"{body_size} bytes, at most {MAX_BODY}")
    return _PREFIX.pack(MAGIC, len(head), body_size) + head


def frames(head: bytes, body: bytes) -> List[bytes]:
    """Return a frame in pieces; in one piece when a copy of the body costs less. Raises TooLarge."""
    size = len(body)
    if size < SMALL and len(head) < SMALL:
        return [_PREFIX.pack(MAGIC, len(head), size) + head + body]
    return [join(head, size), body]


def frame(header: Header, body_size: int = 0) -> bytes:
    """Return prefix and header of a frame, as join does."""
    return join(header_bytes(header), body_size)


class Reader:
    """
    Reads frames from a file descriptor. One thread uses it.

    With reuse, a body is valid until the next call: large ones come into the same memory, as new memory costs as much
    as all the rest of reading them.
    """

    def __init__(self, fd: int, reuse: bool = False) -> None:
        self._fd = fd
        self._large = bytearray()
        self._largest = _BUFFER
        self._reuse = reuse
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._whole = [self._view]  # made once: what a read mostly goes into
        self._pos = 0
        self._end = 0

    def next(self) -> Tuple[Header, Body]:
        """Wait for a frame and return its header and body. Raises Broken."""
        found = self.take()
        while found is None:
            self._fill()
            found = self.take()
        return found

    def take(self) -> Optional[Tuple[Header, Body]]:
        """Return the next frame if it has been read already, as far as its header: the body is waited for."""
        start = self._pos + _PREFIX_SIZE
        if start > self._end:
            return None
        magic, head_size, body_size = _PREFIX.unpack_from(self._buffer, self._pos)
        if magic != MAGIC or head_size > MAX_HEADER or body_size > MAX_BODY:
            raise Broken("malformed frame")
        middle = start + head_size
        if middle > self._end:
            return None
        header = decode(self._buffer[start:middle])
        end = middle + body_size
        if end <= self._end:
            self._pos = end
            return header, self._buffer[middle:end]
        self._pos = self._end
        return header, self._rest(self._buffer[middle : self._end], body_size)

    def fill(self) -> None:
        """Read once what is there. Raises Broken at the end, BlockingIOError where nothing is."""
        self._fill()

    def _fill(self) -> None:
        if self._pos == self._end:
            self._pos, self._end = 0, self._read_into(self._whole)
            return
        if self._pos:
            left = self._end - self._pos
            self._buffer[:left] = self._buffer[self._pos : self._end]
            self._pos, self._end = 0, left
        if self._end == len(self._buffer):  # a header larger than the buffer
            self._whole.clear()
            self._view.release()
            self._buffer.extend(bytes(len(self._buffer)))
            self._view = memoryview(self._buffer)
            self._whole = [self._view]
        self._end += self._read_into([self._view[self._end :]])

    def _rest(self, begun: Body, size: int) -> Body:
        """Return a body that did not come with its header: read into memory of its own size."""
        body = self._memory(size)
        view = memoryview(body)
        view[: len(begun)] = begun
        done = len(begun)
        while done < size:
            try:
                done += self._read_into([view[done:]])
            except BlockingIOError:
                _wait_readable(self._fd)
        view.release()
        return body

    def _memory(self, size: int) -> bytearray:
        if size > self._largest:
            self._largest = size
            # Freed at once: the C library takes it for what this program does, and no longer gives memory of such a
            # size back to the system after each use; to get it anew takes longer than what is done with it.
            try:
                bytes(min(4 * size, 31 << 20))
            except MemoryError:
                pass
        if not self._reuse or not _BUFFER <= size <= _MAX_REUSED:
            return bytearray(size)
        body = self._large
        if len(body) < size:
            body = self._large = bytearray(size)
        elif len(body) > size:
            del body[size:]
        return body

    def _read_into(self, views: List[memoryview]) -> int:
        try:
            count = os.readv(self._fd, views)
        except BlockingIOError:
            raise
        except OSError as error:
            raise Broken(f"read: {error}") from None
        if not count:
            raise Broken("end of file")
        return count


def _wait_readable(fd: int) -> None:
    import select

    select.select([fd], [], [])


MAX_PIECES = 512  # of one write; the system's limit is not below it


def behind(pieces: Sequence[Piece], done: int) -> List[Piece]:
    """Return what is left of the pieces when so many bytes have been written."""
    for i, piece in enumerate(pieces):
        if done < len(piece):
            return [memoryview(piece)[done:], *pieces[i + 1 :]] if done else list(pieces[i:])
        done -= len(piece)
    return []


def write_all(fd: int, pieces: List[bytes]) -> None:
    """Write the pieces one behind the other. Raises Broken."""
    try:
        if len(pieces) == 1:
            size = len(pieces[0])
            done = os.write(fd, pieces[0])
        else:
            size = sum(map(len, pieces))
            done = os.writev(fd, pieces)
        if done == size:
            return
        rest = behind(pieces, done)
        while rest:
            try:
                rest = behind(rest, os.writev(fd, rest[:MAX_PIECES]))
            except BlockingIOError:
                import select

                select.select([], [fd], [])
    except OSError as error:
        raise Broken(f"write: {error}") from None


def diagnose(text: str) -> None:
    """Say something on the stderr that this process was born with: there is nobody else to tell."""
    try:
        os.write(DIAGNOSTIC, f"coglet worker {os.getpid()}: {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def give_up(text: str) -> None:
    """End this process at once: its channels are gone, and with them everybody who could use it."""
    diagnose(text)
    os._exit(70)
