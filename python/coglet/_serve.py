"""How `python -m cog.server.http` becomes our server: the process is replaced by the binary that the wheel brought."""

import os
import shutil
import sys
from typing import Any, Dict, List, NoReturn, Optional

from . import _worker_state


def serve(
    predictor_ref: Optional[str] = None,
    host: str = "0.0.0.0",
    port: int = 5000,
    await_explicit_shutdown: bool = False,
    is_train: bool = False,
    output_temp_dir_base: Any = None,
    upload_url: Optional[str] = None,
) -> NoReturn:
    """Serve the model of the working directory with this interpreter. Does not return.

    output_temp_dir_base is accepted for Cog's sake and has no effect. Raises RuntimeError in a worker, and when the
    binary is not installed.
    """
    if _worker_state.active:
        raise RuntimeError("a worker does not serve HTTP: start the server with `coglet serve`")
    mode = "train" if is_train else "predict"
    command: List[str] = [
        *("serve", "."),
        *("--host", host),
        *("--port", str(port)),
        *("--python", sys.executable),
        *("--x-mode", mode),
        *("--await-explicit-shutdown", "true" if await_explicit_shutdown else "false"),
    ]
    if upload_url:
        command += ["--upload-url", upload_url]
    environment: Dict[str, str] = dict(os.environ)
    if predictor_ref:
        environment[f"COG_{mode.upper()}_TYPE_STUB"] = predictor_ref
    become(command, environment)


def become(arguments: List[str], environment: Optional[Dict[str, str]] = None) -> NoReturn:
    """Replace this process by the coglet command. Raises RuntimeError when the binary is not installed."""
    binary = find_binary()
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(binary, [binary, *arguments], dict(os.environ) if environment is None else environment)


def find_binary() -> str:
    """Return the path of the coglet binary: beside this interpreter, beside this package, else in PATH."""
    import sysconfig

    here = os.path.dirname(os.path.abspath(__file__))
    folders = [sysconfig.get_path("scripts"), os.path.dirname(sys.executable)]
    folders.append(os.path.join(os.path.dirname(here), "bin"))  # of pip install --target
    folders.append(
        os.path.normpath(os.path.join(here, "..", "..", "..", "..", "bin"))
    )  # of pip install --user, --prefix
    for folder in folders:
        path = os.path.join(folder, "coglet")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    found = shutil.which("coglet")
    if found is None:
        raise RuntimeError("the coglet binary is not installed: pip install the wheel again")
    return found
