// Package webhook tells receivers how predictions go: in order, throttled, retried and signed. It watches a prediction
// from outside, so that a receiver that is slow, broken or gone never holds one up.
package webhook

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"coglet/internal/prediction"
)

// Defaults, and Cog's numbers.
const (
	DefaultInterval   = 500 * time.Millisecond
	defaultTimeout    = 30 * time.Second
	defaultMaxPending = 256 << 20
	retries           = 12
	backoffBase       = 100 * time.Millisecond
	// progressTimeout is shorter than the one of the last message, which waits behind.
	progressTimeout = 10 * time.Second
	// pendingCost is what a message that waits takes beside its body, in bytes: a goroutine and its prediction.
	pendingCost = 16 << 10
)

// Config is what a Sender works with. Client, UserAgent and Log are required.
type Config struct {
	Client    *http.Client
	UserAgent string
	Interval  time.Duration // between two messages on progress; 0 = as fast as the receiver takes them
	Token     string        // Authorization: Bearer; empty = none
	// TokenHosts are the only ones that get Token, when it is not empty.
	TokenHosts []string
	Secret     []byte        // signs every message; nil = unsigned
	Timeout    time.Duration // of one attempt; 0 = 30 s
	// MaxPending bounds the memory, in bytes, of last messages that wait for their receivers; half of it for one host.
	// What is over it is given up, and the log says so. 0 = 256 MiB.
	MaxPending int64
	Log        *slog.Logger
	Now        func() time.Time
	Sleep      func(ctx context.Context, d time.Duration) error // between attempts; nil = really
}

// Sender sends the webhooks of all predictions. Its methods may be called by many goroutines.
type Sender struct {
	cfg Config
	ctx context.Context // of all attempts; stored because they outlive the requests
	end context.CancelFunc
	wg  sync.WaitGroup

	mu      sync.Mutex // guards all below
	pending int64
	byHost  map[string]int64
}

// New returns a Sender. Close it.
func New(cfg Config) *Sender {
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxPending == 0 {
		cfg.MaxPending = defaultMaxPending
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	s := &Sender{cfg: cfg, byHost: make(map[string]int64)}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Watch sends what h asks for until p has ended and its last message was delivered or given up. It returns at once.
func (s *Sender) Watch(p *prediction.Prediction, h Hook) {
	if h.Events == 0 {
		return
	}
	free := p.Hold() // the last message may have to wait for the one before
	s.wg.Go(func() {
		defer free()
		m := messenger{s, p, h, free}
		if h.Events&^Completed != 0 {
			m.progress()
		}
		select {
		case <-p.Done():
		case <-s.ctx.Done():
			return
		}
		if h.Events&Completed != 0 {
			m.last()
		}
	})
}

// Wait returns when nothing is left to be sent, or with ctx's error. No Watch may be called meanwhile.
func (s *Sender) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { // ended by the last messenger, at the latest by Close
		s.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close gives up what is not delivered and returns when nothing is sent any more.
func (s *Sender) Close() {
	s.end()
	s.wg.Wait()
}
