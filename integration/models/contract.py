"""What the tests of the HTTP contract need of a model."""

import os
import sys
import time
from typing import Any, List, Optional

from cog import BasePredictor, Input, Path, current_scope


class Predictor(BasePredictor):
    def predict(
        self,
        do: str = Input(default="echo"),
        text: str = Input(default=""),
        n: int = Input(default=0, ge=0),
        seconds: float = Input(default=0.0),
        image: Optional[Path] = Input(default=None),
        many: Optional[List[Path]] = Input(default=None),
        maybe: Optional[str] = Input(default=None),
    ) -> Any:
        given = {k: v for k, v in locals().items() if k not in ("self", "do")}
        return getattr(self, do)(**given)

    def train(self, n: int, data: Optional[Path] = Input(default=None)) -> Any:
        print("training")
        return {"trained": n, "data": data.read_text() if data else None}

    def echo(self, text: str, **_: Any) -> str:
        return text

    def maybe(self, maybe: Optional[str], **_: Any) -> Any:
        return [maybe]

    def sleep(self, seconds: float, **_: Any) -> str:
        print("asleep", flush=True)
        time.sleep(seconds)
        return "rested"

    def fail(self, text: str, **_: Any) -> Any:
        print("before")
        yield "part"
        raise ValueError(text)

    def tokens(self, text: str, n: int, seconds: float, **_: Any) -> Any:
        for k in range(n):
            print(f"log {k}")
            if k % 2:
                print(f"err {k}", file=sys.stderr)
            current_scope().record_metric("count", 1, mode="incr")
            yield f"{text}{k}"
            time.sleep(seconds)

    def items(self, n: int, **_: Any) -> Any:
        return [str(k) for k in range(n)]

    def lines(self, n: int, **_: Any) -> str:
        for k in range(n):
            print(f"line {k}")
        return "printed"

    def read(self, image: Any, many: Any, **_: Any) -> Any:
        paths = ([image] if image else []) + (many or [])
        return [f"{path.name}:{path.read_text()}" for path in paths]

    def size(self, image: Path, **_: Any) -> int:
        return os.stat(image).st_size

    def file(self, text: str, n: int, **_: Any) -> Path:
        """Many models write the same file each time."""
        path = os.path.join(os.environ["TMPDIR"], "out file.txt")
        with open(path, "w") as out:
            for _k in range(max(n, 1)):
                out.write(text)
        return Path(path)

    def big(self, n: int, **_: Any) -> Path:
        path = os.path.join(os.environ["TMPDIR"], "big.bin")
        with open(path, "wb") as out:
            out.truncate(n)
        return Path(path)

    def nested(self, text: str, **_: Any) -> Any:
        found = []
        for k in range(3):
            folder = os.path.join(os.environ["TMPDIR"], f"f{k}")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, "out.txt"), "w") as out:
                out.write(f"{text}{k}")
            found.append(Path(os.path.join(folder, "out.txt")))
        return {"first": found[0], "rest": found[1:]}

    def yielded(self, text: str, n: int, **_: Any) -> Any:
        for k in range(n):
            yield self.file(f"{text}{k}", 1)
            yield f"after {k}"

    def context(self, **_: Any) -> Any:
        return dict(current_scope().context)
