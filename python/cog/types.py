"""The types of inputs and outputs that JSON does not have."""

import io
import os
import pathlib
from typing import Any, AsyncIterator, Iterator, Optional, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Path(pathlib.PosixPath):
    """A file: as an input it has been fetched, as an output it is handed on."""

    @classmethod
    def validate(cls, value: Any) -> pathlib.Path:
        """Return value as a path; a URL becomes a URLPath."""
        if isinstance(value, pathlib.Path):
            return value
        if isinstance(value, str) and value.startswith(("http://", "https://", "data:")):
            return URLPath(source=value, filename=_filename(value), fileobj=File.validate(value))
        return cls(value)


class URLPath(pathlib.PosixPath):
    """A file at a URL that is not fetched yet."""

    source: str
    _fileobj: Any
    _local: Optional[Path]

    def __new__(cls, *_: Any, source: str = "", filename: str = "file", fileobj: Any = None) -> "URLPath":
        path = super().__new__(cls, filename)
        path.source, path._fileobj, path._local = source, fileobj, None
        return path

    def __init__(self, *_: Any, source: str = "", filename: str = "file", fileobj: Any = None) -> None:
        if hasattr(pathlib.PurePath, "with_segments"):  # 3.12 and newer keep their parts here
            super().__init__(filename)  # type: ignore[call-arg]

    def convert(self) -> Path:
        """Fetch the file, once, and return where it is."""
        if self._local is None:
            import shutil
            import tempfile

            with tempfile.NamedTemporaryFile(suffix=self.name, delete=False) as out:
                try:
                    shutil.copyfileobj(self._fileobj, out)
                except BaseException:
                    os.unlink(out.name)
                    raise
            self._local = Path(out.name)
        return self._local

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove what was fetched."""
        if self._local is not None:
            self._local.unlink(missing_ok=missing_ok)

    def __str__(self) -> str:
        return self.source


def _filename(url: str) -> str:
    import urllib.parse

    if url.startswith("data:"):
        import mimetypes

        media = url[5:].split(",")[0].split(";")[0]
        return "file" + (mimetypes.guess_extension(media or "text/plain") or "")
    name = urllib.parse.unquote_plus(os.path.basename(urllib.parse.urlparse(url).path))
    return _short(name.replace("/", "_").replace("\0", "_")) or "file"


_MAX_NAME = 200  # bytes


def _short(name: str) -> str:
    """Cut a name that file systems would refuse, and keep its extension."""
    if len(os.fsencode(name)) <= _MAX_NAME:
        return name
    stem, extension = os.path.splitext(name)
    room = max(0, _MAX_NAME - len(os.fsencode("~" + extension)))
    return os.fsencode(stem)[:room].decode("utf-8", "ignore") + "~" + extension


class File(io.IOBase):
    """An open file. As an annotation: the predictor gets it open for reading bytes."""

    @classmethod
    def validate(cls, value: Any) -> Any:
        """Return value as an open file. Raises ValueError for what is neither a file nor a URL."""
        if isinstance(value, io.IOBase):
            return value
        import urllib.parse
        import urllib.request

        scheme = urllib.parse.urlparse(str(value)).scheme
        if scheme == "data":
            with urllib.request.urlopen(value) as response:
                return io.BytesIO(response.read())
        if scheme in ("http", "https"):
            return URLFile(value)
        raise ValueError(f"'{scheme}' is not a valid URL scheme. 'data', 'http', or 'https' is supported.")


class URLFile(io.IOBase):
    """A file at an http or https URL, fetched when it is first read."""

    def __init__(self, url: str, filename: Optional[str] = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError("URLFile requires URL to conform to HTTP or HTTPS protocol")
        self._url = url
        self._response: Any = None
        self.name = filename or _filename(url)

    def _open(self) -> Any:
        if self._response is None:
            import urllib.request

            self._response = urllib.request.urlopen(self._url, timeout=10)
        return self._response

    def read(self, size: int = -1) -> Any:
        return self._open().read() if size is None or size < 0 else self._open().read(size)

    def readable(self) -> bool:
        return True

    def __iter__(self) -> Any:
        return iter(self._open())

    def __getstate__(self) -> Any:
        return {"_url": self._url, "_response": None, "name": self.name}

    def __repr__(self) -> str:
        return f"<URLFile {self._url!r}>"


class Secret:
    """A string that does not show: str() and repr() hide it."""

    __slots__ = ("secret_value",)

    secret_value: Optional[str]

    def __init__(self, secret_value: Optional[str] = None) -> None:
        object.__setattr__(self, "secret_value", secret_value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a Secret is immutable")

    def __reduce__(self) -> Any:
        return Secret, (self.secret_value,)

    def get_secret_value(self) -> Optional[str]:
        """Return the string itself."""
        return self.secret_value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.secret_value == other.secret_value

    def __hash__(self) -> int:
        return hash(self.secret_value)

    def __str__(self) -> str:
        return "**********" if self.secret_value is not None else ""

    def __repr__(self) -> str:
        return f"Secret({self})"


class Opaque:
    """Annotated[T, Opaque]: an object whose fields the schema does not describe."""


class ConcatenateIterator(Iterator[T_co]):
    """Outputs that belong together: shown as one text."""


class AsyncConcatenateIterator(AsyncIterator[T_co]):
    """The same, from an async generator."""
