package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	"coglet/bench/load"
	"coglet/bench/proc"
)

// drive sends a load from a process of its own. Answers that are wrong are an error.
func (s *session) drive(ctx context.Context, job load.Job) (r load.Result, err error) {
	job.Addr, job.Path = s.server.addr, s.server.path
	if job.Connections == 0 {
		job.Connections = 1
	}
	raw, err := json.Marshal(job)
	if err != nil {
		return r, err
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, s.self, "drive", string(raw))
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return r, fmt.Errorf("driver: %w: %s", err, &stderr)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, err
	}
	s.compared += r.Accepted + r.Wrong
	s.wrong += r.Wrong
	if r.Wrong > 0 {
		return r, fmt.Errorf("%d wrong answers of %d, such as: %s", r.Wrong, r.Wrong+r.Accepted, r.Why)
	}
	return r, nil
}

// driveWarm is drive after a short load that nobody counts, and what the server's processes spent on it.
func (s *session) driveWarm(ctx context.Context, job load.Job) (r load.Result, cpu spent, err error) {
	warm := job
	warm.Duration = job.Duration / 5
	if _, err := s.drive(ctx, warm); err != nil {
		return r, cpu, err
	}
	pids := proc.Tree(s.server.cmd.Process.Pid)
	parent, workers := proc.CPU(pids[:1]...), proc.CPU(pids[1:]...)
	r, err = s.drive(ctx, job)
	cpu.parent = proc.CPU(pids[:1]...) - parent
	cpu.workers = proc.CPU(pids[1:]...) - workers
	return r, cpu, err
}

// spent is CPU time of the first process of a server, and of the others.
type spent struct{ parent, workers time.Duration }

func (c spent) record(s *session, predictions int) {
	if predictions == 0 {
		return
	}
	n := float64(predictions)
	s.record(allCPU, micros(c.parent+c.workers)/n)
	switch s.peer.name {
	case ours, rust, floorName, directName: // of the others, the first process is not the one that serves
		s.record(parentCPU, micros(c.parent)/n)
		s.record(workerCPU, micros(c.workers)/n)
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
