"""When the capture pipes are looked at, and what is found: up to where raw bytes come before a text."""

import os
import threading

import pytest
from coglet import _channel, _pipes, _ring


@pytest.fixture
def pipes(monkeypatch):
    """Stands for stdout and stderr, and for what the parent shows to have read of them."""
    fcntl = pytest.importorskip("fcntl")
    ends = [os.pipe(), os.pipe()]
    real = fcntl.ioctl

    class Pipes:
        counters = memoryview(bytearray(_ring.COUNTERS)).cast("Q")
        now = 10**15
        looks = 0
        before_look = None

        def look(self, microseconds):
            """Return what is found so many microseconds later, and whether it took a look."""
            self.now += microseconds * 1000
            self.looks = 0
            return _pipes.written(), bool(self.looks)

        def write(self, fd, data):
            self.written[fd - 1] += os.write(ends[fd - 1][1], data)

        def read(self, fd, size):
            """Read as the parent does."""
            self.counters[fd + 1] += 1
            size = len(os.read(ends[fd - 1][0], size))
            self.counters[fd + 1] += 2 * size - 1

        def ioctl(self, fd, request, buffer):
            self.looks += 1
            if self.before_look is not None:
                self.before_look()
            return real(ends[fd - 1][0], request, buffer)

    made = Pipes()
    made.written = [0, 0]
    monkeypatch.setattr(fcntl, "ioctl", made.ioctl)
    monkeypatch.setattr(_ring, "counters", lambda: made.counters)
    monkeypatch.setattr(_pipes, "monotonic_ns", lambda: made.now)
    monkeypatch.setattr(_pipes, "calm", 0)
    monkeypatch.setattr(_pipes, "_empty_at", 0)
    yield made
    for end in ends:
        os.close(end[0])
        os.close(end[1])


def test_lines_that_are_apart_are_always_preceded_by_a_look(pipes):
    assert [pipes.look(500) for _ in range(100)] == [(None, True)] * 100


def test_a_burst_is_looked_at_five_times_in_a_millisecond(pipes):
    assert [pipes.look(10) for _ in range(_channel.BURST)] == [(None, True)] * _channel.BURST
    looked = [pipes.look(10)[1] for _ in range(1000)]
    assert sum(looked) == 50
    pipes.write(2, b"raw")
    found = [pipes.look(10)[0] for _ in range(25)]
    assert found.count(None) < 21 and set(found) == {None, (0, 3)}
    assert pipes.look(10) == ((0, 3), True)  # from here on every time, until nothing comes between again


def test_a_pause_ends_a_burst(pipes):
    for _ in range(100):
        pipes.look(10)
    assert pipes.look(1000) == (None, True)
    assert pipes.look(10) == (None, True)


def test_a_look_tells_how_much_has_been_written_ever(pipes):
    pipes.write(1, b"12345")
    pipes.write(2, b"123")
    assert pipes.look(500)[0] == (5, 3)
    pipes.read(1, 4)
    assert pipes.look(500)[0] == (5, 3)
    pipes.write(1, b"67")
    assert pipes.look(500)[0] == (7, 3)
    pipes.read(1, 10)
    pipes.read(2, 10)
    assert pipes.look(500)[0] is None
    pipes.write(2, b"4")
    assert pipes.look(500)[0] == (7, 4)


def test_what_is_read_during_a_look_counts_once(pipes):
    def reads():
        if pipes.looks <= 3:
            pipes.read(1, 1)
            pipes.write(2, b".")

    pipes.write(1, b"0123456789")
    pipes.before_look = reads
    assert pipes.look(500)[0] == tuple(pipes.written)
    assert pipes.looks == 5  # twice again, as it was being read


def test_what_is_read_during_each_look_is_not_left_out(pipes):
    def reads():
        pipes.read(1, 1)

    pipes.write(1, b"0123456789")
    pipes.before_look = reads
    assert pipes.look(500)[0] == (10, 0)
    assert pipes.looks == 5  # the first one, three for stdout, one for stderr


def test_a_look_waits_for_a_read_that_has_begun(pipes):
    pipes.write(1, b"0123456789")
    pipes.counters[2] = 1  # it may have taken them or not
    found = []
    thread = threading.Thread(target=lambda: found.append(pipes.look(500)[0]), daemon=True)
    thread.start()
    thread.join(0.1)
    assert not found
    pipes.counters[2] = 0
    pipes.read(1, 4)
    thread.join(10)
    assert found == [(10, 0)]


def test_a_look_does_not_wait_for_ever(pipes):
    pipes.write(1, b"0123456789")
    pipes.counters[2] = 8 + 1

    def time_passes():
        pipes.now += _pipes._PATIENCE // 100

    pipes.before_look = time_passes
    assert pipes.look(500)[0] == (14, 0)
    assert 100 <= pipes.looks < 110


def test_without_memory_nothing_is_told(pipes, monkeypatch):
    monkeypatch.setattr(_ring, "counters", lambda: None)
    pipes.write(1, b"raw")
    assert pipes.look(500) == (None, True)
