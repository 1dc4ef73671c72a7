"""Async predictions: one event loop on the main thread, a task for each prediction."""

import asyncio
import os
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import CancelationException, _encode, _inputs, _wire
from ._cancel import raise_in
from ._channel import Channel, Guard
from ._control import begin_setup, read_control, run_setup
from ._health import LIMIT, TIMED_OUT, SyncHealthcheck, answer, judge
from ._prediction import Prediction, current
from ._worker import Method, Worker, describe, print_traceback

# More than this many bytes that the parent has not taken: who yields more waits.
_HIGH_WATER = 1 << 20

# So many pieces, the ends of about six predictions, are written before the turn is over: the parent has work then
# while the rest of the turn runs. Otherwise the two take turns, each with all there is, and one of them always waits.
_ENOUGH = 12


class LoopChannel(Channel):
    """The data socket as an event loop writes it: what comes in one turn of the loop goes out in few writes."""

    def __init__(self, fd: int, guard: Guard, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(fd, guard)
        self._loop = loop
        self._loop_thread = threading.get_ident()
        self._queue: List[_wire.Piece] = []
        self._size = 0  # of the queue, in bytes, where it is full
        self._scheduled = False
        self._full = False  # it took not all of what there was: no use to try before the loop does
        self._stalled = False  # the socket is full: add_writer goes on
        self._room: asyncio.Event = asyncio.Event()
        self._room.set()
        os.set_blocking(fd, False)

    def write(self, pieces: List[bytes], urgent: bool = False) -> None:
        if self._ring is not None:
            pieces = self.after_ring(pieces)
        self._queue.extend(pieces)
        if self._full:
            self._size += sum(map(len, pieces))
        if self._ring is not None:
            self._ring.has_told()
        if (urgent or len(self._queue) >= _ENOUGH) and not self._full:
            self._write_now()
        if not self._queue or self._scheduled or self._stalled:
            return
        self._scheduled = True
        if threading.get_ident() == self._loop_thread:
            self._loop.call_soon(self.flush)
        else:
            self._loop.call_soon_threadsafe(self.flush)

    def open_ring(self) -> Callable[[bytes], bool]:
        put = super().open_ring()
        return lambda frame: not self._queue and put(frame)

    def _write_now(self) -> None:
        """Write what the socket takes, with the turn."""
        queue = self._queue
        self._size = sum(map(len, queue))
        try:
            if len(queue) == 1:
                done = os.write(self._fd, queue[0])
            elif self._size < len(queue) * _wire.SMALL:
                done = os.write(self._fd, b"".join(queue))
            else:
                done = os.writev(self._fd, queue[: _wire.MAX_PIECES])
        except BlockingIOError:
            done = 0
        except OSError as error:
            _wire.give_up(f"fd {self._fd}: write: {error}")
            return
        self._size -= done
        self._queue = _wire.behind(queue, done) if self._size else []
        self._full = self._size > 0

    def flush(self) -> None:
        """Write what the socket takes now, and the rest when it takes more. Called by the loop."""
        self.run(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._queue:
            self._write_now()
        if self._size and not self._stalled:
            self._stalled = True
            self._loop.add_writer(self._fd, self.flush)
        elif not self._size and self._stalled:
            self._stalled = False
            self._loop.remove_writer(self._fd)
        if self._size > _HIGH_WATER:
            self._room.clear()
        else:
            self._room.set()

    async def drain(self) -> None:
        """Wait until the parent has taken enough of what was sent."""
        if self._size > _HIGH_WATER:
            self.flush()
            await self._room.wait()


class AsyncRunner:
    """Runs the predictions of an async predictor."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._predictor = worker.predictor
        self._method = worker.method(None)
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._data = LoopChannel(_wire.DATA, worker.guard, self._loop)
        self._reader = _wire.Reader(_wire.DATA)
        self._tmp: str = worker.init.get("tmp", "")
        self._running: Dict[int, Prediction] = {}  # by slot
        self._asked: Dict[int, int] = {}  # slot → highest seq that is to stop

    def setup(self) -> None:
        """Run the model's setup() on the loop that predictions run on. Raises what it raises."""
        run_setup(self._predictor, self._loop.run_until_complete)

    def read_control(self, reader: _wire.Reader) -> None:
        """Handle control messages: the control thread."""
        on_loop = self._loop.call_soon_threadsafe
        if self._predictor.healthcheck_async:
            check: Callable[[int], Any] = lambda number: on_loop(self._start_healthcheck, number)  # noqa: E731
        else:  # it would hold up the loop
            check = SyncHealthcheck(self._worker).check
        read_control(self._worker, reader, lambda slot, seq: on_loop(self._cancel, slot, seq), check)

    def serve(self) -> None:
        """Run the loop until the parent has no more. What escapes from a task ends the loop, not the worker."""
        self._loop.add_reader(_wire.DATA, self._read)
        while not self._worker.stopping:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                self._worker.leave_if_forked()
                self._blame(error)
        pending = [prediction.task for prediction in self._running.values()]
        if pending:
            self._loop.run_until_complete(asyncio.wait(pending))
        self._data.flush()

    def _blame(self, error: BaseException) -> None:
        """Fail the prediction in whose context something wanted to end the process."""
        prediction = _context_of(error)
        for running in self._running.values():
            if running is prediction and running.swallowed is None:
                running.swallowed = error
                running.task.cancel()
                return
        print_traceback(error)

    def _read(self) -> None:
        """Start what the parent has sent."""
        try:
            self._reader.fill()
            self._worker.restore_streams()
            found = self._reader.take()
            while found is not None:
                self._start(*found)
                found = self._reader.take()
        except BlockingIOError:
            return
        except _wire.Broken as error:
            if not self._worker.stopping:
                _wire.diagnose(f"data socket: {error}")
                os._exit(0)
            self._loop.remove_reader(_wire.DATA)
            self._loop.stop()

    def _start(self, header: _wire.Header, body: _wire.Body) -> None:
        if header.get("type") != "predict":
            self._worker.log("warn", f"unknown data message {header.get('type')!r}")
            return
        prediction = Prediction(self._data, self._worker.general, header, self._tmp)
        prediction.reached = self._asked.get(prediction.slot, 0) >= prediction.seq  # it ends with its first step then
        self._running[prediction.slot] = prediction
        token = current.set(prediction)  # the task copies the context
        task = self._loop.create_task(self._predict(prediction, body))
        current.reset(token)
        if prediction.active:  # the model may have asked for eager tasks
            prediction.task = task

    def _cancel(self, slot: int, seq: int) -> None:
        if self._asked.get(slot, 0) >= seq:
            return  # repeated: an async cancel cannot be lost
        self._asked[slot] = seq
        running = self._running.get(slot)
        if running is not None and running.seq == seq:
            running.reached = True
            # After the task's first step, which is in the loop's queue already: one that is canceled before never runs.
            self._loop.call_soon(running.task.cancel)

    async def _predict(self, prediction: Prediction, body: _wire.Body) -> None:
        """The task of one prediction, from its start to its last frame."""
        error: Optional[str] = None
        status, is_stream = "succeeded", False
        frames: List[bytes] = []
        method = self._method if prediction.method is None else self._worker.method(prediction.method)
        start = time.perf_counter_ns()
        try:
            if prediction.reached:
                raise asyncio.CancelledError
            kwargs = method.coercer(_inputs.parse(body), prediction.cleanups)
            start = time.perf_counter_ns()
            is_stream, frames = await self._call(prediction, method, kwargs)
        except BaseException as problem:
            self._worker.leave_if_forked(problem)
            frames = []
            status, error = self._judge(prediction, problem)
        took = time.perf_counter_ns() - start
        self._worker.leave_if_forked()
        if prediction.cleanups:
            _inputs.clean_up(prediction.cleanups)
        if status == "succeeded" and prediction.reached:
            status, frames = "canceled", []
        del self._running[prediction.slot]
        prediction.task = None  # whose context knows the prediction
        try:
            # nothing else to go along with when it was the last one
            self._data.send(frames + prediction.done(status, error, took, is_stream), urgent=not self._running)
        except _wire.TooLarge as large:
            self._data.send(prediction.done("failed", f"output: {large}", took, is_stream))

    def _judge(self, prediction: Prediction, problem: BaseException) -> Tuple[str, Optional[str]]:
        """Say how a prediction that raised has ended; decided by type, never by text."""
        if prediction.swallowed is not None:
            problem = prediction.swallowed
        elif prediction.reached or isinstance(problem, CancelationException):
            return "canceled", None
        if isinstance(problem, _inputs.InputError):
            return "failed", str(problem)
        if isinstance(problem, _encode.EncodeError):
            predictor = self._worker.method(prediction.method).predictor
            return "failed", f"{problem} (returned by {predictor.place})"
        print_traceback(problem)
        return "failed", describe(problem)

    async def _call(self, prediction: Prediction, method: Method, kwargs: Any) -> Tuple[bool, List[bytes]]:
        """Call user code; return whether its outputs are a list, and the frames that are not sent yet."""
        if method.wants_setup:
            result = begin_setup(method.predictor)
            if method.predictor.setup_async:
                await result
            method.wants_setup = False
        if method.predictor.kind == "sync":
            result = await self._in_thread(lambda: method.predictor.call(**kwargs))
        else:
            result = method.predictor.call(**kwargs)
        if hasattr(result, "__await__"):
            result = await result
        if type(result) in _encode.PLAIN:
            return False, prediction.output_plain(result)
        encoder = _encode.Encoder(prediction.dir)
        if hasattr(result, "__anext__"):
            await self._stream(prediction, encoder, result)
            return True, []
        if _encode.is_stream(result):
            for item in result:
                await self._send(prediction, encoder, item)
            return True, []
        items = encoder.encode_items(result)
        if items is not None:
            body, count, files = items
            return True, prediction.output(body, files, count)
        body, files = encoder.encode(result)
        return False, prediction.output(body, files)

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        """Run a sync method beside an async one, so that it does not hold up the loop. Returns when it has ended."""
        lock = threading.Lock()
        thread: List[int] = []  # where it runs now; guarded by lock
        canceled = False  # guarded by lock

        def run() -> Any:
            with lock:
                if canceled:
                    raise CancelationException("prediction was canceled")
                thread.append(threading.get_ident())
            try:
                return call()
            finally:
                with lock:
                    thread.clear()

        future = self._loop.run_in_executor(None, run)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            with lock:
                canceled = True
                if thread:
                    raise_in(thread[0])
                else:
                    future.cancel()  # it may wait for a thread for long
            return await future

    async def _stream(self, prediction: Prediction, encoder: _encode.Encoder, result: Any) -> None:
        try:
            async for item in result:
                await self._send(prediction, encoder, item)
        finally:
            close = getattr(result, "aclose", None)
            if close is not None:
                await close()

    async def _send(self, prediction: Prediction, encoder: _encode.Encoder, item: Any) -> None:
        prediction.send_item(encoder, item)
        await self._data.drain()

    def _start_healthcheck(self, number: int) -> None:
        self._health = self._loop.create_task(self._healthcheck(number))

    async def _ask(self) -> Any:
        return await self._predictor.healthcheck()

    async def _healthcheck(self, number: int) -> None:
        task = self._loop.create_task(self._ask())
        await asyncio.wait([task], timeout=LIMIT)
        if task.cancel():  # it has not ended; what it raises on its own, a TimeoutError too, is no time limit of ours
            answer(self._worker, number, TIMED_OUT)
            return
        error: Optional[str]
        try:
            error = judge(task.result())
        except BaseException as problem:
            error = f"Healthcheck failed: {describe(problem)}"
        answer(self._worker, number, error)


def _context_of(error: BaseException) -> Optional[Prediction]:
    """Return the prediction of the callback that raised out of the loop: the loop ran it in its context."""
    trace = error.__traceback__
    while trace is not None:
        owner = trace.tb_frame.f_locals.get("self")
        if isinstance(owner, asyncio.Handle):
            context: Any = owner._context  # type: ignore[attr-defined]
            found: Optional[Prediction] = context.get(current)
            return found
        trace = trace.tb_next
    return None
