"""Marks on the method that runs."""

from typing import Any, Callable, Optional, TypeVar, Union, overload

F = TypeVar("F", bound=Callable[..., Any])

_ASYNC = 0x80 | 0x200  # code flags of coroutines and async generators


@overload
def streaming(fn: F) -> F: ...
@overload
def streaming(fn: None = None) -> Callable[[F], F]: ...
def streaming(fn: Optional[F] = None) -> Union[F, Callable[[F], F]]:
    """Let clients have the outputs as server-sent events. Used bare or called."""

    def mark(function: F) -> F:
        function.__cog_streaming__ = True  # type: ignore[attr-defined]
        return function

    return mark if fn is None else mark(fn)


@overload
def concurrent(fn: F, *, max: int = 1) -> F: ...
@overload
def concurrent(fn: None = None, *, max: int = 1) -> Callable[[F], F]: ...
def concurrent(fn: Optional[F] = None, *, max: int = 1) -> Union[F, Callable[[F], F]]:
    """Run up to max predictions at once; above 1 the method must be async. Raises TypeError and ValueError."""
    if isinstance(max, bool) or not isinstance(max, int):
        raise TypeError("concurrent max must be an integer")
    if max < 1:
        raise ValueError("concurrent max must be at least 1")

    def mark(function: F) -> F:
        code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
        if max > 1 and code is not None and not code.co_flags & _ASYNC:
            raise TypeError("concurrent max above 1 requires an async function")
        function.__cog_concurrent_max__ = max  # type: ignore[attr-defined]
        return function

    return mark if fn is None else mark(fn)
