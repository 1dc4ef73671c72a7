"""From a reference to a predictor: which SDK, which object, how it is called."""

import os
import sys
import warnings
from types import FunctionType, MethodType, ModuleType
from typing import Any, Callable, Dict, List, Optional, Tuple

_KEYWORDS, _COROUTINE, _ASYNC_GENERATOR = 0x08, 0x80, 0x200  # code flags, as inspect has them

# The first SDK that works on our coglet module.
_OLDEST_SDK = (0, 17)

# Whether the model was written for an SDK before that: Input(default=None) made an input optional, whatever its type.
none_is_default = False

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


def place_of(function: Any) -> str:
    """Return where a function stands: predict.py:12."""
    code = function.__code__
    return f"{_short(code.co_filename)}:{code.co_firstlineno}"


def _short(path: str) -> str:
    """Return a path as the author knows it: from the model's folder."""
    return os.path.relpath(path) if path.startswith(os.getcwd() + os.sep) else path


def place_of_error(error: BaseException) -> str:
    """Return where in the model's own files an exception arose: predict.py:12. Empty when in none."""
    found = ""
    trace = error.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if path.startswith(os.getcwd() + os.sep) and "site-packages" not in path:
            found = f"{_short(path)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def line_of(function: Any, word: str) -> str:
    """Return where a word first stands in a function, at the latest where the function begins."""
    code = function.__code__
    for number, line in enumerate(_lines(code.co_filename)[code.co_firstlineno - 1 :], code.co_firstlineno):
        if word in _words(line):
            return f"{_short(code.co_filename)}:{number}"
    return place_of(function)


def _words(line: str) -> List[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in line.split("#")[0]).split()


def _lines(path: str) -> List[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except (OSError, ValueError):
        return []


def _place_of_class(kind: type) -> str:
    module = sys.modules.get(kind.__module__)
    path = getattr(module, "__file__", None)
    if path is None:
        return kind.__module__
    for number, line in enumerate(_lines(path), 1):
        if _words(line)[:2] == ["class", kind.__name__]:
            return f"{_short(path)}:{number}"
    return _short(path)


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
    for line in _lines(code.co_filename)[code.co_firstlineno - 1 :]:
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
    annotations = _annotations(function)
    parameters = [
        Parameter(name, _resolve(annotations.get(name), function), defaults.get(name), name in defaults)
        for name in names
    ]
    return parameters, _resolve(annotations.get("return"), function)


def _annotations(function: Any) -> Dict[str, Any]:
    try:
        found: Dict[str, Any] = function.__annotations__
    except NameError:  # Python 3.14 evaluates them now: a name that only type checkers see
        import annotationlib  # type: ignore[import-not-found,unused-ignore]  # novermin

        found = annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF)  # novermin
    return found


def _resolve(annotation: Any, function: Any) -> Any:
    """Return an annotation without strings; one that cannot be resolved stands for nothing, and is told of."""
    if not _has_string(annotation):
        return annotation
    try:
        return _evaluate(annotation, function)
    except Exception as error:  # user code: names that do not exist, syntax of a newer Python
        if isinstance(annotation, str) and sys.version_info < (3, 10) and "|" in annotation:
            try:
                return _evaluate(_without_bars(annotation), function)
            except Exception:
                pass
        shown = annotation if isinstance(annotation, str) else repr(annotation)
        print(
            f"coglet: {place_of(function)}: annotation {shown!r} cannot be resolved ({type(error).__name__}: {error}); "
            "any value is taken for it",
            file=sys.stderr,
        )
        return None


def _has_string(annotation: Any) -> bool:
    if isinstance(annotation, str) or type(annotation).__name__ == "ForwardRef":
        return True
    if getattr(annotation, "__origin__", None) is None and type(annotation).__name__ not in ("UnionType", "Union"):
        return False
    typing = sys.modules.get("typing")
    if typing is not None and getattr(annotation, "__origin__", None) is typing.Literal:
        return False
    return any(map(_has_string, getattr(annotation, "__args__", ())))


def _evaluate(annotation: Any, function: Any) -> Any:
    import typing

    holder = type("holder", (), {"__annotations__": {"it": annotation}})
    return typing.get_type_hints(holder, function.__globals__, {}, include_extras=True)["it"]


def _without_bars(annotation: str) -> str:
    """Return A | B as Union[A, B], which Python 3.9 can evaluate."""
    import ast

    class Unions(ast.NodeTransformer):
        def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
            self.generic_visit(node)
            if not isinstance(node.op, ast.BitOr):
                return node
            union = ast.parse("__import__('typing').Union", mode="eval").body
            return ast.Subscript(union, ast.Tuple([node.left, node.right], ast.Load()), ast.Load())

    return ast.unparse(ast.fix_missing_locations(Unions().visit(ast.parse(annotation, mode="eval"))))


def method_name(kind: type, mode: str) -> str:
    """Return the method of a class that a mode runs. Raises ValueError as Cog does."""
    if mode == "train":
        if not callable(getattr(kind, "train", None)):
            raise LoadError(f"{kind.__name__} has no train() ({_place_of_class(kind)}): add `def train(self, ...)`")
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
        place = _place_of_class(kind)
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
            f"{_place_of_class(kind)}: {error}; it is made by {kind.__name__}(): what it needs to know it can read in "
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


def use_sdk(bundled: str) -> str:
    """Choose the cog package before the model imports it, without importing it; return its name and version.

    The installed one serves when it is 0.17 or newer. An older one does not know our coglet module, so that the
    bundled SDK, which has the same names, stands before it.
    """
    version = _installed_version()
    if version is not None and _numbers(version) >= _OLDEST_SDK:
        return f"cog {version}"
    global none_is_default
    none_is_default = version is not None
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
