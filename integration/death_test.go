package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestDeathsFailThePredictionAndTheNextOneWorks(t *testing.T) {
	s := ready(t, "rogue", launch{})
	for _, tc := range []struct{ do, want string }{
		{"exit_code", "worker died: exit status 3"},
		{"segfault", "worker died: signal segmentation fault"},
		{"abort", "worker died: signal aborted"},
	} {
		t.Run(tc.do, func(t *testing.T) {
			s := ready(t, "rogue", launch{})
			s.succeeded(s.predict("do", "raw_stderr"))
			a := s.predict("do", tc.do)
			s.failed(a, tc.want)
			if !strings.Contains(a.str("logs"), "doing "+tc.do+"\n") {
				t.Errorf("logs of the failed prediction: %q", a.str("logs"))
			}
			if strings.Contains(a.str("error"), "of the first one") {
				t.Errorf("what an earlier one wrote is quoted: %q", a.str("error"))
			}
			if tc.do == "segfault" && (!strings.Contains(a.str("logs"), "predict.py\", line") || strings.Contains(a.str("error"), "File")) {
				t.Errorf("the crash's place belongs to the logs, not to the error: %s", a.raw)
			}
			s.untilHealth("READY")
			s.succeeded(s.predict("do", "nothing"))
		})
	}
	for _, tc := range []struct{ do, want string }{
		{"sys_exit", "SystemExit: 3"},
		{"memory", "MemoryError"},
		{"cycle", "output[0]: refers to itself"},
	} {
		a := s.predict("do", tc.do)
		s.failed(a, tc.want)
		s.succeeded(s.predict("do", "nothing")) // in the same worker, at once
	}
}

func TestKilledWorkerIsReplaced(t *testing.T) {
	s := ready(t, "rogue", launch{})
	id := s.run("do", "sleep", "seconds", 60)
	s.until("the prediction's print", func() bool {
		return strings.Contains(s.do("GET", "/predictions/"+id, "").str("logs"), "doing sleep")
	})
	pid := s.workers()[0]
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	a := s.await(id)
	s.failed(a, "worker died: signal killed")
	if !strings.Contains(a.str("logs"), "doing sleep") {
		t.Errorf("logs were lost: %s", a.raw)
	}
	s.untilHealth("READY")
	if pids := s.workers(); len(pids) != 1 || pids[0] == pid {
		t.Errorf("workers after the replacement: %v, killed was %d", pids, pid)
	}
	s.succeeded(s.predict("do", "nothing"))
}

func TestGarbageCostsTheWorkerAndNothingElse(t *testing.T) {
	for _, tc := range []struct{ do, want string }{
		{"garbage_data", "worker stopped: data socket: malformed frame"},
		{"close_all", "worker stopped"},
		{"second_done", "impossible frame: done for seq"},
		{"wrong_slot", "impossible frame: metric for slot 7"},
		{"second_ready", "impossible frame: second ready"},
		{"half_frame", "incomplete frame"},
	} {
		t.Run(tc.do, func(t *testing.T) {
			t.Parallel()
			s := ready(t, "rogue", launch{})
			a := s.predict("do", tc.do)
			if a.str("status") != "failed" || !strings.Contains(a.str("error"), tc.want) &&
				(tc.do != "close_all" || !strings.Contains(a.str("error"), "worker died")) {
				t.Fatalf("got %s, want failed with %q", a.raw, tc.want)
			}
			s.untilHealth("READY")
			s.succeeded(s.predict("do", "nothing"))
		})
	}
}

func TestGarbageOnControlCostsTheWorker(t *testing.T) {
	s := ready(t, "rogue", launch{})
	before := s.workers()[0]
	s.predict("do", "garbage_control") // it may have ended already, or not
	s.until("a new worker", func() bool {
		pids := s.workers()
		return len(pids) == 1 && pids[0] != before
	})
	s.untilHealth("READY")
	s.succeeded(s.predict("do", "nothing"))
}

func TestUnknownMessageIsSkipped(t *testing.T) {
	s := ready(t, "rogue", launch{})
	s.succeeded(s.predict("do", "unknown_type"))
	s.until("the unknown type in the log", func() bool { return strings.Contains(s.logs(), "invented_later") })
}

func TestCrashLoopEndsDefunct(t *testing.T) {
	s := ready(t, "setups", launch{env: []string{"SETUP=loop", "MARKER=" + filepath.Join(t.TempDir(), "marker")}})
	s.failed(s.predict("do", "die"), "worker died: exit status 1")
	s.untilHealth("DEFUNCT")
	a := s.predict()
	if a.code != 503 || !strings.Contains(a.str("error"), "exit status 9") {
		t.Errorf("prediction on a defunct server: %d %s", a.code, a.raw)
	}
	if a := s.do("GET", "/livez", ""); a.code != 503 {
		t.Errorf("/livez: %d %s", a.code, a.raw)
	}
}

func TestSetupThatDoesNotSucceed(t *testing.T) {
	for _, tc := range []struct {
		how   string
		flags []string
		want  []string // in setup.logs
	}{
		{"fail", nil, []string{"Traceback", "ValueError: no weights"}},
		{"exit", nil, []string{"SystemExit: gave up"}},
		{"die", nil, []string{"worker died before it was ready: exit status 7"}},
		{"hang", []string{"--setup-timeout", "2s"}, []string{"setup timed out after 2s"}},
	} {
		t.Run(tc.how, func(t *testing.T) {
			t.Parallel()
			s := start(t, "setups", launch{env: []string{"SETUP=" + tc.how}, flags: tc.flags})
			s.until("a worker", func() bool { return len(s.workers()) > 0 || s.health().str("status") == "SETUP_FAILED" })
			pids := s.workers()
			s.untilHealth("SETUP_FAILED")
			logs := s.setupLogs()
			for _, want := range append(tc.want, "setting up: "+tc.how+"\n", "child of setup\n") {
				if !strings.Contains(logs, want) {
					t.Errorf("%q is not in setup.logs:\n%s", want, logs)
				}
			}
			for _, pid := range pids {
				if groupAlive(t, pid) {
					t.Errorf("process group %d of the failed worker is alive", pid)
				}
			}
			a := s.predict()
			if a.code != 503 || !strings.Contains(a.str("error"), "Setup failed") {
				t.Errorf("prediction after a failed setup: %d %s", a.code, a.raw)
			}
		})
	}
}

func TestKilledParentTakesItsWorkersAlong(t *testing.T) {
	for _, do := range []string{"sleep", "c_call", "stubborn"} {
		t.Run(do, func(t *testing.T) {
			s := ready(t, "rogue", launch{})
			id := s.run("do", do, "seconds", 50)
			s.until("the prediction's print", func() bool {
				return strings.Contains(s.do("GET", "/predictions/"+id, "").str("logs"), "doing")
			})
			pid := s.workers()[0]
			if err := s.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-s.ended
			deadline := time.Now().Add(2 * time.Second)
			for groupAlive(t, pid) {
				if time.Now().After(deadline) {
					endProcess(t, -pid)
					t.Fatal("the worker's group is alive 2 s after its parent was killed")
				}
				time.Sleep(5 * time.Millisecond)
			}
			left := s.leftovers()
			if len(left) == 0 {
				t.Error("a killed server should have left its temp folder for the next start to find")
			}
			next := start(t, "rogue", launch{env: []string{"TMPDIR=" + s.tmp}})
			next.tmp = s.tmp
			next.untilHealth("READY")
			if now := next.leftovers(); len(now) != 1 || now[0] == left[0] {
				t.Errorf("temp folders after the next start: %v, left were %v", now, left)
			}
		})
	}
}

func TestSignalsEndIdleBusyAndStartingServers(t *testing.T) {
	for _, tc := range []struct {
		name    string
		signals int
		prepare func(s *server)
		env     string
		flags   []string
	}{
		{"idle", 1, func(s *server) { s.untilHealth("READY") }, "SETUP=ok", nil},
		{"busy", 1, func(s *server) { s.untilHealth("READY"); s.run("do", "stubborn", "seconds", 60) }, "", []string{"--shutdown-grace", "1s"}},
		{"busy twice", 2, func(s *server) { s.untilHealth("READY"); s.run("do", "stubborn", "seconds", 60) }, "", nil},
		{"in setup", 1, func(s *server) {}, "SETUP=hang", nil},
		{"in setup twice", 2, func(s *server) {}, "SETUP=hang", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			name := "rogue"
			if tc.env != "" {
				name = "setups"
			}
			s := start(t, name, launch{env: []string{tc.env}, flags: tc.flags})
			s.until("a worker", func() bool { return len(s.workers()) > 0 })
			pid := s.workers()[0]
			tc.prepare(s)
			for n := range tc.signals {
				if n > 0 {
					s.until("the first signal's effect", func() bool { return strings.Contains(s.logs(), "shutting down") })
				}
				if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case <-s.ended:
			case <-time.After(20 * time.Second):
				t.Fatalf("the server has not ended\n%s", s.logs())
			}
			if s.err != nil {
				t.Errorf("exit: %v", s.err)
			}
			if groupAlive(t, pid) {
				t.Error("a process of the worker is alive")
			}
			if left := s.leftovers(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestRunningPredictionIsFinishedBeforeShutdown(t *testing.T) {
	s := ready(t, "rogue", launch{})
	var wg sync.WaitGroup
	var a answer
	wg.Go(func() { a = s.predict("do", "sleep", "seconds", 1) })
	s.until("BUSY", func() bool { return s.health().str("status") == "BUSY" })
	s.do("POST", "/shutdown", "")
	s.until("refusal", func() bool { return s.predict("do", "nothing").code == 503 })
	wg.Wait()
	s.succeeded(a)
	<-s.ended
}

func TestOneOfTwoWorkersDiesWhileTheOtherServes(t *testing.T) {
	s := ready(t, "rogue", launch{flags: []string{"--workers", "2"}})
	s.until("two workers", func() bool { return len(s.workers()) == 2 && strings.Count(s.logs(), `"worker ready"`) == 2 })
	long := s.run("do", "sleep", "seconds", 3)
	a := s.predict("do", "exit_code")
	s.failed(a, "exit status 3")
	for n := range 20 {
		if a := s.predict("do", "sleep", "seconds", 0.01); a.code != 409 && a.code != 503 {
			s.succeeded(a)
		} else if n == 19 {
			t.Log("all refused while one worker was busy and the other restarted")
		}
	}
	s.succeeded(s.await(long))
	s.until("two workers again", func() bool { return len(s.workers()) == 2 })
	s.untilHealth("READY")
}

func TestAsyncWorkerDeathFailsAllOfItsPredictions(t *testing.T) {
	s := ready(t, "async_rogue", launch{env: []string{"COG_MAX_CONCURRENCY=4"}})
	ids := []string{s.run("do", "echo", "seconds", 60), s.run("do", "echo", "seconds", 60)}
	s.failed(s.predict("do", "die"), "worker died: exit status 5")
	for _, id := range ids {
		s.failed(s.await(id), "worker died: exit status 5")
	}
	s.untilHealth("READY")
	if out := s.succeeded(s.predict("do", "echo", "tag", "x")); out != "x" {
		t.Errorf("output %v", out)
	}
}

func TestExitsInAsyncCodeFailOnlyTheirPrediction(t *testing.T) {
	s := ready(t, "async_rogue", launch{env: []string{"COG_MAX_CONCURRENCY=4"}})
	long := s.run("do", "echo", "seconds", 2, "tag", "survivor")
	for do, want := range map[string]string{
		"sys_exit": "SystemExit: 3", "keyboard": "KeyboardInterrupt", "exit_in_task": "SystemExit: 4",
		"says_cancelled": "ValueError: the order was cancelled by the shop",
	} {
		s.failed(s.predict("do", do), want)
	}
	if out := s.succeeded(s.await(long)); out != "survivor" {
		t.Errorf("neighbour's output: %v", out)
	}
}

func TestConcurrentLogsAndMetricsDoNotCross(t *testing.T) {
	s := ready(t, "async_rogue", launch{env: []string{"COG_MAX_CONCURRENCY=8"}})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			tag := fmt.Sprintf("tag%d", n)
			a := s.predict("do", "talk", "seconds", 0.005, "tag", tag)
			s.succeeded(a)
			var want strings.Builder
			for i := range 20 {
				fmt.Fprintf(&want, "%s:%d:%s\nthread %s\n", tag, i, tag, tag)
			}
			want.WriteString("partial " + tag)
			if a.str("logs") != want.String() {
				t.Errorf("logs of %s:\n%s", tag, a.str("logs"))
			}
			metrics, _ := a.body["metrics"].(map[string]any)
			mine, _ := metrics["m"].(map[string]any)
			if len(mine) != 1 || mine[tag] != 20.0 {
				t.Errorf("metrics of %s: %v", tag, metrics)
			}
		})
	}
	wg.Wait()
}
