package orchestrator

import (
	"coglet/internal/protocol"
	"coglet/internal/schema"
)

// Model is what a ready worker said of its model.
type Model struct {
	Schema      *schema.Schema    // nil when the model has none
	Input       *schema.Validator // nil = inputs are not checked
	FileFields  map[string]protocol.FileField
	Slots       int
	Healthcheck bool
	Async       bool
	SDK         string // name and version of the cog package in use
	Python      string
}

// newModel makes a Model of ready and the OpenAPI document in its body.
func newModel(ready protocol.Ready, document []byte, mode string) (*Model, error) {
	m := &Model{
		FileFields: ready.FileFields, Slots: ready.Slots, Healthcheck: ready.Healthcheck, Async: ready.Async,
		SDK: ready.SDK, Python: ready.Python,
	}
	if len(document) == 0 {
		return m, nil
	}
	var err error
	if m.Schema, err = schema.Compile(document); err != nil {
		return nil, err
	}
	m.Input = m.Schema.Input(mode).Unchecked(ready.AnyFields)
	return m, nil
}
