package integration

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
)

const generator = `
import time
from cog import BasePredictor, ConcatenateIterator, CancelationException
class Predictor(BasePredictor):
    def predict(self, n: int, fail: bool = False, forever: bool = False) -> ConcatenateIterator[str]:
        try:
            for i in range(n):
                yield f"t{i}"
            if fail:
                raise ValueError("mid-stream")
            while forever:
                print("waiting")
                time.sleep(60)
        except CancelationException:
            print("cleaning up")
            raise
        finally:
            print("closed")
`

func TestGenerators(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, generator)})
	if out := s.succeeded(s.predict("n", 3)); fmt.Sprint(out) != "[t0 t1 t2]" {
		t.Errorf("output: %v", out)
	}
	if out := s.succeeded(s.predict("n", 0)); fmt.Sprint(out) != "[]" {
		t.Errorf("no items: %v", out)
	}
	a := s.predict("n", 2, "fail", true)
	s.failed(a, "ValueError: mid-stream")
	if fmt.Sprint(a.body["output"]) != "[t0 t1]" || !strings.Contains(a.str("logs"), "Traceback") || a.str("error") != "ValueError: mid-stream" {
		t.Errorf("failed midway: %s", a.raw)
	}
	id := s.run("n", 2, "forever", true)
	s.until("its items and its wait", func() bool {
		a := s.do("GET", "/predictions/"+id, "")
		return fmt.Sprint(a.body["output"]) == "[t0 t1]" && strings.Contains(a.str("logs"), "waiting")
	})
	s.cancel(id)
	a = s.await(id)
	if a.str("status") != "canceled" || fmt.Sprint(a.body["output"]) != "[t0 t1]" || !strings.HasSuffix(a.str("logs"), "cleaning up\nclosed\n") {
		t.Errorf("canceled: %s", a.raw)
	}
	if out := s.succeeded(s.predict("n", 10_000)).([]any); len(out) != 10_000 || out[9_999] != "t9999" {
		t.Errorf("%d items", len(out))
	}
}

const asyncGenerator = `
import asyncio, contextvars
from typing import AsyncIterator
from cog import BasePredictor
class Predictor(BasePredictor):
    async def setup(self):
        self.loop = asyncio.get_running_loop()
        self.event = asyncio.Event()
    async def predict(self, n: int, wait: bool = False) -> AsyncIterator[str]:
        assert asyncio.get_running_loop() is self.loop
        try:
            for i in range(n):
                yield f"t{i}"
                await asyncio.sleep(0)
            if wait:
                await self.event.wait()
        finally:
            print("closed")
    async def healthcheck(self):
        await asyncio.sleep(0)
        return True
`

func TestAsyncGeneratorsStreamAsTheyYield(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, asyncGenerator), env: []string{"COG_MAX_CONCURRENCY=4"}})
	id := s.run("n", 3, "wait", true)
	s.until("its items while it runs", func() bool {
		a := s.do("GET", "/predictions/"+id, "")
		return a.str("status") == "processing" && fmt.Sprint(a.body["output"]) == "[t0 t1 t2]"
	})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if out := s.succeeded(s.predict("n", 2000)).([]any); len(out) != 2000 {
				t.Errorf("%d items", len(out))
			}
		})
	}
	wg.Wait()
	s.cancel(id)
	if a := s.await(id); a.str("status") != "canceled" || a.str("logs") != "closed\n" {
		t.Errorf("canceled: %s", a.raw)
	}
	if a := s.health(); a.str("status") != "READY" {
		t.Errorf("health: %s", a.raw)
	}
}

const decorated = `
import asyncio, functools
from cog import BasePredictor, Input
def decorate(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        return f(*args, **kwargs)
    return inner
class Predictor(BasePredictor):
    @decorate
    @decorate
    async def predict(self, n: int = Input(default=3, ge=1)) -> list:
        await asyncio.sleep(0)
        return [n]
`

// W3: what stands over predict() hides neither that it is async, nor its inputs, nor their defaults.
func TestDecoratedAsyncPredictors(t *testing.T) {
	generator := strings.ReplaceAll(decorated, "return [n]", "yield n")
	for name, source := range map[string]string{
		"coroutine": decorated, "generator": generator,
		"coroutine, no wraps": strings.ReplaceAll(decorated, "@functools.wraps(f)", ""),
		"generator, no wraps": strings.ReplaceAll(generator, "@functools.wraps(f)", ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ready(t, "", launch{dir: model(t, source), env: []string{"COG_MAX_CONCURRENCY=2"}}) // sync ones refuse that
			if out := s.succeeded(s.predict()); fmt.Sprint(out) != "[3]" {
				t.Errorf("default: %v", out)
			}
			if out := s.succeeded(s.predict("n", 5.0)); fmt.Sprint(out) != "[5]" {
				t.Errorf("output: %v", out)
			}
			if a := s.predict("n", 0); a.code != http.StatusUnprocessableEntity {
				t.Errorf("%d %s", a.code, a.raw)
			}
		})
	}
}

const keepsState = `
import contextvars, os, signal, sqlite3, threading
from concurrent.futures import ThreadPoolExecutor
from cog import BasePredictor, current_scope
var = contextvars.ContextVar("v")
class Predictor(BasePredictor):
    async def setup(self):
        self.local = threading.local()
        self.local.value = "kept"
        self.db = sqlite3.connect(":memory:")
        var.set("kept too")
        self.signals = []
        signal.signal(signal.SIGUSR2, lambda number, _: self.signals.append(number))
        self.pool = ThreadPoolExecutor(1)
        self.pool.submit(int).result()
    async def predict(self, tag: str) -> str:
        assert threading.current_thread() is threading.main_thread()
        self.db.execute("select 1").fetchone()
        os.kill(os.getpid(), signal.SIGUSR2)
        def work():
            print("thread", tag)
            current_scope().record_metric("by_thread", tag)
        thread = threading.Thread(target=work)
        thread.start(); thread.join()
        self.pool.submit(print, "pool", tag).result()
        return f"{self.local.value} {var.get()} {len(self.signals)}"
`

// A thread-local, a signal handler, a sqlite connection and a ContextVar of setup() work in predict(), whichever of the
// two is async.
func TestSetupAndPredictShareTheMainThread(t *testing.T) {
	for name, not := range map[string]string{"async": "", "sync setup": "async def setup", "sync predict": "async def predict", "sync": "async def"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := keepsState
			if not != "" {
				source = strings.ReplaceAll(source, not, strings.TrimPrefix(not, "async "))
			}
			s := ready(t, "", launch{dir: model(t, source)})
			for n, tag := range []string{"a", "b"} {
				a := s.predict("tag", tag)
				if out, want := s.succeeded(a), fmt.Sprintf("kept kept too %d", n+1); out != want {
					t.Errorf("output: %v, want %s", out, want)
				}
				if a.str("logs") != "thread "+tag+"\npool "+tag+"\n" || !strings.Contains(a.raw, `"by_thread":"`+tag+`"`) {
					t.Errorf("what threads print and record: %s", a.raw)
				}
			}
		})
	}
}

const forks = `
import os, sys
from typing import Any
from cog import BasePredictor
class Predictor(BasePredictor):
    async def predict(self, how: str) -> Any:
        pid = os.fork()
        if not pid:
            print("child", "of", how)
            if how == "return":
                return "from the child"
            if how == "raise":
                raise ValueError("in the child")
            sys.exit(eval(how))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
`

// A child that comes back to the harness ends there, as it would at the end of a program.
func TestForkedChildrenEndAsProgramsDo(t *testing.T) {
	for name, source := range map[string]string{"async": forks, "sync": strings.ReplaceAll(forks, "async def", "def")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ready(t, "", launch{dir: model(t, source)})
			for _, tc := range []struct {
				how, logs string
				code      float64
			}{
				{"return", "", 0},
				{"raise", "ValueError: in the child\n", 1},
				{"3", "", 3},
				{"None", "", 0},
				{"'gave up'", "gave up\n", 1},
			} {
				a := s.predict("how", tc.how)
				if out := s.succeeded(a); out != tc.code {
					t.Errorf("%s: exit status %v, want %v", tc.how, out, tc.code)
				}
				// its two streams are two pipes: which of their lines comes first is not known
				if logs := a.str("logs"); !strings.Contains(logs, "child of "+tc.how+"\n") || !strings.Contains(logs, tc.logs) || ours.MatchString(logs) {
					t.Errorf("%s: logs %q", tc.how, logs)
				}
			}
		})
	}
}

const swallowing = `
import time
from cog import BasePredictor
class Trap:
    def __del__(self):
        print("in del")
        time.sleep(30)
class Predictor(BasePredictor):
    def predict(self, how: str) -> str:
        print("doing")
        if how == "del":
            trap = Trap()
            del trap
            time.sleep(30)
        if how == "handler":
            import signal
            signal.signal(signal.SIGRTMIN + 6, signal.SIG_IGN)
        if how == "stdout":
            import io, sys
            sys.stdout = io.StringIO()
        return how
`

func TestCancelThatAFinalizerSwallowsIsRaisedAgain(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, swallowing)})
	id := s.run("how", "del")
	s.until("the finalizer", func() bool {
		return strings.Contains(s.do("GET", "/predictions/"+id, "").str("logs"), "in del")
	})
	pid := s.workers()[0]
	s.cancel(id)
	if a := s.await(id); a.str("status") != "canceled" {
		t.Errorf("%s", a.raw)
	}
	s.succeeded(s.predict("how", "nothing"))
	if s.workers()[0] != pid {
		t.Error("it cost the worker its life")
	}
}

func TestWhatUserCodeReplacesIsNoticed(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, swallowing)})
	s.succeeded(s.predict("how", "stdout"))
	if a := s.predict("how", "x"); a.str("logs") != "doing\n" {
		t.Errorf("logs after sys.stdout was replaced: %q", a.str("logs"))
	}
	s.succeeded(s.predict("how", "handler"))
	s.succeeded(s.predict("how", "x"))
	for _, want := range []string{"sys.stdout or sys.stderr was replaced", "has replaced the handler of signal"} {
		s.until(want, func() bool { return strings.Contains(s.logs(), want) })
	}
}

func TestSyncModelWithSeveralSlotsIsRefused(t *testing.T) {
	s := start(t, "rogue", launch{env: []string{"COG_MAX_CONCURRENCY=2"}})
	s.untilHealth("SETUP_FAILED")
	if !strings.Contains(s.setupLogs(), "COG_MAX_CONCURRENCY > 1 requires an async run() or predict() method") {
		t.Errorf("setup.logs: %s", s.setupLogs())
	}
}

func TestSchemaFileWinsAndContextArrives(t *testing.T) {
	dir := model(t, "from cog import BasePredictor, current_scope\nclass Predictor(BasePredictor):\n"+
		"    def predict(self, s: str) -> str:\n        return s + str(current_scope().context)\n")
	if err := os.MkdirAll(dir+"/.cog", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/.cog", map[string]string{"openapi_schema.json": `{"openapi":"3.0.2","info":{"title":"mine"},"components":` +
		`{"schemas":{"Input":{"type":"object","properties":{"s":{"type":"string","maxLength":2}}}}}}`})
	s := ready(t, "", launch{dir: dir})
	if a := s.do("GET", "/openapi.json", ""); !strings.Contains(a.raw, `"title":"mine"`) {
		t.Errorf("/openapi.json: %s", a.raw)
	}
	if a := s.predict("s", "abc"); a.code != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", a.code, a.raw)
	}
	a := s.do("POST", "/predictions", `{"context":{"k":"v"},"input":{"s":"a","unknown":1}}`)
	if out := s.succeeded(a); out != "a{'k': 'v'}" {
		t.Errorf("output: %v", out)
	}
}
