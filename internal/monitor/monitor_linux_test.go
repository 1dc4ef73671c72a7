package monitor

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMonitorIsTheFirstThread finds the monitor by what it does: it sleeps thousands of times a second while one goroutine
// works and all others wait.
func TestMonitorIsTheFirstThread(t *testing.T) {
	want, err := thread()
	if err != nil {
		t.Fatal(err)
	}
	before := sleeps(t)
	for until := time.Now().Add(300 * time.Millisecond); time.Now().Before(until); {
	}
	busiest, most := 0, 0
	for tid, n := range sleeps(t) {
		if n -= before[tid]; n > most {
			busiest, most = tid, n
		}
	}
	if busiest != want {
		t.Errorf("thread %d slept most, %d times; the first one is %d", busiest, most, want)
	}
}

var voluntary = regexp.MustCompile(`(?m)^voluntary_ctxt_switches:\s+(\d+)$`)

// sleeps is how often each thread has slept.
func sleeps(t *testing.T) map[int]int {
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[int]int)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		n, err1 := strconv.Atoi(string(voluntary.FindSubmatch(text)[1]))
		tid, err2 := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		all[tid] = n
	}
	return all
}

func TestMonitorIsCalmed(t *testing.T) {
	if err := Calm(); err != nil {
		t.Fatal(err)
	}
	tid, err := thread()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(tid), "timerslack_ns"))
	if err != nil || strings.TrimSpace(string(got)) != slack {
		t.Errorf("%q, %v", got, err)
	}
}
