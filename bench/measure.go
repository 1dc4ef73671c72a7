package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// key names one number: what was measured of whom.
type key struct{ workload, peer string }

// bench collects the numbers of all rounds.
type bench struct {
	options
	work    string
	results map[key][]float64
}

func (b *bench) record(workload, peer string, value float64) {
	k := key{workload, peer}
	b.results[k] = append(b.results[k], value)
}

// The workloads, in the order of the report.
const (
	echoSync    = "echo, sync, 1 connection: accepted/s"
	echoP99     = "echo, sync, 1 connection: p99 ms"
	echoRefused = "echo, sync, 1 connection: refused %"
	echoAsync   = "echo, async, 16 slots, 16 connections: accepted/s"
	coldStart   = "cold start to ready, ms"
	idleMemory  = "idle memory of the whole tree (PSS), MB"
)

const bare = "python3 -c pass"

const warmUp = time.Second

func (b *bench) measurePeer(ctx context.Context, p peer) error {
	fmt.Printf("measuring %s\n", p.name)
	if b.only != "contract" {
		if err := b.measureEcho(ctx, p); err != nil {
			return err
		}
	}
	if b.only != "echo" && p.cog {
		return b.measureContract(ctx, p)
	}
	return nil
}

func (b *bench) measureEcho(ctx context.Context, p peer) error {
	if err := b.measureSync(ctx, p); err != nil {
		return err
	}
	if !p.cog {
		return nil
	}
	r, err := b.start(ctx, p, "echo_async", 16)
	if err != nil {
		return err
	}
	defer r.stop()
	if _, err := load(ctx, r.addr, p.path, 16, warmUp); err != nil {
		return err
	}
	t, err := load(ctx, r.addr, p.path, 16, b.load)
	if err != nil {
		return err
	}
	b.record(echoAsync, p.name, float64(t.accepted)/t.seconds)
	return wrongAnswers(t)
}

func (b *bench) measureSync(ctx context.Context, p peer) error {
	r, err := b.start(ctx, p, "echo", 1)
	if err != nil {
		return err
	}
	defer r.stop()
	b.record(coldStart, p.name, float64(r.start.Microseconds())/1000)
	time.Sleep(warmUp) // what start-up left to do in the background
	mb, err := pss(r.cmd.Process.Pid)
	if err != nil {
		return err
	}
	b.record(idleMemory, p.name, mb)
	if _, err := load(ctx, r.addr, p.path, 1, warmUp); err != nil {
		return err
	}
	t, err := load(ctx, r.addr, p.path, 1, b.load)
	if err != nil {
		return err
	}
	b.record(echoSync, p.name, float64(t.accepted)/t.seconds)
	b.record(echoP99, p.name, float64(t.latency.ValueAtQuantile(99))/1000)
	b.record(echoRefused, p.name, 100*float64(t.refused)/float64(max(1, t.accepted+t.refused)))
	return wrongAnswers(t)
}

func wrongAnswers(t *tally) error {
	if t.wrong > 0 {
		return fmt.Errorf("%d wrong answers", t.wrong)
	}
	return nil
}

// measureBare times an interpreter that does nothing: the floor of every cold start.
func (b *bench) measureBare(ctx context.Context) error {
	for range 5 {
		began := time.Now()
		if err := exec.CommandContext(ctx, b.python, "-c", "pass").Run(); err != nil {
			return err
		}
		b.record(coldStart, bare, float64(time.Since(began).Microseconds())/1000)
	}
	return nil
}
