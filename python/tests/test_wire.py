"""The Python half speaks what the golden files of the Go half say."""

import asyncio
import json
import mmap
import os
import socket
import sys
import threading
from pathlib import Path

import pytest
from coglet import _async, _channel, _encode, _pipes, _prediction, _ring, _wire

GOLDEN = Path(__file__).resolve().parents[2] / "internal" / "protocol" / "testdata"
FRAMES = sorted(GOLDEN.glob("*.frame"))


def read(data, pieces=1 << 20):
    """Read frames from a pipe into which data is written in pieces."""
    r, w = os.pipe()

    def write():
        for start in range(0, len(data), pieces):
            os.write(w, data[start : start + pieces])
        os.close(w)

    thread = threading.Thread(target=write)
    thread.start()
    reader, found = _wire.Reader(r), []
    try:
        while True:
            header, body = reader.next()
            found.append((header, bytes(body)))
    except _wire.Broken as error:
        assert str(error) == "end of file"
    finally:
        thread.join()
        os.close(r)
    return found


def test_there_are_golden_files():
    assert len(FRAMES) >= 18


@pytest.mark.parametrize("pieces", [1, 7, 1 << 20])
def test_golden_frames_are_read(pieces):
    data = b"".join(f.read_bytes() for f in FRAMES)
    found = read(data, pieces)
    assert len(found) == len(FRAMES)
    for (header, body), file in zip(found, FRAMES):
        raw = file.read_bytes()
        size = int.from_bytes(raw[4:8], "big")
        assert header == json.loads(raw[12 : 12 + size]) and body == raw[12 + size :]


def test_large_bodies_and_headers():
    big = {"type": "x", "pad": "p" * 300_000}
    data = _wire.frame(big, 5) + b"abcde" + _wire.frame({"type": "y"}, 1 << 20) + b"z" * (1 << 20)
    (first, small), (second, large) = read(data)
    assert first == big and small == b"abcde" and second["type"] == "y" and large == b"z" * (1 << 20)


class Sink(_channel.Channel):
    """Keeps what is sent."""

    def __init__(self, sent):
        super().__init__(-1, _channel.Guard())
        self._sent = sent

    def write(self, pieces, urgent=False):
        self._sent.extend(pieces)


def test_frames_of_a_prediction_are_the_golden_ones(monkeypatch):
    monkeypatch.setattr(_pipes, "written", lambda: None)
    sent = []

    channel = Sink(sent)
    general = _prediction.Text(channel, _prediction.log_headers(None))
    p = _prediction.Prediction(channel, general, {"slot": 0, "seq": 8, "id": "p"}, "/tmp")
    golden = {f.stem: f.read_bytes() for f in FRAMES}
    assert p.text is None  # until something is printed
    p.open_text().write(0, "line\n")
    assert b"".join(sent) == golden["log_data"]
    files = [{"ref": "coglet-file:00:0", "path": "/tmp/a.png", "mime": "image/png"}]
    assert b"".join(p.output(b'["coglet-file:00:0",1]', files, 2)) == golden["output_items"]
    sent.clear()
    p.slot = 1
    p.outputs = 4
    assert b"".join(p.output(b'"x"', [])) == golden["output"]
    sent.clear()
    p.slot = 0
    monkeypatch.setattr(_pipes, "written", lambda: (12, 3))
    p.open_text().write(0, "line\n")
    assert b"".join(sent) == golden["log_raw"]
    sent.clear()
    p.metric("a.b", "increment", 1.5)
    assert json.loads(sent[0][12:]) == json.loads(golden["metric"][12:])
    done = p.done("succeeded", None, 1_000_000_000, False)
    assert json.loads(b"".join(done)[12:]) == json.loads(golden["done_succeeded"][12:])
    assert not p.active


@pytest.mark.parametrize("ends", ["before", "meanwhile", "after"])
def test_first_print_of_a_thread_when_the_prediction_ends(monkeypatch, ends):
    """Both ask for the place to print to at the same time, and one may be told of the end late: one place, no line lost."""
    sent = []

    monkeypatch.setattr(_pipes, "written", lambda: None)
    channel = Sink(sent)
    general = _prediction.Text(channel, _prediction.log_headers(None))
    p = _prediction.Prediction(channel, general, {"slot": 0, "seq": 1, "id": "p"}, "/tmp")
    made = []

    class Slow(_prediction.Text):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)
            if len(made) == 1:
                assert p.open_text() is (general if ends == "before" else made[1])  # another thread, faster
                if ends == "meanwhile":
                    p.done("succeeded", None, 1, False)

    monkeypatch.setattr(_prediction, "Text", Slow)
    if ends == "before":
        p.done("succeeded", None, 1, False)
    text = p.open_text()
    assert text is p.text is (general if ends == "before" else made[1])
    text.write(0, "line")  # print() writes the end of the line by itself
    if ends == "after":
        p.done("succeeded", None, 1, False)
    text.write(0, "\n")
    late = b'{"type":"log","source":"stdout"}'
    if ends == "after":
        assert sent == [
            _wire.join(b'{"type":"log","slot":0,"source":"stdout"}', 4) + b"line",
            _wire.join(late, 1) + b"\n",
        ]
    else:
        assert sent == [_wire.join(late, 5) + b"line\n"]


def test_ring_gives_what_was_put_and_wraps_around():
    memory = bytearray(_ring.COUNTERS + 100)
    counters = memoryview(memory)[:16].cast("Q")
    ring = _ring.Ring(memory)
    put = taken = b""
    for n in range(1000):
        frame = bytes([n % 251]) * (1 + n * 7 % 60)
        if not ring.put(frame):
            assert len(put) - len(taken) + len(frame) > 100
            while len(taken) < len(put):  # the parent takes all, byte by byte
                taken += memory[_ring.COUNTERS + len(taken) % 100 :][:1]
            counters[1] = len(taken)
            assert taken == put and ring.put(frame)
        put += frame
        assert counters[0] == len(put) and ring.untold
    assert len(put) > 1000
    assert json.loads(ring.tell()[12:]) == {"type": "ring", "to": len(put)} and ring.untold
    ring.has_told()
    assert not ring.untold
    assert not ring.put(bytes(101))
    counters[1] = len(put)
    assert ring.put(b"x")
    ring.refuse()  # in a forked child
    assert not ring.put(b"x")


def test_what_is_in_the_ring_comes_before_what_is_written(monkeypatch):
    memory = bytearray(_ring.COUNTERS + 1000)
    monkeypatch.setattr(_ring, "attach", lambda: _ring.Ring(memory))
    monkeypatch.setattr(_pipes, "written", lambda: None)
    monkeypatch.setattr(_pipes, "calm", _channel.BURST)
    r, w = os.pipe()
    channel = _channel.Channel(w, _channel.Guard())
    general = _prediction.Text(channel, _prediction.log_headers(None))
    text = _prediction.Text(channel, _prediction.log_headers(0), general)
    text.write(0, "line\n")
    text.write(0, "x" * 2000 + "\n")  # does not fit
    text.write(1, "unfinished")
    text.end()
    text.write(0, "late\n")
    os.close(w)
    with os.fdopen(r, "rb") as pipe:
        written = pipe.read()
    first = _wire.join(b'{"type":"log","slot":0,"source":"stdout"}', 5) + b"line\n"
    unfinished = _wire.join(b'{"type":"log","slot":0,"source":"stderr"}', 10) + b"unfinished"
    assert memory[_ring.COUNTERS :].startswith(first + unfinished)
    put = len(first), len(first + unfinished)
    assert written == b"".join(
        [
            _wire.frame({"type": "ring", "to": 0}),  # opens it
            _wire.frame({"type": "ring", "to": put[0]}),
            _wire.join(b'{"type":"log","slot":0,"source":"stdout"}', 2001) + b"x" * 2000 + b"\n",
            _wire.frame({"type": "ring", "to": put[1]}),
            _wire.join(b'{"type":"log","source":"stdout"}', 5) + b"late\n",
        ]
    )


def test_items_of_a_burst_go_into_the_ring(monkeypatch):
    memory = bytearray(_ring.COUNTERS + 2000)
    monkeypatch.setattr(_ring, "attach", lambda: _ring.Ring(memory))
    now = 0
    monkeypatch.setattr(_channel, "monotonic_ns", lambda: now)
    r, w = os.pipe()
    channel = _channel.Channel(w, _channel.Guard())
    general = _prediction.Text(channel, _prediction.log_headers(None))
    prediction = _prediction.Prediction(channel, general, {"slot": 0, "seq": 1, "id": "p"}, "/tmp")

    def send(value, after):
        nonlocal now
        now += after
        index = prediction.outputs
        prediction.send_item(_encode.Encoder("/tmp"), value)
        body = json.dumps(value, separators=(",", ":")).encode()
        return _wire.frame({"type": "output", "slot": 0, "index": index}, len(body)) + body

    now = 10 * _channel.CLOSE
    slow = b"".join(send("a", 2 * _channel.CLOSE) for _ in range(2 * _channel.BURST))
    first = b"".join(send("b", 1) for _ in range(_channel.BURST - 1))
    opened = _wire.frame({"type": "ring", "to": 0})
    ring = send("c", 1) + send([1, 2], 1)
    told = _wire.frame({"type": "ring", "to": len(ring)})
    large = send("d" * 5000, 1)
    more = send("e", 1)
    told_more = _wire.frame({"type": "ring", "to": len(ring + more)})
    calm = send("f", _channel.CLOSE)
    assert memory[_ring.COUNTERS :].startswith(ring + more)
    os.close(w)
    with os.fdopen(r, "rb") as pipe:
        assert pipe.read() == slow + first + opened + told + large + told_more + calm


@pytest.mark.parametrize("was_there", [False, True])
def test_a_file_of_the_user_is_no_ring(monkeypatch, tmp_path, was_there):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_bytes(bytes(1000))
    theirs.write_bytes(bytes(1000))
    # looked up before user code had a file of that number
    monkeypatch.setattr(_wire, "MEMORY_FILE", os.stat(ours) if was_there else None)
    monkeypatch.setattr(mmap, "mmap", lambda *_: pytest.fail("mapped"))
    with open(theirs, "r+b") as file:
        monkeypatch.setattr(_wire, "MEMORY", file.fileno())
        channel = _channel.Channel(-1, _channel.Guard())
        assert channel.open_ring()(b"frame") is False
        assert _ring.counters() is None


def test_what_the_parent_shows_stands_where_it_writes_it(monkeypatch, tmp_path):
    shared = tmp_path / "shared"
    shared.write_bytes(b"".join(n.to_bytes(8, sys.byteorder) for n in (1, 2, 3, 4)) + bytes(1000))
    monkeypatch.setattr(_ring, "_memory", None)
    monkeypatch.setattr(_wire, "MEMORY_FILE", os.stat(shared))
    with open(shared, "r+b") as file:
        monkeypatch.setattr(_wire, "MEMORY", file.fileno())
        counters = _ring.counters()
    assert [counters[fd + 1] for fd in (1, 2)] == [3, 4]  # at 16 and 24, as docs/protocol.md says


def test_a_forked_child_has_no_descriptor_of_the_memory(monkeypatch, tmp_path):
    shared = tmp_path / "shared"
    shared.write_bytes(bytes(1000))
    monkeypatch.setattr(_ring, "_memory", None)
    monkeypatch.setattr(_ring, "_rings", [])
    monkeypatch.setattr(_wire, "MEMORY_FILE", os.stat(shared))
    with open(shared, "r+b") as file:
        monkeypatch.setattr(_wire, "MEMORY", file.fileno())
        ring = _ring.attach()
    assert ring is not None and ring.put(b"x") and _ring.counters()[0] == 1

    def descriptors():
        links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
        return [os.readlink(link) for link in links if os.path.lexists(link)].count(str(shared))

    assert descriptors() == 1
    child = os.fork()
    if child == 0:
        try:
            _ring.in_child()
            os._exit(descriptors() + 2 * ring.put(b"y"))
        finally:
            os._exit(9)
    assert os.waitpid(child, 0)[1] == 0
    assert ring.put(b"y") and _ring.counters()[0] == 2


def test_what_a_failed_write_was_to_tell_is_told_by_the_next(monkeypatch):
    memory = bytearray(_ring.COUNTERS + 1000)
    monkeypatch.setattr(_ring, "attach", lambda: _ring.Ring(memory))
    written = []
    monkeypatch.setattr(_wire, "write_all", lambda _fd, pieces: written.extend(pieces))
    channel = _channel.Channel(-1, _channel.Guard())
    assert channel.open_ring()(b"frame")

    def interrupted(_fd, _pieces):
        raise TimeoutError  # by a signal handler of user code

    with monkeypatch.context() as patch:
        patch.setattr(_wire, "write_all", interrupted)
        with pytest.raises(TimeoutError):
            channel.send([b"lost"])
    channel.send([b"done"])
    channel.send([b"next"])
    assert written[1:] == [_wire.frame({"type": "ring", "to": 5}), b"done", b"next"]


@pytest.mark.parametrize("urgent", [True, False])
def test_a_full_socket_is_not_tried_for_each_frame(monkeypatch, urgent):
    ours, theirs = socket.socketpair()
    loop = asyncio.new_event_loop()
    channel = _async.LoopChannel(ours.fileno(), _channel.Guard(), loop)
    tries = 0
    write = os.write

    def count(fd, data):
        nonlocal tries
        tries += 1
        return write(fd, data)

    monkeypatch.setattr(os, "write", count)
    frames = [b"%08d" % n * 100 for n in range(5000)]
    for frame in frames[:-1]:
        channel.send([frame], urgent=urgent)
    assert channel._size > 0 and tries < 2500
    full = tries
    channel.send([frames[-1]], urgent=urgent)
    assert tries == full
    got = b""
    theirs.setblocking(False)

    async def read():
        nonlocal got
        while len(got) < 800 * 5000:
            got += await loop.sock_recv(theirs, 1 << 20)

    loop.run_until_complete(asyncio.wait_for(read(), 30))
    loop.close()
    ours.close()
    theirs.close()
    assert got == b"".join(frames)


def test_limits():
    with pytest.raises(_wire.TooLarge):
        _wire.frame({"type": "x", "pad": "p" * _wire.MAX_HEADER})
    with pytest.raises(_wire.TooLarge):
        _wire.frame({"type": "x"}, _wire.MAX_BODY + 1)
    for bad in (b"hello, a print()", b"CGL1" + (_wire.MAX_HEADER + 1).to_bytes(4, "big") + bytes(4)):
        r, w = os.pipe()
        os.write(w, bad)
        with pytest.raises(_wire.Broken, match="malformed"):
            _wire.Reader(r).next()
        os.close(r)
        os.close(w)
