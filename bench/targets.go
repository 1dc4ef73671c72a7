package main

import (
	"fmt"
	"strings"
)

// target is what coglet must reach. It is one of two: so many times better than a peer in the same row, or at most
// factor × a value of coglet's own, plus so much.
type target struct {
	row    row
	peer   string
	times  float64
	other  row
	factor float64
	plus   float64
}

// The targets, with the rows that show them.
var targets = []target{
	better("echo sync 1", rate, rust, 3.5),
	better("echo sync 1", rate, mosecName, 1),
	better("echo sync 1", rate, floorName, 0.85),
	better("echo sync 1", p99, rust, 2),
	better("echo async 16", rate, rust, 13),
	better("echo async 16", rate, fastapiName, 3),
	better("echo async 16", rate, floorName, 0.8),
	better("echo async 1", rate, rust, 6),
	better("echo async 1", rate, fastapiName, 0.9),
	better("echo workers 16", rate, mosecName, 1),
	better("string 1 MB", p50, rust, 2.5),
	better("string 1 MB", p50, mosecName, 1.3),
	better("string 1 MB", p50, fastapiName, 1.3),
	better("string 10 MB", p50, rust, 2.5),
	better("string 10 MB", p50, mosecName, 1.3),
	better("string 10 MB", p50, fastapiName, 1.3),
	better("file 64 KB", p50, rust, 2.2),
	atMost("health while C holds the GIL", slowest, 10),
	within("yields 16,000 with webhook", p50, row{"yields 16,000", p50}, 1.2, 0),
	better("yields 10,000", p50, rust, 12),
	better("lines 10,000", p50, rust, 1),
	better("webhook sync", rate, rust, 15),
	better("webhook async 16", rate, rust, 25),
	better("noise in setup", readyTime, rust, 4),
	better("cold start", readyTime, rust, 1/0.4),
	within("cold start", readyTime, row{"cold start", bareTime}, 1, 60),
	better("idle sync", memory, rust, 1/0.45),
	better("idle async", memory, rust, 1/0.45),
	within("upload 100 MB", uploadTime, row{"upload 100 MB", curlTime}, 1.2, 0),
	atMost("first event", afterYield, 1),
	// A few more of something is not growth: Go's heap and Python's arenas need not stand still at a number.
	flat("soak sync", 0, 3), flat("soak sync", 1, 1), flat("soak sync", 2, 3), flat("soak sync", 3, 0), flat("soak sync", 4, 2),
	flat("soak async", 0, 3), flat("soak async", 1, 1), flat("soak async", 2, 3), flat("soak async", 3, 0), flat("soak async", 4, 2),
}

func better(workload, metric, peer string, times float64) target {
	return target{row: row{workload, metric}, peer: peer, times: times}
}

func within(workload, metric string, other row, factor, plus float64) target {
	return target{row: row{workload, metric}, other: other, factor: factor, plus: plus}
}

func atMost(workload, metric string, limit float64) target {
	return target{row: row{workload, metric}, plus: limit}
}

// flat allows the thing that a soak measures to be so many more at its end.
func flat(workload string, thing int, more float64) target {
	return within(workload, grows[thing]+late, row{workload, grows[thing] + early}, 1, more)
}

func (t target) String() string {
	switch {
	case t.peer != "":
		return fmt.Sprintf("at least %.3g × as good as %s", t.times, t.peer)
	case t.factor == 0:
		return fmt.Sprintf("at most %g", t.plus)
	case t.plus == 0:
		return fmt.Sprintf("at most %g × %s", t.factor, t.name())
	}
	return fmt.Sprintf("at most %s + %g", t.name(), t.plus)
}

// name of the other row, as short as it is clear.
func (t target) name() string {
	if t.other.workload == t.row.workload {
		return t.other.metric
	}
	return t.other.workload
}

// judge says what was measured, and whether that is enough; measured is false if something is missing.
func (t target) judge(r *results) (is string, met, measured bool) {
	if t.peer != "" {
		times, ok := r.times(t.row, t.peer)
		least, most := r.spread(t.row, t.peer)
		return fmt.Sprintf("%.2f × (%.2f to %.2f)", times, least, most), times >= t.times, ok
	}
	value, ok := r.median(t.row, ours)
	limit := t.plus
	if t.factor != 0 {
		other, there := r.median(t.other, ours)
		limit += t.factor * other
		ok = ok && there
	}
	return fmt.Sprintf("%s of %s", number(value), number(limit)), value <= limit, ok
}

// judgement is a table of all targets whose rows were measured, and counts those that are met.
func (b *bench) judgement(text *strings.Builder) {
	met, measured := 0, 0
	var lines strings.Builder
	for _, t := range targets {
		is, ok, there := t.judge(&b.results)
		if !there {
			continue
		}
		measured++
		verdict := "NO"
		if ok {
			met++
			verdict = "yes"
		}
		fmt.Fprintf(&lines, "| %s | %s | %s | %s | %s |\n", t.row.workload, t.row.metric, t, is, verdict)
	}
	fmt.Fprintf(text, "\n## Targets: %d of %d met, %d not measured\n\n| workload | | target | is | met |\n|---|---|---|---:|---|\n%s",
		met, measured, len(targets)-measured, &lines)
}
