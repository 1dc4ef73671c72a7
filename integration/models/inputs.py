"""Takes an input of each kind and says as what it has arrived; runs with the bundled SDK and with the real one."""

from __future__ import annotations

import dataclasses
import enum
import io
import os
import pathlib
from typing import Annotated, Any, Dict, List, Literal, Optional, Sequence, Set, Tuple, TypedDict, Union

from cog import BasePredictor, File, Input, Opaque, Path, Secret


class Color(enum.Enum):
    RED = "red"
    TWO = 2


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass
class Box:
    x: int
    file: Optional[Path] = None
    files: List[Path] = dataclasses.field(default_factory=list)
    open: Optional[File] = None
    token: Optional[Secret] = None


class Options(TypedDict):
    steps: int


def show(value: Any) -> str:
    """Return a value with its type: of a file what is in it."""
    if isinstance(value, (list, tuple, set)):
        return type(value).__name__ + "(" + ", ".join(sorted(map(show, value))) + ")"
    if isinstance(value, dict):
        return "dict(" + ", ".join(f"{k}={show(v)}" for k, v in value.items()) + ")"
    if isinstance(value, pathlib.Path):
        return f"{type(value).__name__}({value.name}: {value.read_text().strip() if value.exists() else 'missing'})"
    if isinstance(value, io.IOBase):
        return f"File({value.read().decode()})"
    if isinstance(value, Secret):
        return f"Secret({value.get_secret_value()})"
    if dataclasses.is_dataclass(value):
        return "Box(" + ", ".join(f"{f.name}={show(getattr(value, f.name))}" for f in dataclasses.fields(value)) + ")"
    return repr(value)


class Predictor(BasePredictor):
    def predict(
        self,
        integer: int = Input(default=1, ge=0, le=9),
        number: float = 1,
        text: str = Input(default="ab", min_length=1, max_length=4, regex="b+|a"),
        flag: bool = False,
        maybe: Optional[int] = None,
        choice: str = Input(default="a", choices=["a", "b"]),
        size: int = Input(default=256, choices=[256, 512]),
        literal: Literal[1, "a", True] = "a",
        color: Color = Color.RED,
        level: Level = Level.LOW,
        integers: List[int] = [],
        pair: Tuple[int, str] = (1, "a"),
        chosen: List[str] = Input(default=["p"], choices=["p", "q"]),
        bounded: List[int] = Input(default=[1], ge=0, le=9),
        nulls: List[Optional[int]] = [],
        either: Union[int, str] = 1,
        modern: int | str | None = None,
        lists: Union[List[int], str] = "a",
        anything: Optional[Any] = None,
        mapping: Dict[str, float] = {},
        colors: Dict[str, Color] = {},
        box_map: Dict[str, Box] = {},
        options: Optional[Options] = None,
        opaque: Optional[Annotated[Box, Opaque]] = None,
        annotated: Annotated[int, "any"] = 1,
        box: Optional[Box] = None,
        boxes: List[Box] = [],
        path: Optional[Path] = None,
        paths: List[Path] = [],
        nested: List[List[Path]] = [],
        plain: Optional[pathlib.Path] = None,
        like: Optional[os.PathLike] = None,
        path_set: Set[Path] = set(),
        path_pair: Optional[Tuple[Path, Path]] = None,
        mixed_pair: Optional[Tuple[int, Path]] = None,
        sequence: Sequence[Path] = [],
        one_or_many: Union[Path, List[Path], None] = None,
        path_or_text: Union[str, Path] = "x",
        paths_or_texts: List[Union[str, Path]] = [],
        path_or_int: Union[Path, int] = 1,
        path_map: Dict[str, Path] = {},
        file: Optional[File] = None,
        files: List[File] = [],
        url: str = "",
        secret: Secret = Input(default=None),
        secrets: List[Secret] = [],
        secret_or_text: Union[str, Secret] = "x",
        local: Path = Input(default=__file__),
        local_bare: Path = __file__,
        local_list: List[Path] = [__file__],
        local_file: File = __file__,
        remote: Path = Input(default="data:text/plain,remote"),
    ) -> Any:
        given = {name: value for name, value in locals().items() if name != "self"}
        for name in ("local", "local_bare"):
            assert isinstance(given[name], Path) and given[name] == pathlib.Path(__file__)
        assert given["local_list"] == [Path(__file__)] and given["local_file"].read(3) == b'"""'
        return {name: show(value) for name, value in given.items()}
