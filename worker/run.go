//go:build unix

package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"coglet/fdredirect"
	"coglet/internal/protocol"
)

// run is one prediction in its slot.
type run struct {
	server *server
	slot   int
	seq    uint64
	ctx    context.Context // of Predict; stored because the methods of Prediction end with it
	cancel context.CancelCauseFunc

	mu      sync.Mutex // guards all below; Predict may use several goroutines
	outputs int
	yielded bool
	ended   bool // done was sent, or is about to be
}

// ErrEnded is returned to code that uses a prediction after Predict has returned.
var ErrEnded = errors.New("prediction has ended")

// start runs a prediction in a goroutine of its own.
func (s *server) start(m protocol.Predict, input []byte) {
	r := &run{server: s, slot: m.Slot, seq: m.Seq}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		return
	}
	s.wg.Add(1)
	s.running[m.Slot] = r
	if s.asked[m.Slot] >= m.Seq {
		r.cancel(ErrCanceled)
	}
	s.mu.Unlock()
	p := &Prediction{ID: m.ID, Input: input, Context: m.Context, run: r}
	go func() {
		defer s.wg.Done()
		r.predict(p)
	}()
}

func (s *server) cancel(slot int, seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[slot] = max(seq, s.asked[slot])
	if r := s.running[slot]; r != nil && r.seq == seq {
		r.cancel(ErrCanceled)
	}
}

// predict calls the predictor and sends how it ended.
func (r *run) predict(p *Prediction) {
	s := r.server
	defer r.cancel(nil)
	began := time.Now()
	var output any
	err := guard(func() (err error) {
		output, err = s.predictor.Predict(r.ctx, p)
		return err
	})
	done := protocol.Done{
		Type: protocol.TypeDone, Slot: r.slot, Seq: r.seq, Status: protocol.StatusSucceeded,
		PredictTime: time.Since(began).Seconds(),
	}
	if err == nil && (output != nil || !r.yielded) { // Predict has returned: nobody else writes yielded
		err = r.output(output)
	}
	done.IsStream = r.yielded
	switch {
	case errors.Is(context.Cause(r.ctx), ErrCanceled):
		done.Status = protocol.StatusCanceled
	case err != nil:
		done.Status, done.Error = protocol.StatusFailed, errorText(err)
	}
	s.settle()
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	s.mu.Lock() // so that no captured text is sent for this slot behind its done
	defer s.mu.Unlock()
	delete(s.running, r.slot)
	s.must(s.data.Send(&done, nil))
}

// maxError is how many bytes of an error's text are sent.
const maxError = 64 << 10

// errorText makes any error fit for a header.
func errorText(err error) string {
	text := err.Error()
	if len(text) > maxError {
		text = text[:maxError]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// guard makes an error of a panic; its stack goes to the logs.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n\n%s", p, debug.Stack())
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}

// output sends one output.
func (r *run) output(v any) error {
	e := &encoder{}
	body, err := e.encode(v)
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	r.server.settle()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return ErrEnded
	}
	err = r.server.data.Send(&protocol.Output{
		Type: protocol.TypeOutput, Slot: r.slot, Index: r.outputs, Files: e.files,
	}, body)
	if errors.Is(err, protocol.ErrTooLarge) {
		return fmt.Errorf("output: %w", err)
	}
	r.server.must(err)
	r.outputs++
	return nil
}

// Decode decodes the input, as encoding/json does.
func (p *Prediction) Decode(v any) error {
	if err := json.Unmarshal(p.Input, v); err != nil {
		return fmt.Errorf("input: %w", err)
	}
	return nil
}

// Yield sends one output at once; all of them together are the prediction's output, a list. It returns the cause of the
// prediction's context once that is canceled.
func (p *Prediction) Yield(v any) error {
	p.run.mu.Lock()
	ended := p.run.ended
	p.run.yielded = true
	p.run.mu.Unlock()
	if ended {
		return ErrEnded
	}
	if err := context.Cause(p.run.ctx); err != nil {
		return err
	}
	return p.run.output(v)
}

// Metric records a value under a dotted name. mode is replace, increment or append.
func (p *Prediction) Metric(name, mode string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("metric %q: %w", name, err)
	}
	p.run.mu.Lock()
	defer p.run.mu.Unlock()
	if p.run.ended {
		return ErrEnded
	}
	err = p.run.server.data.Send(&protocol.Metric{
		Type: protocol.TypeMetric, Slot: p.run.slot, Name: name, Mode: mode, Value: raw,
	}, nil)
	if errors.Is(err, protocol.ErrTooLarge) {
		return fmt.Errorf("metric %q: %w", name, err)
	}
	p.run.server.must(err)
	return nil
}

// Dir makes and returns a folder of the prediction's own, which the server removes when the prediction has ended and
// its output files are read.
func (p *Prediction) Dir() (string, error) {
	dir := filepath.Join(p.run.server.tmp, strconv.FormatUint(p.run.seq, 10))
	return dir, os.MkdirAll(dir, 0o700)
}

// capture passes on what is printed. One goroutine does it, so that the order is kept.
func (s *server) capture() {
	logs := s.redirect.Logs
	for {
		select {
		case l, ok := <-logs:
			if !ok { // user code has closed fd 1 and 2
				logs = nil
				continue
			}
			s.log(l)
		case passed := <-s.settling:
			for n := len(logs); n > 0; n-- {
				s.log(<-logs)
			}
			close(passed)
		}
	}
}

// settle returns when everything that was printed before the call has been sent on.
func (s *server) settle() {
	s.redirect.Flush()
	passed := make(chan struct{})
	s.settling <- passed
	<-passed
}

// log sends captured text to the prediction that runs, if exactly one does. Where the server reads slower than a child
// prints, the child is to wait: else what it prints piles up in memory, and every done stands behind it.
func (s *server) log(l fdredirect.Log) {
	s.data.Taken()
	s.control.Taken()
	s.mu.Lock() // held over Send, which does not wait: see the end of predict
	defer s.mu.Unlock()
	slot := -1
	if len(s.running) == 1 {
		for slot = range s.running {
		}
	}
	m := protocol.Log{Type: protocol.TypeLog, Source: protocol.Source(l.Source)}
	if slot < 0 {
		s.must(s.control.Send(&m, []byte(l.Data)))
		return
	}
	m.Slot = &slot
	s.must(s.data.Send(&m, []byte(l.Data)))
}
