"""sys.stdout and sys.stderr as user code sees them."""

import io

import pytest
from coglet import _streams


class FakeText:
    def __init__(self):
        self.written = []

    def write(self, source, text):
        self.written.append(text)

    def flush(self, source):
        pass


@pytest.fixture
def stream():
    _streams._general = FakeText()  # stays: a stream is flushed once more when it is collected
    return _streams.Stream(1)


def test_streams_have_what_text_streams_have(stream):
    """W23: everything that io.TextIOWrapper has, and write() counts characters."""
    public = {name for name in dir(io.TextIOWrapper) if not name.startswith("_")}
    assert sorted(public - set(dir(stream))) == []
    assert isinstance(stream, io.TextIOBase) and stream.write("ünï") == 3
    stream.writelines(["a\n", "b\n"])
    stream.reconfigure(line_buffering=True)
    assert stream.buffer.write("ü".encode()) == 2 and stream.buffer.raw.write(b"") == 0
    print("c", file=stream, flush=True)
    with stream as same:
        same.write("d")
    stream.close()
    stream.write("e")  # never closed
    assert "".join(_streams._general.written) == "ünïa\nb\nüc\nde"
    assert (stream.encoding, stream.errors, stream.name, stream.mode) == ("utf-8", "backslashreplace", "<stderr>", "w")
    assert (stream.readable(), stream.writable(), stream.seekable(), stream.isatty(), stream.fileno()) == (
        False,
        True,
        False,
        False,
        2,
    )
    with pytest.raises(TypeError, match="must be str, not bytes"):
        stream.write(b"x")
    with pytest.raises(io.UnsupportedOperation):
        stream.read()


def test_characters_cut_by_binary_writes_arrive_whole(stream):
    for byte in "ü€".encode():
        stream.buffer.write(bytes([byte]))
    assert "".join(_streams._general.written) == "ü€"
