package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"coglet/internal/orchestrator"
)

// readyFilePoll is how often the pool's state is looked at for the ready file: Kubernetes itself probes once a second.
const readyFilePoll = 200 * time.Millisecond

// watchReadyFile keeps a file there as long as predictions may be sent, for probes that run a command. It is gone when
// the server is not ready any more, and when it ends.
func (s *server) watchReadyFile(ctx context.Context) {
	path := s.cfg.ReadyFile
	if path == "" {
		return
	}
	defer s.setReadyFile(path, false)
	ticker := time.NewTicker(readyFilePoll)
	defer ticker.Stop()
	was := false
	s.setReadyFile(path, false) // one that a former server left
	for {
		state, _ := s.pool.State()
		ready := (state == orchestrator.StateReady || state == orchestrator.StateBusy) && !s.pool.Closing()
		if ready != was {
			s.setReadyFile(path, ready)
			was = ready
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *server) setReadyFile(path string, there bool) {
	var err error
	if there {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = os.WriteFile(path, nil, 0o644)
		}
	} else if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		s.log.Warn("ready file not set", "path", path, "ready", there, "error", err)
	}
}
