// Package service decides what happens to requests: it admits predictions, knows them by id while they run and for a
// while after, cancels them, tells the health, and drains the server. It does no I/O and knows no HTTP.
package service

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/orchestrator"
	"coglet/internal/prediction"
	"coglet/internal/protocol"
	"coglet/internal/schema"
)

// Pool runs predictions. *orchestrator.Pool is one.
type Pool interface {
	// Submit starts or queues a job. Errors: orchestrator.ErrAtCapacity, orchestrator.ErrShuttingDown,
	// *orchestrator.NotReadyError.
	Submit(orchestrator.Job) (*orchestrator.Run, error)
	Model() *orchestrator.Model
	AwaitModel(ctx context.Context) error
}

// Inputs makes local files of file inputs.
type Inputs interface {
	// Resolve returns the value of one field with local paths in the place of URLs. The files are put into dir.
	Resolve(ctx context.Context, dir, name string, value jsontext.Value, field protocol.FileField) (jsontext.Value, error)
}

// Config is checked by New's caller; all fields are required but Now.
type Config struct {
	Pool    Pool
	Monitor Monitor
	Inputs  Inputs
	Mode    string // predict or train: the method that the workers run
	Keep    Retention

	MaxLogs   int   // bytes of a prediction's logs
	MaxOutput int64 // bytes of a prediction's outputs
	Now       func() time.Time
}

// Service may be used by many goroutines at the same time.
type Service struct {
	cfg Config

	mu       sync.Mutex        // guards all below
	byID     map[string]*entry // running and retained
	retained retained
}

// entry is a prediction that the service knows.
type entry struct {
	pred *prediction.Prediction
	run  *orchestrator.Run // nil once it has ended
	size int64             // bytes counted by retained
}

var (
	// ErrRunning is returned by Create when the id belongs to a prediction that runs.
	ErrRunning = errors.New("a prediction with this id is running")
	// ErrNotFound is returned for an id that the service does not know.
	ErrNotFound = errors.New("prediction not found")
)

// New returns a service without predictions.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Service{cfg: cfg, byID: make(map[string]*entry)}
	s.retained.init(cfg.Keep)
	return s
}

// Request is a prediction to create, checked against the schema.
type Request struct {
	ID      string         // empty = the service makes one
	Raw     jsontext.Value // the input as the client sent it, for GET; nil = none
	Input   schema.Input
	Context map[string]string
}

// Handle is a prediction together with the right to cancel it.
type Handle struct {
	*prediction.Prediction
	svc *Service
	ent *entry
}

// Cancel asks the prediction to stop; cause as for orchestrator.Run.Cancel.
func (h Handle) Cancel(cause error) {
	h.svc.mu.Lock()
	run := h.ent.run
	h.svc.mu.Unlock()
	if run != nil {
		run.Cancel(cause)
	}
}

// Create starts a prediction. When the id belongs to one that runs: with join it returns that one and created is
// false, without it ErrRunning. A finished one with the id is replaced. Further errors are Pool.Submit's.
func (s *Service) Create(req Request, join bool) (h Handle, created bool, err error) {
	if req.ID == "" {
		req.ID = newID()
	}
	model := s.cfg.Pool.Model()
	pred := prediction.New(prediction.Config{
		ID: req.ID, Input: req.Raw, Created: s.cfg.Now(), MaxLogs: s.cfg.MaxLogs, MaxOutput: s.cfg.MaxOutput,
		Array: model != nil && model.Schema != nil && model.Schema.OutputIsArray(s.cfg.Mode),
	})
	job := orchestrator.Job{Prediction: pred, Input: req.Input.JSON(), Context: req.Context}
	if model != nil {
		job.Resolve = s.resolver(req.Input, model)
	}

	ent := &entry{pred: pred}
	job.Ended = func() { s.finish(ent) }
	run, running, err := s.admit(ent, job)
	if running != nil {
		if join {
			return Handle{running.pred, s, running}, false, nil
		}
		return Handle{}, false, ErrRunning
	}
	if err != nil {
		return Handle{}, false, err
	}
	run.Begin() // not ent.run: a queued one may have ended by now
	return Handle{pred, s, ent}, true, nil
}

// admit gives the entry a slot and its id, unless a prediction with this id runs: then it returns that one. The slot
// is taken under mu, which does not wait, so that two requests with one id cannot both start.
func (s *Service) admit(ent *entry, job orchestrator.Job) (run *orchestrator.Run, running *entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.byID[ent.pred.ID]
	if old != nil && !old.pred.Status().Terminal() {
		return nil, old, nil
	}
	if run, err = s.cfg.Pool.Submit(job); err != nil {
		return nil, nil, err
	}
	ent.run = run
	if old != nil {
		s.retained.remove(old)
	}
	s.byID[ent.pred.ID] = ent
	return run, nil, nil
}

// newID returns a new id, as Cog's ids look.
func newID() string {
	var b [12]byte
	rand.Read(b[:]) // never fails
	return "pred_" + hex.EncodeToString(b[:])
}

// resolver returns what makes local files of the file inputs, nil when there are none. A default that is a URL is
// fetched like one that was sent.
func (s *Service) resolver(in schema.Input, model *orchestrator.Model) func(context.Context, string) ([]byte, error) {
	var names []string
	for name := range model.FileFields {
		value, ok := in.Get(name)
		if !ok {
			if value, ok = model.Input.Default(name); !ok || value.Kind() != '"' {
				continue
			}
		}
		if value.Kind() != 'n' {
			in.Set(name, value)
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return func(ctx context.Context, dir string) ([]byte, error) {
		for _, name := range names {
			value, _ := in.Get(name)
			local, err := s.cfg.Inputs.Resolve(ctx, dir, name, value, model.FileFields[name])
			if err != nil {
				return nil, fmt.Errorf("input.%s: %w", name, err)
			}
			in.Set(name, local)
		}
		return in.JSON(), nil
	}
}

// Get returns a running or retained prediction, or ErrNotFound.
func (s *Service) Get(id string) (Handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ent := s.byID[id]
	if ent == nil {
		return Handle{}, ErrNotFound
	}
	return Handle{ent.pred, s, ent}, nil
}

// Cancel cancels a running prediction; a retained one is left as it is. ErrNotFound for an unknown id.
func (s *Service) Cancel(id string) error {
	h, err := s.Get(id)
	if err == nil {
		h.Cancel(prediction.ErrCanceled)
	}
	return err
}

// List returns all predictions that the service knows, the newest first.
func (s *Service) List() []*prediction.Prediction {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	all := make([]*prediction.Prediction, 0, len(s.byID))
	for _, ent := range s.byID {
		all = append(all, ent.pred)
	}
	sortNewestFirst(all)
	return all
}
