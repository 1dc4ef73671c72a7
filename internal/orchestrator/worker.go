package orchestrator

import (
	"errors"
	"fmt"
	"time"

	"coglet/internal/protocol"
)

type workerState int

const (
	workerWaiting     workerState = iota // for the first worker to become ready
	workerStarting                       // for the first time
	workerReady                          // its slots are open, unless it is in quarantine
	workerRestarting                     // after a death
	workerSetupFailed                    // the first worker's first setup; final
	workerGivenUp                        // it died too often; final
	workerStopped
)

// A worker that dies maxDeaths times within deathWindow is given up.
const (
	maxDeaths   = 5
	deathWindow = 10 * time.Minute
	maxBackoff  = 30 * time.Second
)

// worker is one place for a process that holds the predictor. Its goroutine (run) is the only one that starts and
// ends processes in it.
type worker struct {
	pool       *Pool
	index      int
	setup      setupRecord
	generation int         // of run
	deaths     []time.Time // of run: those within deathWindow

	// Guarded by Pool.mu.
	started   bool
	state     workerState
	reason    string    // why setup failed or it was given up
	inst      *instance // nil while there is no process
	stopGrace time.Duration
}

func newWorker(p *Pool, index int) *worker {
	w := &worker{pool: p, index: index}
	w.setup.maxLogs = p.cfg.MaxLogs
	return w
}

// run keeps a process alive until the pool stops or the worker is given up.
func (w *worker) run() {
	defer w.become(workerStopped, "")
	for w.pool.ctx.Err() == nil {
		ready, err := w.live()
		if w.pool.ctx.Err() != nil {
			return
		}
		if !w.again(ready, err) {
			<-w.pool.ctx.Done() // the state stays to be seen
			return
		}
		w.setup.begin(w.pool.cfg.Now())
	}
}

// live runs one process from start to end. ready says whether its setup succeeded, err how it ended.
func (w *worker) live() (ready bool, err error) {
	i, err := w.spawn()
	if err != nil {
		w.setup.end(w.pool.cfg.Now(), err.Error())
		return false, err
	}
	w.own(i)
	defer w.own(nil)
	setupErr := w.awaitReady(i)
	if setupErr == nil {
		ready = true
		select {
		case <-i.proc.Done():
		case <-w.pool.ctx.Done():
			w.stop(i)
		}
	}
	err = w.deathOf(i, setupErr)
	i.bury(err)
	if !ready {
		w.setup.end(w.pool.cfg.Now(), err.Error())
	}
	return ready, err
}

func (w *worker) own(i *instance) {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	w.inst = i
}

// awaitReady waits for setup to end. On an error the process is gone.
func (w *worker) awaitReady(i *instance) error {
	var timeout <-chan time.Time
	if d := w.pool.cfg.SetupTimeout; d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	var err error
	select {
	case ready := <-i.ready:
		if err = w.publish(i, ready); err == nil {
			return nil
		}
		i.kill(err)
	case text := <-i.failed:
		err = errors.New(text)
		w.expectExit(i, setupExit)
	case <-timeout:
		err = fmt.Errorf("%w after %s", errSetupTimeout, w.pool.cfg.SetupTimeout)
		i.kill(err)
	case <-w.pool.ctx.Done():
		err = errStopping
		i.proc.Stop(w.graceInSetup())
	case <-i.proc.Done():
		i.readRest()
		select {
		case text := <-i.failed: // it said why before it died
			return errors.New(text)
		default:
		}
	}
	<-i.proc.Done()
	if err == nil {
		err = errDiedInSetup
	}
	return err
}

// errDiedInSetup stands for the death of a worker that has not said what is wrong.
var errDiedInSetup = errors.New("worker died before it was ready")

const (
	setupExit = time.Second // for a worker that said that its setup failed to exit
	setupStop = time.Second // for a worker in setup to end on TERM
)

// graceInSetup is how long setup may take to end on TERM when the pool stops.
func (w *worker) graceInSetup() time.Duration {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	return min(setupStop, w.stopGrace)
}

// expectExit waits for the process to end by itself, and kills it if it does not.
func (w *worker) expectExit(i *instance, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-i.proc.Done():
	case <-timer.C:
		i.proc.Kill()
	}
}

// publish makes the worker ready: everything that a request needs is in place before its slots are open.
func (w *worker) publish(i *instance, ready protocol.Ready) error {
	p := w.pool
	model, err := newModel(ready, i.document, p.cfg.Init.Mode)
	if err != nil {
		return err
	}
	now := p.cfg.Now()
	i.model = model
	for n := range ready.Slots {
		i.slots = append(i.slots, &slot{inst: i, num: n})
	}
	w.setup.end(now, "")
	p.model.Store(model)
	p.mu.Lock()
	i.setup = false
	w.state = workerReady
	p.settle()
	next := p.open(i)
	for _, other := range p.workers {
		p.startWorker(other)
	}
	p.mu.Unlock()
	took := now.Sub(w.setup.result().Started)
	p.cfg.Log.Info("worker ready", "worker", w.index, "pid", i.proc.Pid(), "slots", ready.Slots,
		"setup_seconds", took.Seconds(), "sdk", ready.SDK)
	for _, r := range next {
		r.begin()
	}
	return nil
}

// stop ends a ready process when the pool stops.
func (w *worker) stop(i *instance) {
	p := w.pool
	p.mu.Lock()
	grace := w.stopGrace
	if i.reason == nil {
		i.reason = errStopping
	}
	p.shut(i)
	busy := i.running > 0
	p.mu.Unlock()
	if busy || grace <= 0 {
		i.proc.Kill()
	} else {
		i.sendShutdown()
		w.expectExit(i, grace)
	}
	<-i.proc.Done()
}

// deathOf says how a process that is gone came to its end.
func (w *worker) deathOf(i *instance, setupErr error) error {
	w.pool.mu.Lock()
	reason := i.reason
	w.pool.mu.Unlock()
	switch {
	case reason != nil:
		return reason
	case setupErr != nil && !errors.Is(setupErr, errDiedInSetup):
		return setupErr
	}
	i.order.turn(i.drainCapture)
	what := "worker died"
	if setupErr != nil {
		what = errDiedInSetup.Error()
	}
	err := fmt.Errorf("%s: %s", what, i.proc.Exit())
	if words := i.words(); words != "" {
		err = fmt.Errorf("%w: %s", err, words)
	}
	return err
}

// again decides what comes after the end of a process, and waits out the backoff before a restart.
func (w *worker) again(ready bool, err error) bool {
	p := w.pool
	log := p.cfg.Log.With("worker", w.index, "error", err)
	if !ready && w.index == 0 && w.generation == 1 {
		log.Error("setup failed")
		w.become(workerSetupFailed, err.Error())
		return false
	}
	if errors.Is(err, errIgnoredCancel) { // the model works; a client asked for this
		log.Info("worker restarts")
		w.become(workerRestarting, "")
		return true
	}
	now := p.cfg.Now()
	recent := w.deaths[:0]
	for _, t := range append(w.deaths, now) {
		if now.Sub(t) < deathWindow {
			recent = append(recent, t)
		}
	}
	w.deaths = recent
	if len(w.deaths) >= maxDeaths {
		log.Error("worker given up", "deaths", len(w.deaths), "window", deathWindow)
		w.become(workerGivenUp, err.Error())
		return false
	}
	delay := min(p.cfg.BackoffBase<<(len(w.deaths)-1), maxBackoff)
	log.Error("worker died, restarting", "deaths", len(w.deaths), "delay", delay)
	w.become(workerRestarting, "")
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// become sets the state. Predictions that wait for a slot which can never come fail.
func (w *worker) become(state workerState, reason string) {
	p := w.pool
	p.mu.Lock()
	if state == workerStopped && (w.state == workerSetupFailed || w.state == workerGivenUp) {
		state, reason = w.state, w.reason
	}
	w.state, w.reason = state, reason
	if state == workerSetupFailed {
		p.settle()
	}
	var hopeless []*Run
	now, why := p.state()
	if now == StateSetupFailed || now == StateDefunct {
		hopeless, p.queue = p.queue, nil
	}
	p.mu.Unlock()
	for _, r := range hopeless {
		r.conclude(outcome{err: &NotReadyError{State: now, Reason: why}})
	}
}
