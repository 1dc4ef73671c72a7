"""The harness's own bytecode, which is kept also where PYTHONDONTWRITEBYTECODE is set, as it is in many images.

That setting is about the folders of models and packages. Without bytecode each start compiles the harness anew, which
takes longer than all the rest of it.
"""

import os
import sys
import threading


def keep() -> None:
    """Compile what was just compiled for this process once more, for the next one. Returns at once."""
    cached = getattr(__spec__, "cached", None)
    if sys.dont_write_bytecode and cached is not None and not os.path.exists(cached):
        threading.Thread(target=_compile, name="coglet-bytecode", daemon=True).start()


def _compile() -> None:
    import importlib.util
    import py_compile

    ours = os.path.dirname(os.path.abspath(__file__))
    sdk = os.path.join(os.path.dirname(os.path.dirname(ours)), "sdk", "cog")
    try:
        files = [os.path.join(folder, name) for folder in (ours, sdk) for name in os.listdir(folder)]
        files.sort(key=lambda path: path == os.path.abspath(__file__))  # this one last: it says that all are there
        for path in files:
            # what a process that ended too soon has left is gone on with
            if path.endswith(".py") and not os.path.exists(importlib.util.cache_from_source(path)):
                py_compile.compile(path, doraise=True)
    except Exception:  # a folder that cannot be written, or a full disk: then it is compiled the next time
        pass
