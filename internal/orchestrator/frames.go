package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"

	"coglet/internal/logs"
	"coglet/internal/prediction"
	"coglet/internal/protocol"
)

// errImpossible is a frame that the worker must not send in its present state. It ends the worker.
var errImpossible = errors.New("impossible frame")

// eofGrace is how long a closed channel may come before the death that explains it.
const eofGrace = 500 * time.Millisecond

// readControl handles the control channel until it ends.
func (i *instance) readControl() {
	r := protocol.NewReader(i.controlIn)
	r.Deadline = i.controlIn.SetReadDeadline
	err := i.readFrames(r, i.controlFrame)
	i.controlIn.release()
	i.channelEnded("control channel", err)
}

// readData handles the data socket until it ends. It never waits for a client or a file, so that one slow prediction
// does not hold up its neighbours; only large outputs may have to wait for memory.
func (i *instance) readData() {
	r := protocol.NewReader(i.dataIn)
	r.Deadline = i.dataIn.SetReadDeadline
	r.Admit = i.admit
	err := i.readFrames(r, i.dataFrame)
	i.dataIn.release()
	i.channelEnded("data socket", err)
}

func (i *instance) readFrames(r *protocol.Reader, handle func(*protocol.Frame) error) error {
	var f protocol.Frame // of all: none is kept
	for {
		var err error
		if f, err = r.Next(); err != nil {
			return err
		}
		if err := handle(&f); err != nil {
			return err
		}
	}
}

// channelEnded makes sure that a worker whose channel is broken does not live on.
func (i *instance) channelEnded(channel string, err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) {
		select {
		case <-i.proc.Done():
			return // it is dead and what it left was read
		case <-time.After(eofGrace):
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("worker stopped: it closed its %s", channel)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("worker stopped: incomplete frame on its %s", channel)
	default:
		err = fmt.Errorf("worker stopped: %s: %w", channel, err)
	}
	i.kill(err)
}

// controlFrame handles one frame of the control channel.
func (i *instance) controlFrame(f *protocol.Frame) error {
	switch f.Type {
	case protocol.TypeLog:
		var m protocol.Log
		if err := f.Decode(&m); err != nil {
			return err
		}
		i.takeRaw(&m)
		i.unclaimed(m.Source, f.Body())
	case protocol.TypeReady, protocol.TypeSetupFailed:
		return i.setupFrame(f)
	case protocol.TypeWorkerLog:
		var m protocol.WorkerLog
		if err := f.Decode(&m); err != nil {
			return err
		}
		i.pool.log.worker(i.worker.index, m)
	case protocol.TypeHealthcheckResult:
		var m protocol.HealthcheckResult
		if err := f.Decode(&m); err != nil {
			return err
		}
		var err error
		if m.Status != "healthy" {
			err = errors.New(m.Error)
		}
		i.health.answer(m.ID, err)
	case protocol.TypeFatal:
		var m protocol.Fatal
		if err := f.Decode(&m); err != nil {
			return err
		}
		return fmt.Errorf("fatal: %s", m.Error)
	default:
		i.pool.cfg.Log.Warn("unknown message from worker", "worker", i.worker.index, "type", f.Type)
	}
	return nil
}

// setupFrame handles the one frame that ends setup.
func (i *instance) setupFrame(f *protocol.Frame) error {
	i.drainCapture() // what setup printed is in its logs before anybody hears that it ended
	i.pool.mu.Lock()
	second := i.answered
	i.answered = true
	i.pool.mu.Unlock()
	if second {
		return fmt.Errorf("%w: second %s", errImpossible, f.Type)
	}
	if f.Type == protocol.TypeSetupFailed {
		var m protocol.SetupFailed
		if err := f.Decode(&m); err != nil {
			return err
		}
		i.failed <- m.Error
		return nil
	}
	var m protocol.Ready
	if err := f.Decode(&m); err != nil {
		return err
	}
	if m.Version != protocol.Version {
		return fmt.Errorf("worker speaks protocol version %d, this server %d", m.Version, protocol.Version)
	}
	if m.Slots < 1 || m.Slots > maxSlots {
		return fmt.Errorf("%w: ready with %d slots, want 1 to %d", errImpossible, m.Slots, maxSlots)
	}
	i.document = f.TakeBody()
	i.ready <- m
	return nil
}

// maxSlots bounds what a ready message can make the server allocate.
const maxSlots = 100_000

// dataFrame handles one frame of the data socket.
func (i *instance) dataFrame(f *protocol.Frame) error {
	switch f.Type {
	case protocol.TypeDone:
		var m protocol.Done
		if err := f.Decode(&m); err != nil {
			return err
		}
		return i.done(&m)
	case protocol.TypeOutput:
		var m protocol.Output
		if err := f.Decode(&m); err != nil {
			return err
		}
		return i.output(&m, f)
	case protocol.TypeLog:
		return i.logFrame(f, f.Body())
	case protocol.TypeRing:
		var m protocol.RingTo
		if err := f.Decode(&m); err != nil {
			return err
		}
		return i.ringFrame(&m)
	case protocol.TypeMetric:
		var m protocol.Metric
		if err := f.Decode(&m); err != nil {
			return err
		}
		r, err := i.runIn(m.Slot, f.Type)
		if err == nil {
			r.pred.Metric(m.Name, m.Mode, m.Value)
		}
		return err
	}
	i.pool.cfg.Log.Warn("unknown message from worker", "worker", i.worker.index, "type", f.Type)
	return nil
}

// logFrame handles text of a prediction.
func (i *instance) logFrame(f *protocol.Frame, text []byte) error {
	var m protocol.Log
	if err := f.Decode(&m); err != nil {
		return err
	}
	if m.Slot == nil {
		return fmt.Errorf("%w: log without a slot on the data socket", errImpossible)
	}
	r, err := i.runIn(*m.Slot, f.Type)
	if err == nil {
		i.takeRaw(&m)
		i.claimed(r, m.Source, text)
	}
	return err
}

// runIn returns the prediction that the worker runs in a slot.
func (i *instance) runIn(slot int, what string) (*Run, error) {
	i.pool.mu.Lock()
	defer i.pool.mu.Unlock()
	if slot < 0 || slot >= len(i.slots) {
		return nil, fmt.Errorf("%w: %s for slot %d of %d", errImpossible, what, slot, len(i.slots))
	}
	r := i.slots[slot].run
	if r == nil || r.phase != phaseRunning {
		return nil, fmt.Errorf("%w: %s for slot %d, which runs nothing", errImpossible, what, slot)
	}
	return r, nil
}

func (i *instance) output(m *protocol.Output, f *protocol.Frame) error {
	r, err := i.runIn(m.Slot, f.Type)
	if err != nil {
		return err
	}
	items := -1
	if m.Items != nil {
		items = *m.Items
	}
	r.buffered += i.admitted
	i.admitted = 0
	body := f.TakeBody()
	if m.Text {
		if body, err = escaped(body); err != nil {
			return err
		}
	}
	r.deliver(delivered{body: body, items: items, files: m.Files})
	return nil
}

// escaped makes JSON of a string in quotes; mostly it is that already.
func escaped(body []byte) ([]byte, error) {
	last := len(body) - 1
	if last < 1 || body[0] != '"' || body[last] != '"' {
		return nil, fmt.Errorf("%w: text without quotes", errImpossible)
	}
	text := unsafe.String(&body[1], last-1)
	if logs.IsEscaped(text) {
		return body, nil
	}
	return logs.AppendQuote(make([]byte, 0, len(body)+len(body)/16), text), nil
}

func (i *instance) done(m *protocol.Done) error {
	if i.drained != i.dataIn.reads { // what was printed before the frames that a read has brought was in the pipes by then
		i.drained = i.dataIn.reads
		i.drainCapture()
	}
	r, err := i.runIn(m.Slot, protocol.TypeDone)
	if err != nil {
		return err
	}
	if r.seq != m.Seq {
		return fmt.Errorf("%w: done for seq %d in slot %d, which runs %d", errImpossible, m.Seq, m.Slot, r.seq)
	}
	switch m.Status {
	case protocol.StatusSucceeded, protocol.StatusFailed, protocol.StatusCanceled:
	default:
		return fmt.Errorf("%w: done with status %q", errImpossible, m.Status)
	}
	i.endText(r)
	i.lines.flush()
	if r.delivery == nil {
		r.conclude(outcome{done: m})
		return nil
	}
	i.pool.mu.Lock()
	r.phase = phaseDelivering
	i.pool.mu.Unlock()
	r.deliver(delivered{end: &outcome{done: m}})
	return nil
}

// admitWait bounds how long a large output may wait for memory that other predictions hold: they may all wait for
// each other.
const admitWait = 30 * time.Second

// admit takes n bytes for a large frame out of the buffer that all workers share.
func (i *instance) admit(n int) error {
	if n <= largeFrame {
		return nil
	}
	size := int64(n)
	if size > i.pool.cfg.MaxBuffer {
		return fmt.Errorf("frame of %d bytes is over --max-buffer of %d", n, i.pool.cfg.MaxBuffer)
	}
	i.dataIn.release()
	i.order.waits.Store(true)
	defer i.order.waits.Store(false)
	ctx, cancel := context.WithTimeoutCause(i.ctx, admitWait, errors.New("--max-buffer is used up"))
	defer cancel()
	if err := i.pool.buffer.Acquire(ctx, size); err != nil {
		return context.Cause(ctx)
	}
	i.admitted = size
	return nil
}

// largeFrame is from which size, in bytes, frames are counted against Config.MaxBuffer.
const largeFrame = 1 << 20

// errOutputLimit fails a prediction whose outputs are over --max-output.
var errOutputLimit = prediction.ErrOutputTooLarge
