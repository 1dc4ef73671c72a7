"""The worker's life: init, load, setup, ready, predictions, end. Started by __main__."""

import faulthandler
import os
import sys
import threading
from typing import Any, Dict, List, Optional

from . import _bytecode, _context, _load, _streams, _tls, _wire, _worker_state
from ._channel import Channel, Guard
from ._prediction import Text, current, log_headers

_MAX_ERROR = 64 << 10  # characters


class Method:
    """Something that the model can run."""

    def __init__(self, predictor: Any, coercer: Any, wants_setup: bool = False) -> None:
        self.predictor = predictor
        self.coercer = coercer
        self.wants_setup = wants_setup  # it has a setup() of its own, which runs before its first call


class Worker:
    """What every part of the harness shares."""

    def __init__(self, init: _wire.Header, control: Channel, guard: Guard, general: Text) -> None:
        self.init = init
        self.guard = guard
        self.control = control
        self.general = general
        self.pid = os.getpid()
        self.streams: List[_streams.Stream] = []
        self.stopping = False  # shutdown has come
        self.predictor: Any = None
        self.coercer: Any = None
        self.also: Optional[Method] = None  # what else the model can run

    def tell(self, **header: Any) -> None:
        """Send a control message."""
        self.control.send([_wire.frame(header)])

    def log(self, level: str, message: str) -> None:
        """Put a line into the server's log."""
        self.tell(type="worker_log", level=level, message=message)

    def method(self, name: Optional[str]) -> "Method":
        """Return what a prediction is to run; without a name what the worker was started for."""
        if name is not None and self.also is not None and self.also.predictor.mode == name:
            return self.also
        return Method(self.predictor, self.coercer)

    def restore_streams(self) -> None:
        """Put our streams back where user code has left its own in their place."""
        if sys.stdout is not self.streams[0] or sys.stderr is not self.streams[1]:
            sys.stdout, sys.stderr = self.streams
            self.log("warn", "sys.stdout or sys.stderr was replaced and not put back; it is restored")

    def leave_if_forked(self, error: Optional[BaseException] = None) -> None:
        """End a child that user code has forked and that came back to us, as Python would: there is one harness."""
        if os.getpid() == self.pid:
            return
        code = 0 if error is None else 1
        if isinstance(error, SystemExit) and isinstance(error.code, (int, type(None))):
            code = error.code or 0
        elif isinstance(error, SystemExit):
            print(error.code, file=sys.stderr)
        elif error is not None:
            print_traceback(error)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code & 0xFF)


def describe(error: BaseException) -> str:
    """Return what clients are told of an exception: its type and text, once."""
    try:
        text = str(error)
    except Exception:  # user code
        text = ""
    name = type(error).__qualname__
    return (f"{name}: {text}" if text else name)[:_MAX_ERROR]


def print_traceback(error: BaseException) -> None:
    """Print the traceback as user code sees it: without our own frames at its top, and those of what it called."""
    trace = error.__traceback__
    while trace is not None and _calls_user_code(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    _cut_end(trace)
    import traceback  # and what it imports: not on the way to ready

    try:
        lines = traceback.format_exception(type(error), error, trace)
    except Exception:  # user code in __str__
        lines = [f"{type(error).__qualname__}: <no text>\n"]
    sys.stderr.write("".join(lines))


def _cut_end(trace: Any) -> None:
    """Let a traceback end in user code: where it called something of ours, which raised."""
    last = trace
    while trace is not None:
        if not _is_ours(trace.tb_frame.f_code.co_filename):
            last = trace
        trace = trace.tb_next
    if last is not None:
        last.tb_next = None


_HERE = os.path.dirname(__file__)
_SDK = os.path.join(os.path.dirname(os.path.dirname(_HERE)), "sdk") + os.sep
_LIBRARY = os.path.dirname(threading.__file__)
_CALLERS = (os.path.join(_LIBRARY, "asyncio"), os.path.join(_LIBRARY, "concurrent", "futures"))


def _is_ours(path: str) -> bool:
    """Whether a frame is of the harness or its SDK, or of the import that it asked for."""
    return os.path.dirname(path) == _HERE or path.startswith((_SDK, "<frozen importlib"))


def _calls_user_code(path: str) -> bool:
    """Whether a frame is one of those through which the harness calls user code."""
    return _is_ours(path) or os.path.dirname(path) in _CALLERS


def explain(error: BaseException) -> str:
    """Return what clients are told when the model cannot be loaded or set up: also where, and what mends it."""
    if isinstance(error, _load.LoadError):
        return str(error)
    text = describe(error)
    place = _load.place_of_error(error)
    if place and place not in text and not isinstance(error, SyntaxError):
        text += f" ({place})"
    if isinstance(error, ModuleNotFoundError):
        text += f": install it for {sys.executable}, in a Cog model by python_requirements in cog.yaml"
    elif isinstance(error, ImportError) and error.name is None:  # a relative one: there is no package
        text += ": the model's file is no part of a package: import its neighbours without the dot"
    return text


def main() -> None:
    """Run a worker until the parent says shutdown or is gone."""
    if not faulthandler.is_enabled():
        faulthandler.enable(2)  # where a crash was goes to the logs of its prediction
    guard = Guard()
    control = Channel(_wire.CONTROL_OUT, guard)
    general = Text(control, log_headers(None))
    streams = _streams.install(general)
    reader = _wire.Reader(_wire.CONTROL_IN)
    try:
        init, _ = reader.next()
    except _wire.Broken:
        os._exit(0)
    _worker_state.active = True
    worker = Worker(init, control, guard, general)
    worker.streams = streams
    if init.get("type") != "init" or init.get("version") != _wire.VERSION:
        fail_setup(worker, f"harness speaks protocol version {_wire.VERSION}, the server {init.get('version')}")
    os.register_at_fork(after_in_child=_in_child)
    _context.install()
    _tls.install()
    try:
        ready = _load_model(worker)
    except BaseException as error:
        worker.leave_if_forked(error)
        if not isinstance(error, _load.LoadError):
            print_traceback(error)
        fail_setup(worker, explain(error))
        raise AssertionError from None  # not reached
    if worker.predictor.kind == "sync":
        from ._sync import SyncRunner as Runner
    else:
        from ._async import AsyncRunner as Runner  # type: ignore[assignment]
    runner = Runner(worker)
    threading.Thread(target=runner.read_control, args=(reader,), name="coglet-control", daemon=True).start()
    if not init.get("schema_only"):
        try:
            runner.setup()
        except BaseException as error:
            worker.leave_if_forked(error)
            print_traceback(error)
            fail_setup(worker, explain(error))
        worker.leave_if_forked()
    worker.general.flush_all()
    control.send(ready)
    _bytecode.keep()
    runner.serve()


def _load_model(worker: Worker) -> List[bytes]:
    """Load the predictor and return the frame that will say ready."""
    init = worker.init
    sdk = _load.use_sdk(init.get("sdk", ""))
    predictor = worker.predictor = _load.load(init["ref"], init["mode"])
    slots = init.get("slots") or predictor.concurrent_max or 1
    if slots > 1 and predictor.kind == "sync":
        raise _load.LoadError("COG_MAX_CONCURRENCY > 1 requires an async run() or predict() method")
    from . import _inputs, _schema

    _inputs.use_folder(init.get("tmp", ""))
    worker.coercer = _inputs.Coercer(predictor)
    also = _load_also(worker)
    document = _schema_file(worker) or _schema.encode(predictor, also)
    header: Dict[str, Any] = {
        "type": "ready",
        "version": _wire.VERSION,
        "slots": slots,
        "healthcheck": predictor.healthcheck is not None,
        "async": predictor.kind != "sync",
        "file_fields": _schema.file_fields(predictor),
        "any_fields": _schema.any_fields(predictor),
        "sdk": sdk,
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    if also is not None:
        header["also"] = {
            "mode": also.mode,
            "file_fields": _schema.file_fields(also),
            "any_fields": _schema.any_fields(also),
        }
    return [_wire.frame(header, len(document)), document]


def _load_also(worker: Worker) -> Any:
    """Load the model's other method. One that does not load takes nothing from the first."""
    from . import _inputs

    try:
        also = _load.load_also(worker.predictor, worker.init.get("also_ref", ""))
        if also is None:
            return None
        own = also.target is not worker.predictor.target and also.setup is not None
        worker.also = Method(also, _inputs.Coercer(also), own)
        return also
    except Exception as error:  # user code
        worker.leave_if_forked(error)
        print_traceback(error)
        worker.log("warn", f"{worker.init.get('also_ref')} cannot be loaded and is not served: {describe(error)}")
        return None


def _schema_file(worker: Worker) -> Optional[bytes]:
    """Return the schema that `cog build` has made, where there is one."""
    path = os.path.join(".cog", "openapi_schema.json")
    try:
        with open(path, "rb") as file:
            document = file.read()
    except OSError:
        return None
    import json

    from . import _schema

    try:
        found = json.loads(document)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        worker.log("warn", f"{path} is not a JSON object; the schema is made from the code")
        return None
    for difference in _schema.differences(found, worker.predictor):
        worker.log("warn", f"{path} contradicts the code, and is what clients are held to: {difference}")
    return document


def fail_setup(worker: Worker, error: str) -> None:
    """Say why there will be no ready, and end the process."""
    worker.general.flush_all()
    worker.tell(type="setup_failed", error=error)
    os._exit(1)


def _in_child() -> None:
    """Leave a forked child nothing of ours: no channel, no streams that write frames."""
    _worker_state.active = False
    for fd in _wire.OURS:
        try:
            os.close(fd)
        except OSError:
            pass  # user code has closed it
    ring = sys.modules.get(f"{__package__}._ring")
    if ring is not None:
        ring.in_child()
    _streams.in_child()
    current.set(None)
