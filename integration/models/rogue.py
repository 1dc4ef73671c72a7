"""User code that breaks its channels, or itself."""

import ctypes
import json
import os
import struct
import sys
import threading
import time
from typing import Any, List

from cog import BasePredictor, Input


def frame(**header: object) -> bytes:
    head = json.dumps(header).encode()
    return struct.pack(">4sII", b"CGL1", len(head), 0) + head


class Predictor(BasePredictor):
    def predict(self, do: str, seconds: float = Input(default=0.0)) -> Any:
        print(f"doing {do}", flush=True)
        getattr(self, do)(seconds)
        return self.loop if do == "cycle" else do

    def nothing(self, _: float) -> None:
        pass

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    # channels

    def garbage_data(self, _: float) -> None:
        os.write(102, b"this is no frame, I am a log line\n")
        time.sleep(60)

    def half_frame(self, _: float) -> None:
        os.write(102, b"CGL1\0\0")
        time.sleep(60)

    def close_all(self, _: float) -> None:
        os.closerange(3, 4096)
        time.sleep(60)

    def second_done(self, _: float) -> None:
        os.write(102, frame(type="done", slot=0, seq=10**9, status="succeeded", predict_time=0))
        time.sleep(60)

    def wrong_slot(self, _: float) -> None:
        os.write(102, frame(type="metric", slot=7, name="a", mode="replace", value=1))
        time.sleep(60)

    def second_ready(self, _: float) -> None:
        os.write(100, frame(type="ready", version=1, slots=1))
        time.sleep(60)

    def garbage_control(self, _: float) -> None:
        os.write(100, b"garbage on the control channel\n")

    def unknown_type(self, _: float) -> None:
        os.write(102, frame(type="invented_later", slot=0))

    # deaths

    def exit_code(self, _: float) -> None:
        print("partial words")
        os._exit(3)

    def raw_stderr(self, _: float) -> None:
        os.write(2, b"of the first one\n")

    def segfault(self, _: float) -> None:
        ctypes.string_at(0)

    def sys_exit(self, _: float) -> None:
        sys.exit(3)

    def abort(self, _: float) -> None:
        os.abort()

    def memory(self, _: float) -> None:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, hard))
        try:
            hoard = [bytearray(1 << 26) for _ in range(1000)]
            print(len(hoard))
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

    def cycle(self, _: float) -> None:
        self.loop: List[Any] = []
        self.loop.append(self.loop)

    # cancels

    def swallow(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                time.sleep(seconds)
            except BaseException as error:
                print("swallowed", type(error).__name__)
                return

    def stubborn(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                time.sleep(seconds)
            except BaseException:
                pass

    def c_call(self, seconds: float) -> None:
        """A C call that keeps the GIL: nothing in this process can interrupt it."""
        ctypes.PyDLL(None).sleep(int(seconds))

    def socket_read(self, _: float) -> None:
        import socket

        a, _b = socket.socketpair()
        a.recv(1)

    def lock(self, _: float) -> None:
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
