"""From a reference to a predictor: which object, how it is called."""

import os
import sys
import warnings
from types import FunctionType, MethodType, ModuleType
from typing import Any, Callable, Dict, List, Optional, Tuple

from ._annotations import annotations_of, resolve
from ._choice import use_sdk
from ._places import line_of, lines_of, place_of, place_of_class, place_of_error

_KEYWORDS, _COROUTINE, _ASYNC_GENERATOR = 0x08, 0x80, 0x200  # code flags, as inspect has them

_FRAMEWORK = {"BaseRunner", "BasePredictor"}


class LoadError(ValueError):
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
        self.call: Callable[..., Any] = target if self.is_function else getattr(target, method_name(type(target), mode))
        function = unwrap(self.call)
        self.function = function
        flags = function.__code__.co_flags
        self.kind = "async" if flags & _COROUTINE else "asyncgen" if flags & _ASYNC_GENERATOR else "sync"
        self.parameters, self.returns = _signature(function, bound=isinstance(self.call, MethodType))
        self.collects = bool(flags & _KEYWORDS)
        self.streaming = bool(_mark(self.call, "__cog_streaming__")) or _is_decorated(function, "streaming")
        self.concurrent_max: Optional[int] = _mark(self.call, "__cog_concurrent_max__")
        self.setup: Optional[Callable[..., Any]] = None if self.is_function else getattr(target, "setup", None)
        self.healthcheck: Optional[Callable[[], Any]] = (
            None if self.is_function else getattr(target, "healthcheck", None)
        )
        self.setup_wants_weights = False
        if self.setup is not None:
            self.setup_wants_weights = _check_setup(self.setup)
        self.setup_async = self.setup is not None and is_async(self.setup)
        self.healthcheck_async = self.healthcheck is not None and is_async(self.healthcheck)
        _replace_defaults(self.call)

    @property
    def place(self) -> str:
        """Where the function stands, for messages."""
        return f"{self.function.__name__}() at {place_of(self.function)}"


def _check_setup(setup: Any) -> bool:
    """Return whether setup() takes weights. Raises LoadError when it wants what nobody gives it."""
    function = unwrap(setup)
    code = function.__code__
    bound = isinstance(setup, MethodType)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if bound and not names and not code.co_flags & 0x04:
        raise LoadError(f"{place_of(function)}: setup() lacks its first parameter, self: write `def setup(self):`")
    defaults = len(function.__defaults__ or ())
    required = set(names[int(bound) : code.co_argcount - defaults])
    required |= set(names[code.co_argcount :]) - set(function.__kwdefaults__ or ())
    required.discard("weights")
    if required:
        name = min(required, key=names.index)
        raise LoadError(
            f"{line_of(function, name)}: setup() has a parameter {name!r}, but it is called with none, or with "
            f"`weights` alone: give {name!r} a default, or read it from the environment"
        )
    return "weights" in names


def _check_call(function: Any, bound: bool) -> None:
    """Raise LoadError for parameters that no input can be given to."""
    code = function.__code__
    name = code.co_name
    if bound and not code.co_argcount and not code.co_flags & 0x04:
        raise LoadError(
            f"{place_of(function)}: {name}() lacks its first parameter, self: write `def {name}(self, ...)`"
        )
    if code.co_posonlyargcount > int(bound):
        raise LoadError(
            f"{place_of(function)}: {name}() has parameters without a name (before `/`): inputs are passed by name: "
            "remove the `/`"
        )


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it, looking through decorators, returns a coroutine."""
    return bool(unwrap(function).__code__.co_flags & _COROUTINE)


def unwrap(function: Any) -> Any:
    """Return the plain function under bound methods and functools.wraps."""
    seen = set()
    while id(function) not in seen:
        seen.add(id(function))
        function = getattr(function, "__func__", function)
        function = _inside(function) or function
    if not hasattr(function, "__code__"):
        call = getattr(type(function), "__call__", None)  # noqa: B004  # its code is wanted
        if hasattr(call, "__code__"):
            return call
        raise LoadError(f"{function!r} is not written in Python: it has no signature")
    return function


_DECORATED = {"run", "predict", "train", "setup", "healthcheck"}


def _inside(function: Any) -> Any:
    """Return the function that a decorator's function passes its calls on to, None where it is no such. One that was
    written without functools.wraps takes anything, and keeps the function that it was given."""
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is not None or not isinstance(function, FunctionType) or not function.__code__.co_flags & _KEYWORDS:
        return wrapped
    for cell in function.__closure__ or ():
        try:
            kept = cell.cell_contents
        except ValueError:  # not filled
            continue
        kept = getattr(kept, "__func__", kept)
        if isinstance(kept, FunctionType) and (kept.__name__ in _DECORATED or _inside(kept) is not None):
            return kept
    return None


def _mark(function: Any, name: str) -> Any:
    return getattr(function, name, None) or getattr(unwrap(function), name, None)


def _is_decorated(function: Any, name: str) -> bool:
    """Whether a decorator of this name stands above the function in its source: the real SDK's @streaming leaves no
    other trace."""
    code = function.__code__
    for line in lines_of(code.co_filename)[code.co_firstlineno - 1 :]:
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
        function = _inside(function)
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
    _check_call(function, bound)
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    defaults: Dict[str, Any] = dict(zip(reversed(names), reversed(function.__defaults__ or ())))
    names = names[1:] if bound else names
    defaults.update(function.__kwdefaults__ or {})
    names += code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    annotations = annotations_of(function)
    parameters = [
        Parameter(name, resolve(annotations.get(name), function), defaults.get(name), name in defaults)
        for name in names
    ]
    return parameters, resolve(annotations.get("return"), function)


def method_name(kind: type, mode: str) -> str:
    """Return the method of a class that a mode runs. Raises ValueError as Cog does."""
    if mode == "train":
        if not callable(getattr(kind, "train", None)):
            raise LoadError(f"{kind.__name__} has no train() ({place_of_class(kind)}): add `def train(self, ...)`")
        return "train"
    found: Dict[str, Any] = {}
    for base in kind.__mro__:
        if base is object or is_framework(base):
            break
        for name in ("run", "predict"):
            if name not in found and callable(_attribute(base, name)):
                found[name] = _attribute(base, name)
    if len(found) == 2:
        places = ", ".join(f"{name}() at {_place_of_method(found[name])}" for name in ("run", "predict"))
        raise LoadError(f"{kind.__name__} must define either run() or predict(), not both: {places}: remove one")
    if not found:
        place = place_of_class(kind)
        raise LoadError(f"run or predict method not found: {kind.__name__} ({place}): add `def predict(self, ...)`")
    return next(iter(found))


def _place_of_method(method: Any) -> str:
    try:
        return place_of(unwrap(method))
    except LoadError:
        return "?"


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
        hint = (
            f": name one of them, as {path}:{known.split(',')[0]}"
            if known
            else ": write `class Predictor:` with predict()"
        )
        raise LoadError(f"{path} has no {wanted}; it has {known or 'no class and no function'}{hint}")
    if isinstance(target, type):
        if mode != "train" or not hasattr(target, "train"):
            method_name(target, "predict")  # before it is made, which may take long
        target = shared if shared is not None and type(shared) is target else _make(target)
    return Predictor(target, mode)


def _make(kind: type) -> Any:
    """Return an instance of a predictor's class. Raises LoadError where that takes arguments, or more methods."""
    try:
        return kind()
    except TypeError as error:
        if place_of_error(error):
            raise
        raise LoadError(
            f"{place_of_class(kind)}: {error}; it is made by {kind.__name__}(): what it needs to know it can read in "
            "setup()"
        ) from None


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
        if isinstance(module.Runner, type) and not _is_valid(module.Runner):
            return module.Predictor
        warnings.warn("both Runner and Predictor are defined: taking Runner", UserWarning, stacklevel=2)
    if found:
        return getattr(module, found[0])
    for name in ("run", "predict"):  # a model can be a function
        function = getattr(module, name, None)
        if callable(function) and _is_own(function, module):
            return function
    return None


def _is_valid(kind: type) -> bool:
    try:
        method_name(kind, "predict")
    except LoadError:
        return False
    return True


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


__all__ = [
    "LoadError",
    "Parameter",
    "Predictor",
    "is_field",
    "line_of",
    "load",
    "place_of_error",
    "unwrap",
    "use_sdk",
]
