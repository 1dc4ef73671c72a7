package orchestrator

import "slices"

// slot is one place for one prediction in a worker. The permit to use it is its membership in Pool.free or its run.
type slot struct {
	inst *instance
	num  int
	run  *Run // guarded by Pool.mu; nil = free
}

// Submit gives the job a slot, or a place in the queue, and returns at once; Begin sets it going, and everything after
// that shows in the job's prediction. Errors: ErrAtCapacity, ErrShuttingDown, *NotReadyError; then nothing was started.
func (p *Pool) Submit(j Job) (*Run, error) {
	r := &Run{pool: p, job: j, pred: j.Prediction}
	p.mu.Lock()
	if err := p.refuse(); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	p.active[r] = struct{}{}
	if r.granted = p.grant(r); !r.granted {
		p.queue = append(p.queue, r)
	}
	p.mu.Unlock()
	return r, nil
}

// refuse says why no further prediction is taken now. It needs mu.
func (p *Pool) refuse() error {
	if p.closing {
		return ErrShuttingDown
	}
	if len(p.free) > 0 && len(p.queue) == 0 {
		return nil
	}
	state, reason := p.state()
	if state == StateReady || state == StateBusy {
		if len(p.queue) < p.cfg.Queue {
			return nil
		}
		return ErrAtCapacity
	}
	if state == StateStarting && len(p.queue) < p.cfg.Queue && p.model.Load() != nil {
		return nil
	}
	return &NotReadyError{State: state, Reason: reason}
}

// grant gives r the permit that was released last: its worker's memory is the warmest. It needs mu.
func (p *Pool) grant(r *Run) bool {
	n := len(p.free)
	if n == 0 {
		return false
	}
	s := p.free[n-1]
	p.free = p.free[:n-1]
	s.run, r.slot = r, s
	s.inst.seq++
	r.seq = s.inst.seq
	s.inst.running++
	return true
}

// release takes the slot back from its run and returns the queued run that has it now, for the caller to begin once mu
// is free. It needs mu. It is the only place where a permit comes back, so it comes back once.
func (p *Pool) release(s *slot) (next *Run) {
	s.run = nil
	s.inst.running--
	if !s.inst.accepting {
		return nil
	}
	p.free = append(p.free, s)
	return p.dequeue()
}

// dequeue gives a free slot to the first that waits. It needs mu.
func (p *Pool) dequeue() (next *Run) {
	if len(p.queue) == 0 || len(p.free) == 0 {
		return nil
	}
	next = p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	p.grant(next)
	return next
}

// open makes the slots of a worker that is ready available. It returns the queued runs to begin. It needs mu.
func (p *Pool) open(i *instance) (next []*Run) {
	i.accepting = true
	p.free = append(p.free, i.slots...)
	for r := p.dequeue(); r != nil; r = p.dequeue() {
		next = append(next, r)
	}
	return next
}

// shut takes the free slots of a worker away. It needs mu.
func (p *Pool) shut(i *instance) {
	i.accepting = false
	p.free = slices.DeleteFunc(p.free, func(s *slot) bool { return s.inst == i })
}
