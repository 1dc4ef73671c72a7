package service

import (
	"context"

	"coglet/internal/orchestrator"
)

// Health is a status of /health-check.
type Health string

// What clients may see, beside the pool's own states: unhealthy is what the model's healthcheck() says.
const (
	Unknown     Health = "UNKNOWN"
	Starting           = Health(orchestrator.StateStarting)
	Ready              = Health(orchestrator.StateReady)
	Busy               = Health(orchestrator.StateBusy)
	SetupFailed        = Health(orchestrator.StateSetupFailed)
	Defunct            = Health(orchestrator.StateDefunct)
	Unhealthy   Health = "UNHEALTHY"
)

// Monitor is the pool as the health sees it. *orchestrator.Pool is one.
type Monitor interface {
	State() (orchestrator.State, string)
	Setup() (orchestrator.SetupResult, bool)
	Healthcheck(ctx context.Context) error
	Closing() bool
}

// Report is the health at one moment.
type Report struct {
	Health   Health
	Reason   string // why setup failed, the workers were given up, or the model is unhealthy
	Setup    orchestrator.SetupResult
	HasSetup bool
	Model    *orchestrator.Model // nil before the first ready
	Closing  bool
}

// Health returns the health; it asks the model's own healthcheck() where there is one and a worker is ready.
func (s *Service) Health(ctx context.Context) Report {
	r := s.Readiness()
	if r.Health == Ready || r.Health == Busy {
		if err := s.cfg.Monitor.Healthcheck(ctx); err != nil {
			r.Health, r.Reason = Unhealthy, err.Error()
		}
	}
	return r
}

// Readiness returns the health without asking the model.
func (s *Service) Readiness() Report {
	state, reason := s.cfg.Monitor.State()
	r := Report{Health: Health(state), Reason: reason, Model: s.cfg.Pool.Model(), Closing: s.cfg.Monitor.Closing()}
	r.Setup, r.HasSetup = s.cfg.Monitor.Setup()
	return r
}

// Model returns what the model said of itself. Where setup has not ended yet it waits, as long as there is room in the
// queue; errors as Create's.
func (s *Service) Model(ctx context.Context) (*orchestrator.Model, error) {
	if m := s.cfg.Pool.Model(); m != nil {
		return m, nil
	}
	err := s.cfg.Pool.AwaitModel(ctx)
	return s.cfg.Pool.Model(), err
}
