package orchestrator

import (
	"context"
	"errors"
	"sync"
	"time"
)

// State is what the pool can do at this moment, without the model's own healthcheck.
type State string

// The states, named as in /health-check.
const (
	StateStarting    State = "STARTING"
	StateReady       State = "READY"
	StateBusy        State = "BUSY"
	StateSetupFailed State = "SETUP_FAILED"
	StateDefunct     State = "DEFUNCT"
)

// State returns the pool's state and, for the last two, the reason.
func (p *Pool) State() (State, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state()
}

// state needs mu. It is a pure function of the workers' states and the permits.
func (p *Pool) state() (State, string) {
	var ready, coming bool
	reason := ""
	for _, w := range p.workers {
		switch w.state {
		case workerReady:
			ready = true
		case workerStarting, workerRestarting:
			coming = true
		case workerSetupFailed:
			return StateSetupFailed, w.reason
		case workerGivenUp:
			reason = w.reason
		}
	}
	switch {
	case ready && len(p.free) > 0:
		return StateReady, ""
	case ready:
		return StateBusy, ""
	case coming || reason == "":
		return StateStarting, ""
	}
	return StateDefunct, reason
}

// Closing reports whether Drain or Stop was called.
func (p *Pool) Closing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing
}

// Slots returns how many predictions can run at once and how many more could start now.
func (p *Pool) Slots() (total, free int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.workers {
		if w.inst != nil && w.inst.accepting {
			total += len(w.inst.slots)
		}
	}
	return total, len(p.free)
}

// healthcheckWait is how long the model may take to answer, as in Cog.
const healthcheckWait = 5 * time.Second

var errNoAnswer = errors.New("Healthcheck failed: user-defined healthcheck timed out after 5.0 seconds") //nolint:staticcheck // Cog's text, shown to clients

// Healthcheck asks the model's own healthcheck() in every ready worker and returns the first complaint. A model
// without one is not asked: nil at once.
func (p *Pool) Healthcheck(ctx context.Context) error {
	p.mu.Lock()
	var asked []*instance
	for _, w := range p.workers {
		if w.state == workerReady && w.inst != nil && w.inst.model.Healthcheck {
			asked = append(asked, w.inst)
		}
	}
	p.mu.Unlock()
	results := make(chan error, len(asked)) // one each, so that nobody waits for us
	for _, i := range asked {
		call := i.health.ask(i)
		go func() { results <- call.wait(ctx) }()
	}
	var first error
	for range asked {
		if err := <-results; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// healthcalls lets all who ask at the same time share one question to the worker.
type healthcalls struct {
	mu   sync.Mutex
	id   uint64
	open *healthcall // the question without an answer; nil = none
}

type healthcall struct {
	id       uint64
	deadline time.Time
	answered chan struct{}
	err      error // read after answered is closed
}

// ask joins the open question, or asks one.
func (h *healthcalls) ask(i *instance) *healthcall {
	h.mu.Lock()
	call := h.open
	if call != nil && time.Now().Before(call.deadline) {
		h.mu.Unlock()
		return call
	}
	h.id++
	call = &healthcall{id: h.id, deadline: time.Now().Add(healthcheckWait), answered: make(chan struct{})}
	h.open = call
	h.mu.Unlock()
	i.sendHealthcheck(call.id)
	return call
}

// answer settles the question with this id; one that nobody waits for any more is dropped.
func (h *healthcalls) answer(id uint64, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open != nil && h.open.id == id {
		h.open.err = err
		close(h.open.answered)
		h.open = nil
	}
}

// abandon settles an open question when the worker has ended.
func (h *healthcalls) abandon(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open != nil {
		h.open.err = err
		close(h.open.answered)
		h.open = nil
	}
}

func (c *healthcall) wait(ctx context.Context) error {
	timer := time.NewTimer(time.Until(c.deadline))
	defer timer.Stop()
	select {
	case <-c.answered:
		return c.err
	case <-timer.C:
		return errNoAnswer
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
