package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"coglet/bench/proc"
)

func TestTimesSaysHowMuchBetterOursIs(t *testing.T) {
	var r results
	for _, n := range []float64{10, 30, 20} {
		r.add("w", rate, ours, 2*n)
		r.add("w", rate, rust, n)
		r.add("w", p50, ours, n)
		r.add("w", p50, rust, 3*n)
	}
	if times, ok := r.times(row{"w", rate}, rust); !ok || times != 2 {
		t.Errorf("rate: %v %v", times, ok)
	}
	if times, ok := r.times(row{"w", p50}, rust); !ok || times != 3 {
		t.Errorf("time: %v %v", times, ok)
	}
	if _, ok := r.times(row{"w", p50}, mosecName); ok {
		t.Error("a peer that was not measured has a ratio")
	}
}

func TestTargetsAreJudged(t *testing.T) {
	var r results
	r.add("w", rate, ours, 350)
	r.add("w", rate, rust, 100)
	r.add("c", p50, ours, 100)
	r.add("c", p99, ours, 41)
	for _, tc := range []struct {
		target        target
		met, measured bool
	}{
		{better("w", rate, rust, 3.5), true, true},
		{better("w", rate, rust, 3.6), false, true},
		{better("w", rate, mosecName, 1), false, false},
		{within("c", p50, row{"c", p99}, 1, 60), true, true},
		{within("c", p50, row{"c", p99}, 1, 58), false, true},
		{within("c", p50, row{"c", rate}, 1, 60), false, false},
		{atMost("c", p50, 100), true, true},
		{atMost("c", p50, 99), false, true},
	} {
		is, met, measured := tc.target.judge(&r)
		if measured != tc.measured || (measured && met != tc.met) {
			t.Errorf("%v: %s, met %t, measured %t", tc.target, is, met, measured)
		}
	}
}

func TestEveryTargetIsOfAWorkload(t *testing.T) {
	known := func(name string) bool {
		return slices.ContainsFunc(workloads, func(w workload) bool { return w.name == name })
	}
	for _, target := range targets {
		if !known(target.row.workload) || (target.factor != 0 && !known(target.other.workload)) {
			t.Errorf("%v: no workload %q", target, target.row.workload)
		}
	}
}

func TestReportNamesWhatIsMissing(t *testing.T) {
	b := bench{options: options{out: filepath.Join(t.TempDir(), "made")}}
	b.results.add("echo sync 1", rate, ours, 350)
	b.results.add("echo sync 1", rate, rust, 100)
	b.note("%s is not there", mosecName)
	b.note("%s is not there", mosecName)
	if err := b.report(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(b.out)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(b.out + "/" + files[0].Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| echo sync 1 | accepted/s | 350 | 100 (3.50) |", "1 of 1 met", "* " + mosecName + " is not there\n"} {
		if strings.Count(string(text), want) != 1 {
			t.Errorf("not once %q in:\n%s", want, text)
		}
	}
}

func TestProcSeesChildrenAndTheirTime(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sh -c 'while :; do :; done' & echo $!; wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 16)); err != nil { // the child is there
		t.Fatal(err)
	}
	pids := proc.Tree(cmd.Process.Pid)
	defer func() {
		for _, pid := range pids {
			p, _ := os.FindProcess(pid)
			p.Kill()
		}
		_ = cmd.Wait()
	}()
	if len(pids) != 2 {
		t.Fatalf("processes: %v", pids)
	}
	for deadline := time.Now().Add(time.Minute); proc.CPU(pids[1]) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a busy process takes no time")
		}
	}
	mb, err := proc.PSS(pids...)
	threads, err2 := proc.Threads(pids...)
	fds, err3 := proc.FDs(pids...)
	if mb <= 0 || threads != 2 || fds < 2*3 || err != nil || err2 != nil || err3 != nil {
		t.Errorf("%v MB, %d threads, %d fds, %v %v %v", mb, threads, fds, err, err2, err3)
	}
}
