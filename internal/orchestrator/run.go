package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"coglet/internal/files"
	"coglet/internal/prediction"
	"coglet/internal/protocol"
)

// Job is a prediction to run.
type Job struct {
	Prediction *prediction.Prediction
	Method     string // what the worker is told to run; empty = what it was started for
	Input      []byte // one JSON object
	Context    map[string]string
	// Resolve, when set, makes local files of the file inputs: it returns the input with their paths. It may put
	// files into dir, which it creates, and it stops when ctx is canceled.
	Resolve func(ctx context.Context, dir string) ([]byte, error)
	// Ended, when set, is called once when the run has ended and its slot is free, after the prediction's end.
	Ended func()
}

// Files is what the pool needs to turn files in outputs into what clients get.
type Files interface {
	// Replace returns body with each reference of list replaced. Its error is for people and fails the prediction.
	Replace(ctx context.Context, s *files.Session, body []byte, list []protocol.File) ([]byte, error)
}

type phase int

const (
	phaseQueued     phase = iota
	phasePreparing        // has a slot; inputs are made local
	phaseRunning          // the worker has it
	phaseDelivering       // done has arrived; output files are read
	phaseEnded
)

// Run is one prediction on its way through the pool.
type Run struct {
	pool *Pool
	job  Job
	pred *prediction.Prediction

	granted bool // Submit gave it a slot at once; read by Begin

	// Guarded by Pool.mu.
	phase   phase
	slot    *slot                   // nil while queued
	seq     uint64                  // names it to the worker
	cause   error                   // why it is to end early; the first one counts
	overdue bool                    // it ignored its cancel and was reported; its code still runs
	stop    context.CancelCauseFunc // ends the reading of its files; nil = none
	grace   *time.Timer             // of a cancel
	remind  *time.Timer             // repeats the cancel
	limit   *time.Timer             // of the prediction

	delivery *delivery // guarded by order.mu of the instance; nil until an output has files
	buffered int64     // guarded by order.mu of the instance: bytes taken from Pool.buffer
}

// limitError stops a prediction that is then reported failed, not canceled.
type limitError struct{ text string }

func (e limitError) Error() string { return e.text }

// Begin lets a submitted run go on. To be called once after Submit, with no lock held that Job.Ended takes.
func (r *Run) Begin() {
	if r.granted {
		r.begin()
	}
}

// begin takes a run that has just got its slot to the worker. It does not wait.
func (r *Run) begin() {
	r.pool.log.begun(r.pred.ID)
	r.pred.Start(r.pool.cfg.Now())
	if r.job.Resolve == nil {
		r.send(r.job.Input)
		return
	}
	inst := r.slot.inst
	ctx, cancel := context.WithCancelCause(inst.ctx)
	r.pool.mu.Lock()
	if r.phase == phaseEnded { // the worker died meanwhile
		r.pool.mu.Unlock()
		cancel(nil)
		return
	}
	r.phase, r.stop = phasePreparing, cancel
	if r.cause != nil {
		cancel(r.cause)
	}
	inst.wg.Add(1) // under mu: the worker's end waits for all that began before it
	r.pool.mu.Unlock()
	go func() {
		defer inst.wg.Done()
		defer cancel(nil)
		input, err := r.job.Resolve(ctx, r.dir())
		if err != nil {
			r.unsent(err)
			return
		}
		r.send(input)
	}()
}

// dir is the prediction's own folder. It exists only once somebody has put something there.
func (r *Run) dir() string {
	return filepath.Join(r.slot.inst.dir, strconv.FormatUint(r.seq, 10))
}

// send gives the prediction to the worker, unless it was stopped before.
func (r *Run) send(input []byte) {
	p := r.pool
	p.mu.Lock()
	if r.cause != nil {
		p.mu.Unlock()
		r.unsent(r.cause)
		return
	}
	if r.phase == phaseEnded { // the worker died meanwhile
		p.mu.Unlock()
		return
	}
	r.phase = phaseRunning
	send := r.slot.inst.data.Send
	if r.slot.inst.running > 1 {
		send = r.slot.inst.data.SendTogether
	}
	if d := p.cfg.PredictTimeout; d > 0 {
		r.limit = time.AfterFunc(d, func() { r.Cancel(limitError{fmt.Sprintf("timeout after %s", d)}) })
	}
	p.mu.Unlock()
	err := send(&protocol.Predict{
		Type: protocol.TypePredict, Slot: r.slot.num, Seq: r.seq, ID: r.pred.ID, Method: r.job.Method,
		Context: r.job.Context,
	}, input)
	if errors.Is(err, protocol.ErrTooLarge) {
		r.unsent(fmt.Errorf("input: %w", err))
	} // any other error means that the worker is ending, and its end ends this run
}

// unsent ends a run that the worker never got.
func (r *Run) unsent(err error) {
	r.pool.mu.Lock()
	if r.cause != nil {
		err = r.cause
	}
	r.pool.mu.Unlock()
	r.conclude(outcome{err: err})
}

// Cancel stops the prediction. With ErrCanceled as cause it ends canceled, with any other it fails with the cause's
// text. The first cause counts. A run that does not end within CancelGrace costs its worker its life.
func (r *Run) Cancel(cause error) {
	p := r.pool
	p.mu.Lock()
	if r.cause != nil || r.phase == phaseEnded {
		p.mu.Unlock()
		return
	}
	r.cause = cause
	queued := r.slot == nil
	var inst *instance
	if queued {
		p.unqueue(r)
	}
	if r.phase == phaseRunning {
		inst = r.slot.inst
		r.grace = time.AfterFunc(p.cfg.CancelGrace, r.ignored)
		r.remind = time.AfterFunc(cancelRepeat, r.repeatCancel)
	}
	if r.stop != nil {
		r.stop(cause)
	}
	p.mu.Unlock()
	p.log.canceling(r.pred.ID)
	if queued {
		r.conclude(outcome{err: cause})
	}
	if inst != nil {
		inst.sendCancel(r.slot.num, r.seq)
	}
}

// cancelRepeat is how often a cancel is sent again while it is not heeded: Python code can lose an exception, in a
// finalizer for one, and the harness raises it again when it is asked again.
const cancelRepeat = 200 * time.Millisecond

func (r *Run) repeatCancel() {
	r.pool.mu.Lock()
	running := r.phase == phaseRunning
	if running {
		r.remind.Reset(cancelRepeat)
	}
	r.pool.mu.Unlock()
	if running {
		r.slot.inst.sendCancel(r.slot.num, r.seq)
	}
}

// ignored is called when a running prediction has not ended within the grace of its cancel: it is reported as it was
// asked to end, and its worker takes nothing new and is killed once its other predictions have ended.
func (r *Run) ignored() {
	p := r.pool
	p.mu.Lock()
	if r.phase != phaseRunning {
		p.mu.Unlock()
		return
	}
	r.overdue = true
	inst := r.slot.inst
	p.shut(inst)
	kill := inst.allOverdue()
	if !kill && inst.quarantine == nil {
		inst.quarantine = time.AfterFunc(p.cfg.QuarantineTime, func() { inst.kill(errIgnoredCancel) })
	}
	p.mu.Unlock()
	p.cfg.Log.Warn("prediction ignored its cancel, stopping its worker", "prediction_id", r.pred.ID,
		"grace", p.cfg.CancelGrace, "neighbours", !kill)
	if result := stopped(r.cause); r.pred.Finish(result, p.cfg.Now()) { // cause is final once set
		p.log.ended(r.pred.ID, result, false)
	}
	if kill {
		inst.kill(errIgnoredCancel)
	}
}

// outcome is how a run ended: what the worker said in done, or the error that kept it from saying so.
type outcome struct {
	done *protocol.Done
	err  error
}

// conclude ends a run: it frees the slot, gives it to who waits, and only then lets the client know, so that a client
// that asks again at once finds the slot free. Only the first call does anything.
func (r *Run) conclude(o outcome) {
	p := r.pool
	p.mu.Lock()
	if r.phase == phaseEnded {
		p.mu.Unlock()
		return
	}
	r.phase = phaseEnded
	for _, t := range []*time.Timer{r.grace, r.remind, r.limit} {
		if t != nil {
			t.Stop()
		}
	}
	var next *Run
	var kill *instance
	alone := false
	if r.slot != nil {
		next = p.release(r.slot)
		alone = r.slot.inst.running == 0
		if inst := r.slot.inst; inst.quarantine != nil && inst.allOverdue() {
			kill = inst
		}
	}
	cause := r.cause
	p.mu.Unlock()

	if next != nil {
		next.begin()
	}
	if kill != nil {
		kill.kill(errIgnoredCancel)
	}
	if r.slot != nil {
		r.cleanUp(o)
	}
	result := finalResult(o, cause)
	if r.pred.Finish(result, p.cfg.Now()) {
		if alone {
			runtime.Gosched() // whoever waits for the answer goes first
		}
		p.log.ended(r.pred.ID, result, r.pred.Array())
	}

	p.mu.Lock()
	delete(p.active, r)
	p.checkIdle()
	p.mu.Unlock()
	if r.job.Ended != nil {
		r.job.Ended()
	}
}

// cleanUp removes the prediction's folder and gives back its share of the output buffer. There is no folder, and no
// system call to remove it, where a prediction of Python code succeeded that had no files there.
func (r *Run) cleanUp(o outcome) {
	if o.err != nil || o.done.Status != protocol.StatusSucceeded || r.job.Resolve != nil || r.pool.cfg.Stdio ||
		r.delivery != nil && r.delivery.ownFiles {
		if err := os.RemoveAll(r.dir()); err != nil {
			r.pool.cfg.Log.Warn("prediction folder not removed", "error", err)
		}
	}
	if r.buffered > 0 {
		r.pool.buffer.Release(r.buffered)
		r.buffered = 0
	}
}

// finalResult says how a run that ended with o, and was asked to stop because of cause, is reported.
func finalResult(o outcome, cause error) prediction.Result {
	if o.err != nil {
		return stopped(o.err)
	}
	res := prediction.Result{
		Status: prediction.Status(o.done.Status), Error: o.done.Error, PredictTime: o.done.PredictTime,
		Stream: o.done.IsStream,
	}
	var limit limitError
	switch {
	case errors.As(cause, &limit) && o.done.Status != protocol.StatusSucceeded:
		res.Status, res.Error = prediction.Failed, limit.text
	case errors.Is(cause, errOutputLimit):
		res.Status, res.Error = prediction.Failed, cause.Error()
	}
	return res
}

func stopped(err error) prediction.Result {
	if errors.Is(err, prediction.ErrCanceled) {
		return prediction.Result{Status: prediction.Canceled}
	}
	return prediction.Result{Status: prediction.Failed, Error: err.Error()}
}

// unqueue needs Pool.mu.
func (p *Pool) unqueue(r *Run) {
	for i, q := range p.queue {
		if q == r {
			p.queue = append(p.queue[:i:i], p.queue[i+1:]...)
			return
		}
	}
}
