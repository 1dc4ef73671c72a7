package service

import (
	"errors"
	"sync"
	"time"

	"coglet/internal/prediction"
)

// maxReaders is how many may read the events of one prediction at the same time.
const maxReaders = 1024

// ErrTooManyReaders is returned by Attach.
var ErrTooManyReaders = errors.New("too many stream subscribers")

// readerState is who reads the events of a prediction. Guarded by Service.mu.
type readerState struct {
	readers int
	tied    bool        // the prediction is canceled when nobody reads
	away    *time.Timer // runs while nobody does
}

// Attach registers a reader of the prediction's events until it calls detach. Without any reader for Config.Away a tied
// prediction is canceled.
func (h Handle) Attach() (detach func(), err error) {
	s, e := h.svc, h.ent
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.readers >= maxReaders {
		return nil, ErrTooManyReaders
	}
	e.readers++
	if e.away != nil {
		e.away.Stop()
		e.away = nil
	}
	free := e.pred.Hold() // for its last event
	return sync.OnceFunc(func() { free(); h.detach() }), nil
}

func (h Handle) detach() {
	s, e := h.svc, h.ent
	s.mu.Lock()
	defer s.mu.Unlock()
	e.readers--
	if e.readers == 0 && e.tied && e.run != nil {
		e.away = time.AfterFunc(s.cfg.Away, h.abandoned)
	}
}

// abandoned cancels a prediction that nobody reads any more.
func (h Handle) abandoned() {
	h.svc.mu.Lock()
	left := h.ent.readers == 0 && h.ent.away != nil
	h.svc.mu.Unlock()
	if left {
		h.Cancel(prediction.ErrCanceled)
	}
}
