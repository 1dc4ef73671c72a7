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

const mainThread = `
import contextvars, signal, sqlite3, threading
from concurrent.futures import ThreadPoolExecutor
from cog import BasePredictor, current_scope
class Predictor(BasePredictor):
    def setup(self):
        self.local = threading.local()
        self.local.value = "kept"
        self.db = sqlite3.connect(":memory:")
        self.var = contextvars.ContextVar("v")
        self.var.set("kept too")
        self.pool = ThreadPoolExecutor(1)
        self.pool.submit(int).result()
    def predict(self, tag: str) -> str:
        assert threading.current_thread() is threading.main_thread()
        signal.signal(signal.SIGUSR2, lambda *_: None)
        self.db.execute("select 1").fetchone()
        def work():
            print("thread", tag)
            current_scope().record_metric("by_thread", tag)
        thread = threading.Thread(target=work)
        thread.start(); thread.join()
        self.pool.submit(print, "pool", tag).result()
        return self.local.value + " " + self.var.get()
`

func TestSetupAndPredictShareTheMainThread(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, mainThread)})
	for _, tag := range []string{"a", "b"} {
		a := s.predict("tag", tag)
		if out := s.succeeded(a); out != "kept kept too" {
			t.Errorf("output: %v", out)
		}
		if a.str("logs") != "thread "+tag+"\npool "+tag+"\n" || !strings.Contains(a.raw, `"by_thread":"`+tag+`"`) {
			t.Errorf("what threads print and record: %s", a.raw)
		}
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
