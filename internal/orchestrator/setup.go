package orchestrator

import (
	"sync"
	"time"

	"coglet/internal/logs"
	"coglet/internal/protocol"
)

// SetupResult is how a worker's setup went, or goes.
type SetupResult struct {
	Started   time.Time
	Completed time.Time // zero = still running
	Failed    bool

	record *setupRecord
	text   *logs.Tail
}

// Logs returns what setup has printed so far, in pieces: it may be long, and is not copied.
func (r SetupResult) Logs() []string {
	if r.text == nil {
		return nil
	}
	r.record.mu.Lock()
	defer r.record.mu.Unlock()
	return r.text.Pieces()
}

// setupRecord is the setup of one worker, the latest one. Its methods may be called at the same time.
type setupRecord struct {
	mu        sync.Mutex // guards all below
	maxLogs   int
	started   time.Time
	completed time.Time
	failed    bool
	text      *logs.Tail
	caps      [2]logs.Cap
}

func (s *setupRecord) begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started, s.completed, s.failed = now, time.Time{}, false
	s.text, s.caps = &logs.Tail{Max: s.maxLogs}, [2]logs.Cap{}
}

func (s *setupRecord) write(source protocol.Source, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := 0
	if source == protocol.Stderr {
		i = 1
	}
	if s.completed.IsZero() && s.text != nil {
		s.caps[i].WriteTo(s.text, text)
	}
}

// end closes the record. problem, when there is one, is its last line: what the logs may not say themselves.
func (s *setupRecord) end(now time.Time, problem string) {
	if problem != "" {
		s.write(protocol.Stderr, []byte(problem+"\n"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.completed, s.failed = now, problem != ""
}

func (s *setupRecord) result() SetupResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	return SetupResult{Started: s.started, Completed: s.completed, Failed: s.failed, record: s, text: s.text}
}

// Setup returns the last setup that failed, else the first worker's. ok is false before Start.
func (p *Pool) Setup() (result SetupResult, ok bool) {
	first := p.workers[0].setup.result()
	if first.Started.IsZero() {
		return first, false
	}
	result = first
	for _, w := range p.workers {
		if r := w.setup.result(); r.Failed && (!result.Failed || r.Completed.After(result.Completed)) {
			result = r
		}
	}
	return result, true
}
