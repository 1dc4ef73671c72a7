"""Sync predictions: one after the other on the main thread, where setup() ran too."""

import gc
import os
import time
from types import CoroutineType
from typing import Any, Iterator, List, Optional, Tuple

from . import CancelationException, _encode, _inputs, _wire
from ._cancel import Canceler
from ._channel import Channel
from ._control import read_control, run_setup
from ._health import SyncHealthcheck
from ._prediction import Prediction, current
from ._worker import Method, Worker, describe, print_traceback


class SyncRunner:
    """Runs the predictions of a sync predictor."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._predictor = worker.predictor
        self._method = worker.method(None)
        self._data = Channel(_wire.DATA, worker.guard)
        self._reader = _wire.Reader(_wire.DATA, reuse=True)
        self._canceler = Canceler(worker)
        self._health = SyncHealthcheck(worker)
        self._tmp: str = worker.init.get("tmp", "")
        self._loop: Any = None  # for what is async in a sync predictor

    def setup(self) -> None:
        """Run the model's setup(). Raises what it raises."""
        run_setup(self._predictor, self._await)

    def _await(self, awaitable: Any) -> Any:
        """Run a coroutine of a predictor that is not async: on a loop of its own, which is kept."""
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        return self._loop.run_until_complete(awaitable)

    def read_control(self, reader: _wire.Reader) -> None:
        """Handle control messages: the control thread."""
        read_control(self._worker, reader, self._canceler.cancel, self._health.check)

    def serve(self) -> None:
        """Run predictions until the parent has no more."""
        while True:
            try:
                header, body = self._reader.next()
            except _wire.Broken as error:
                if self._worker.stopping:
                    return
                _wire.diagnose(f"data socket: {error}")
                os._exit(0)
            except CancelationException:  # came by the slow way, after its prediction had ended
                continue
            if header.get("type") != "predict":
                self._worker.log("warn", f"unknown data message {header.get('type')!r}")
                continue
            self._predict(header, body)

    def _predict(self, header: _wire.Header, body: _wire.Body) -> None:
        prediction = Prediction(self._data, self._worker.general, header, self._tmp)
        self._worker.restore_streams()
        token = current.set(prediction)
        self._canceler.begin(prediction)
        try:
            self._data.send(self._run(prediction, body))  # before the rest: somebody waits for it
        finally:
            self._canceler.end()
            current.reset(token)

    def _run(self, prediction: Prediction, body: _wire.Body) -> List[bytes]:
        """Run one prediction and return its last frames."""
        frames: List[bytes] = []
        error: Optional[str] = None
        is_stream = False
        status = "succeeded"
        method = self._method if prediction.method is None else self._worker.method(prediction.method)
        start = end = time.perf_counter_ns()
        try:
            try:
                kwargs = method.coercer(_inputs.parse(body), prediction.cleanups)
                start = time.perf_counter_ns()
                is_stream, frames = self._call(prediction, method, kwargs)
            finally:  # a cancel that comes in here is still caught below
                self._canceler.leave()
                end = time.perf_counter_ns()
        except BaseException as problem:
            self._worker.leave_if_forked(problem)
            frames = []
            status, error = self._judge(prediction, problem)
        self._worker.leave_if_forked()
        if prediction.cleanups:
            _inputs.clean_up(prediction.cleanups)
        if status == "succeeded" and self._canceler.was_raised(prediction):
            status, frames = "canceled", []
        try:
            return frames + prediction.done(status, error, end - start, is_stream)
        except _wire.TooLarge as large:
            return prediction.done("failed", f"output: {large}", end - start, is_stream)

    def _judge(self, prediction: Prediction, problem: BaseException) -> Tuple[str, Optional[str]]:
        """Say how a prediction that raised has ended."""
        if isinstance(problem, CancelationException) or self._canceler.canceled(prediction):
            return "canceled", None
        if isinstance(problem, _inputs.InputError):
            return "failed", str(problem)
        if isinstance(problem, _encode.EncodeError):
            predictor = self._worker.method(prediction.method).predictor
            return "failed", f"{problem} (returned by {predictor.place})"
        print_traceback(problem)
        if isinstance(problem, MemoryError):
            gc.collect()
        return "failed", describe(problem)

    def _call(self, prediction: Prediction, method: Method, kwargs: Any) -> Tuple[bool, List[bytes]]:
        """Call user code; return whether its outputs are a list, and the frames that are not sent yet."""
        canceler = self._canceler
        canceler.enter()
        if method.wants_setup:
            run_setup(method.predictor, self._await)
            method.wants_setup = False
        result = method.predictor.call(**kwargs)
        if type(result) in _encode.PLAIN:
            canceler.leave()
            return False, prediction.output_plain(result)
        if isinstance(result, CoroutineType):  # a decorator hid that the method is async
            result = self._await(result)
        if hasattr(result, "__anext__"):
            result = self._iterate(result)
        encoder = _encode.Encoder(prediction.dir)
        if _encode.is_stream(result):
            self._stream(prediction, encoder, result)
            return True, []
        items = encoder.encode_items(result)
        canceler.leave()
        if items is not None:
            body, count, files = items
            return True, prediction.output(body, files, count)
        body, files = encoder.encode(result)
        return False, prediction.output(body, files)

    def _stream(self, prediction: Prediction, encoder: _encode.Encoder, result: Any) -> None:
        """Send each item as it comes. A generator is closed in any case, so that its cleanup runs in its prediction."""
        try:
            for item in result:
                prediction.send_item(encoder, item)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def _iterate(self, result: Any) -> Iterator[Any]:
        """Iterate over an async iterator of a predictor that is not async."""
        while True:
            try:
                yield self._await(result.__anext__())
            except StopAsyncIteration:
                return
