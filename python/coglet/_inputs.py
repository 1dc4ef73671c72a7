"""From the JSON of an input to the arguments of the call, by the annotations."""

import json
import sys
from copy import deepcopy
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import _types, _wire
from ._load import LoadError, Parameter, Predictor, is_field, line_of
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
        self.nullable = kind.nullable or kind.kind in (_types.ANY, _types.UNKNOWN) or _is_none_by_default(parameter)
        self.exact = {_types.STR: str, _types.INT: int, _types.FLOAT: float, _types.BOOL: bool}.get(kind.kind)
        self.convert = converter(kind)
        self.check = _checker(kind, field)
        self.make_default, self.required = _default(parameter, field, kind)


def _is_none_by_default(parameter: Parameter) -> bool:
    """Whether null is as good as nothing: where the schema lets it through, as that of a Secret does."""
    field = parameter.default if is_field(parameter.default) else None
    value = parameter.default if field is None else field.default
    return parameter.has_default and value is None and not (field is not None and _is_required(field))


def _default(parameter: Parameter, field: Any, kind: Type) -> Tuple[Optional[Callable[[], Any]], bool]:
    """Return what makes the default, where Python's own is not to be used, and whether there is none at all."""
    factory = getattr(field, "default_factory", None)
    if factory is not None:
        return factory, False
    value = field.default if field is not None else parameter.default
    if (field is None and not parameter.has_default) or value is None:
        if kind.nullable or kind.kind == _types.SECRET or _is_none_by_default(parameter):
            return (lambda: None), False
        return None, True
    if field is not None:
        _check_default(field, kind, value)
    if _has_files(kind):
        return _file_default(kind, value), False
    if kind.kind in _CONVERTED:
        try:
            value = converter(kind)(_schema_value(value))
        except Exception:  # a default that Python alone would take: it arrives as it was written
            pass
    if isinstance(value, (str, int, float, bool, tuple, frozenset)):
        return (lambda: value), False
    return (lambda: deepcopy(value)), False  # each call gets its own


def _schema_value(value: Any) -> Any:
    return list(value) if isinstance(value, (tuple, set, frozenset)) else value


_CHECKED = (_types.STR, _types.INT, _types.FLOAT, _types.BOOL, _types.CHOICE, _types.LIST)
_CONVERTED = (*_CHECKED, _types.DICT)


def _check_default(field: Any, kind: Type, value: Any) -> None:
    """Raise InputError for a default that the input itself would refuse."""
    from ._schema import to_json

    if kind.kind not in _CHECKED or (kind.kind == _types.LIST and _has_files(kind)):
        return
    plain = to_json(value)
    converter(kind)(plain)
    inner = plain if isinstance(plain, list) else [plain]
    for element in inner:
        problem = refused(field, element)
        if problem is not None:
            raise InputError(problem)


def _is_required(field: Any) -> bool:
    """Whether it is an Input() without default. The real SDK does not tell it from Input(default=None), which a schema
    that was made before may let clients leave out."""
    return not getattr(field, "has_default", True)


_HIDDEN = (_types.PATH, _types.FILE, _types.SECRET)  # what a string stands for, and is not


def _has_files(kind: Type) -> bool:
    inner = kind.item if kind.kind == _types.LIST else kind
    return inner is not None and inner.kind in _HIDDEN


def _file_default(kind: Type, value: Any) -> Callable[[], Any]:
    """Return what makes a path, a file or a secret of a string; what the author has made already stays."""
    inner = kind.item if kind.kind == _types.LIST and kind.item is not None else kind

    def convert(one: Any) -> Any:
        if not isinstance(one, str):
            return one
        if inner.kind == _types.FILE:
            return _open_fetched(one)
        return inner.cls(one) if inner.kind == _types.SECRET else fetch(inner.cls, one)

    if kind.kind == _types.LIST:
        return lambda: [convert(one) for one in value]
    return lambda: convert(value)


def fetch(cls: Any, text: str) -> Any:
    """Return a path that the server has not seen, a default or one inside an object, with what is at its URL."""
    if not _is_url(text):
        return cls(text)
    from cog.types import Path

    remote: Any = Path.validate(text)
    local = remote.convert()
    _cleanups.append(lambda: local.unlink(missing_ok=True))
    return local if issubclass(cls, type(local)) else cls(local)


_folder = ""  # where the server puts what it has fetched for this worker


def use_folder(folder: str) -> None:
    """Know what the server has fetched by where it lies."""
    global _folder
    _folder = folder and folder + "/"


def _is_fetched(text: str) -> bool:
    return bool(_folder) and text.startswith(_folder)


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://", "data:"))


Cleanups = List[Callable[[], Any]]

_cleanups: Cleanups = []  # of the call whose arguments are being made


def clean_up(cleanups: Cleanups) -> None:
    """Close the files that were opened for a call, and remove what was fetched for it."""
    while cleanups:
        try:
            cleanups.pop()()
        except Exception:  # user code may have closed or removed it in its own way
            pass


class Coercer:
    """Makes the arguments of a call. Made once, when the model is loaded."""

    def __init__(self, predictor: Predictor) -> None:
        self._fields = [_field(parameter, predictor) for parameter in predictor.parameters]
        self._names = {field.name for field in self._fields}
        self._collects = predictor.collects

    def __call__(self, raw: Dict[str, Any], cleanups: Optional[Cleanups] = None) -> Dict[str, Any]:
        """Return the arguments; cleanups gets what is to be called when the prediction has ended. Raises InputError."""
        global _cleanups
        _cleanups = [] if cleanups is None else cleanups
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
            kwargs[name] = value
        if self._collects:
            kwargs.update((name, value) for name, value in raw.items() if name not in self._names)
        return kwargs


def _field(parameter: Parameter, predictor: Predictor) -> _Field:
    try:
        return _Field(parameter)
    except InputError as error:
        raise LoadError(
            f"{line_of(predictor.function, parameter.name)}: the default of {parameter.name}: {error}; "
            "change the default or the Input() that it stands in"
        ) from None


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
        return lambda value: kind.cls(_to_str(value)) if seen else fetch(kind.cls, _url(value))
    if kind.kind == _types.FILE:
        return _open if seen else lambda value: _open_fetched(_url(value))
    if kind.kind == _types.SECRET:
        return lambda value: kind.cls(_to_str(value))
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
    if _has_files(kind.item) and kind.item.kind != _types.SECRET:
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


def _open(value: Any) -> Any:
    path = _to_str(value)
    try:
        file = open(path, "rb")
    except OSError as error:
        raise InputError(f"cannot open file: {error.strerror}") from None
    _cleanups.append(file.close)
    return file


def _url(value: Any) -> str:
    """Return what names a file inside an object: nobody has checked that it is no path of this machine."""
    text = _to_str(value)
    if not _is_url(text) and not _is_fetched(text):
        raise _fail(value, "a URL")
    return text


def _open_fetched(text: str) -> Any:
    from pathlib import Path

    return _open(str(fetch(Path, text)))


def _list_converter(kind: Type, seen: bool) -> Convert:
    seen = seen and _types.file_of(kind) is not None
    item = converter(kind.item, seen) if kind.item is not None else _same
    places = [converter(member, seen) for member in kind.members]  # of a tuple

    def convert(value: Any) -> Any:
        if not isinstance(value, list):
            raise _fail(value, "a list")
        if places and len(value) != len(places):
            raise _fail(value, f"a list of {len(places)}")
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


def _union_converter(kind: Type, seen: bool) -> Convert:
    order = {k: i for i, k in enumerate(_PRIORITY)}
    members = sorted(kind.members, key=lambda m: order.get(m.kind, len(order)))
    files = [m for m in members if m.kind in _HIDDEN]
    converters = [(m, converter(m, seen)) for m in files + [m for m in members if m not in files]]
    hidden = converters[0][1] if files else None
    is_secret = bool(files) and files[0].kind == _types.SECRET

    def convert(value: Any) -> Any:
        if hidden is not None and type(value) is str and (is_secret or _is_fetched(value) or _is_url(value)):
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
        raise _fail(value, f"one of {json.dumps(kind.choices, default=str)}")

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


def _checker(kind: Type, field: Any) -> Optional[Callable[[Any], None]]:
    """Return the check of what the parent leaves to Python: its own dialect of expressions, and the items of lists,
    which a schema that Cog has made does not describe."""
    if field is None:
        return None
    regex = getattr(field, "regex", None)
    if regex is not None:
        _compile(regex)  # says now, and once, that it is not valid
    is_list = kind.kind == _types.LIST or any(m.kind == _types.LIST for m in kind.members)
    if not is_list:
        return None if regex is None else _checker_of(lambda value: _refused_by_regex(field, value))
    if all(getattr(field, name, None) is None for name in _CHECKS):
        return None
    return _checker_of(lambda value: refused(field, value))


def _checker_of(refuse: Callable[[Any], Optional[str]]) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        for element in value if isinstance(value, (list, tuple, set, frozenset)) else [value]:
            problem = refuse(element)
            if problem is not None:
                raise InputError(problem)

    return check


_CHECKS = ("ge", "le", "min_length", "max_length", "regex", "choices")


def refused(field: Any, value: Any) -> Optional[str]:
    """Return what Input() says against one value, None when it is good."""
    choices = getattr(field, "choices", None)
    if choices is not None and value not in choices and _plain(value) not in [_plain(c) for c in choices]:
        return str(_fail(value, f"one of {json.dumps(list(choices), default=str)}"))
    shown = json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        ge, le = getattr(field, "ge", None), getattr(field, "le", None)
        if ge is not None and value < ge:
            return f"{shown} is less than the minimum of {ge}"
        if le is not None and value > le:
            return f"{shown} is greater than the maximum of {le}"
    if isinstance(value, str):
        shortest, longest = getattr(field, "min_length", None), getattr(field, "max_length", None)
        if shortest is not None and len(value) < shortest:
            return f"{shown} is shorter than {_count(shortest)}"
        if longest is not None and len(value) > longest >= 0:
            return f"{shown} is longer than {_count(longest)}"
    return _refused_by_regex(field, value)


def _plain(value: Any) -> Any:
    """Return what an enum's member stands for."""
    return getattr(value, "value", value)


def _count(number: int) -> str:
    return f"{number} character{'' if number == 1 else 's'}"


def _refused_by_regex(field: Any, value: Any) -> Optional[str]:
    regex = getattr(field, "regex", None)
    if regex is None or not isinstance(value, str):
        return None
    compiled = _compile(regex)
    if compiled is None or compiled.search(value):
        return None
    return f"{json.dumps(value, ensure_ascii=False)} does not match {json.dumps(regex)}"


_compiled: Dict[str, Any] = {}


def _compile(regex: str) -> Any:
    """Return the expression; None, and a line in the log, when it is not valid."""
    if regex not in _compiled:
        import re

        try:
            _compiled[regex] = re.compile(regex)
        except re.error as error:
            _compiled[regex] = None
            print(f"coglet: regex {regex!r} of an input is not valid and is not checked: {error}", file=sys.stderr)
    return _compiled[regex]
