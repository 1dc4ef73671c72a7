"""From JSON to values of the types that annotations name."""

import json
import sys
from typing import Any, Callable, Dict

from . import _types
from ._checks import InputError, fail
from ._fetch import fetch, is_fetched, is_url, open_fetched, open_local, text_of, url_of
from ._types import Type

Convert = Callable[[Any], Any]

HIDDEN = (_types.PATH, _types.FILE, _types.SECRET)  # what a string stands for, and is not


def has_files(kind: Type) -> bool:
    """Whether strings stand for what it holds, or what a list of it holds."""
    inner = kind.item if kind.kind == _types.LIST else kind
    return inner is not None and inner.kind in HIDDEN


def _to_int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        raise fail(value, "an integer")
    return int(value)


def _to_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise fail(value, "a number")
    return float(value)


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise fail(value, "true or false")


def _same(value: Any) -> Any:
    return value


_SCALARS: Dict[str, Convert] = {
    _types.STR: text_of,
    _types.INT: _to_int,
    _types.FLOAT: _to_float,
    _types.BOOL: _to_bool,
    _types.ANY: _same,
    _types.UNKNOWN: _same,
}


def converter(kind: Type, seen: bool = True) -> Convert:
    """Return what makes a value of the annotation's type out of JSON.

    seen says that the server has looked at it, and has put local paths in the place of URLs: it has for inputs that are
    files or lists of them, and not for what stands deeper.
    """
    convert = _converter(kind, seen)
    if not kind.nullable:
        return convert
    return lambda value: None if value is None else convert(value)


def _converter(kind: Type, seen: bool) -> Convert:
    if kind.kind in _SCALARS:
        return _SCALARS[kind.kind]
    if kind.kind == _types.PATH:
        return lambda value: kind.cls(text_of(value)) if seen else fetch(kind.cls, url_of(value))
    if kind.kind == _types.FILE:
        return open_local if seen else lambda value: open_fetched(url_of(value))
    if kind.kind == _types.SECRET:
        return lambda value: kind.cls(text_of(value))
    if kind.kind == _types.LIST:
        return _list_converter(kind, seen)
    if kind.kind == _types.UNION:
        return _union_converter(kind, seen)
    if kind.kind == _types.CHOICE:
        return _choice_converter(kind)
    if kind.kind == _types.MODEL:
        return _model_converter(kind)
    if kind.kind == _types.CODER:
        return lambda value: kind.cls.decode(_to_dict(value))
    return _dict_converter(kind)


_IN_DICTS = (
    _types.INT,
    _types.FLOAT,
    _types.LIST,
    _types.DICT,
    _types.SECRET,
    _types.CHOICE,
    _types.MODEL,
    _types.CODER,
)


def _dict_converter(kind: Type) -> Convert:
    """Values in a dict arrive as declared; files in it are not fetched, and stay what they were sent as."""
    if kind.item is None or kind.item.kind not in _IN_DICTS:
        return _to_dict
    if has_files(kind.item) and kind.item.kind != _types.SECRET:
        return _to_dict
    item = converter(kind.item, seen=False)

    def convert(value: Any) -> Any:
        converted = {}
        for key, one in _to_dict(value).items():
            try:
                converted[key] = item(one)
            except InputError as error:
                raise InputError(f"{key}: {error}") from None
        return converted

    return convert


def _list_converter(kind: Type, seen: bool) -> Convert:
    seen = seen and _types.file_of(kind) is not None
    item = converter(kind.item, seen) if kind.item is not None else _same
    places = [converter(member, seen) for member in kind.members]  # of a tuple

    def convert(value: Any) -> Any:
        if not isinstance(value, list):
            raise fail(value, "a list")
        if places and len(value) != len(places):
            raise fail(value, f"a list of {len(places)}")
        converted = []
        for i, element in enumerate(value):
            try:
                converted.append(places[i](element) if places else item(element))
            except InputError as error:
                raise InputError(f"item {i}: {error}") from None
        return converted if kind.collect is None else kind.collect(converted)

    return convert


def _to_dict(value: Any) -> Any:
    if not isinstance(value, dict):
        raise fail(value, "an object")
    return value


# The member that fits best comes first: bool before int before float before str.
_PRIORITY = [_types.BOOL, _types.INT, _types.FLOAT, _types.STR]
_EXACT = {
    _types.BOOL: bool,
    _types.INT: int,
    _types.FLOAT: float,
    _types.STR: str,
    _types.LIST: list,
    _types.DICT: dict,
}


def _union_converter(kind: Type, seen: bool) -> Convert:
    order = {k: i for i, k in enumerate(_PRIORITY)}
    members = sorted(kind.members, key=lambda m: order.get(m.kind, len(order)))
    files = [m for m in members if m.kind in HIDDEN]
    converters = [(m, converter(m, seen)) for m in files + [m for m in members if m not in files]]
    hidden = converters[0][1] if files else None
    is_secret = bool(files) and files[0].kind == _types.SECRET

    def convert(value: Any) -> Any:
        if hidden is not None and type(value) is str and (is_secret or is_fetched(value) or is_url(value)):
            return hidden(value)  # as in Cog, before a str that is a member too
        for member, one in converters:
            if type(value) is _EXACT.get(member.kind) and member.kind not in (_types.LIST, _types.DICT):
                return one(value)
        problem = InputError("fits no type of the union")
        for _, one in converters:
            try:
                return one(value)
            except InputError as error:
                problem = error
        raise problem

    return convert


def _choice_converter(kind: Type) -> Convert:
    cls = kind.cls

    def convert(value: Any) -> Any:
        for choice in kind.choices:
            if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                return cls(choice) if cls is not None else choice
        raise fail(value, f"one of {json.dumps(kind.choices, default=str)}")

    return convert


def _model_converter(kind: Type) -> Convert:
    cls = kind.cls
    validate = getattr(cls, "model_validate", None) or getattr(cls, "parse_obj", None)
    if validate is not None and not hasattr(cls, "__dataclass_fields__"):
        return lambda value: validate(_to_dict(value))
    hints = _types.hints(cls)
    fields: Dict[str, Convert] = {}
    missing_value = sys.modules["dataclasses"].MISSING

    def prepare() -> None:  # at the first value: a model may have itself as a field
        for name, field in cls.__dataclass_fields__.items():
            if field.init:
                fields[name] = converter(_types.classify(hints.get(name)), seen=False)

    def convert(value: Any) -> Any:
        if not fields:
            prepare()
        given = _to_dict(value)
        for name in given:
            if name not in fields:
                raise InputError(f"has no field {name!r}")
        for name, field in cls.__dataclass_fields__.items():
            if name in fields and name not in given and field.default is field.default_factory is missing_value:
                raise InputError(f"lacks {name!r}")
        arguments = {}
        for name, one in given.items():
            try:
                arguments[name] = fields[name](one)
            except InputError as error:
                raise InputError(f"{name}: {error}") from None
        return cls(**arguments)

    return convert
