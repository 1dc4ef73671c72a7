// Package prediction is one run of the model as clients see it: its state machine, outputs, logs and metrics. It is
// pure: it does no I/O, starts no goroutine and knows neither workers nor HTTP. Times come in from outside.
//
//	starting ──Start──▶ processing ──Finish──▶ succeeded | failed | canceled
//	    └───────────────────Finish──────────────────▲
package prediction

import (
	"errors"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/logs"
	"coglet/internal/protocol"
)

// Status is where a prediction stands.
type Status string

// The states. The last three are final.
const (
	Starting   Status = "starting"
	Processing Status = "processing"
	Succeeded  Status = "succeeded"
	Failed     Status = "failed"
	Canceled   Status = "canceled"
)

// Terminal reports whether s is final.
func (s Status) Terminal() bool { return s == Succeeded || s == Failed || s == Canceled }

var (
	// ErrCanceled is the cause with which a client's cancel stops a prediction.
	ErrCanceled = errors.New("canceled")
	// ErrOutputTooLarge is returned by Output when all outputs together are over the limit; nothing was added.
	ErrOutputTooLarge = errors.New("output is over --max-output")
)

// Config is what a prediction starts from. Only ID and Created are required.
type Config struct {
	ID      string
	Input   jsontext.Value // as the client sent it; nil when there was none
	Created time.Time
	// Array says that the schema declares a list as output, so that one item stays a list.
	Array     bool
	MaxLogs   int   // bytes kept of the logs; 0 = logs.DefaultMax
	MaxOutput int64 // bytes of all outputs together; 0 = no limit
	// Replay is how many events a reader that comes late still gets; negative = DefaultReplay, 0 = none.
	Replay int
}

// Prediction may be used by many goroutines at the same time.
type Prediction struct {
	ID      string
	Created time.Time
	done    chan struct{} // closed by Finish

	maxOutput int64
	array     bool

	mu            sync.Mutex // guards all below
	input         jsontext.Value
	status        Status
	started       time.Time
	completed     time.Time
	outputs       outputs
	outputDropped bool
	toDrop        bool // once nobody holds it
	held          int
	logs          logs.Tail
	caps          [2]logs.Cap // stdout, stderr: their lines are cut apart from each other
	metrics       metrics
	history       history
	changed       chan struct{} // closed by the next change; nil while nobody waits for one
	err           string
	predictTime   float64 // seconds; only when the worker measured it
}

// New returns a prediction in state starting.
func New(c Config) *Prediction {
	p := &Prediction{
		ID: c.ID, Created: c.Created, done: make(chan struct{}),
		input: c.Input, status: Starting, array: c.Array, maxOutput: c.MaxOutput,
	}
	p.logs.Max = c.MaxLogs
	p.history.events = make([]entry, 0, 3) // of most: the start, the output, the end
	p.history.replay = c.Replay
	if c.Replay < 0 {
		p.history.replay = DefaultReplay
	}
	return p
}

// Done is closed when the prediction has its final state.
func (p *Prediction) Done() <-chan struct{} { return p.done }

// Array reports whether the schema declares a list as output.
func (p *Prediction) Array() bool { return p.array }

// Start moves starting to processing. In any other state it does nothing.
func (p *Prediction) Start(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status == Starting {
		p.status, p.started = Processing, now
		p.record(entry{kind: EventStart})
	}
}

// Log appends text, which is valid UTF-8, to the logs. After the end it does nothing.
func (p *Prediction) Log(source protocol.Source, text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status.Terminal() {
		return
	}
	i := 0
	if source == protocol.Stderr {
		i = 1
	}
	from := p.logs.Total()
	p.caps[i].WriteTo(&p.logs, text)
	if to := p.logs.Total(); to > from {
		p.record(entry{kind: EventLog, source: source, from: from, to: to})
	}
}

// Output appends one output, or items of them when raw is a JSON array of that many (items < 0: raw is one output).
// It keeps raw. It returns ErrOutputTooLarge over the limit; after the end it does nothing.
func (p *Prediction) Output(raw jsontext.Value, items int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status.Terminal() {
		return nil
	}
	if p.maxOutput > 0 && p.outputs.size+int64(len(raw)) > p.maxOutput {
		return ErrOutputTooLarge
	}
	index := p.outputs.items
	p.outputs.add(raw, items)
	if items != 0 {
		p.record(entry{kind: EventOutput, raw: raw, items: items, index: index})
	}
	return nil
}

// Metric records a value. Names with an empty segment, and increments of what is no number, are ignored as Cog does.
func (p *Prediction) Metric(name, mode string, value jsontext.Value) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.status.Terminal() {
		p.metrics.record(name, mode, value)
		p.record(entry{kind: EventMetric, metric: &metricEvent{name, mode, value.Clone()}})
	}
}

// Result is how a prediction ended.
type Result struct {
	Status      Status
	Error       string  // for Failed
	PredictTime float64 // seconds, measured in the worker; 0 = unknown
	Stream      bool    // the outputs are a list, whatever their number
}

// Finish gives the prediction its final state and reports whether it did: the first one wins.
func (p *Prediction) Finish(r Result, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status.Terminal() {
		return false
	}
	p.status, p.completed, p.predictTime = r.Status, now, r.PredictTime
	if r.Status == Failed {
		p.err = r.Error
	}
	p.outputs.stream = p.outputs.stream || r.Stream
	p.record(entry{kind: EventCompleted})
	close(p.done)
	return true
}

// Status returns the present state.
func (p *Prediction) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// Size is the memory, in bytes, that input, outputs and events take.
func (p *Prediction) Size() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outputs.size + int64(len(p.input)) + p.history.size()
}

// LogSize is the memory, in bytes, that the logs take.
func (p *Prediction) LogSize() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(p.logs.Len())
}

// Drop forgets input and outputs of a finished prediction; its snapshots say so.
func (p *Prediction) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.status.Terminal() {
		return
	}
	p.toDrop = true
	p.dropUnheld()
}

// Hold keeps what Drop would take until release is called, any number of times: whoever is to tell how the prediction has
// ended holds it from before its end.
func (p *Prediction) Hold() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held++
	released := false
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !released {
			released = true
			p.held--
			p.dropUnheld()
		}
	}
}

// dropUnheld needs mu.
func (p *Prediction) dropUnheld() {
	if p.toDrop && p.held == 0 {
		p.input, p.outputs, p.outputDropped = nil, outputs{}, true
		p.history.drop()
	}
}
