"""Every kind of input that the page has a field for, and every kind of output that it shows."""

import base64
import os
import sys
import tempfile
import time
from enum import Enum
from typing import Any, Dict, List, Optional, Union

from cog import BasePredictor, Input, Path, Secret, current_scope

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAADAAAAAwCAIAAADYYG7QAAAAT0lEQVR42u3WsQ0AIAgEQPZ0EXd1GF1ASmPxl1CScNXzNea6zm7m"
    "9X4BAQHFgX4d7vaBgIDyQJIaCAhIH/I6gID0IUkNBASkD3kdQEDRoAPUNAEPa0sR5gAAAABJRU5ErkJggg=="
)


class Style(str, Enum):
    PLAIN = "plain"
    BOLD = "bold"
    LOUD = "loud"


class Predictor(BasePredictor):
    def setup(self) -> None:
        print("loading the weights")
        gate = os.environ.get("SETUP_GATE")  # a file that the test makes when setup may go on
        while gate and not os.path.exists(gate):
            time.sleep(0.005)
        print("the weights are loaded")

    def predict(
        self,
        do: str = Input(
            description="What the model does",
            choices=["echo", "tokens", "lines", "fail", "sleep", "media", "table", "empty", "items"],
            default="echo",
        ),
        text: str = Input(description="Some text, of any length", default="hello"),
        n: int = Input(description="How many", ge=0, le=100_000, default=3),
        strength: float = Input(description="From nothing to all", ge=0.0, le=1.0, default=0.5),
        seed: Optional[int] = Input(description="64 bits of luck", default=None),
        loud: bool = Input(description="Shout", default=False),
        maybe: Optional[bool] = Input(description="Yes, no, or nothing said", default=None),
        style: Style = Input(description="How it looks", default=Style.PLAIN),
        image: Optional[Path] = Input(description="A picture", default=None),
        files: Optional[List[Path]] = Input(description="Any number of files", default=None),
        tags: List[str] = Input(description="Words", default=["a", "b"]),
        key: Optional[Secret] = Input(description="Nobody may see it", default=None),
        options: Dict[str, Any] = Input(description="Anything as JSON", default={"depth": 1}),
        either: Union[int, str] = Input(description="A number or a text", default=7),
        note: Optional[str] = Input(description="May be nothing", default=None),
        old: str = Input(description="Use text", default="", deprecated=True),
    ) -> Any:
        given = {k: v for k, v in locals().items() if k not in ("self", "do")}
        return getattr(self, do)(**given)

    def echo(self, **given: Any) -> Any:
        key = given.pop("key")
        given["key"] = len(key.get_secret_value()) if key else None
        given["style"] = str(getattr(given["style"], "value", given["style"]))
        given["image"] = given["image"].read_text() if given["image"] else None
        given["files"] = [path.read_text() for path in given["files"] or []]
        print("echoed")
        return given

    def tokens(self, text: str, n: int, strength: float, **_: Any) -> Any:
        for k in range(n):
            current_scope().record_metric("tokens", 1, mode="incr")
            yield f"{text}{k} "
            if strength > 0.9:
                time.sleep(0.05)

    def lines(self, n: int, **_: Any) -> str:
        for k in range(n):
            print(f"line {k}")
        return "printed"

    def items(self, n: int, **_: Any) -> Any:
        return [{"item": k} for k in range(n)]

    def fail(self, text: str, **_: Any) -> Any:
        print("so far so good")
        print("not any more", file=sys.stderr)
        raise ValueError(text)

    def sleep(self, n: int, **_: Any) -> str:
        print("asleep", flush=True)
        time.sleep(n)
        return "rested"

    def media(self, text: str, **_: Any) -> Any:
        made, folder = [], tempfile.mkdtemp()
        for name, content in {
            "p.png": base64.b64decode(PNG),
            "s.wav": wav(),
            "t.txt": text.encode(),
            "b.bin": b"\0",
        }.items():
            path = os.path.join(folder, name)
            with open(path, "wb") as out:
                out.write(content)
            made.append(Path(path))
        return made

    def table(self, text: str, **_: Any) -> Any:
        return {"label": text, "scores": [0.25, 0.75], "big": 9007199254740993, "nested": {"empty": [], "none": None}}

    def empty(self, **_: Any) -> Any:
        return None


def wav() -> bytes:
    """A tenth of a second of silence."""
    samples = b"\x80" * 800
    head = b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    form = b"".join(v.to_bytes(n, "little") for v, n in ((1, 2), (1, 2), (8000, 4), (8000, 4), (1, 2), (8, 2)))
    return head + form + b"data" + len(samples).to_bytes(4, "little") + samples
