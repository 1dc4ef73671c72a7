"""Prints much, and strangely."""

import os
import subprocess
import sys

from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def predict(self, what: str, n: int = Input(default=0)) -> str:
        getattr(self, what)(n)
        return what

    def child(self, megabytes: int) -> None:
        code = f"import os\nline = (b'0123456789abcdef' * 64)[:-1] + b'\\n'\nfor _ in range({megabytes}): os.write(1, line * 1024)"
        subprocess.run([sys.executable, "-c", code], check=True)

    def long_line(self, megabytes: int) -> None:
        for _ in range(megabytes):
            os.write(1, b"x" * (1 << 20))
        os.write(1, b"\nafter\n")

    def long_print(self, megabytes: int) -> None:
        for _ in range(megabytes):
            print("x" * (1 << 20), end="")
        print("\nafter")

    def split(self, _: int) -> None:
        """A four-byte character cut at every boundary, by writes that are read apart from each other."""
        import time

        for cut in (1, 2, 3):
            data = "<😀>".encode()
            os.write(1, data[: 1 + cut])
            time.sleep(0.05)
            os.write(1, data[1 + cut :])
            time.sleep(0.05)

    def invalid(self, _: int) -> None:
        os.write(1, b"<\xff\xfe|\xc3|\xf0\x9f>\n")

    def lines(self, n: int) -> None:
        for i in range(n):
            print("line", i)

    def unfinished(self, n: int) -> None:
        print(f"unfinished {n}", end="")
        os.write(1, f"raw {n} \xf0".encode("latin-1"))

    def streams(self, _: int) -> None:
        import logging
        import warnings

        logging.basicConfig()
        logging.getLogger("mine").warning("from logging")
        warnings.warn("from warnings", stacklevel=1)
        sys.stdout.writelines(["from writelines\n"])
        sys.stdout.buffer.write(b"from buffer\n")
        sys.stdout.flush()
        sys.stderr.write("from stderr\n")
        assert sys.stdout.write("ünïcode\n") == 8
        from tqdm import tqdm

        for _ in tqdm(range(3), desc="bar"):
            pass
