package prediction

import (
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/protocol"
)

// DefaultReplay is how many events a reader that comes late gets where nothing else is said; Cog's number.
const DefaultReplay = 1024

// liveEvents is how many events a reader may be behind, however few are replayed to one that comes late. A model that
// yields in a loop is faster than any reader for a while; an event refers to what is kept anyway, and takes 100 bytes.
const liveEvents = 16 << 10

// EventKind says what happened.
type EventKind uint8

// What can happen to a prediction.
const (
	EventStart EventKind = iota
	EventOutput
	EventLog
	EventMetric
	EventCompleted
)

// Event is something that happened to a prediction. Its slices must not be changed.
type Event struct {
	// ID counts from 1. An EventOutput with n items has n ids, from ID on.
	ID   uint64
	Kind EventKind

	Chunk jsontext.Value // EventOutput: one value, or a JSON array of Items when that is not negative
	Items int
	Index int // EventOutput: of its first item among all outputs
	Seen  int // EventOutput: how many of its items the reader has had

	Source protocol.Source // EventLog
	Text   []byte          // EventLog

	Name, Mode string         // EventMetric, as it was recorded
	Value      jsontext.Value // EventMetric
}

// Width is how many ids the event has.
func (e *Event) Width() uint64 {
	if e.Kind == EventOutput && e.Items > 0 {
		return uint64(e.Items)
	}
	return 1
}

// entry is an event as it is kept: it refers to the outputs and the logs and holds nothing twice.
type entry struct {
	id       uint64
	kind     EventKind
	source   protocol.Source
	raw      jsontext.Value
	items    int
	index    int
	from, to int64 // of the logs
	metric   *metricEvent
}

type metricEvent struct {
	name, mode string
	value      jsontext.Value
}

// history keeps the last events. Guarded by Prediction.mu.
type history struct {
	replay int
	events []entry
	last   uint64 // the highest id that was given out
}

func (h *history) add(e entry) {
	e.id = h.last + 1
	width := uint64(1)
	if e.kind == EventOutput && e.items > 0 {
		width = uint64(e.items)
	}
	h.last += width
	limit := max(h.replay, liveEvents)
	if len(h.events) >= 2*limit { // half of them at once, so that the cost is spread
		kept := copy(h.events, h.events[len(h.events)-limit:])
		clear(h.events[kept:])
		h.events = h.events[:kept]
	}
	h.events = append(h.events, e)
}

// find returns the index of the first kept event that a reader has not seen all of who has seen everything up to after,
// and how many ids it has missed.
func (h *history) find(after uint64) (at int, missed uint64) {
	low, high := max(len(h.events)-max(h.replay, liveEvents), 0), len(h.events)
	for at = low; at < high; { // binary: many readers, many events
		mid := (at + high) / 2
		if h.end(mid) <= after {
			at = mid + 1
		} else {
			high = mid
		}
	}
	next := h.last + 1
	if at < len(h.events) {
		next = h.events[at].id
	}
	if next > after+1 {
		missed = next - after - 1
	}
	return at, missed
}

// end is the highest id of an event.
func (h *history) end(at int) uint64 {
	if at+1 < len(h.events) {
		return h.events[at+1].id - 1
	}
	return h.last
}

func (h *history) size() int64 { return int64(cap(h.events)) * int64(unsafe.Sizeof(entry{})) }

// drop forgets everything but the end.
func (h *history) drop() {
	if n := len(h.events); n > 0 {
		h.events = []entry{h.events[n-1]}
	}
}

// record needs mu.
func (p *Prediction) record(e entry) {
	p.history.add(e)
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// wait returns a channel that is closed by the next change. It needs mu.
func (p *Prediction) wait() <-chan struct{} {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// Reader reads the events of a prediction in order. One goroutine uses it; it holds nothing up, and one that is too slow
// misses events.
type Reader struct {
	p     *Prediction
	after uint64 // everything up to here was given out
	lost  uint64 // what was never to be had
}

// Read returns a reader of what comes and of what is replayed of what came.
func (p *Prediction) Read() *Reader {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &Reader{p: p}
	h := &p.history
	if skip := len(h.events) - h.replay; skip > 0 {
		r.after = h.end(skip - 1)
		if h.replay > 0 {
			r.lost = r.after
		}
	} else if len(h.events) > 0 {
		r.after = h.events[0].id - 1
		r.lost = r.after
	}
	return r
}

// Resume returns a reader that goes on after an event that a former one has given out. An event that has not happened
// is one of a former prediction with the same id: then it reads as Read does.
func (p *Prediction) Resume(after uint64) *Reader {
	p.mu.Lock()
	last := p.history.last
	p.mu.Unlock()
	if after > last {
		return p.Read()
	}
	return &Reader{p: p, after: after}
}

// batch bounds what one Next copies.
const batch = 64

// Next appends the next events to dst, at most some dozens, and how many ids were missed before them. With none there it
// returns a channel that is closed when there are more. ended says that nothing more will come.
func (r *Reader) Next(dst []Event) (events []Event, missed uint64, more <-chan struct{}, ended bool) {
	p := r.p
	p.mu.Lock()
	defer p.mu.Unlock()
	h := &p.history
	at, missed := h.find(r.after)
	missed += r.lost
	r.lost = 0
	for ; at < len(h.events) && len(dst) < batch; at++ {
		e := p.event(h.events[at])
		if e.ID <= r.after {
			e.Seen = int(r.after + 1 - e.ID)
		}
		r.after = h.end(at)
		dst = append(dst, e)
	}
	if len(dst) > 0 {
		return dst, missed, nil, false
	}
	if p.status.Terminal() {
		return dst, missed, nil, true
	}
	return dst, missed, p.wait(), false
}

// event needs mu.
func (p *Prediction) event(e entry) Event {
	out := Event{ID: e.id, Kind: e.kind, Source: e.source, Chunk: e.raw, Items: e.items, Index: e.index}
	switch {
	case e.kind == EventLog:
		out.Text = p.logs.AppendRange(nil, e.from, e.to)
	case e.metric != nil:
		out.Name, out.Mode, out.Value = e.metric.name, e.metric.mode, e.metric.value
	}
	return out
}

// Progress is how far a prediction is.
type Progress struct {
	Status  Status
	Outputs int   // items
	Logs    int64 // bytes that were printed
}

// Progress returns how far the prediction is, and a channel that is closed by the next change.
func (p *Prediction) Progress() (Progress, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Progress{p.status, p.outputs.items, p.logs.Total()}, p.wait()
}
