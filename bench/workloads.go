package main

import (
	"context"

	"coglet/bench/load"
)

// Metrics. A rate is better the larger it is, everything else the smaller.
const (
	rate      = "accepted/s"
	refused   = "refused %"
	p50       = "p50 ms"
	p99       = "p99 ms"
	allCPU    = "CPU us/prediction"
	parentCPU = "parent CPU us/prediction"
	workerCPU = "workers CPU us/prediction"
)

// The servers that workloads share.
var (
	syncScene    = scene{model: "echo", slots: 1, workers: 1}
	asyncScene   = scene{model: "echo_async", async: true, slots: 16, workers: 1, queue: 64}
	workersScene = scene{model: "echo", slots: 1, workers: 2, queue: 64}
)

// The workloads, in the order of the report.
var workloads = []workload{
	{"echo sync 1", syncScene, echo(1)},
	{"echo async 1", asyncScene, echo(1)},
	{"echo async 16", asyncScene, echo(16)},
	{"echo async 64", asyncScene, echo(64)},
	{"echo workers 16", workersScene, echo(16)},
	{"echo workers 64", workersScene, echo(64)},
}

// echo sends short strings over so many connections.
func echo(connections int) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		r, cpu, err := s.driveWarm(ctx, load.Job{Kind: load.Echo, Connections: connections, Duration: s.load})
		if r.Seconds == 0 {
			return err
		}
		s.record(rate, r.Rate())
		s.record(p50, millis(r.P50))
		s.record(p99, millis(r.P99))
		s.record(refused, 100*float64(r.Refused)/float64(max(1, r.Accepted+r.Refused)))
		cpu.record(s, r.Accepted)
		return err
	}
}
