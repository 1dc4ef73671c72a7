"""From the JSON of an input to the arguments of the call, by the annotations."""

import contextlib
import json
import sys
from copy import deepcopy
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import _types, _wire
from ._load import Parameter, Predictor, is_field
from ._types import Type

Convert = Callable[[Any], Any]


class InputError(Exception):
    """An input that does not fit its annotation; the text says which and why."""


def parse(body: Any) -> Dict[str, Any]:
    """Return the object in a predict frame's body."""
    raw = _wire.decode(body)
    if not isinstance(raw, dict):
        raise InputError("input: must be a JSON object")
    return raw


class _Field:
    """What is known of one parameter before the first call."""

    __slots__ = ("check", "convert", "exact", "make_default", "name", "nullable", "required")

    def __init__(self, parameter: Parameter) -> None:
        kind = _types.classify(parameter.annotation)
        field = parameter.default if is_field(parameter.default) else None
        self.name = parameter.name
        self.nullable = kind.nullable or kind.kind in (_types.ANY, _types.UNKNOWN)
        self.exact = {_types.STR: str, _types.INT: int, _types.FLOAT: float, _types.BOOL: bool}.get(kind.kind)
        self.convert = converter(kind)
        self.check = _checker(kind, field)
        self.make_default, self.required = _default(parameter, field, kind)


def _default(parameter: Parameter, field: Any, kind: Type) -> Tuple[Optional[Callable[[], Any]], bool]:
    """Return what makes the default, where Python's own is not to be used, and whether there is none at all."""
    if field is not None and getattr(field, "default_factory", None) is not None:
        return field.default_factory, False
    value = field.default if field is not None else parameter.default
    if (field is None and not parameter.has_default) or value is None:
        if kind.nullable or kind.kind == _types.SECRET or (field is None and parameter.has_default):
            return (lambda: None), False
        return None, True
    if isinstance(value, (str, int, float, bool)):
        if kind.kind in (_types.PATH, _types.SECRET) and isinstance(value, str):
            convert = converter(kind)
            return (lambda: convert(value)), False
        return (lambda: value), False
    return (lambda: deepcopy(value)), False  # each call gets its own


class Coercer:
    """Makes the arguments of a call. Made once, when the model is loaded."""

    def __init__(self, predictor: Predictor) -> None:
        self._fields = [_Field(parameter) for parameter in predictor.parameters]
        self._names = {field.name for field in self._fields}
        self._opened = contextlib.ExitStack()

    def __call__(self, raw: Dict[str, Any]) -> Dict[str, Any]:
        """Return the arguments. Raises InputError."""
        kwargs: Dict[str, Any] = {}
        for field in self._fields:
            name = field.name
            if name not in raw:
                if field.required:
                    raise InputError(f"input.{name}: is required")
                if field.make_default is not None:
                    kwargs[name] = field.make_default()
                continue
            value = raw[name]
            if type(value) is not field.exact and not (value is None and field.nullable):
                try:
                    value = field.convert(value)
                except InputError as error:
                    raise InputError(f"input.{name}: {error}") from None
                except Exception as error:  # user code: a model's validation
                    raise InputError(f"input.{name}: {type(error).__name__}: {error}") from error
            if field.check is not None and value is not None:
                try:
                    field.check(value)
                except InputError as error:
                    raise InputError(f"input.{name}: {error}") from None
            if hasattr(value, "close"):
                self._opened.callback(value.close)
            kwargs[name] = value
        return kwargs

    def clean_up(self) -> None:
        """Close the files that were opened for the last call."""
        self._opened.close()


def _fail(value: Any, want: str) -> InputError:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return InputError(f"{text if len(text) <= 200 else text[:200] + '…'} is not {want}")


def _to_str(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _fail(value, "a string")


def _to_int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        raise _fail(value, "an integer")
    return int(value)


def _to_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _fail(value, "a number")
    return float(value)


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _fail(value, "true or false")


def _same(value: Any) -> Any:
    return value


_SCALARS: Dict[str, Convert] = {
    _types.STR: _to_str,
    _types.INT: _to_int,
    _types.FLOAT: _to_float,
    _types.BOOL: _to_bool,
    _types.ANY: _same,
    _types.UNKNOWN: _same,
}


def converter(kind: Type) -> Convert:
    """Return what makes a value of the annotation's type out of JSON."""
    convert = _converter(kind)
    if not kind.nullable:
        return convert
    return lambda value: None if value is None else convert(value)


def _converter(kind: Type) -> Convert:
    if kind.kind in _SCALARS:
        return _SCALARS[kind.kind]
    if kind.kind == _types.PATH:
        return lambda value: kind.cls(_to_str(value))
    if kind.kind == _types.FILE:
        return _open
    if kind.kind == _types.SECRET:
        return lambda value: kind.cls(_to_str(value))
    if kind.kind == _types.LIST:
        return _list_converter(converter(kind.item) if kind.item is not None else _same)
    if kind.kind == _types.UNION:
        return _union_converter(kind)
    if kind.kind == _types.CHOICE:
        return _choice_converter(kind)
    if kind.kind == _types.MODEL:
        return _model_converter(kind)
    return _to_dict


def _open(value: Any) -> Any:
    path = _to_str(value)
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"cannot open file: {error.strerror}") from None


def _list_converter(item: Convert) -> Convert:
    def convert(value: Any) -> List[Any]:
        if not isinstance(value, list):
            raise _fail(value, "a list")
        converted = []
        for i, element in enumerate(value):
            try:
                converted.append(item(element))
            except InputError as error:
                raise InputError(f"item {i}: {error}") from None
        return converted

    return convert


def _to_dict(value: Any) -> Any:
    if not isinstance(value, dict):
        raise _fail(value, "an object")
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


def _union_converter(kind: Type) -> Convert:
    order = {k: i for i, k in enumerate(_PRIORITY)}
    members = sorted(kind.members, key=lambda m: order.get(m.kind, len(order)))
    files = [m for m in members if m.kind in (_types.PATH, _types.FILE, _types.SECRET)]
    converters = [(m, converter(m)) for m in files + [m for m in members if m not in files]]

    def convert(value: Any) -> Any:
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
        raise _fail(value, f"one of {json.dumps(kind.choices, default=str)}")

    return convert


def _model_converter(kind: Type) -> Convert:
    cls = kind.cls
    validate = getattr(cls, "model_validate", None) or getattr(cls, "parse_obj", None)
    if validate is not None and not hasattr(cls, "__dataclass_fields__"):
        return lambda value: validate(_to_dict(value))
    hints = _types.hints(cls)
    fields = {name: converter(_types.classify(hints.get(name))) for name in cls.__dataclass_fields__}

    def convert(value: Any) -> Any:
        given = _to_dict(value)
        unknown = [name for name in given if name not in fields]
        if unknown:
            raise InputError(f"has no field {unknown[0]!r}")
        return cls(**{name: fields[name](given[name]) for name in given})

    return convert


def _checker(kind: Type, field: Any) -> Optional[Callable[[Any], None]]:
    """Return the check of what the parent leaves to Python: its own dialect of expressions, choices in lists."""
    if field is None:
        return None
    checks: List[Callable[[Any], None]] = []
    regex = getattr(field, "regex", None)
    if regex is not None:
        checks.append(_regex_check(regex))
    choices = getattr(field, "choices", None)
    if choices is not None and kind.kind == _types.LIST:
        checks.append(_choices_check(list(choices)))
    if not checks:
        return None

    def check(value: Any) -> None:
        for one in checks:
            for element in value if isinstance(value, list) else [value]:
                one(element)

    return check


def _regex_check(regex: str) -> Callable[[Any], None]:
    import re

    try:
        search = re.compile(regex).search
    except re.error as error:
        print(f"coglet: regex {regex!r} of an input is not valid and is not checked: {error}", file=sys.stderr)
        return lambda value: None

    def check(value: Any) -> None:
        if isinstance(value, str) and not search(value):
            raise InputError(f"{json.dumps(value, ensure_ascii=False)} does not match {json.dumps(regex)}")

    return check


def _choices_check(choices: List[Any]) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if value not in choices:
            raise _fail(value, f"one of {json.dumps(choices, default=str)}")

    return check
