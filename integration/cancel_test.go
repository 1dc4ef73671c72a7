package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// started runs a prediction in the background and waits until its code runs.
func (s *server) started(inputs ...any) string {
	s.t.Helper()
	id := s.run(inputs...)
	s.until("the prediction's print", func() bool {
		return strings.Contains(s.do("GET", "/predictions/"+id, "").str("logs"), "doing")
	})
	return id
}

func (s *server) cancel(id string) {
	s.t.Helper()
	if a := s.do("POST", "/predictions/"+id+"/cancel", ""); a.code != http.StatusOK || a.raw != "{}" {
		s.t.Fatalf("cancel: %d %s", a.code, a.raw)
	}
}

func TestCancelEndsWhatWaitsAtOnce(t *testing.T) {
	s := ready(t, "rogue", launch{})
	for _, do := range []string{"sleep", "socket_read", "lock", "swallow"} {
		t.Run(do, func(t *testing.T) {
			id := s.started("do", do, "seconds", 60)
			began := time.Now()
			s.cancel(id)
			a := s.await(id)
			if a.str("status") != "canceled" {
				t.Errorf("status: %s", a.raw)
			}
			// 200 ms is the promise; the bound leaves room for a machine that does other things too
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("it took %s", took)
			}
			s.succeeded(s.predict("do", "nothing"))
		})
	}
	if pids := s.workers(); len(pids) != 1 || strings.Contains(s.logs(), "restarts") {
		t.Error("a cancel that was heeded cost the worker its life")
	}
}

func TestIgnoredCancelCostsTheWorkerItsLife(t *testing.T) {
	for _, do := range []string{"stubborn", "c_call"} {
		t.Run(do, func(t *testing.T) {
			s := ready(t, "rogue", launch{flags: []string{"--cancel-grace", "500ms"}})
			pid := s.workers()[0]
			id := s.started("do", do, "seconds", 50)
			s.cancel(id)
			a := s.await(id)
			if a.str("status") != "canceled" {
				t.Errorf("status: %s", a.raw)
			}
			s.until("the worker's end", func() bool { return !alive(pid) })
			s.untilHealth("READY")
			s.succeeded(s.predict("do", "nothing"))
		})
	}
}

func TestCancelOfAsyncPredictions(t *testing.T) {
	s := ready(t, "async_rogue", launch{})
	id := s.run("do", "slow_cleanup", "seconds", 0.5)
	s.until("processing", func() bool { return s.do("GET", "/predictions/"+id, "").str("status") == "processing" })
	time.Sleep(50 * time.Millisecond) // for its first await: there is nothing to see of it
	s.cancel(id)
	if a := s.predict("do", "echo"); a.code != http.StatusConflict {
		t.Errorf("the slot was used before the cleanup had ended: %d %s", a.code, a.raw)
	}
	a := s.await(id)
	if a.str("status") != "canceled" || !strings.Contains(a.str("logs"), "cleaning up\nclean\n") {
		t.Errorf("slow cleanup: %s", a.raw)
	}
	id = s.run("do", "swallow")
	time.Sleep(50 * time.Millisecond)
	s.cancel(id)
	if a := s.await(id); a.str("status") != "canceled" {
		t.Errorf("swallowed: %s", a.raw)
	}
	s.succeeded(s.predict("do", "echo"))
}

func TestStuckCancelBesideFifteenNeighbours(t *testing.T) {
	s := ready(t, "async_rogue", launch{
		env: []string{"COG_MAX_CONCURRENCY=16"}, flags: []string{"--cancel-grace", "300ms"},
	})
	var neighbours []string
	for n := range 15 {
		neighbours = append(neighbours, s.run("do", "echo", "seconds", 2, "tag", fmt.Sprint(n)))
	}
	stuck := s.run("do", "stubborn")
	time.Sleep(100 * time.Millisecond)
	s.cancel(stuck)
	if a := s.await(stuck); a.str("status") != "canceled" {
		t.Errorf("stuck one: %s", a.raw)
	}
	if a := s.predict("do", "echo"); a.code == http.StatusOK {
		t.Errorf("a worker that is to be killed took a prediction: %s", a.raw)
	}
	for n, id := range neighbours {
		if out := s.succeeded(s.await(id)); out != fmt.Sprint(n) {
			t.Errorf("neighbour %d: %v", n, out)
		}
	}
	s.untilHealth("READY")
	s.succeeded(s.predict("do", "echo"))
}

func TestCancelNeverHitsTheNextPrediction(t *testing.T) {
	s := ready(t, "rogue", launch{flags: []string{"--queue", "4"}})
	canceled := 0
	for n := range 150 {
		id := s.run("do", "sleep", "seconds", 0.004)
		time.Sleep(time.Duration(rand.IntN(8000)) * time.Microsecond) // the cancel comes before, in or after it
		var wg sync.WaitGroup
		var next answer
		wg.Go(func() { s.cancel(id) })
		wg.Go(func() { next = s.predict("do", "sleep", "seconds", 0.002) })
		wg.Wait()
		if next.str("status") != "succeeded" {
			t.Fatalf("round %d: the next prediction is %s", n, next.raw)
		}
		if s.await(id).str("status") == "canceled" {
			canceled++
		}
	}
	if canceled == 0 || canceled == 150 {
		t.Logf("%d of 150 were canceled: the race was one-sided", canceled)
	}
}

const busyLoop = `
import asyncio, time
class Predictor:
    async def predict(self, block: float, seconds: float = 0.0) -> str:
        print("blocking", flush=True)
        time.sleep(block)
        await asyncio.sleep(seconds)
        return "done"
`

// A task that is canceled before its first step never runs, and so it never said that it had ended: the cancel seemed to be
// ignored, and cost the worker its life.
func TestCancelThatComesBeforeItsTaskBegins(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, busyLoop), env: []string{"COG_MAX_CONCURRENCY=2"}})
	first := s.run("block", 1)
	s.until("the loop is blocked", func() bool { return strings.Contains(s.do("GET", "/predictions/"+first, "").str("logs"), "blocking") })
	second := s.run("block", 0, "seconds", 60)
	s.cancel(second) // both wait for the loop now
	if a := s.await(second); a.str("status") != "canceled" || a.str("logs") != "" {
		t.Errorf("canceled before it began: %s", a.raw)
	}
	s.succeeded(s.await(first))
	if strings.Contains(s.logs(), "stopping its worker") {
		t.Error("the cancel was not heeded")
	}
}

// A cancel that comes as early as a client can send it is heeded, and is a cancel: however far its prediction has got.
func TestCancelAtOnceOfEveryKindOfModel(t *testing.T) {
	for name, inputs := range map[string][]any{
		"rogue": {"do", "sleep", "seconds", 60}, "async_rogue": {"do", "echo", "seconds", 60}, "contract": {"do", "tokens", "n", 1000, "seconds", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := ready(t, name, launch{})
			for n := range 40 {
				id := s.run(inputs...)
				s.cancel(id)
				if a := s.await(id); a.str("status") != "canceled" || a.body["error"] != nil {
					t.Fatalf("round %d: %s", n, a.raw)
				}
			}
			if strings.Contains(s.logs(), "stopping its worker") {
				t.Error("a cancel was not heeded")
			}
		})
	}
}

func TestTimeLimitIsACancelThatFails(t *testing.T) {
	s := ready(t, "rogue", launch{flags: []string{"--predict-timeout", "300ms"}})
	s.failed(s.predict("do", "sleep", "seconds", 60), "timeout after 300ms")
	s.succeeded(s.predict("do", "nothing"))
}

func TestCancelWhileQueued(t *testing.T) {
	s := ready(t, "rogue", launch{flags: []string{"--queue", "1"}})
	first := s.started("do", "sleep", "seconds", 60)
	second := s.run("do", "nothing")
	if a := s.predict("do", "nothing"); a.code != http.StatusConflict {
		t.Errorf("third: %d %s", a.code, a.raw)
	}
	s.cancel(second)
	if a := s.await(second); a.str("status") != "canceled" {
		t.Errorf("queued one: %s", a.raw)
	}
	s.cancel(first)
	s.await(first)
	s.succeeded(s.predict("do", "nothing"))
}

func TestClientThatGoesAwayFreesItsSlot(t *testing.T) {
	s := ready(t, "rogue", launch{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		s.until("BUSY", func() bool { return s.health().str("status") == "BUSY" })
		cancel()
	}()
	if _, err := s.request(ctx, "POST", "/predictions", inputBody("do", "sleep", "seconds", 60)); err == nil {
		t.Fatal("the request was answered")
	}
	s.untilHealth("READY")
	s.succeeded(s.predict("do", "nothing"))
}

func TestFiveThousandRequestsOneAfterAnother(t *testing.T) {
	s := ready(t, "rogue", launch{})
	for n := range 5000 {
		if a := s.predict("do", "nothing"); a.code != http.StatusOK {
			t.Fatalf("request %d: %d %s", n, a.code, a.raw)
		}
	}
}

func TestSlotsAreFreeAfterStress(t *testing.T) {
	s := ready(t, "rogue", launch{flags: []string{"--workers", "2", "--cancel-grace", "300ms", "--queue", "8"}})
	var wg sync.WaitGroup
	for c := range 6 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(7, uint64(c)))
			for range 25 {
				switch rng.IntN(6) {
				case 0:
					s.predict("do", "nothing")
				case 1:
					s.predict("do", "sys_exit")
				case 2: // a client that goes away
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rng.IntN(20))*time.Millisecond)
					_, _ = s.request(ctx, "POST", "/predictions", inputBody("do", "sleep", "seconds", 5))
					cancel()
				case 3: // a cancel
					a := s.do("POST", "/predictions", inputBody("do", "sleep", "seconds", 5), "Prefer", "respond-async")
					if a.code == http.StatusAccepted {
						s.cancel(a.str("id"))
					}
				case 4:
					s.predict("do", "sleep", "seconds", 0.005)
				case 5:
					s.predict()
				}
			}
		})
	}
	wg.Go(func() { // and one death
		if pids := s.workers(); len(pids) > 0 {
			_ = syscall.Kill(pids[0], syscall.SIGKILL)
		}
	})
	wg.Wait()
	s.untilHealth("READY")
	s.until("two workers", func() bool { return len(s.workers()) == 2 })
	ids := []string{}
	s.until("both slots at once", func() bool {
		ids = ids[:0]
		for range 2 {
			a := s.do("POST", "/predictions", inputBody("do", "sleep", "seconds", 0.3), "Prefer", "respond-async")
			if a.code == http.StatusAccepted {
				ids = append(ids, a.str("id"))
			}
		}
		busy := s.health().str("status") == "BUSY"
		for _, id := range ids {
			s.await(id)
		}
		return busy && len(ids) == 2
	})
	s.until("no prediction's folder is left", func() bool { return len(s.predictionFolders()) == 0 })
}
