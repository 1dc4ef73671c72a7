"""Which cog package a model gets: the one that is installed, or the bundled one."""

import os
import sys
from typing import Optional, Tuple

# The first SDK that works on our coglet module.
_OLDEST_SDK = (0, 17)

# Whether the model was written for an SDK before that: Input(default=None) made an input optional, whatever its type.
none_is_default = False


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
