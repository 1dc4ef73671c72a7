"""Returns what an expression gives; runs with the bundled SDK and with the real one."""

import collections
import dataclasses
import datetime
import decimal
import enum
import io
import pathlib
import uuid
from typing import Any, Iterator, List, Optional

from cog import BaseModel, BasePredictor, Path, Secret

FILE = "/tmp/coglet-test-rows.png"
USED = (collections, datetime, decimal, io, pathlib, uuid, Iterator, List)  # by expressions, and where Any is replaced


class Color(enum.Enum):
    RED = "red"
    FILE = Path(FILE)


class Pydantic:
    def model_dump(self):
        return {"a": 1}


class Old:
    def dict(self):
        return {"a": 1}


@dataclasses.dataclass
class Data:
    a: int
    b: Any


class Model(BaseModel):
    a: int
    file: Optional[Path] = None
    token: Optional[Secret] = None


class Boolean:
    """As numpy has it."""

    def item(self):
        return True


class Tensor:
    """As torch has it."""

    def __init__(self, values):
        self.values, self.shape = values, (len(values),) if isinstance(values, list) else ()

    def tolist(self):
        return self.values


def cycle():
    value = {"items": [{}]}
    value["items"][0]["back"] = value
    return value


def read_to_its_end(file):
    file.read()
    return file


async def later():
    return "later"


async def items_later():
    yield "a"
    yield "b"


class Predictor(BasePredictor):
    def setup(self):
        pathlib.Path(FILE).write_text("pixels")

    def predict(self, expression: str) -> Any:
        return eval(expression)
