"""What is said against an input that does not fit: by its type, and by the constraints of its Input()."""

import json
import sys
from typing import Any, Callable, Dict, Optional

from . import _types
from ._types import Type


class InputError(Exception):
    """An input that does not fit its annotation; the text says which and why."""


def fail(value: Any, want: str) -> InputError:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return InputError(f"{text if len(text) <= 200 else text[:200] + '…'} is not {want}")


def checker(kind: Type, field: Any, place: str) -> Optional[Callable[[Any], None]]:
    """Return the check of what the parent leaves to Python: its own dialect of expressions, and the items of lists,
    which a schema that Cog has made does not describe. place is where the input stands."""
    regex = getattr(field, "regex", None)
    if regex is not None and _compile(regex) is None:
        print(f"coglet: {place}: its regex is not valid, and is not checked: {regex!r}", file=sys.stderr)
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
        return str(fail(value, f"one of {json.dumps(list(choices), default=str)}"))
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
    """Return the expression, None when it is not valid."""
    if regex not in _compiled:
        import re

        try:
            _compiled[regex] = re.compile(regex)
        except re.error:
            _compiled[regex] = None
    return _compiled[regex]
