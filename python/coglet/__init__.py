"""The Python half of coglet: the harness of a worker, and the names that the cog package takes from its server."""

from typing import Any

__version__ = "0.24.0"


class CancelationException(BaseException):
    """Raised in a sync prediction that was canceled. Catch it to clean up, and raise it again."""

    __module__ = "coglet"


class _BuildInfo:
    """What this was made from. The names are those of Cog's own server."""

    __slots__ = ()
    version = __version__
    git_sha = "unknown"
    dirty = False
    build_time = "unknown"
    rustc_version = "none: this is coglet in Go"

    def __repr__(self) -> str:
        return f"BuildInfo(version={self.version!r})"


__build__ = _BuildInfo()


class _Server:
    """What cog.server.http asks its server for."""

    __slots__ = ()

    @property
    def active(self) -> bool:
        """Whether this process is a worker."""
        from . import _worker_state

        return _worker_state.active

    def serve(self, *args: Any, **options: Any) -> None:
        """Become the server: see coglet._serve.serve for the options."""
        from . import _serve

        _serve.serve(*args, **options)

    def __repr__(self) -> str:
        return "<coglet.server>"


server = _Server()


def __getattr__(name: str) -> Any:
    """The cog package finds coglet._sdk as an attribute, without importing it."""
    if name == "_sdk":
        import importlib

        return importlib.import_module("coglet._sdk")
    raise AttributeError(f"module 'coglet' has no attribute {name!r}")


__all__ = ["CancelationException", "__build__", "__version__", "server"]
