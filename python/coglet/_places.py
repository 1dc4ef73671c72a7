"""Where things of the model stand, for messages: predict.py:12."""

import os
import sys
from typing import Any, List


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
    for number, line in enumerate(lines_of(code.co_filename)[code.co_firstlineno - 1 :], code.co_firstlineno):
        if word in _words(line):
            return f"{_short(code.co_filename)}:{number}"
    return place_of(function)


def _words(line: str) -> List[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in line.split("#")[0]).split()


def lines_of(path: str) -> List[str]:
    """Return the lines of a source file, none when it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except (OSError, ValueError):
        return []


def place_of_class(kind: type) -> str:
    """Return where a class stands; just its file, or module, where that cannot be told."""
    module = sys.modules.get(kind.__module__)
    path = getattr(module, "__file__", None)
    if path is None:
        return kind.__module__
    for number, line in enumerate(lines_of(path), 1):
        if _words(line)[:2] == ["class", kind.__name__]:
            return f"{_short(path)}:{number}"
    return _short(path)
