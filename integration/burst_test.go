package integration

import (
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

var burstLine = regexp.MustCompile(`<([a-z]+(?: \d+)?) (\d+)>`)

// checkBurst fails the test unless the first n lines of a name are there, each once, in order.
func checkBurst(t *testing.T, logs, name string, n int) {
	t.Helper()
	next := 0
	for _, m := range burstLine.FindAllStringSubmatch(logs, -1) {
		if m[1] != name {
			continue
		}
		if m[2] != strconv.Itoa(next) {
			t.Fatalf("<%s %s> where <%s %d> is expected", name, m[2], name, next)
		}
		next++
	}
	if next != n {
		t.Fatalf("%d of %d lines <%s ...>", next, n, name)
	}
}

func TestDeathInABurstLosesNoLine(t *testing.T) {
	checkDeaths(t, "burst", func(t *testing.T, a answer) { checkBurst(t, a.str("logs"), "line", 2000) })
}

// checkDeaths lets a model die in each way, and checks what its predictions have left, and the next one's.
func checkDeaths(t *testing.T, model string, check func(*testing.T, answer)) {
	for do, want := range map[string]string{
		"exit": "worker died: exit status 3", "segfault": "worker died: signal segmentation fault",
		"kill": "worker died: signal killed",
	} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			s := ready(t, model, launch{})
			for range 2 {
				a := s.predict("do", do)
				s.failed(a, want)
				check(t, a)
				s.untilHealth("READY")
			}
			a := s.predict("do", "nothing")
			s.succeeded(a)
			check(t, a)
		})
	}
}

func TestLinesBeforeASilenceAreSeen(t *testing.T) {
	checkSilence(t, "burst", func(a answer) bool { return strings.Contains(a.str("logs"), "<line 1999>\n") })
}

// checkSilence: what came right before C code took the interpreter for itself is seen while it has it.
func checkSilence(t *testing.T, model string, seen func(answer) bool) {
	s := ready(t, model, launch{})
	id := s.run("do", "silent")
	var a answer
	s.until("the last of the burst", func() bool {
		a = s.do("GET", "/predictions/"+id, "")
		return seen(a)
	})
	if a.str("status") != "processing" {
		t.Errorf("seen when it was %s", a.str("status"))
	}
}

func TestBurstsAndChildrenKeepTheirOrder(t *testing.T) {
	s := ready(t, "burst", launch{})
	checkBurstsAndChildren(t, s)
}

// Whoever waits for a processor that others keep comes late: nothing else may change by that.
func TestBurstsAndChildrenKeepTheirOrderOnABusyMachine(t *testing.T) {
	s := ready(t, "burst", launch{})
	spin(t, runtime.NumCPU())
	for range 5 {
		checkBurstsAndChildren(t, s)
	}
}

func checkBurstsAndChildren(t *testing.T, s *server) {
	t.Helper()
	a := s.predict("do", "children")
	s.succeeded(a)
	logs := a.str("logs")
	var wants []string
	for i := range 10 {
		wants = append(wants, fmt.Sprintf("<before %d 199>\nchild %d\n<after %d 0>\n", i, i, i), fmt.Sprintf("<after %d 199>\n", i))
		checkBurst(t, logs, fmt.Sprintf("before %d", i), 200)
		checkBurst(t, logs, fmt.Sprintf("after %d", i), 200)
	}
	inOrder(t, logs, wants...)
}

// spin keeps processors busy until the end of the test.
func spin(t *testing.T, processors int) {
	t.Helper()
	for range processors {
		cmd := exec.Command("sh", "-c", "while :; do :; done")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill() // it has not ended by itself
			_ = cmd.Wait()
		})
	}
}

func TestBurstsOfThreadsHandlersAndFinalizers(t *testing.T) {
	s := ready(t, "burst", launch{})
	a := s.predict("do", "threads")
	s.succeeded(a)
	for i := range 4 {
		checkBurst(t, a.str("logs"), fmt.Sprintf("thread %d", i), 2000)
	}
	for range 3 {
		a = s.predict("do", "handlers")
		s.succeeded(a)
		logs := a.str("logs")
		_, count, _ := strings.Cut(strings.TrimSpace(logs), "handlers ")
		handlers, err := strconv.Atoi(count)
		if err != nil || handlers < 3 {
			t.Fatalf("%q handlers ran, want some", count)
		}
		var finalizers []int
		for _, m := range burstLine.FindAllStringSubmatch(logs, -1) {
			if m[1] == "finalizer" {
				n, _ := strconv.Atoi(m[2])
				finalizers = append(finalizers, n)
			}
		}
		slices.Sort(finalizers)
		if len(finalizers) != 2000 || len(slices.Compact(finalizers)) != 2000 {
			t.Errorf("%d lines of 2000 finalizers", len(finalizers))
		}
		checkBurst(t, logs, "loop", 2000)
		checkHandlers(t, logs, handlers)
	}
}

// checkHandlers: a handler may interrupt a handler, so only that each line is there once is promised.
func checkHandlers(t *testing.T, logs string, n int) {
	t.Helper()
	for i := range n {
		if count := strings.Count(logs, fmt.Sprintf("<handler %d>", i)); count != 1 {
			t.Errorf("<handler %d> is there %d times", i, count)
		}
	}
}

func TestCancelsInABurst(t *testing.T) {
	s := ready(t, "burst", launch{flags: []string{"--max-logs", "100MiB"}})
	worker := s.workers()[0]
	for range 10 {
		id := s.run("do", "forever", "n", 100)
		s.until("it prints", func() bool {
			return strings.Contains(s.do("GET", "/predictions/"+id, "").str("logs"), "<forever 50>")
		})
		s.do("POST", "/predictions/"+id+"/cancel", "")
		a := s.await(id)
		if a.str("status") != "canceled" {
			t.Fatalf("%s", a.str("status"))
		}
		logs := a.str("logs")
		checkBurst(t, logs, "forever", strings.Count(logs, "<forever "))
		a = s.predict("do", "nothing", "n", 100)
		s.succeeded(a)
		checkBurst(t, a.str("logs"), "line", 100)
		if strings.Contains(a.str("logs"), "forever") {
			t.Fatal("lines of the canceled prediction are in the next one's logs")
		}
	}
	if now := s.workers()[0]; now != worker {
		t.Error("the worker was replaced")
	}
}

// Threads that still print when their prediction has ended harm nobody, and what they print is in the server's log.
func TestThreadsThatPrintPastTheEnd(t *testing.T) {
	s := ready(t, "burst", launch{})
	worker := s.workers()[0]
	for range 10 {
		s.succeeded(s.predict("do", "leave_threads", "n", 500))
	}
	for i := range 2 {
		s.until("all late lines", func() bool {
			return strings.Count(s.logs(), fmt.Sprintf("<late %d ", i)) == 10*500
		})
	}
	if now := s.workers()[0]; now != worker {
		t.Errorf("the worker was replaced\n%s", s.logs())
	}
}

func TestGarbageInTheRingCostsTheWorkerAndNothingElse(t *testing.T) {
	s := ready(t, "burst", launch{})
	a := s.predict("do", "garbage")
	s.failed(a, "worker stopped: ring: malformed frame")
	s.untilHealth("READY")
	s.succeeded(s.predict("do", "nothing"))
}

func TestBurstsOfCoroutinesGoToTheirOwnPredictions(t *testing.T) {
	s := ready(t, "burst_async", launch{})
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			for range 3 {
				a := s.predict("name", name)
				if a.str("status") != "succeeded" || strings.Count(a.str("logs"), "\n") != 2000 {
					t.Errorf("%s: %s, %d lines", name, a.str("status"), strings.Count(a.str("logs"), "\n"))
				}
				checkBurst(t, a.str("logs"), name, 2000)
			}
		})
	}
	wg.Wait()
}
