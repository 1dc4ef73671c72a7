package orchestrator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"coglet/internal/protocol"
)

// ringSize is the memory through which a worker sends the lines and items of a burst, in bytes: well over a thousand.
const ringSize = protocol.RingFront + 256<<10

// ring takes the lines and items of a burst out of the memory that a worker shares. They belong among the frames of the
// data socket: one there says up to where the ring comes before it. Between such frames the parent looks by itself. All
// is guarded by order.mu.
type ring struct {
	memory *protocol.Ring // nil: there is none, or it was given back
	frames *protocol.Reader
	timer  *time.Timer // runs while somebody may put something
	pause  time.Duration

	head, text []byte // of lines that follow on each other: handled together
}

// The pause between two looks: short as long as they find something.
const (
	ringPause    = time.Millisecond
	ringMaxPause = 32 * time.Millisecond
	ringText     = 32 << 10 // bytes that are handled together at the most
)

// openRing is called before anything runs.
func (i *instance) openRing() {
	if memory := i.launch.Memory; memory != nil {
		i.ring.memory = protocol.NewRing(memory)
		i.order.put, i.order.take = i.ring.memory.Put, func(to uint64) { i.takeOut(to) }
	}
}

// closeRing takes what a dead worker has left in the ring. The memory can be given back then.
func (i *instance) closeRing() {
	i.hideCapture()
	i.order.mu.Lock()
	defer i.order.mu.Unlock()
	if i.ring.memory == nil {
		return
	}
	if err := i.takeRing(i.ring.memory.Put()); err != nil {
		i.pool.cfg.Log.Warn("what a dead worker has left is malformed", "worker", i.worker.index, "error", err)
	}
	i.ring.memory = nil
	i.order.put, i.order.take = nil, nil
	if i.ring.timer != nil {
		i.ring.timer.Stop()
	}
}

// ringFrame handles the frame that opens the ring, or says up to where it comes first.
func (i *instance) ringFrame(m *protocol.RingTo) error {
	r := &i.ring
	if r.memory == nil {
		return fmt.Errorf("%w: %s without a ring", errImpossible, protocol.TypeRing)
	}
	if err := i.takeRing(m.To); err != nil {
		return err
	}
	r.pause = ringPause
	if r.timer == nil {
		r.timer = time.AfterFunc(r.pause, i.lookIntoRing)
	} else {
		r.timer.Reset(r.pause)
	}
	return nil
}

// lookIntoRing is called by the timer, and sets it again as long as anything runs.
func (i *instance) lookIntoRing() {
	i.order.mu.Lock()
	defer i.order.mu.Unlock()
	r := &i.ring
	if r.memory == nil {
		return
	}
	if i.takeWaiting() {
		i.lines.flush()
		r.pause = ringPause
	} else {
		r.pause = min(2*r.pause, ringMaxPause)
	}
	i.pool.mu.Lock()
	running := i.running
	i.pool.mu.Unlock()
	if running > 0 { // the next prediction opens the ring again
		r.timer.Reset(r.pause)
	}
}

// takeWaiting takes what stands in the ring, unless frames wait that may come before it. It reports whether it took any.
func (i *instance) takeWaiting() bool {
	now := i.order.sent()
	return i.order.missing(now) == 0 && i.takeOut(now.ring)
}

// takeOut takes what stands in the ring up to there. It reports whether it took any.
func (i *instance) takeOut(to uint64) bool {
	if !i.ring.memory.Has(to) {
		return false
	}
	if err := i.takeRing(to); err != nil {
		i.kill(fmt.Errorf("worker stopped: ring: %w", err))
		return false
	}
	return true
}

// takeRing handles the frames up to there.
func (i *instance) takeRing(to uint64) error {
	r := &i.ring
	if err := r.memory.Allow(to); err != nil {
		return err
	}
	if r.frames == nil {
		r.frames = protocol.NewReader(r.memory)
	}
	if err := i.readFrames(r.frames, i.frameInRing); !errors.Is(err, io.EOF) {
		return err
	}
	return i.flushRing()
}

// frameInRing handles one frame of the ring.
func (i *instance) frameInRing(f *protocol.Frame) error {
	switch f.Type {
	case protocol.TypeLog:
		return i.ringText(f)
	case protocol.TypeOutput:
		return i.ringOutput(f)
	}
	return fmt.Errorf("%w: %s in the ring", errImpossible, f.Type)
}

// ringText adds lines to those before them.
func (i *instance) ringText(f *protocol.Frame) error {
	r := &i.ring
	if !bytes.Equal(f.Header, r.head) || len(r.text)+len(f.Body()) > ringText {
		if err := i.flushRing(); err != nil {
			return err
		}
		r.head = append(r.head[:0], f.Header...)
	}
	r.text = append(r.text, f.Body()...)
	return nil
}

// ringOutput handles an item, behind the lines before it.
func (i *instance) ringOutput(f *protocol.Frame) error {
	if err := i.flushRing(); err != nil {
		return err
	}
	var m protocol.Output
	if err := f.Decode(&m); err != nil {
		return err
	}
	return i.output(&m, f)
}

// flushRing handles the lines that follow on each other as one frame.
func (i *instance) flushRing() error {
	r := &i.ring
	if len(r.text) == 0 {
		return nil
	}
	err := i.logFrame(&protocol.Frame{Type: protocol.TypeLog, Header: r.head}, r.text)
	r.head, r.text = r.head[:0], r.text[:0]
	return err
}
