"""When the capture pipes are looked at: always, but for what follows at once in a burst that nothing else interrupts."""

import os

import pytest
from coglet import _channel, _prediction


@pytest.fixture
def look(monkeypatch):
    """Return a function that looks so many microseconds later, and the writing end of what stands for stderr."""
    fcntl = pytest.importorskip("fcntl")
    read, write = os.pipe()
    real, looks, now = fcntl.ioctl, [], [10**15]

    def ioctl(fd, request, buffer):
        looks.append(fd)
        return real(read if fd == 2 else os.devnull_fd, request, buffer)

    empty, other = os.pipe()
    monkeypatch.setattr(os, "devnull_fd", empty, raising=False)
    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    monkeypatch.setattr(_prediction, "monotonic_ns", lambda: now[0])
    monkeypatch.setattr(_prediction, "_calm", 0)
    monkeypatch.setattr(_prediction, "_empty_at", 0)

    def later(microseconds):
        now[0] += microseconds * 1000
        looks.clear()
        found = _prediction._unread()
        return found and found[:2], bool(looks)

    yield later, write
    for fd in (read, write, empty, other):
        os.close(fd)


def test_lines_that_are_apart_are_always_preceded_by_a_look(look):
    later, _ = look
    assert [later(500) for _ in range(100)] == [(None, True)] * 100


def test_a_burst_is_looked_at_five_times_in_a_millisecond(look):
    later, write = look
    assert [later(10) for _ in range(_channel.BURST)] == [(None, True)] * _channel.BURST
    looked = [later(10)[1] for _ in range(1000)]
    assert sum(looked) == 50
    os.write(write, b"raw")
    found = [later(10)[0] for _ in range(25)]
    assert found.count(None) < 21 and set(found) == {None, (0, 3)}
    assert later(10) == ((0, 3), True)  # from here on every time, until nothing comes between again


def test_what_is_taken_during_a_look_counts_as_taken_since(look, monkeypatch):
    _later, write = look
    os.write(write, b"raw")
    clock = iter(range(10**15, 10**16))
    monkeypatch.setattr(_prediction, "monotonic_ns", lambda: next(clock))
    real = _prediction.fcntl.ioctl
    looked = []

    def ioctl(*args):
        looked.append(next(clock))
        try:
            return real(*args)
        finally:
            looked.append(next(clock))  # the next thread has the interpreter until then

    monkeypatch.setattr(_prediction.fcntl, "ioctl", ioctl)
    _, held, *since = _prediction._unread()
    assert held == 3
    assert since[0] < looked[0] < looked[1] < since[1] < looked[2]


def test_a_pause_ends_a_burst(look):
    later, _ = look
    for _ in range(100):
        later(10)
    assert later(1000) == (None, True)
    assert later(10) == (None, True)
