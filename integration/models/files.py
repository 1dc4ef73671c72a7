"""Files in and out."""

import io
from typing import Any, List

from cog import BasePredictor, Input, Path


class Predictor(BasePredictor):
    def predict(
        self,
        how: str,
        text: str = Input(default="x"),
        size: int = Input(default=0),
        image: Path = Input(default="data:text/plain;base64,ZGVmYXVsdA=="),
        more: List[Path] = Input(default=[]),
    ) -> Any:
        return getattr(self, how)(text, size, image, more)

    def same_file(self, text: str, size: int, *_: Any) -> Path:
        """Many models write the same file each time."""
        with open("/tmp/coglet-test-same-file.txt", "w") as out:
            out.write((text + "\n") * size)
        return Path("/tmp/coglet-test-same-file.txt")

    def bytes_io(self, text: str, *_: Any) -> io.BytesIO:
        return io.BytesIO(text.encode())

    def nested(self, text: str, _size: int, image: Path, more: List[Path]) -> Any:
        return {"a": [image, {"b": image}], "names": [image.name, *(m.name for m in more)], "text": text}

    def read(self, _text: str, _size: int, image: Path, more: List[Path]) -> str:
        assert isinstance(image, Path), type(image)
        return "|".join(open(path).read() for path in [image, *more])

    def missing(self, *_: Any) -> Path:
        return Path("/nonexistent/out.png")

    def yielded(self, text: str, size: int, *_: Any) -> Any:
        for n in range(size):
            with open("/tmp/coglet-test-same-yield.txt", "w") as out:
                out.write(f"{text} {n}")
            yield Path("/tmp/coglet-test-same-yield.txt")
