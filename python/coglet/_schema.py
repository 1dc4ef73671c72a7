"""The model's OpenAPI document, made from the live predictor in the shape in which Cog's generator prints it."""

import json
from typing import Any, Dict, List, Optional, Tuple

from . import __version__, _choice, _output, _skeleton, _types
from ._load import Parameter, Predictor, is_field
from ._types import Type

Json = Dict[str, Any]

_SCALARS = {_types.STR: "string", _types.INT: "integer", _types.FLOAT: "number", _types.BOOL: "boolean"}


def encode(predictor: Predictor, also: Optional[Predictor] = None) -> bytes:
    """Return the document as JSON."""
    return json.dumps(document(predictor, also), ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")


def document(predictor: Predictor, also: Optional[Predictor] = None) -> Json:
    """Return the document of a model, of both of its methods where it has two: predict's parts come first."""
    methods = [predictor] if also is None else sorted([predictor, also], key=lambda m: m.mode)
    schemas: Json = {}
    paths: Json = {}
    for method in methods:
        train = method.mode == "train"
        prefix = "Training" if train else ""
        inputs, choices = input_schema(method, prefix + "Input", schemas)
        own: Json = {prefix + "Input": inputs, prefix + "Output": _output.schema(method.returns)}
        own.update(choices)
        own.update(_skeleton.components(prefix or "Prediction", prefix))
        for name, component in own.items():
            schemas.setdefault(name, component)
        for path, operations in _skeleton.paths(train, method.streaming).items():
            paths.setdefault(path, operations)
    return {
        "components": {"schemas": schemas},
        "info": {"title": "Cog", "version": __version__},
        "openapi": "3.0.2",
        "paths": paths,
    }


def input_schema(predictor: Predictor, title: str, taken: Optional[Json] = None) -> Tuple[Json, Json]:
    """Return the schema of all inputs, and a component for each that has choices, under a name that is not taken."""
    properties: Json = {}
    required: List[str] = []
    choices: Json = {}
    for order, parameter in enumerate(predictor.parameters):
        prop, is_required, choice = _property(parameter, order)
        if choice is not None:
            name = _free_name(parameter.name, {**(taken or {}), **choices})
            choices[name] = {**choice, "title": parameter.name}
            prop["allOf"] = [{"$ref": f"#/components/schemas/{name}"}]
        properties[parameter.name] = dict(sorted(prop.items()))
        if is_required:
            required.append(parameter.name)
    schema: Json = {"properties": properties}
    if predictor.collects:
        schema["additionalProperties"] = True
    if required:
        schema["required"] = required
    schema["title"] = title
    schema["type"] = "object"
    return schema, {name: dict(sorted(choice.items())) for name, choice in choices.items()}


_TAKEN = {
    *(f"{p}{n}" for p in ("", "Training") for n in ("Input", "Output")),
    *(f"{p}{n}" for p in ("Prediction", "Training") for n in ("Request", "Response")),
    "Status",
    "HTTPValidationError",
    "ValidationError",
}


def _free_name(name: str, taken: Json) -> str:
    """A component has the parameter's name, unless that would overwrite one of the document's own."""
    while name in _TAKEN or name in taken:
        name += "Choices"
    return name


def _property(parameter: Parameter, order: int) -> Tuple[Json, bool, Optional[Json]]:
    """Return a property, whether it is required, and its choices."""
    kind = _types.classify(parameter.annotation)
    field = parameter.default if is_field(parameter.default) else None
    prop: Json = {"x-order": order}
    choice = _choices(kind, field)
    if choice is None or kind.kind == _types.LIST:
        prop["title"] = title(parameter.name)
        prop.update(of_type(kind))
    if choice is not None and kind.kind == _types.LIST:
        prop["items"] = {k: v for k, v in choice.items() if k in ("enum", "type")}
        choice = None
    if kind.nullable:
        prop["nullable"] = True
    has_default, default = _default(parameter, field)
    required = not has_default
    if has_default and default is None:
        if kind.kind == _types.SECRET:
            prop["nullable"] = True
        elif not kind.nullable:
            has_default = False  # Cog: a None where the type has no None is no default
            required = not _choice.none_is_default
            if not required:
                prop["nullable"] = True
    elif not has_default and kind.nullable and kind.kind != _types.UNION:
        required = False
    if has_default and (
        default is None or not _is_secret(kind)
    ):  # one that comes from the environment is no secret else
        prop["default"] = to_json(default)
    if field is not None:
        constraints = _constraints(field, kind)
        if kind.kind == _types.LIST and kind.item is not None and kind.item.kind in _SCALARS:  # they are of each item
            for key in _OF_VALUES & set(constraints):
                prop["items"] = {**prop["items"], key: constraints.pop(key)}
        prop.update(constraints)
    return prop, required, choice


def _is_secret(kind: Type) -> bool:
    members = [kind, *kind.members] + ([kind.item] if kind.item is not None else [])
    return any(member.kind == _types.SECRET for member in members)


def _default(parameter: Parameter, field: Any) -> Tuple[bool, Any]:
    if field is None:
        return parameter.has_default, parameter.default
    factory = getattr(field, "default_factory", None)
    if factory is not None:
        return True, factory()
    if getattr(field, "default", None) is None:
        # Input() and Input(default=None) are the same to Cog, but for types that have a None
        kind = _types.classify(parameter.annotation)
        explicit = getattr(field, "has_default", None)
        if kind.nullable and kind.kind != _types.UNION:
            return (explicit is not False and explicit is not None) or (explicit is None and _said_none(field)), None
        return (kind.kind == _types.SECRET or _choice.none_is_default) and _said_none(field), None
    return True, field.default


def _said_none(field: Any) -> bool:
    """Whether Input() was given default=None. The real SDK does not keep that; the bundled one does."""
    return bool(getattr(field, "has_default", True))


_CONSTRAINTS = {
    "description": "description",
    "ge": "minimum",
    "le": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "regex": "pattern",
    "accept": "x-cog-accept",
}


_OF_NUMBERS = {"minimum", "maximum"}
_OF_STRINGS = {"minLength", "maxLength", "pattern"}
_OF_VALUES = _OF_NUMBERS | _OF_STRINGS

# Those that mean something for a type; for the types that are not here, any.
_MEANINGFUL = {_types.STR: _OF_STRINGS, _types.INT: _OF_NUMBERS, _types.FLOAT: _OF_NUMBERS, _types.BOOL: set()}


def _constraints(field: Any, kind: Type) -> Json:
    """Return what Input() says, without the constraints that its type cannot have."""
    inner = kind.item if kind.kind == _types.LIST and kind.item is not None else kind
    meaningful = _MEANINGFUL.get(inner.kind, _OF_VALUES)
    found = {}
    for attribute, key in _CONSTRAINTS.items():
        value = getattr(field, attribute, None)
        if value is None or (key in _OF_VALUES and key not in meaningful):
            continue
        if key in ("minLength", "maxLength") and value < 0:
            continue
        found[key] = _plain_number(value)
    if getattr(field, "deprecated", None):
        found["deprecated"] = True
    return found


def _plain_number(value: Any) -> Any:
    """Cog prints 0.0 as 0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    return value


def _choices(kind: Type, field: Any) -> Optional[Json]:
    values = getattr(field, "choices", None) if field is not None else None
    inner = kind.item if kind.kind == _types.LIST and kind.item is not None else kind
    if values is None:
        values = inner.choices or None
    if values is None:
        return None
    values = [to_json(v) for v in values]
    scalar = _SCALARS.get(inner.kind) or _scalar_of(values)
    found: Json = {"description": "An enumeration.", "enum": values}
    if scalar:
        found["type"] = scalar
    return found


def _scalar_of(values: List[Any]) -> Optional[str]:
    kinds = {type(v) for v in values}
    if len(kinds) != 1:
        return None
    return {str: "string", int: "integer", float: "number", bool: "boolean"}.get(kinds.pop())


def title(name: str) -> str:
    """Return the title of a field: n_steps → N Steps."""
    return " ".join(part[:1].upper() + part[1:] for part in name.split("_"))


def of_type(kind: Type) -> Json:
    """Return the keys that describe a type as an input."""
    if kind.kind in _SCALARS:
        return {"type": _SCALARS[kind.kind]}
    if kind.kind in (_types.PATH, _types.FILE):
        return {"format": "uri", "type": "string"}
    if kind.kind == _types.SECRET:
        return {"format": "password", "type": "string", "writeOnly": True, "x-cog-secret": True}
    if kind.kind == _types.LIST:
        assert kind.item is not None
        if kind.members:  # a tuple, with a type for each place
            count = len(kind.members)
            return {"items": {}, "maxItems": count, "minItems": count, "type": "array"}
        return {"items": _item(kind.item), "type": "array"}
    if kind.kind == _types.UNION:
        variants = [of_type(member) for member in kind.members]
        if kind.nullable:
            variants = [{"nullable": True, **variant} for variant in variants]
        return {"anyOf": variants}
    if kind.kind == _types.CHOICE:
        found: Json = {"enum": [to_json(v) for v in kind.choices]}
        scalar = _scalar_of(found["enum"])
        return {**found, "type": scalar} if scalar else found
    if kind.kind == _types.UNKNOWN:
        return {}
    return {"type": "object"}


def _item(kind: Type) -> Json:
    return {"nullable": True, **of_type(kind)} if kind.nullable and kind.kind != _types.ANY else of_type(kind)


def to_json(value: Any) -> Any:
    """Return a default or a choice as JSON has it."""
    import enum
    import os

    if isinstance(value, enum.Enum):
        return to_json(value.value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json(v) for v in value]
    if isinstance(value, dict):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def file_fields(predictor: Predictor) -> Json:
    """Return which inputs are files, for the parent that fetches them."""
    found: Json = {}
    for parameter in predictor.parameters:
        kind = _types.classify(parameter.annotation)
        members = kind.members if kind.kind == _types.UNION else [kind]
        for member in members:
            inner = _types.file_of(member)
            if inner is None:
                continue
            entry: Json = {"kind": inner.kind}
            if member.kind == _types.LIST:
                entry["list"] = True
            if any(m.kind == _types.STR for m in [*members, *_members_of_item(member)]):
                entry["str"] = True
            found.setdefault(parameter.name, entry)
    return found


def _members_of_item(kind: Type) -> List[Type]:
    return kind.item.members if kind.kind == _types.LIST and kind.item is not None else []


def any_fields(predictor: Predictor) -> List[str]:
    """Return which inputs take any JSON: OpenAPI as Cog writes it calls that an object."""
    return [p.name for p in predictor.parameters if _has_any(_types.classify(p.annotation))]


def _has_any(kind: Type) -> bool:
    if kind.members:
        return any(map(_has_any, kind.members)) and kind.kind == _types.UNION
    if kind.kind == _types.LIST:
        return kind.item is not None and _has_any(kind.item)
    return kind.kind == _types.ANY


def differences(document: Json, predictor: Predictor) -> List[str]:
    """Return where a document that was made before says something else about the inputs than the code does."""
    prefix = "Training" if predictor.mode == "train" else ""
    schemas = document.get("components", {}).get("schemas", {})
    theirs = schemas.get(f"{prefix}Input") or schemas.get("Input")
    if not isinstance(theirs, dict):
        return ["it describes no inputs"]
    ours, _ = input_schema(predictor, "")
    found = []
    for name, prop in ours["properties"].items():
        their = theirs.get("properties", {}).get(name)
        if their is None:
            found.append(f"input {name!r} is only in the code: what clients send for it is dropped")
            continue
        said, meant = (_kind_of(p) for p in (their, prop))
        if said and meant and said != meant:
            found.append(f"input {name!r} is {said} in the file and {meant} in the code")
        if (name in theirs.get("required", [])) != (name in ours.get("required", [])):
            where = ("file", "code") if name in theirs.get("required", []) else ("code", "file")
            found.append(f"input {name!r} is required in the {where[0]} and not in the {where[1]}")
        for key in _CONSTRAINTS.values():
            if key in _OF_VALUES and "items" not in prop and their.get(key) != prop.get(key):
                found.append(f"input {name!r} has {key} {their.get(key)} in the file and {prop.get(key)} in the code")
    if not predictor.collects:
        found += [
            f"input {name!r} is not in the code"
            for name in theirs.get("properties", {})
            if name not in ours["properties"]
        ]
    return found


def _kind_of(prop: Json) -> str:
    """Return the type of a property in a word; empty where that is not so simple."""
    kind = prop.get("type", "")
    return f"{kind} ({prop['format']})" if kind and "format" in prop else str(kind)
