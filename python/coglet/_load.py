"""From a reference to a predictor: which SDK, which object, how it is called."""

import os
import sys
import warnings
from types import FunctionType, MethodType, ModuleType
from typing import Any, Callable, Dict, List, Optional, Tuple

_COROUTINE, _ASYNC_GENERATOR = 0x80, 0x200  # code flags, as inspect has them

# The first SDK that works on our coglet module.
_OLDEST_SDK = (0, 17)

_FRAMEWORK = {"BaseRunner", "BasePredictor"}


class LoadError(Exception):
    """The model cannot be loaded; the text says what and where."""


class Parameter:
    """One parameter of the method that runs, as its author wrote it."""

    __slots__ = ("annotation", "default", "has_default", "name")

    def __init__(self, name: str, annotation: Any, default: Any, has_default: bool) -> None:
        self.name = name
        self.annotation = annotation  # None where there is none; strings are resolved
        self.default = default  # may be a FieldInfo
        self.has_default = has_default


class Predictor:
    """A loaded predictor."""

    def __init__(self, target: Any, mode: str) -> None:
        self.target = target
        self.mode = mode
        self.is_function = isinstance(target, FunctionType) or hasattr(target, "__wrapped__")
        self.call: Callable[..., Any] = target if self.is_function else getattr(target, method_name(target, mode))
        function = unwrap(self.call)
        self.function = function
        flags = function.__code__.co_flags
        self.kind = "async" if flags & _COROUTINE else "asyncgen" if flags & _ASYNC_GENERATOR else "sync"
        self.parameters, self.returns = _signature(function, bound=isinstance(self.call, MethodType))
        self.streaming = bool(_mark(self.call, "__cog_streaming__")) or _is_decorated(function, "streaming")
        self.concurrent_max: Optional[int] = _mark(self.call, "__cog_concurrent_max__")
        self.setup: Optional[Callable[..., Any]] = None if self.is_function else getattr(target, "setup", None)
        self.healthcheck: Optional[Callable[[], Any]] = (
            None if self.is_function else getattr(target, "healthcheck", None)
        )
        self.setup_wants_weights = False
        if self.setup is not None:
            code = unwrap(self.setup).__code__
            self.setup_wants_weights = "weights" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.setup_async = self.setup is not None and is_async(self.setup)
        self.healthcheck_async = self.healthcheck is not None and is_async(self.healthcheck)
        _replace_defaults(self.call)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it, looking through decorators, returns a coroutine."""
    return bool(unwrap(function).__code__.co_flags & _COROUTINE)


def unwrap(function: Any) -> Any:
    """Return the plain function under bound methods and functools.wraps."""
    seen = set()
    while id(function) not in seen:
        seen.add(id(function))
        function = getattr(function, "__func__", function)
        function = getattr(function, "__wrapped__", function)
    if not hasattr(function, "__code__"):
        call = getattr(type(function), "__call__", None)  # noqa: B004  # its code is wanted
        if hasattr(call, "__code__"):
            return call
        raise LoadError(f"{function!r} is not written in Python: it has no signature")
    return function


def _mark(function: Any, name: str) -> Any:
    return getattr(function, name, None) or getattr(unwrap(function), name, None)


def _is_decorated(function: Any, name: str) -> bool:
    """Whether a decorator of this name stands above the function in its source: the real SDK's @streaming leaves no
    other trace."""
    code = function.__code__
    try:
        with open(code.co_filename, encoding="utf-8") as file:
            lines = file.read().splitlines()[code.co_firstlineno - 1 :]
    except (OSError, ValueError):
        return False
    for line in lines:
        text = line.strip()
        if text.startswith(("def ", "async def ")):
            return False
        if text.startswith("@") and text[1:].split("(")[0].split(".")[-1].strip() == name:
            return True
    return False


def _chain(function: Any) -> List[Any]:
    """Return every function that a call passes through."""
    chain: List[Any] = []
    while function is not None and len(chain) < 100:
        function = getattr(function, "__func__", function)
        chain.append(function)
        function = getattr(function, "__wrapped__", None)
    return chain


def is_field(value: Any) -> bool:
    """Whether a default was made by Input(), of whichever SDK."""
    return type(value).__name__ == "FieldInfo" and type(value).__module__.split(".")[0] == "cog"


def _replace_defaults(function: Any) -> None:
    """Put the values in the place of Input(): who calls the method himself gets them too."""
    for inner in _chain(function):
        defaults = getattr(inner, "__defaults__", None)
        if defaults:
            inner.__defaults__ = tuple(d.default if is_field(d) else d for d in defaults)
        kwdefaults = getattr(inner, "__kwdefaults__", None)
        if kwdefaults:
            inner.__kwdefaults__ = {k: d.default if is_field(d) else d for k, d in kwdefaults.items()}


def _signature(function: Any, bound: bool) -> Tuple[List[Parameter], Any]:
    """Return parameters and return annotation. Read from the function itself: inspect costs 10 ms of every start."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    defaults: Dict[str, Any] = dict(zip(reversed(names), reversed(function.__defaults__ or ())))
    names = names[1:] if bound else names
    defaults.update(function.__kwdefaults__ or {})
    names += code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    annotations = function.__annotations__
    parameters = [
        Parameter(name, _resolve(annotations.get(name), function), defaults.get(name), name in defaults)
        for name in names
    ]
    return parameters, _resolve(annotations.get("return"), function)


def _resolve(annotation: Any, function: Any) -> Any:
    """Return what a string annotation stands for; one that cannot be resolved stands for nothing."""
    if not isinstance(annotation, str):
        return annotation
    import typing

    try:
        return typing.get_type_hints(
            type("holder", (), {"__annotations__": {"it": annotation}}), function.__globals__, {}, include_extras=True
        )["it"]
    except Exception:  # user code: names that do not exist, syntax of a newer Python
        return None


def method_name(target: Any, mode: str) -> str:
    """Return the method of an instance that a mode runs. Raises ValueError as Cog does."""
    kind = type(target)
    if mode == "train":
        if not callable(getattr(target, "train", None)):
            raise LoadError(f"{kind.__name__} has no train()")
        return "train"
    found = set()
    for base in kind.__mro__:
        if base is object or is_framework(base):
            break
        found |= {name for name in ("run", "predict") if callable(_attribute(base, name))}
    if len(found) == 2:
        raise ValueError(f"{kind.__name__} must define either run() or predict(), not both")
    if not found:
        raise ValueError(f"run or predict method not found: {kind.__name__}")
    return found.pop()


def _attribute(base: type, name: str) -> Any:
    value = base.__dict__.get(name)
    return value.__func__ if isinstance(value, (staticmethod, classmethod)) else value


def is_framework(kind: type) -> bool:
    """Whether a class is the SDK's own base class."""
    return kind.__name__ in _FRAMEWORK and kind.__module__.split(".")[0] == "cog"


def load(ref: str, mode: str, shared: Any = None) -> Predictor:
    """Load what ref (path/to/file.py:Name, or just the file) names. Raises LoadError, and what user code raises.

    shared is an instance that serves where ref names its class: a model is not loaded twice.
    """
    path, _, name = ref.partition(":")
    module = _module(path)
    target = getattr(module, name, None) if name else _by_convention(module, mode)
    if target is None:
        known = ", ".join(sorted(n for n, v in vars(module).items() if callable(v) and _is_own(v, module)))
        wanted = repr(name) if name else "class Runner or Predictor and no function run or predict"
        raise LoadError(f"{path} has no {wanted}; it has {known or 'no class and no function'}")
    if isinstance(target, type):
        if mode != "train" or not hasattr(target, "train"):
            _check_class(target)
        target = shared if shared is not None and type(shared) is target else target()
    return Predictor(target, mode)


def load_also(predictor: Predictor, ref: str) -> Optional[Predictor]:
    """Load what else the model can run: train beside predict, or predict beside train. None where there is nothing.

    ref is its own reference; empty looks for it in the predictor itself.
    """
    mode = "predict" if predictor.mode == "train" else "train"
    if not ref:
        if predictor.is_function:
            return None
        try:
            return Predictor(predictor.target, mode)
        except (LoadError, ValueError):
            return None
    also = load(ref, mode, shared=predictor.target)
    return also


def _is_own(value: Any, module: ModuleType) -> bool:
    return getattr(value, "__module__", None) == module.__name__


def _by_convention(module: ModuleType, mode: str) -> Any:
    names = ("train", "Trainer", "Runner", "Predictor") if mode == "train" else ("Runner", "Predictor")
    found = [name for name in names if getattr(module, name, None) is not None]
    if {"Runner", "Predictor"} <= set(found):
        warnings.warn("both Runner and Predictor are defined: taking Runner", UserWarning, stacklevel=2)
    if found:
        return getattr(module, found[0])
    for name in ("run", "predict"):  # a model can be a function
        function = getattr(module, name, None)
        if callable(function) and _is_own(function, module):
            return function
    return None


def _check_class(kind: type) -> None:
    """Fail before the class is instantiated, which may take long, when it has nothing to run."""
    method_name(object.__new__(kind), "predict")


def _module(path: str) -> ModuleType:
    """Execute a file as a module under its plain name, so that what it defines can be pickled."""
    full = os.path.abspath(path)
    if not os.path.isfile(full):
        raise LoadError(f"{path}: no such file in {os.getcwd()}")
    name = os.path.splitext(os.path.basename(path))[0]
    folder = os.path.dirname(full)
    if folder not in sys.path:
        sys.path.insert(2, folder)  # behind ours and the model's
    import importlib.util

    spec = importlib.util.spec_from_file_location(name, full)
    if spec is None or spec.loader is None:
        raise LoadError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def use_sdk(bundled: str) -> str:
    """Choose the cog package before the model imports it, without importing it; return its name and version.

    The installed one serves when it is 0.17 or newer. An older one does not know our coglet module, so that the
    bundled SDK, which has the same names, stands before it.
    """
    version = _installed_version()
    if version is not None and _numbers(version) >= _OLDEST_SDK:
        return f"cog {version}"
    if bundled:
        sys.path.insert(1, bundled)
    from . import __version__

    return f"bundled {__version__}" + (f" (before cog {version}, which is too old)" if version else "")


def _numbers(version: str) -> Tuple[int, ...]:
    numbers = []
    for part in version.split(".")[:2]:
        digits = "".join(c for c in part if c.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)


def _installed_version() -> Optional[str]:
    """Return the version of the installed cog. Read from the names of folders: importlib.metadata costs 20 ms."""
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            if name.startswith("cog-") and name.endswith((".dist-info", ".egg-info")):
                return name[4:].rsplit(".", 1)[0]
    return None


__all__ = ["LoadError", "Parameter", "Predictor", "is_field", "load", "unwrap", "use_sdk"]
