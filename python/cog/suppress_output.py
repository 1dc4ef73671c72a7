"""Silence for code that prints too much."""

import os
import sys
from contextlib import contextmanager
from typing import Iterator


@contextmanager
def suppress_output() -> Iterator[None]:
    """Drop everything that is printed in a with block, by C code too."""
    sys.stdout.flush()
    sys.stderr.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    saved = [os.dup(fd) for fd in (1, 2)]
    streams = sys.stdout, sys.stderr
    silent = open(os.devnull, "w")
    try:
        sys.stdout = sys.stderr = silent
        for fd in (1, 2):
            os.dup2(null, fd)
        yield
    finally:
        sys.stdout, sys.stderr = streams
        for fd, copy in zip((1, 2), saved):
            os.dup2(copy, fd)
            os.close(copy)
        os.close(null)
        silent.close()
