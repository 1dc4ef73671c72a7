"""Files of inputs: those that the server has fetched for this worker, and those that it has not seen."""

from typing import Any, Callable, List

from ._checks import InputError, fail

Cleanups = List[Callable[[], Any]]

cleanups: Cleanups = []  # of the call whose arguments are being made


def clean_up(of_call: Cleanups) -> None:
    """Close the files that were opened for a call, and remove what was fetched for it."""
    while of_call:
        try:
            of_call.pop()()
        except Exception:  # user code may have closed or removed it in its own way
            pass


_folder = ""  # where the server puts what it has fetched for this worker


def use_folder(folder: str) -> None:
    """Know what the server has fetched by where it lies."""
    global _folder
    _folder = folder and folder + "/"


def is_fetched(text: str) -> bool:
    return bool(_folder) and text.startswith(_folder)


def is_url(text: str) -> bool:
    return text.startswith(("http://", "https://", "data:"))


def fetch(cls: Any, text: str) -> Any:
    """Return a path that the server has not seen, a default or one inside an object, with what is at its URL."""
    if not is_url(text):
        return cls(text)
    from cog.types import Path

    remote: Any = Path.validate(text)
    local = remote.convert()
    cleanups.append(lambda: local.unlink(missing_ok=True))
    return local if issubclass(cls, type(local)) else cls(local)


def open_local(value: Any) -> Any:
    path = text_of(value)
    try:
        file = open(path, "rb")
    except OSError as error:
        raise InputError(f"cannot open file: {error.strerror}") from None
    cleanups.append(file.close)
    return file


def url_of(value: Any) -> str:
    """Return what names a file inside an object: nobody has checked that it is no path of this machine."""
    text = text_of(value)
    if not is_url(text) and not is_fetched(text):
        raise fail(value, "a URL")
    return text


def open_fetched(text: str) -> Any:
    from pathlib import Path

    return open_local(str(fetch(Path, text)))


def text_of(value: Any) -> str:
    """Return a string as it is. Raises InputError for anything else."""
    if isinstance(value, str):
        return value
    raise fail(value, "a string")
