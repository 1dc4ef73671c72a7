// Package orchestrator is the parent's side of all workers: it starts them, knows when they are ready, gives each
// prediction a slot, takes it through the worker, and starts a worker again that has died. It knows no HTTP.
//
// Who owns what: one goroutine per worker (worker.run) owns that worker's life; Pool.mu guards everything that
// decides which prediction runs where. Nothing waits and nothing is written to a channel while Pool.mu is held.
//
//	worker:      starting ──ready──▶ ready ──death──▶ restarting ──▶ starting …
//	                 └─first failure─▶ setup failed        └─5 in 10 min─▶ given up
//	prediction:  queued ──slot──▶ preparing ──predict──▶ running ──done──▶ delivering ──▶ ended
package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"coglet/internal/process"
	"coglet/internal/protocol"
)

// Config says what to run and within which limits. Fields without a word on zero are required.
type Config struct {
	Workers int
	Queue   int // predictions that may wait for a slot; 0 = none

	// Command makes the command of one worker, without its file descriptors. Calls do not overlap for one worker,
	// they may for several.
	Command func() *exec.Cmd
	// Stdio says that the worker speaks control on its stdin and stdout (a worker written in Go) and not on 99/100.
	Stdio bool
	Init  protocol.Init // Type, Version and Tmp are filled in
	// WorkerDir makes the private folder of one instance of a worker.
	WorkerDir func(name string) (string, error)
	Files     Files
	Table     *process.Table
	Stderr    *os.File // the worker's own diagnostics, fd 101

	CancelGrace    time.Duration
	QuarantineTime time.Duration // how long neighbours of an ignored cancel may still run; 0 = 60 s
	PredictTimeout time.Duration // 0 = none
	SetupTimeout   time.Duration // 0 = none
	BackoffBase    time.Duration // wait before the first restart, doubled each time; 0 = 200 ms
	MaxLogs        int           // bytes, for setup's logs; 0 = logs.DefaultMax
	MaxBuffer      int64         // bytes of large frames in memory at once; 0 = 2 GiB

	Log *slog.Logger
	Now func() time.Time // nil = time.Now
}

// Pool is all workers of a server. Its methods may be called by many goroutines at the same time.
type Pool struct {
	cfg    Config
	buffer *semaphore.Weighted
	log    userLogs
	model  atomic.Pointer[Model] // what the newest ready worker said
	wg     sync.WaitGroup        // worker.run goroutines
	stop   context.CancelCauseFunc
	ctx    context.Context // the workers' lives; stored because they outlive every call

	mu      sync.Mutex // guards all below, and what the other types of the package say it guards
	workers []*worker
	free    []*slot // permits: slots that run nothing, of workers that accept
	queue   []*Run  // waiting for a permit, first come first served
	active  map[*Run]struct{}
	closing bool          // no new predictions
	idle    chan struct{} // closed when closing and nothing is active; nil while not closing
	orphans orphans
	early   int           // callers of AwaitModel
	settled chan struct{} // closed once the first setup has succeeded or failed, or the pool stops
}

var (
	// ErrAtCapacity is returned by Submit when no slot is free and the queue is full.
	ErrAtCapacity = errors.New("all prediction slots busy")
	// ErrShuttingDown is returned by Submit once Drain was called.
	ErrShuttingDown = errors.New("server is shutting down")
)

// NotReadyError is returned by Submit when no worker can take a prediction.
type NotReadyError struct {
	State  State
	Reason string // why setup failed or the workers were given up
}

func (e *NotReadyError) Error() string {
	switch e.State {
	case StateSetupFailed:
		return "setup failed: " + e.Reason
	case StateDefunct:
		return "the model keeps crashing: " + e.Reason
	}
	return "setup has not finished yet"
}

// New returns a pool that runs nothing yet.
func New(cfg Config) *Pool {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.BackoffBase == 0 {
		cfg.BackoffBase = 200 * time.Millisecond
	}
	if cfg.QuarantineTime == 0 {
		cfg.QuarantineTime = time.Minute
	}
	if cfg.MaxBuffer == 0 {
		cfg.MaxBuffer = 2 << 30
	}
	p := &Pool{
		cfg: cfg, buffer: semaphore.NewWeighted(cfg.MaxBuffer), log: newUserLogs(cfg.Log),
		active: make(map[*Run]struct{}), settled: make(chan struct{}),
	}
	p.ctx, p.stop = context.WithCancelCause(context.Background())
	for i := range cfg.Workers {
		p.workers = append(p.workers, newWorker(p, i))
	}
	return p
}

// Start starts the first worker; the others follow when it is ready. It returns at once.
func (p *Pool) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.startWorker(p.workers[0])
}

// startWorker needs mu.
func (p *Pool) startWorker(w *worker) {
	if w.started || p.ctx.Err() != nil {
		return
	}
	w.started = true
	w.state = workerStarting
	w.setup.begin(p.cfg.Now())
	p.wg.Go(w.run)
}

// Model returns what the model said of itself when it became ready, nil before that.
func (p *Pool) Model() *Model { return p.model.Load() }

// AwaitModel returns once the first setup has ended, so that what comes early is checked against the model's schema
// like everything else. No more than Config.Queue callers wait; the others get ErrAtCapacity or *NotReadyError at once.
func (p *Pool) AwaitModel(ctx context.Context) error {
	p.mu.Lock()
	select {
	case <-p.settled:
		p.mu.Unlock()
		return nil
	default:
	}
	if p.early >= p.cfg.Queue {
		p.mu.Unlock()
		if p.cfg.Queue == 0 {
			return &NotReadyError{State: StateStarting}
		}
		return ErrAtCapacity
	}
	p.early++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.early--
	}()
	select {
	case <-p.settled:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Settled is closed once the first setup has succeeded or failed, or the pool has stopped.
func (p *Pool) Settled() <-chan struct{} { return p.settled }

// settle ends the wait of AwaitModel. It needs mu.
func (p *Pool) settle() {
	select {
	case <-p.settled:
	default:
		close(p.settled)
	}
}

// Drain refuses new predictions from now on and returns when none is active any more, or with ctx's error.
func (p *Pool) Drain(ctx context.Context) error {
	p.mu.Lock()
	p.closing = true
	if p.idle == nil {
		p.idle = make(chan struct{})
		p.checkIdle()
	}
	idle := p.idle
	p.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// checkIdle needs mu.
func (p *Pool) checkIdle() {
	if p.idle != nil && len(p.active) == 0 {
		select {
		case <-p.idle:
		default:
			close(p.idle)
		}
	}
}

// CancelAll cancels every active prediction with cause.
func (p *Pool) CancelAll(cause error) {
	p.mu.Lock()
	runs := make([]*Run, 0, len(p.active))
	for r := range p.active {
		runs = append(runs, r)
	}
	p.mu.Unlock()
	for _, r := range runs {
		r.Cancel(cause)
	}
}

// Kill ends all processes at once. For use while Stop waits, when there is no time left.
func (p *Pool) Kill() {
	p.mu.Lock()
	var alive []*instance
	for _, w := range p.workers {
		w.stopGrace = 0
		if w.inst != nil {
			alive = append(alive, w.inst)
		}
	}
	p.mu.Unlock()
	for _, i := range alive {
		i.kill(errStopping)
	}
}

// Stop ends all workers: an idle one is asked to exit and killed if it does not within grace, a busy one is killed.
// What still runs fails. It returns when no process and no goroutine of the pool is left. Safe twice, and before Start.
func (p *Pool) Stop(grace time.Duration) {
	p.mu.Lock()
	p.closing = true
	for _, w := range p.workers {
		w.stopGrace = grace
	}
	queued := p.queue
	p.queue = nil
	p.settle()
	p.mu.Unlock()
	p.stop(ErrShuttingDown)
	for _, r := range queued {
		r.conclude(outcome{err: ErrShuttingDown})
	}
	p.wg.Wait()
	p.mu.Lock()
	orphans := p.orphans.take()
	p.mu.Unlock()
	closeAll(orphans)
}
