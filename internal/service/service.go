// Package service decides what happens to requests: it admits predictions, knows them by id while they run and for a
// while after, cancels them, tells the health, and drains the server. It does no I/O and knows no HTTP.
package service

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/files"
	"coglet/internal/orchestrator"
	"coglet/internal/prediction"
	"coglet/internal/protocol"
	"coglet/internal/schema"
	"coglet/internal/webhook"
)

// Pool runs predictions. *orchestrator.Pool is one.
type Pool interface {
	// Submit starts or queues a job. Errors: orchestrator.ErrAtCapacity, orchestrator.ErrShuttingDown,
	// *orchestrator.NotReadyError.
	Submit(orchestrator.Job) (*orchestrator.Run, error)
	Model() *orchestrator.Model
	AwaitModel(ctx context.Context) error
}

// FileInput is one input that is a file, or a list of files.
type FileInput = files.Input

// Inputs makes local files of file inputs. *files.Fetcher is one.
type Inputs interface {
	// Resolve returns the values with local paths in the place of URLs. The files are put into dir. Its error names
	// the input.
	Resolve(ctx context.Context, dir string, inputs []FileInput) ([]jsontext.Value, error)
	// Check reports what is wrong with a value, without fetching anything.
	Check(value jsontext.Value, field protocol.FileField) error
}

// Notifier tells others how a prediction goes. *webhook.Sender is one.
type Notifier interface {
	// Watch follows a prediction to its end. It returns at once.
	Watch(p *prediction.Prediction, h webhook.Hook)
}

// Config is checked by New's caller; all fields are required but Webhooks, Away and Now.
type Config struct {
	Pool     Pool
	Monitor  Monitor
	Inputs   Inputs
	Webhooks Notifier // nil = none are sent
	Keep     Retention
	Replay   int           // events for a reader that comes late; negative = prediction.DefaultReplay
	Away     time.Duration // how long the last reader of a tied prediction may be away; 0 = 10 s

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
	pred   *prediction.Prediction
	method string            // schema.Predict or schema.Train
	run    *orchestrator.Run // nil once it has ended
	size   int64             // bytes counted by retained
	kept   kept              // among the retained
	readerState
}

var (
	// ErrRunning is returned by Create when the id belongs to a prediction that runs.
	ErrRunning = errors.New("a prediction with this id is running")
	// ErrNotFound is returned for an id that the service does not know.
	ErrNotFound = errors.New("prediction not found")
	// ErrNoMethod is returned by Create when the model does not have the method that is to run.
	ErrNoMethod = errors.New("the model has no such method")
)

// New returns a service without predictions.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Away == 0 {
		cfg.Away = 10 * time.Second
	}
	s := &Service{cfg: cfg, byID: make(map[string]*entry)}
	s.retained.limit = cfg.Keep
	return s
}

// Request is a prediction to create, checked against the schema.
type Request struct {
	Method  string         // schema.Predict or schema.Train
	ID      string         // empty = the service makes one
	Raw     jsontext.Value // the input as the client sent it, for GET; nil = none
	Input   schema.Input
	Context map[string]string
	Hook    *webhook.Hook // nil = none
	Tied    bool          // it is canceled when nobody has read its events for Config.Away
	Release func()        // called once when the files that came with the request are not needed any more; nil = none
}

// Handle is a prediction together with the right to cancel it.
type Handle struct {
	*prediction.Prediction
	svc  *Service
	ent  *entry
	free func() // of Create; nil = nothing is held
}

// Release lets the prediction go that Create has made: until then its end can be told whole, whatever Config.Keep says. To
// be called once it was told, or will not be.
func (h Handle) Release() {
	if h.free != nil {
		h.free()
	}
}

// Method is what the prediction runs: schema.Predict or schema.Train.
func (h Handle) Method() string { return h.ent.method }

// Cancel asks the prediction to stop; cause as for orchestrator.Run.Cancel.
func (h Handle) Cancel(cause error) {
	h.svc.mu.Lock()
	run := h.ent.run
	h.svc.mu.Unlock()
	if run != nil {
		run.Cancel(cause)
	}
}

// Create starts a prediction. Its handle is to be released. When the id belongs to one that runs: with join it returns that one and created is
// false, without it ErrRunning. A finished one with the id is replaced. Further errors are Pool.Submit's, and ErrNoMethod.
func (s *Service) Create(req Request, join bool) (h Handle, created bool, err error) {
	release := func() {}
	if req.Release != nil {
		release = sync.OnceFunc(req.Release)
	}
	defer func() {
		if !created {
			release()
		}
	}()
	if req.ID == "" {
		req.ID = newID()
	}
	model := s.cfg.Pool.Model()
	var method *orchestrator.Method
	if model != nil {
		if method = model.Method(req.Method); method == nil {
			return Handle{}, false, ErrNoMethod
		}
	}
	if method != nil {
		req.Raw = method.Input.Shown(&req.Input, req.Raw)
	}
	ent := s.newEntry(req, model)
	job := orchestrator.Job{Prediction: ent.pred, Input: req.Input.JSON(), Context: req.Context}
	if model != nil {
		job.Method = model.Wire(method)
		job.Resolve = s.resolver(req.Input, method)
	}
	job.Ended = func() {
		release()
		s.finish(ent)
	}
	free := ent.pred.Hold()
	run, running, err := s.admit(ent, job)
	if running != nil {
		if join && running.method == req.Method {
			return Handle{running.pred, s, running, running.pred.Hold()}, false, nil
		}
		return Handle{}, false, ErrRunning
	}
	if err != nil {
		return Handle{}, false, err
	}
	if req.Hook != nil && s.cfg.Webhooks != nil {
		s.cfg.Webhooks.Watch(ent.pred, *req.Hook)
	}
	run.Begin() // not ent.run: a queued one may have ended by now
	return Handle{ent.pred, s, ent, free}, true, nil
}

// newEntry makes what is known of a request. model may be nil: the pool will not take it then.
func (s *Service) newEntry(req Request, model *orchestrator.Model) *entry {
	ent := &entry{method: req.Method, pred: prediction.New(prediction.Config{
		ID: req.ID, Input: req.Raw, Created: s.cfg.Now(), MaxLogs: s.cfg.MaxLogs, MaxOutput: s.cfg.MaxOutput,
		Array: model != nil && model.Schema != nil && model.Schema.OutputIsArray(req.Method), Replay: s.cfg.Replay,
	})}
	ent.tied = req.Tied
	return ent
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

// Get returns a running or retained prediction, or ErrNotFound.
func (s *Service) Get(id string) (Handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ent := s.byID[id]
	if ent == nil {
		return Handle{}, ErrNotFound
	}
	return Handle{ent.pred, s, ent, nil}, nil
}

// Cancel cancels a running prediction; a retained one is left as it is. ErrNotFound for an unknown id.
func (s *Service) Cancel(id string) error {
	h, err := s.Get(id)
	if err == nil {
		h.Cancel(prediction.ErrCanceled)
	}
	return err
}

// List returns all predictions of a method that the service knows, the newest first.
func (s *Service) List(method string) []*prediction.Prediction {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	all := make([]*prediction.Prediction, 0, len(s.byID))
	for _, ent := range s.byID {
		if ent.method == method {
			all = append(all, ent.pred)
		}
	}
	sortNewestFirst(all)
	return all
}
