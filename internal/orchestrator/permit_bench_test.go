package orchestrator

import (
	"errors"
	"log/slog"
	"testing"
)

// openPool is a pool whose slots belong to no process.
func openPool(slots, queue int) *Pool {
	p := New(Config{Workers: 1, Queue: queue, Log: slog.New(slog.DiscardHandler)})
	i := &instance{pool: p, worker: p.workers[0]}
	for n := range slots {
		i.slots = append(i.slots, &slot{inst: i, num: n})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workers[0].state = workerReady
	p.open(i)
	return p
}

// giveBack is what the end of a run does with its permit.
func giveBack(p *Pool, r *Run) (next *Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.active, r)
	return p.release(r.slot)
}

func BenchmarkPermit(b *testing.B) {
	p := openPool(16, 0)
	b.ReportAllocs()
	for b.Loop() {
		r, err := p.Submit(Job{})
		if err != nil {
			b.Fatal(err)
		}
		giveBack(p, r)
	}
}

// BenchmarkPermitContended has more goroutines than slots: some are refused.
func BenchmarkPermitContended(b *testing.B) {
	p := openPool(16, 0)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := p.Submit(Job{})
			if errors.Is(err, ErrAtCapacity) {
				continue
			}
			if err != nil {
				b.Error(err)
				return
			}
			giveBack(p, r)
		}
	})
}

// BenchmarkPermitQueued hands each permit to the next of a full queue.
func BenchmarkPermitQueued(b *testing.B) {
	p := openPool(1, 64)
	running, err := p.Submit(Job{})
	if err != nil {
		b.Fatal(err)
	}
	for range 64 {
		if _, err := p.Submit(Job{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if running = giveBack(p, running); running == nil {
			b.Fatal("nobody was waiting")
		}
		if _, err := p.Submit(Job{}); err != nil {
			b.Fatal(err)
		}
	}
}
