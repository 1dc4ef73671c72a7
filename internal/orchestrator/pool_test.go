package orchestrator

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"weak"

	"coglet/internal/prediction"
)

func TestPredictionsOfEveryKind(t *testing.T) {
	r := start(t, nil)
	for _, tc := range []struct {
		do              string
		n               int
		text            string
		status          prediction.Status
		out, fail, logs string
	}{
		{"echo", 0, "hé", prediction.Succeeded, `"hé"`, "", ""},
		{"fail", 0, "no luck", prediction.Failed, "", "no luck", ""},
		{"panic", 0, "", prediction.Failed, "", "panic: on purpose", "goroutine"},
		{"print", 0, "words\n", prediction.Succeeded, "null", "", "words\n"},
		{"yield", 3, "", prediction.Succeeded, "[0,1,2]", "", ""},
		{"yield", 1, "", prediction.Succeeded, "[0]", "", ""},
		{"file", 0, "abc", prediction.Succeeded, `{"nested":["data:text/plain;base64,YWJj"]}`, "", ""},
		{"unknown type", 0, "", prediction.Succeeded, `"known"`, "", ""},
	} {
		s := r.predict(tc.do, tc.n, tc.text)
		if s.Status != tc.status || output(s) != tc.out || s.Error != tc.fail || !strings.Contains(s.Logs, tc.logs) {
			t.Errorf("%s: %s, output %s, error %q, logs %q", tc.do, s.Status, output(s), s.Error, s.Logs)
		}
	}
	if s := r.predict("metric", 4, ""); !strings.Contains(string(s.Metrics), `"a":{"b":4}`) {
		t.Errorf("metrics: %s", s.Metrics)
	}
	if s := r.predict("big", 10<<20, ""); len(output(s)) != 10<<20+2 {
		t.Errorf("big output: %d bytes", len(output(s)))
	}
	r.wants(r.predict("big", 65<<20, ""), prediction.Failed, "output is over --max-output")
	r.works()
}

func TestAPredictionsFolderIsRemovedWhetherItHasFilesOrNot(t *testing.T) {
	r := start(t, nil)
	for _, do := range []string{"file", "scratch"} {
		if s := r.predict(do, 0, "abc"); s.Status != prediction.Succeeded {
			t.Errorf("%s: %s %s", do, s.Status, s.Error)
		}
		if left, err := filepath.Glob(filepath.Join(r.root, "*", "*")); err != nil || len(left) > 0 {
			t.Errorf("after %s: %v, %v", do, left, err)
		}
	}
}

// What has read a prediction's files waits for the next ones without a hold on it.
func TestAPredictionWithFilesIsForgotten(t *testing.T) {
	r := start(t, nil)
	p, run := r.must("file", 0, "abc")
	r.ended(p)
	left := weak.Make(run)
	r.until("the end of the run", func() bool {
		run = nil
		runtime.GC()
		return left.Value() == nil
	})
}

func TestGoWorkerIsIsolated(t *testing.T) {
	r := start(t, nil)
	s := r.predict("child", 0, "ls /proc/self/fd; readlink /proc/self/fd/0; cat; echo done")
	for _, fd := range []string{"99", "100", "101", "102", "103", "104"} {
		if strings.Contains("\n"+s.Logs, "\n"+fd+"\n") {
			t.Errorf("a child has fd %s:\n%s", fd, s.Logs)
		}
	}
	if !strings.HasSuffix(s.Logs, "/dev/null\ndone\n") {
		t.Errorf("logs: %s", s.Logs)
	}
	r.works()
}

func TestBrokenWorkersAreReplaced(t *testing.T) {
	for _, tc := range []struct {
		do   string
		n    int
		want string
	}{
		{"exit", 3, "worker died: exit status 3"},
		{"kill", int(syscall.SIGKILL), "worker died: signal killed"},
		{"close data", 0, "worker stopped: it closed its data socket"},
		{"garbage data", 0, "data socket: malformed frame"},
		{"garbage control", 0, "control channel: malformed frame"},
		{"wrong seq", 0, "impossible frame: done for seq 1099511627776"},
		{"wrong slot", 0, "impossible frame: output for slot 77"},
		{"wrong status", 0, `impossible frame: done with status "odd"`},
		{"second ready", 0, "impossible frame: second ready"},
		{"fatal", 0, "fatal: "},
	} {
		t.Run(tc.do, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			if s := r.predict(tc.do, tc.n, ""); s.Status != prediction.Failed || !strings.Contains(s.Error, tc.want) {
				t.Errorf("%s %q, want %q", s.Status, s.Error, tc.want)
			}
			r.works()
		})
	}
}

func TestSetupsThatFail(t *testing.T) {
	for how, want := range map[string]string{
		"die": "worker died before it was ready: exit status 7", "fail": "no weights",
		"hang": "setup timed out after 500ms", "silent": "setup timed out after 500ms",
		"version": "worker speaks protocol version 99",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) { c.SetupTimeout = 500 * time.Millisecond }, "WORKER_SETUP="+how)
			r.Start()
			r.await(StateSetupFailed)
			if _, reason := r.State(); !strings.Contains(reason, want) {
				t.Errorf("reason %q, want %q", reason, want)
			}
			result, ok := r.Setup()
			if !ok || !result.Failed || !strings.Contains(strings.Join(result.Logs(), ""), want) {
				t.Errorf("setup result: %+v", result)
			}
			var notReady *NotReadyError
			if _, _, err := r.submit("echo", 0, ""); !errors.As(err, &notReady) || notReady.State != StateSetupFailed {
				t.Errorf("submit: %v", err)
			}
		})
	}
}

func TestWorkerThatCannotBeStarted(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Command = func() *exec.Cmd { return exec.Command("/nonexistent/python") } })
	r.Start()
	r.await(StateSetupFailed)
	if _, reason := r.State(); !strings.Contains(reason, "/nonexistent/python") {
		t.Errorf("reason: %q", reason)
	}
}

func TestCrashLoopIsGivenUp(t *testing.T) {
	r := start(t, nil)
	for n := range maxDeaths {
		r.predict("exit", n+1, "")
		if n < maxDeaths-1 {
			r.await(StateReady)
		}
	}
	r.await(StateDefunct)
	var notReady *NotReadyError
	if _, _, err := r.submit("echo", 0, ""); !errors.As(err, &notReady) || notReady.State != StateDefunct {
		t.Errorf("submit: %v", err)
	}
}

func TestDeathsLongAgoDoNotCount(t *testing.T) {
	var mu sync.Mutex
	now := time.Now()
	r := start(t, func(c *Config) {
		c.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
	})
	for range 2 * maxDeaths {
		r.predict("exit", 1, "")
		r.await(StateReady)
		mu.Lock()
		now = now.Add(deathWindow / 3)
		mu.Unlock()
	}
	r.works()
}

func TestQueueHoldsAFewAndCapacityIsTold(t *testing.T) {
	r := start(t, func(c *Config) { c.Queue = 1 })
	first, run := r.must("sleep", 60_000, "")
	queued, _ := r.must("echo", 0, "queued")
	if _, _, err := r.submit("echo", 0, ""); !errors.Is(err, ErrAtCapacity) {
		t.Errorf("third: %v", err)
	}
	if state, _ := r.State(); state != StateBusy {
		t.Errorf("state %s", state)
	}
	run.Cancel(prediction.ErrCanceled)
	r.wants(r.ended(first), prediction.Canceled, "")
	if s := r.ended(queued); output(s) != `"queued"` {
		t.Errorf("queued: %s %q", s.Status, s.Error)
	}
}

func TestIgnoredCancelSparesTheNeighbours(t *testing.T) {
	r := start(t, nil, "WORKER_SLOTS=4")
	neighbour, _ := r.must("sleep", 1000, "")
	stuck, run := r.must("ignore cancel", 60_000, "")
	run.Cancel(prediction.ErrCanceled)
	r.wants(r.ended(stuck), prediction.Canceled, "")
	if _, _, err := r.submit("echo", 0, ""); !errors.Is(err, ErrAtCapacity) {
		t.Errorf("a worker that is to be killed took a prediction: %v", err)
	}
	r.wants(r.ended(neighbour), prediction.Succeeded, "")
	r.works()
}

func TestNeighboursOfAnIgnoredCancelHaveATimeLimit(t *testing.T) {
	r := start(t, func(c *Config) { c.QuarantineTime = 300 * time.Millisecond }, "WORKER_SLOTS=2")
	neighbour, _ := r.must("sleep", 60_000, "")
	_, run := r.must("ignore cancel", 60_000, "")
	run.Cancel(prediction.ErrCanceled)
	r.wants(r.ended(neighbour), prediction.Failed, "worker stopped: another prediction ignored its cancel")
	r.works()
}

func TestTimeLimitFails(t *testing.T) {
	r := start(t, func(c *Config) { c.PredictTimeout = 100 * time.Millisecond })
	r.wants(r.predict("sleep", 60_000, ""), prediction.Failed, "timeout after 100ms")
	r.works()
}

func TestOneOfTwoWorkersDies(t *testing.T) {
	r := start(t, func(c *Config) { c.Workers = 2 })
	r.until("two slots", func() bool { total, _ := r.Slots(); return total == 2 })
	long, _ := r.must("sleep", 500, "")
	r.wants(r.predict("exit", 2, ""), prediction.Failed, "worker died: exit status 2")
	r.wants(r.ended(long), prediction.Succeeded, "")
	r.until("two slots again", func() bool { total, free := r.Slots(); return total == 2 && free == 2 })
}

func TestOneOfTwoWorkersIsGivenUp(t *testing.T) {
	r := start(t, func(c *Config) { c.Workers = 2 })
	r.until("two slots", func() bool { total, _ := r.Slots(); return total == 2 })
	for range maxDeaths { // the longer one keeps its worker, so that all deaths are the other's
		long, run := r.must("sleep", 60_000, "")
		r.predict("exit", 2, "")
		run.Cancel(prediction.ErrCanceled)
		r.ended(long)
		r.until("a slot", func() bool { _, free := r.Slots(); return free > 0 })
		if strings.Contains(r.log.String(), "worker given up") {
			break
		}
		r.until("both or given up", func() bool {
			total, _ := r.Slots()
			return total == 2 || strings.Contains(r.log.String(), "worker given up")
		})
	}
	r.works()
}

func TestGrandchildThatHoldsThePipesHoldsNothingUp(t *testing.T) {
	r := start(t, nil)
	r.predict("grandchild", 30, "")
	r.wants(r.predict("kill", int(syscall.SIGKILL), ""), prediction.Failed, "worker died: signal killed")
	r.works()
}

func TestDrainWaitsAndRefuses(t *testing.T) {
	r := start(t, nil)
	p, _ := r.must("sleep", 300, "")
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(context.Background()) }()
	r.until("closing", r.Closing)
	if _, _, err := r.submit("echo", 0, ""); !errors.Is(err, ErrShuttingDown) {
		t.Errorf("submit: %v", err)
	}
	if err := <-drained; err != nil || p.Status() != prediction.Succeeded {
		t.Errorf("drained with %v while the prediction is %s", err, p.Status())
	}
}

func TestStopFailsWhatRunsAndWhatWaits(t *testing.T) {
	r := start(t, func(c *Config) { c.Queue = 4 })
	p, _ := r.must("sleep", 60_000, "")
	queued, _ := r.must("echo", 0, "")
	r.Stop(0)
	r.wants(r.ended(p), prediction.Failed, "worker stopped: server is shutting down")
	r.wants(r.ended(queued), prediction.Failed, "server is shutting down")
}

func TestPermitsSurviveStress(t *testing.T) {
	r := start(t, func(c *Config) {
		c.Workers, c.Queue, c.CancelGrace = 2, 8, 50*time.Millisecond
	}, "WORKER_SLOTS=3")
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range 40 {
				do := []string{"echo", "sleep", "fail", "yield", "ignore cancel", "file", "print"}[(g+n)%7]
				if g == 0 && n%20 == 19 {
					do = "exit"
				}
				p, run, err := r.submit(do, 3, "text")
				if err != nil {
					continue
				}
				if n%3 == 0 {
					run.Cancel(prediction.ErrCanceled)
				}
				<-p.Done()
			}
		})
	}
	wg.Wait()
	r.until("all slots free", func() bool { total, free := r.Slots(); return total == 6 && free == 6 })
}
