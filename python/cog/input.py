"""Input(): what is known of an input beside its type."""

from typing import Any, Callable, Dict, List, Optional, Union

_UNSET: Any = object()


class FieldInfo:
    """What Input() was given. Immutable."""

    __slots__ = (
        "accept",
        "choices",
        "default",
        "default_factory",
        "deprecated",
        "description",
        "ge",
        "has_default",
        "le",
        "max_length",
        "min_length",
        "regex",
    )

    def __init__(self, **values: Any) -> None:
        for name in self.__slots__:
            object.__setattr__(self, name, values.get(name))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"FieldInfo is immutable: cannot set {name!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldInfo) and all(getattr(self, n) == getattr(other, n) for n in self.__slots__)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __reduce__(self) -> Any:
        return _make, ({name: getattr(self, name) for name in self.__slots__},)

    def __repr__(self) -> str:
        given = ", ".join(f"{n}={getattr(self, n)!r}" for n in self.__slots__ if getattr(self, n) is not None)
        return f"FieldInfo({given})"


def _make(values: Dict[str, Any]) -> FieldInfo:
    return FieldInfo(**values)


def Input(  # noqa: N802  # Cog's name
    default: Any = _UNSET,
    *,
    default_factory: Optional[Callable[[], Any]] = None,
    description: Optional[str] = None,
    ge: Optional[float] = None,
    le: Optional[float] = None,
    min_length: Optional[int] = None,
    max_length: Optional[int] = None,
    regex: Optional[str] = None,
    choices: Optional[List[Union[str, int]]] = None,
    deprecated: Optional[bool] = None,
    accept: Optional[str] = None,
) -> Any:
    """Describe an input.

    default: the value when the client sends none; without it the input is required.
    default_factory: makes the default anew for each prediction.
    ge, le: bounds of a number. min_length, max_length, regex: of a string (characters; searched for anywhere).
    choices: the values that are allowed, in a list input for each item.
    accept: media types of a Path or File, for user interfaces.
    Raises TypeError when both default and default_factory are given.
    """
    if default_factory is not None and default is not _UNSET:
        raise TypeError("Input() takes default or default_factory, not both")
    return FieldInfo(
        default=None if default is _UNSET else default,
        has_default=default is not _UNSET or default_factory is not None,
        default_factory=default_factory,
        description=description,
        ge=ge,
        le=le,
        min_length=min_length,
        max_length=max_length,
        regex=regex,
        choices=choices,
        deprecated=deprecated,
        accept=accept,
    )
