"""BaseModel: an output with named fields."""

import copy
import dataclasses
import functools
import sys
from typing import Any, List, Tuple

from coglet import _types


class BaseModel:
    """A dataclass by inheritance: its annotated fields are the fields of the output."""

    def __init_subclass__(cls, auto_dataclass: bool = True, init: bool = True, **options: Any) -> None:
        super().__init_subclass__()
        base = cls.__bases__[0]
        if not issubclass(base, BaseModel):
            raise TypeError(f"{cls.__name__}: BaseModel must come first among its bases")
        for other in cls.__bases__[1:]:
            if dataclasses.is_dataclass(other) and not issubclass(other, BaseModel):
                raise TypeError(f"{cls.__name__}: cannot be mixed with the dataclass {other.__name__}")
        if not auto_dataclass:
            if base is not BaseModel and base.__dict__.get("__auto_dataclass__", True):
                raise ValueError(f"{cls.__name__}: auto_dataclass=False under {base.__name__}, which is a dataclass")
            cls.__auto_dataclass__ = False  # type: ignore[attr-defined]
            return
        cls.__auto_dataclass__ = True  # type: ignore[attr-defined]
        for name in _own_annotations(cls):
            _make_anew(cls, name)
        try:
            dataclasses.dataclass(init=init, **options)(cls)
        except TypeError:  # a field without default behind one with: its fields can still be given by name
            if sys.version_info < (3, 10):
                raise
            dataclasses.dataclass(init=init, **{**options, "kw_only": True})(cls)
        if init:
            _leave_out_optionals(cls)


def _own_annotations(cls: Any) -> Any:
    found = cls.__dict__.get("__annotations__")  # noqa: RUF063
    if found is None and sys.version_info >= (3, 14):  # evaluated when they are asked for
        try:
            found = cls.__annotations__
        except NameError:
            pass
    return found or ()


def _make_anew(cls: Any, name: str) -> None:
    """Give each instance a list, dict or set of its own, where one is the default of a field."""
    default = cls.__dict__.get(name)
    if isinstance(default, (list, dict, set)):
        setattr(cls, name, dataclasses.field(default_factory=lambda: copy.deepcopy(default)))


def _leave_out_optionals(cls: Any) -> None:
    """Let who makes one leave out the fields that may be None, as Cog's own documentation does."""
    made = cls.__init__
    optional: Any = None

    @functools.wraps(made)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal optional
        if optional is None:
            optional = _optional_fields(cls)
        for position, name in optional:
            if name not in kwargs and position >= len(args):
                kwargs[name] = None
        made(self, *args, **kwargs)

    cls.__init__ = init


def _optional_fields(cls: Any) -> List[Tuple[int, str]]:
    """Return place and name of each field without default whose annotation allows None."""
    hints = _types.hints(cls)
    fields = [f for f in dataclasses.fields(cls) if f.init]
    return [
        (position, f.name)
        for position, f in enumerate(fields)
        if f.default is f.default_factory is dataclasses.MISSING and _types.classify(hints.get(f.name)).nullable
    ]
