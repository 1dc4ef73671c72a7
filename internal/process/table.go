package process

import "sync"

// Table is the processes that a program owns: those that it started and waits for itself.
type Table struct {
	mu     sync.Mutex // held over a start and its registration, so that ReapForeign cannot come between them
	owned  map[int]struct{}
	reaped chan struct{} // one of ours was reaped since ReapForeign looked; one token is enough
}

// NewTable returns an empty table.
func NewTable() *Table { return &Table{owned: make(map[int]struct{}), reaped: make(chan struct{}, 1)} }

// owns reports whether pid was started by Start and is not yet reaped.
func (t *Table) owns(pid int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.owned[pid]
	return ok
}

// forget takes out a process that was reaped.
func (t *Table) forget(pid int) {
	t.mu.Lock()
	delete(t.owned, pid)
	t.mu.Unlock()
	select {
	case t.reaped <- struct{}{}:
	default:
	}
}
