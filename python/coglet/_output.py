"""The schema of what a predictor returns."""

import sys
from typing import Any, Dict, List, Optional

from . import _types

Json = Dict[str, Any]

_ITERATORS = {"Iterator", "AsyncIterator", "Generator", "AsyncGenerator", "Iterable", "AsyncIterable"}
_CONCATENATE = {"ConcatenateIterator", "AsyncConcatenateIterator"}


def schema(annotation: Any) -> Json:
    """Return the schema of the output that a return annotation declares; of anything when it declares nothing."""
    found = _iterator(annotation) or of_output(annotation)
    found["title"] = "Output"
    return dict(sorted(found.items(), key=_order))


def _order(item: Any) -> Any:
    return item[0]


def _iterator(annotation: Any) -> Optional[Json]:
    """Return the schema of a streamed output, None for any other."""
    origin = getattr(annotation, "__origin__", None)
    name = getattr(origin, "__name__", None) or getattr(annotation, "__name__", "")
    args = getattr(annotation, "__args__", ())
    if name in _CONCATENATE:
        return {
            "type": "array",
            "items": of_output(args[0]) if args else {"type": "string"},
            "x-cog-array-type": "iterator",
            "x-cog-array-display": "concatenate",
        }
    if name in _ITERATORS and origin is not None:
        return {"type": "array", "items": of_output(args[0]) if args else {}, "x-cog-array-type": "iterator"}
    return None


def of_output(annotation: Any) -> Json:
    """Return the keys that describe a type as an output."""
    if annotation is None or annotation is _types.NoneType:
        return {}
    return _of_type(_types.classify(annotation))


_open: List[Any] = []  # the classes whose fields are being described: a model may have itself as a field


def _of_type(kind: Optional[_types.Type]) -> Json:
    from ._schema import of_type

    if kind is None:
        return {}
    if kind.kind == _types.LIST and not kind.members:
        found: Json = {"items": _of_type(kind.item), "type": "array"}
    elif kind.kind == _types.DICT and kind.item is not None and kind.item.kind != _types.ANY:
        found = {"additionalProperties": _of_type(kind.item), "type": "object"}
    elif kind.kind == _types.MODEL or (kind.kind == _types.DICT and kind.opaque and kind.cls is not None):
        found = _of_model(kind.cls)
    else:
        found = _picture(kind) or of_type(kind)
    if kind.nullable:
        found["nullable"] = True
    return dict(sorted(found.items()))


def _picture(kind: _types.Type) -> Json:
    """Return the schema of a picture of Pillow's, which becomes a file; nothing for any other type."""
    is_picture = kind.kind == _types.UNKNOWN and getattr(kind.cls, "__module__", "") == "PIL.Image"
    return {"format": "uri", "type": "string"} if is_picture else {}


def _of_model(cls: Any) -> Json:
    if cls in _open:
        return {"type": "object"}
    _open.append(cls)
    try:
        return _object(cls, *_fields(cls))
    finally:
        _open.pop()


def _fields(cls: Any) -> Any:
    """Return the names of a model's fields, and those that are required in the output."""
    if _types.is_typed_dict(cls):
        return list(_types.hints(cls)), set(cls.__required_keys__)
    pydantic = getattr(cls, "model_fields", None) or getattr(cls, "__fields__", None)
    hints = _types.hints(cls)
    if pydantic and not hasattr(cls, "__dataclass_fields__"):
        names = list(pydantic)
        required = {n for n, f in pydantic.items() if _is_required(f)}
        return names, {n for n in required if not _types.classify(hints.get(n)).nullable}
    dataclass_fields = cls.__dataclass_fields__
    names = list(dataclass_fields)
    dataclasses = sys.modules["dataclasses"]
    required = {
        n
        for n, f in dataclass_fields.items()
        if f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
        and not _types.classify(hints.get(n)).nullable
    }
    return names, required


def _is_required(field: Any) -> bool:
    if hasattr(field, "is_required"):
        return bool(field.is_required())
    return bool(field.required)  # of pydantic 1


def _object(cls: Any, names: List[str], required: Any) -> Json:
    from ._schema import title

    hints = _types.hints(cls)
    properties = {}
    for name in names:
        annotation = hints.get(name)
        args = getattr(annotation, "__args__", ())
        if (
            getattr(annotation, "__origin__", None) is not None
            and "Required" in repr(annotation).split("[")[0]
            and args
        ):
            annotation = args[0]
        properties[name] = dict(sorted({**of_output(annotation), "title": title(name)}.items()))
    found: Json = {"properties": properties, "type": "object"}
    wanted = [n for n in names if n in required]
    if wanted:
        found["required"] = wanted
    return found
