"""What an annotation says, in the words that schema and inputs share."""

import os
import sys
from typing import Any, List, Optional

NoneType = type(None)

# Kinds.
STR, INT, FLOAT, BOOL = "str", "int", "float", "bool"
PATH, FILE, SECRET = "path", "file", "secret"
LIST, DICT, ANY, UNION, CHOICE, MODEL, CODER = "list", "dict", "any", "union", "choice", "model", "coder"
UNKNOWN = "unknown"

_SCALARS = {str: STR, int: INT, float: FLOAT, bool: BOOL}
_SDK_KINDS = {"Path": PATH, "File": FILE, "Secret": SECRET, "URLPath": PATH}


class Type:
    """A classified annotation."""

    __slots__ = ("choices", "cls", "collect", "item", "kind", "members", "nullable", "opaque")

    def __init__(self, kind: str, cls: Any = None, nullable: bool = False) -> None:
        self.kind = kind
        self.cls = cls  # the class itself: of paths, enums and models; of a coder the coder
        self.nullable = nullable
        self.item: Optional[Type] = None  # of a list; of a dict with a declared value type
        self.members: List[Type] = []  # of a union; of a tuple with a type for each place
        self.collect: Any = None  # what makes a set or a tuple of a list
        self.choices: List[Any] = []  # of a choice: what JSON may hold
        self.opaque = False  # a TypedDict, or marked so: an object without further fields


def classify(annotation: Any) -> Type:
    """Return what an annotation says; UNKNOWN for what inputs cannot be."""
    if annotation is None or annotation is NoneType:
        return Type(UNKNOWN)
    if isinstance(annotation, type) and annotation in _SCALARS:
        return Type(_SCALARS[annotation])
    origin = getattr(annotation, "__origin__", None)
    args: Any = getattr(annotation, "__args__", ())
    if getattr(annotation, "__metadata__", None) is not None:
        return _annotated(annotation)
    if is_union(annotation):
        return _union(args)
    if _is_sequence(origin) or _is_sequence(annotation):
        return _sequence(origin if _is_sequence(origin) else annotation, args)
    if origin is dict or annotation is dict or _is_mapping(origin or annotation):
        found = Type(DICT)
        if len(args) == 2 and not _is_variable(args[1]):
            found.item = classify(args[1])
        return found
    name = getattr(annotation, "__name__", None) or getattr(annotation, "_name", None)
    module = getattr(annotation, "__module__", "")
    if module == "typing" and name == "Any":
        return Type(ANY)
    if module == "typing" and origin is None and name in ("List", "Dict"):
        return _list(()) if name == "List" else Type(DICT)
    if _is_literal(annotation):
        return _literal(args)
    alias = getattr(annotation, "__supertype__", None) or _alias(annotation)  # NewType and `type X = ...`
    if alias is not None:
        return classify(alias)
    if isinstance(annotation, type):
        return _of_class(annotation)
    return Type(UNKNOWN)


def _alias(annotation: Any) -> Any:
    return annotation.__value__ if type(annotation).__name__ == "TypeAliasType" else None


_COLLECT = {list: None, tuple: tuple, set: set, frozenset: frozenset}


def _is_sequence(origin: Any) -> bool:
    """Whether it is what JSON has as an array."""
    return isinstance(origin, type) and (origin in _COLLECT or (_is_abstract(origin) and origin.__name__ in _SEQUENCES))


_SEQUENCES = {"Sequence": None, "MutableSequence": None, "Collection": None, "Iterable": None, "Set": set}


def _is_mapping(origin: Any) -> bool:
    return _is_abstract(origin) and origin.__name__ in ("Mapping", "MutableMapping")


def _is_abstract(origin: Any) -> bool:
    return isinstance(origin, type) and origin.__module__ == "collections.abc"


def _sequence(origin: Any, args: Any) -> Type:
    if origin is tuple and args and args[-1] is not Ellipsis and not _is_variable(args[0]):
        found = Type(LIST)
        found.members = [classify(a) for a in args if a != ()]
        found.item = Type(ANY)
    else:
        found = _list(args)
    found.collect = _COLLECT[origin] if origin in _COLLECT else _SEQUENCES[origin.__name__]
    return found


def _is_variable(annotation: Any) -> bool:
    return type(annotation).__name__ == "TypeVar"


def _annotated(annotation: Any) -> Type:
    found = classify(annotation.__origin__)
    marks = annotation.__metadata__
    if any(getattr(m, "__name__", type(m).__name__) in ("Opaque", "_OpaqueMarker") for m in marks):
        if getattr(annotation.__origin__, "__origin__", None) is list:
            found = Type(LIST)
            found.item = Type(DICT)
        else:
            found = Type(DICT, nullable=found.nullable)
        found.opaque = True
    return found


def is_union(annotation: Any) -> bool:
    """Whether it is Union[...], Optional[...] or A | B."""
    if type(annotation).__name__ in ("UnionType", "Union"):
        return True
    typing = sys.modules.get("typing")
    return typing is not None and getattr(annotation, "__origin__", None) is typing.Union


def _union(args: Any) -> Type:
    members = [classify(a) for a in args if a is not NoneType]
    nullable = NoneType in args
    if len(members) == 1:
        members[0].nullable = nullable
        return members[0]
    found = Type(UNION, nullable=nullable)
    found.members = members
    return found


def _list(args: Any) -> Type:
    found = Type(LIST)
    found.item = Type(ANY) if not args or _is_variable(args[0]) else classify(args[0])
    return found


def _is_literal(annotation: Any) -> bool:
    typing = sys.modules.get("typing")
    return typing is not None and getattr(annotation, "__origin__", None) is typing.Literal


def _literal(args: Any) -> Type:
    found = Type(CHOICE, nullable=None in args)
    found.choices = [a for a in args if a is not None]
    return found


def _of_class(cls: Any) -> Type:
    module = cls.__module__
    if module.split(".")[0] == "cog" and cls.__name__ in _SDK_KINDS:
        return Type(_SDK_KINDS[cls.__name__], cls)
    if cls is os.PathLike:
        return Type(PATH, _path_class())
    if issubclass(cls, os.PathLike):
        return Type(PATH, cls)
    enum = sys.modules.get("enum")
    if enum is not None and issubclass(cls, enum.Enum):
        found = Type(CHOICE, cls)
        found.choices = [member.value for member in cls]
        return found
    if issubclass(cls, dict):
        found = Type(DICT, cls)
        found.opaque = is_typed_dict(cls)
        return found
    coder = coder_of(cls)
    if coder is not None:
        return Type(CODER, coder)
    if is_model(cls):
        return Type(MODEL, cls)
    return Type(UNKNOWN, cls)


def _path_class() -> Any:
    import pathlib

    return pathlib.Path


def file_of(kind: Type) -> Optional[Type]:
    """Return the path or file that a value is, or that each item of a list is: what the server fetches. A list may hold
    other things beside files."""
    if kind.kind in (PATH, FILE):
        return kind
    if kind.kind != LIST or kind.item is None:
        return None
    if kind.members:  # a tuple: each of its places, or none of them
        return kind.members[0] if all(m.kind == kind.members[0].kind in (PATH, FILE) for m in kind.members) else None
    inner = kind.item.members if kind.item.kind == UNION else [kind.item]
    return next((m for m in inner if m.kind in (PATH, FILE)), None)


def coder_of(cls: Any) -> Any:
    """Return the author's own coder of a class, None where there is none."""
    module = sys.modules.get("cog.coder")
    return None if module is None else module.Coder.lookup(cls)


def is_typed_dict(cls: Any) -> bool:
    """Whether it is a TypedDict of typing or typing_extensions."""
    return isinstance(cls, type) and hasattr(cls, "__required_keys__") and issubclass(cls, dict)


def is_model(cls: Any) -> bool:
    """Whether it is a dataclass or a pydantic model."""
    return hasattr(cls, "__dataclass_fields__") or hasattr(cls, "model_fields") or hasattr(cls, "__fields__")


def hints(cls: Any) -> Any:
    """Return the annotations of a class, strings resolved where they can be."""
    import typing

    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception:  # user code: names that do not exist
        return dict(getattr(cls, "__annotations__", {}))
