"""From the JSON of an input to the arguments of the call, by the annotations."""

from copy import deepcopy
from typing import Any, Callable, Dict, Optional, Tuple

from . import _fetch, _types, _wire
from ._checks import InputError, checker, refused
from ._convert import converter, has_files
from ._fetch import Cleanups, clean_up, fetch, open_fetched, use_folder
from ._load import LoadError, Parameter, Predictor, is_field, line_of
from ._types import Type


def parse(body: Any) -> Dict[str, Any]:
    """Return the object in a predict frame's body."""
    raw = _wire.decode(body)
    if not isinstance(raw, dict):
        raise InputError("input: must be a JSON object")
    return raw


class _Field:
    """What is known of one parameter before the first call."""

    __slots__ = ("check", "convert", "exact", "make_default", "name", "nullable", "required")

    def __init__(self, parameter: Parameter, predictor: Predictor) -> None:
        kind = _types.classify(parameter.annotation)
        field = parameter.default if is_field(parameter.default) else None
        self.name = parameter.name
        self.nullable = kind.nullable or kind.kind in (_types.ANY, _types.UNKNOWN) or _is_none_by_default(parameter)
        self.exact = {_types.STR: str, _types.INT: int, _types.FLOAT: float, _types.BOOL: bool}.get(kind.kind)
        self.convert = converter(kind)
        self.check = None
        if field is not None:
            self.check = checker(kind, field, f"{predictor.place}: input {parameter.name!r}")
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
    if has_files(kind):
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

    if kind.kind not in _CHECKED or (kind.kind == _types.LIST and has_files(kind)):
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


def _file_default(kind: Type, value: Any) -> Callable[[], Any]:
    """Return what makes a path, a file or a secret of a string; what the author has made already stays."""
    inner = kind.item if kind.kind == _types.LIST and kind.item is not None else kind

    def convert(one: Any) -> Any:
        if not isinstance(one, str):
            return one
        if inner.kind == _types.FILE:
            return open_fetched(one)
        return inner.cls(one) if inner.kind == _types.SECRET else fetch(inner.cls, one)

    if kind.kind == _types.LIST:
        return lambda: [convert(one) for one in value]
    return lambda: convert(value)


class Coercer:
    """Makes the arguments of a call. Made once, when the model is loaded."""

    def __init__(self, predictor: Predictor) -> None:
        self._fields = [_field(parameter, predictor) for parameter in predictor.parameters]
        self._names = {field.name for field in self._fields}
        self._collects = predictor.collects

    def __call__(self, raw: Dict[str, Any], cleanups: Optional[Cleanups] = None) -> Dict[str, Any]:
        """Return the arguments; cleanups gets what is to be called when the prediction has ended. Raises InputError."""
        _fetch.cleanups = [] if cleanups is None else cleanups
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
        return _Field(parameter, predictor)
    except InputError as error:
        raise LoadError(
            f"{line_of(predictor.function, parameter.name)}: the default of {parameter.name}: {error}; "
            "change the default or the Input() that it stands in"
        ) from None


__all__ = ["Coercer", "InputError", "clean_up", "parse", "use_folder"]
