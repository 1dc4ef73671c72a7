package telemetry

import (
	"io"
	"sync"
	"time"
)

// A log is written line by line, until lines come so fast that the writing would cost more than what they are about.
const (
	burstTime  = 5 * time.Millisecond
	burstLines = 16 // of burstTime that are written at once; the others wait for its end
	burstBytes = 64 << 10
)

// Burst writes records to w: each one at once, but in a burst of them those behind the first few together, at most
// burstTime later. Flush writes what waits; whoever ends the process calls it. Safe for use by many goroutines.
type Burst struct {
	w io.Writer

	mu      sync.Mutex // guards all below, and the order of writes
	began   time.Time  // of the present burstTime
	lines   int        // that were written in it
	waiting []byte
	timer   *time.Timer // calls Flush; nil until it is needed
}

// NewBurst returns a Burst that writes to w.
func NewBurst(w io.Writer) *Burst { return &Burst{w: w} }

// Write takes one record. Where it waits, an error of writing it is lost: there is no other place to tell it.
func (b *Burst) Write(record []byte) (int, error) { return b.write(record, false, time.Now()) }

// write writes a record, and what waits before it, at once where it is urgent.
func (b *Burst) write(record []byte, urgent bool, now time.Time) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.began) >= burstTime {
		b.began, b.lines = now, 0
	}
	if b.lines++; len(b.waiting) == 0 && (urgent || b.lines <= burstLines) {
		return b.w.Write(record)
	}
	first := len(b.waiting) == 0
	b.waiting = append(b.waiting, record...)
	if urgent || len(b.waiting) >= burstBytes {
		return len(record), b.flush()
	}
	if first {
		if b.timer == nil {
			b.timer = time.AfterFunc(burstTime, func() { _ = b.Flush() })
		} else {
			b.timer.Reset(burstTime)
		}
	}
	return len(record), nil
}

// Flush writes what waits.
func (b *Burst) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flush()
}

// flush needs mu.
func (b *Burst) flush() error {
	if len(b.waiting) == 0 {
		return nil
	}
	_, err := b.w.Write(b.waiting)
	b.waiting = b.waiting[:0]
	if cap(b.waiting) > 2*burstBytes { // a huge record is not kept for the next
		b.waiting = nil
	}
	return err
}
