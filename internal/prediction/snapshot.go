package prediction

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Snapshot is a prediction at one moment. Its byte slices are shared with the prediction and must not be changed.
type Snapshot struct {
	ID            string
	Status        Status
	Input         jsontext.Value // nil when there was none or it was dropped
	Output        [][]byte       // pieces of one JSON value; nil = none yet
	OutputDropped bool
	Error         string
	Logs          string
	Metrics       jsontext.Value // an object
	Created       time.Time
	Started       time.Time // zero = not yet
	Completed     time.Time // zero = not yet
}

// Snapshot returns the present state.
func (p *Prediction) Snapshot() Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Snapshot{
		ID: p.ID, Status: p.status, Input: p.input, OutputDropped: p.outputDropped, Error: p.err,
		Logs: p.logs.String(), Metrics: p.metrics.appendJSON(nil, p.predictTime),
		Created: p.Created, Started: p.started, Completed: p.completed,
	}
	if !p.outputDropped {
		s.Output = p.outputs.value(p.status, p.array)
	}
	return s
}
