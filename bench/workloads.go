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
	syncScene    = scene{model: echoModel, slots: 1, workers: 1}
	asyncScene   = scene{model: asyncModel, async: true, slots: 16, workers: 1, queue: 64}
	workersScene = scene{model: echoModel, slots: 1, workers: 2, queue: 64}
	fileScene    = scene{model: fileModel, slots: 1, workers: 1}
	itemsScene   = scene{model: itemsModel, slots: 1, workers: 1}
	alone        = scene{} // the workload starts servers itself
)

// The workloads, in the order of the report. Those of a scene run in this order, so memory comes first.
var workloads = []workload{
	{name: "idle sync", scene: syncScene, run: idle},
	{name: "echo sync 1", scene: syncScene, run: echo(1)},
	{name: "webhook sync", scene: syncScene, run: hooks(1), who: peer.cog},
	{name: "string 1 MB", scene: syncScene, run: large(load.Text, 1_000_000)},
	{name: "string 10 MB", scene: syncScene, run: large(load.Text, 10_000_000)},
	{name: "idle async", scene: asyncScene, run: idle},
	{name: "echo async 1", scene: asyncScene, run: echo(1)},
	{name: "echo async 16", scene: asyncScene, run: echo(16)},
	{name: "echo async 64", scene: asyncScene, run: echo(64)},
	{name: "webhook async 16", scene: asyncScene, run: hooks(16), who: peer.cog},
	{name: "echo workers 16", scene: workersScene, run: echo(16)},
	{name: "echo workers 64", scene: workersScene, run: echo(64)},
	{name: "file 64 KB", scene: fileScene, run: large(load.File, 64<<10)},
	{name: "file 10 MB", scene: fileScene, run: large(load.File, 10<<20)},
	{name: "yields 1,000", scene: itemsScene, run: large(load.Items, 1000), who: peer.collects},
	{name: "yields 10,000", scene: itemsScene, run: large(load.Items, 10_000), who: peer.collects},
	{name: "events 1,000", scene: itemsScene, run: large(load.Events, 1000), who: peer.streams},
	{name: "events 10,000", scene: itemsScene, run: large(load.Events, 10_000), who: peer.streams},
	{name: "yields 16,000", scene: itemsScene, run: large(load.Items, 16_000), who: peer.cog},
	{name: "yields 16,000 with webhook", scene: itemsScene, run: large(load.ItemsHook, 16_000), who: peer.cog},
	{name: "lines 10,000", scene: itemsScene, run: large(load.Lines, 10_000), who: peer.cog},
	{name: "first event", scene: alone, run: firstEvent, who: peer.cog},
	{name: "upload 100 MB", scene: alone, run: upload, who: peer.ours},
	{name: "noise in setup", scene: alone, run: noise, who: peer.cog},
	{name: "health while C holds the GIL", scene: alone, run: gil, who: peer.cog, once: true},
	{name: "cold start", scene: alone, run: cold},
	{name: "soak sync", scene: alone, run: soak(syncScene, 1), who: peer.ours, once: true},
	{name: "soak async", scene: alone, run: soak(asyncScene, 16), who: peer.ours, once: true},
}

// cog says whether the peer has Cog's API.
func (p peer) cog() bool { return p.name == ours || p.name == rust }

func (p peer) ours() bool { return p.name == ours }

// collects says whether the peer can gather what a generator yields into one answer.
func (p peer) collects() bool { return p.cog() || p.name == fastapiName || p.floor() }

// streams says whether the peer can send what a generator yields as events.
func (p peer) streams() bool { return !p.floor() }

func (p peer) floor() bool { return p.name == floorName || p.name == directName }

// echo sends short strings over so many connections.
func echo(connections int) func(context.Context, *session) error {
	return rated(load.Job{Kind: load.Echo, Connections: connections})
}

// hooks sends short strings over so many connections, and waits for each one's webhook.
func hooks(connections int) func(context.Context, *session) error {
	return rated(load.Job{Kind: load.Hook, Connections: connections})
}

// rated measures how many small predictions are taken.
func rated(job load.Job) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		job.Duration = s.load
		r, cpu, err := s.driveWarm(ctx, job)
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

// large measures how long a large prediction takes.
func large(kind string, size int) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		r, _, err := s.driveWarm(ctx, load.Job{Kind: kind, Size: size, Duration: s.load / 2})
		if r.Accepted > 0 {
			s.record(p50, millis(r.P50))
		}
		return err
	}
}
