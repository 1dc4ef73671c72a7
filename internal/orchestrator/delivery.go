package orchestrator

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/files"
	"coglet/internal/prediction"
	"coglet/internal/protocol"
)

// delivery turns the files in a prediction's outputs into what clients get, in the order of the outputs. It exists
// from the first output with files on; all that comes after waits behind it, the end too.
type delivery struct {
	run    *Run
	ctx    context.Context // canceled with the prediction; stored because it spans many outputs
	cancel context.CancelCauseFunc

	mu    sync.Mutex // guards queue and busy
	queue []delivered
	busy  bool // a goroutine works on the queue

	ownFiles bool // files stand in the prediction's own folder; of who calls Run.deliver

	session files.Session // of the goroutine
	err     error         // of the goroutine: the first failure; what comes after it is dropped
}

// delivered is one output, or the end.
type delivered struct {
	body  []byte
	items int // < 0: body is one output
	files []protocol.File
	end   *outcome
}

// deliver passes an output or the end on. Called by who handles frames of the data socket or the ring, and once both have
// ended by who buries the worker.
func (r *Run) deliver(d delivered) {
	if r.delivery == nil && len(d.files) == 0 {
		if d.end != nil {
			r.conclude(*d.end)
			return
		}
		r.add(d.body, d.items)
		return
	}
	if r.delivery == nil {
		r.delivery = &delivery{run: r, session: files.Session{ID: r.pred.ID}}
		r.delivery.ctx, r.delivery.cancel = context.WithCancelCause(context.Background())
		r.pool.mu.Lock()
		r.stop = r.delivery.cancel
		if r.cause != nil {
			r.stop(r.cause)
		}
		r.pool.mu.Unlock()
	}
	for _, f := range d.files {
		r.delivery.ownFiles = r.delivery.ownFiles || strings.HasPrefix(f.Path, r.dir())
	}
	r.delivery.enqueue(d)
}

// fail ends the run because of its worker.
func (r *Run) fail(reason error) {
	r.deliver(delivered{end: &outcome{err: reason}})
}

// add appends an output to the prediction, which fails when that is too much.
func (r *Run) add(raw jsontext.Value, items int) {
	if err := r.pred.Output(raw, items); err != nil {
		r.Cancel(err)
	}
}

func (d *delivery) enqueue(item delivered) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue = append(d.queue, item)
	if !d.busy {
		d.busy = true
		d.run.slot.inst.work(d)
	}
}

// work has a goroutine work on what is queued. One that has nothing to do is taken: its stack has grown already.
func (i *instance) work(d *delivery) {
	select {
	case i.deliveries <- d:
	default:
		i.wg.Go(func() {
			for d := d; ; {
				d.work()
				d = nil // it holds all of its prediction
				select {
				case d = <-i.deliveries:
				case <-i.ctx.Done():
					return
				}
			}
		})
	}
}

func (d *delivery) work() {
	for {
		d.mu.Lock()
		if len(d.queue) == 0 {
			d.busy = false
			d.mu.Unlock()
			return
		}
		item := d.queue[0]
		d.queue = d.queue[1:]
		d.mu.Unlock()
		d.one(item)
	}
}

func (d *delivery) one(item delivered) {
	if item.end != nil {
		defer d.cancel(nil)
		if d.err != nil {
			item.end = &outcome{err: d.err}
		}
		d.run.conclude(*item.end)
		return
	}
	if d.err != nil {
		return
	}
	body := item.body
	if len(item.files) > 0 {
		var err error
		if body, err = d.run.pool.cfg.Files.Replace(d.ctx, &d.session, body, item.files); err != nil {
			d.fail(err)
			return
		}
	}
	d.run.add(body, item.items)
}

// fail stops the prediction: its output cannot be had.
func (d *delivery) fail(err error) {
	if cause := context.Cause(d.ctx); cause != nil {
		err = cause
	}
	d.err = err
	if !errors.Is(err, prediction.ErrCanceled) {
		d.run.Cancel(limitError{err.Error()})
	}
}
