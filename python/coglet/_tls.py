"""
asyncio without OpenSSL, until somebody wants TLS: it is a third of the memory of a small async worker.

asyncio imports ssl to have it, and uses it when a connection asks for it. So while asyncio is imported for the first
time, and only then, ssl and asyncio.sslproto are modules that import the real ones when something of them is used.
Everybody else who imports them gets the real ones.
"""

import importlib
import sys
from types import ModuleType
from typing import Any, Optional, Sequence

_LATER = ("ssl", "asyncio.sslproto")


class _Later(ModuleType):
    """Stands for a module in the modules of asyncio."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system asks for some: they are no reason to load anything
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


class _Finder:
    """Finds asyncio, once, in the usual way."""

    def find_spec(self, name: str, path: Optional[Sequence[str]] = None, target: Any = None) -> Any:
        if name != "asyncio" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        if any(later in sys.modules for later in _LATER):
            return None
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    _wrap(spec.loader)
                return spec
        return None


def _wrap(loader: Any) -> None:
    run = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        stand_ins = {name: _Later(name) for name in _LATER}
        sys.modules.update(stand_ins)
        try:
            run(module)
        finally:
            for name, stand_in in stand_ins.items():
                if sys.modules.get(name) is stand_in:
                    del sys.modules[name]
        module.__dict__.setdefault("sslproto", stand_ins["asyncio.sslproto"])

    loader.exec_module = exec_module


def install() -> None:
    """Let asyncio do without OpenSSL, if it has not been imported yet."""
    if "asyncio" not in sys.modules:
        sys.meta_path.insert(0, _Finder())
