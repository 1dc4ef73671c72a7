package orchestrator

import (
	"coglet/internal/protocol"
	"coglet/internal/schema"
)

// Model is what a ready worker said of its model.
type Model struct {
	Schema      *schema.Schema // nil when the model has none
	Slots       int
	Healthcheck bool
	Async       bool
	SDK         string // name and version of the cog package in use
	Python      string

	mode    string // what the workers were started for
	methods map[string]*Method
}

// Method is one thing that a model can run: predictions or trainings.
type Method struct {
	Name       string            // schema.Predict or schema.Train
	Input      *schema.Validator // nil = inputs are not checked
	FileFields map[string]protocol.FileField
}

// newModel makes a Model of ready and the OpenAPI document in its body.
func newModel(ready protocol.Ready, document []byte, mode string) (*Model, error) {
	if mode == "" {
		mode = schema.Predict
	}
	m := &Model{
		Slots: ready.Slots, Healthcheck: ready.Healthcheck, Async: ready.Async, SDK: ready.SDK, Python: ready.Python,
		mode: mode,
	}
	own := &Method{Name: mode, FileFields: ready.FileFields}
	m.methods = map[string]*Method{mode: own}
	if ready.Also != nil {
		m.methods[ready.Also.Mode] = &Method{Name: ready.Also.Mode, FileFields: ready.Also.FileFields}
	}
	if len(document) == 0 {
		return m, nil
	}
	var err error
	if m.Schema, err = schema.Compile(document); err != nil {
		return nil, err
	}
	own.Input = m.Schema.Input(mode).Unchecked(ready.AnyFields)
	if ready.Also != nil {
		m.methods[ready.Also.Mode].Input = m.Schema.Input(ready.Also.Mode).Unchecked(ready.Also.AnyFields)
	}
	return m, nil
}

// Method returns what runs for a request of a kind, nil when the model has nothing. A server that was started for
// trainings takes predictions for trainings where the model has nothing else, as Cog's does.
func (m *Model) Method(name string) *Method {
	if own := m.methods[name]; own != nil || name == schema.Train {
		return own
	}
	return m.methods[m.mode]
}

// Wire is how the worker is told to run a method: empty for what it was started for.
func (m *Model) Wire(method *Method) string {
	if method.Name == m.mode {
		return ""
	}
	return method.Name
}

// Own is what the workers were started for.
func (m *Model) Own() *Method { return m.methods[m.mode] }
