// Package app wires the server together: what is started in which order, and how it ends. It has no state of its own
// beyond that.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"coglet/fdredirect"
	"coglet/internal/config"
	"coglet/internal/fastpath"
	"coglet/internal/files"
	"coglet/internal/httpapi"
	"coglet/internal/monitor"
	"coglet/internal/orchestrator"
	"coglet/internal/outbound"
	"coglet/internal/playground"
	"coglet/internal/prediction"
	"coglet/internal/process"
	"coglet/internal/service"
	"coglet/internal/webhook"
	"coglet/python"
)

// Server limits that nobody has to set.
const (
	headerTimeout  = 10 * time.Second // slow-loris headers
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	cancelWait     = time.Second     // for predictions to end once they are canceled at shutdown
	workerExit     = 3 * time.Second // for an idle worker to run its exit handlers

	// Memory that is never touched, so that it costs address space only, but counts as live: garbage is not collected
	// before there is as much of it. Without it a server of small predictions collects hundreds of times a second.
	ballastSize = 16 << 20
)

// Serve runs the server until signals delivers a first and a second time, POST /shutdown is called, or listening
// fails. The first ends it in good order within the shutdown grace, the second at once. Nothing is left behind:
// no process, no temp folder. tell, where it is not nil, gets what a person at the terminal wants to know.
func Serve(cfg config.Config, build Build, log *slog.Logger, tell io.Writer, signals <-chan os.Signal) error {
	started := time.Now()
	processors := newProcessors(cfg.Processors, crowdTime)
	defer processors.close()
	if err := monitor.Calm(); err != nil {
		log.Debug("the Go runtime's monitor is as it was", "error", err)
	}
	ballast := make([]byte, ballastSize)
	defer runtime.KeepAlive(ballast)
	if err := fdredirect.MarkInherited(); err != nil {
		return fmt.Errorf("mark inherited file descriptors: %w", err)
	}
	listener, err := listen(cfg)
	if err != nil {
		return err
	}
	s, err := newServer(cfg, build, log, false)
	if err != nil {
		listener.Close()
		return err
	}
	defer s.close()
	s.http.Handler = processors.watch(s.http.Handler)
	s.tell = newTeller(tell, cfg, started)
	return s.run(listener, signals)
}

// server is what Serve starts and ends.
type server struct {
	cfg      config.Config
	log      *slog.Logger
	tell     *teller
	harness  python.Harness
	root     *files.Root
	table    *process.Table
	pool     *orchestrator.Pool
	webhooks *webhook.Sender
	uploads  *files.Store   // files that come with requests
	roots    outbound.Roots // of those who are called
	http     *fastpath.Server
	memory   *memory
	shutdown chan struct{} // closed by POST /shutdown
	once     sync.Once     // of shutdown

	graceEnds time.Time // set by drain
}

// newServer makes everything and starts nothing. With schemaOnly workers load the model and do not set it up.
func newServer(cfg config.Config, build Build, log *slog.Logger, schemaOnly bool) (s *server, err error) {
	s = &server{cfg: cfg, log: log, table: process.NewTable(), memory: newMemory(), shutdown: make(chan struct{})}
	if s.root, err = files.OpenRoot(""); err != nil {
		return nil, err
	}
	if len(cfg.Worker) == 0 {
		if s.harness, err = python.Unpack(cfg.CacheDir); err != nil {
			return nil, errors.Join(fmt.Errorf("unpack the Python harness: %w", err), s.root.Close())
		}
	}
	userAgent := "coglet/" + build.Version
	s.roots = rootsOf(cfg, log)
	named := outbound.Named(cfg.PublicURLsOnly, s.roots)
	s.uploads = files.NewStore(filepath.Join(s.root.Dir(), "uploads"))
	s.webhooks = s.sender(named, userAgent)
	s.pool = orchestrator.New(s.poolConfig(schemaOnly, userAgent))
	svc := service.New(service.Config{
		Pool: s.pool, Monitor: s.pool, Inputs: s.fetcher(named), Webhooks: s.webhooks, Replay: cfg.Replay,
		Keep:    service.Retention{Count: cfg.Keep, Bytes: cfg.KeepBytes, For: cfg.KeepFor},
		MaxLogs: int(cfg.MaxLogs), MaxOutput: cfg.MaxOutput,
	})
	var page http.Handler
	if !cfg.NoPlayground {
		page = playground.Handler()
	}
	s.http = &fastpath.Server{Plain: httpapi.Plain, Server: http.Server{
		Handler: s.memory.watch(httpapi.New(httpapi.Config{
			Service: svc, Uploads: s.uploads, MaxBody: cfg.MaxBody, Version: build.api(), Log: log,
			WebhookKey: cfg.WebhookKey,
			Shutdown:   func() { s.once.Do(func() { close(s.shutdown) }) }, Page: page,
		})),
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	return s, nil
}

// run serves until it is told to end, and then ends in good order.
func (s *server) run(listener net.Listener, signals <-chan os.Signal) error {
	reaper, stopReaper := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	if os.Getpid() == 1 {
		wg.Go(func() { s.table.ReapForeign(reaper) })
	}
	defer wg.Wait()
	defer stopReaper()

	served := make(chan error, 1)
	go func() { served <- s.http.Serve(listener) }() // ended by end, which closes the listener
	s.log.Info("server listening", "address", listener.Addr().String())
	s.tell.listening(listener.Addr())
	s.pool.Start()
	watch, stopWatch := context.WithCancel(context.Background())
	defer stopWatch()
	wg.Go(func() { s.tell.watch(watch, s.pool) })
	wg.Go(func() { s.watchReadyFile(watch) })
	wg.Go(func() { s.hintAtInstall(watch) })
	wg.Go(func() { s.giveBack(watch) })

	select {
	case err := <-served:
		s.pool.Stop(0)
		return fmt.Errorf("serve: %w", err)
	case sig := <-signals:
		s.log.Info("shutting down", "signal", sig.String())
	case <-s.shutdown:
		s.log.Info("shutting down", "request", "POST /shutdown")
	}
	stopWatch()
	s.end(signals)
	<-served
	s.log.Info("server stopped")
	return nil
}

// giveBack returns to the system what the start needed and an idle server does not.
func (s *server) giveBack(ctx context.Context) {
	select {
	case <-s.pool.Settled():
		s.memory.use() // and when it has been quiet for a moment
	case <-ctx.Done():
	}
}

// end lets running predictions finish, then cancels them, then kills; a further signal skips what is left of it.
func (s *server) end(signals <-chan os.Signal) {
	hurry, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	over := make(chan struct{})
	defer close(over)
	go func() { // ended by over
		select {
		case sig := <-signals:
			s.log.Info("stopping at once", "signal", sig.String())
			cancel(errHurry)
			s.pool.Kill()
		case <-over:
		}
	}()
	s.drain(hurry)
	s.deliver(hurry)
	grace := workerExit
	if hurry.Err() != nil {
		grace = 0
	}
	s.pool.Stop(grace)
	until := time.Now().Add(cancelWait)
	if s.graceEnds.After(until) {
		until = s.graceEnds
	}
	closing, cancelClosing := context.WithDeadline(hurry, until) // answers that are being written
	defer cancelClosing()
	if s.http.Shutdown(closing) != nil {
		if err := s.http.Close(); err != nil {
			s.log.Debug("connections not closed", "error", err)
		}
	}
}

var errHurry = errors.New("second signal")

// deliver waits for the last webhooks of what has ended, as long as the shutdown grace lasts.
func (s *server) deliver(hurry context.Context) {
	ctx, cancel := context.WithDeadline(hurry, s.graceEnds)
	defer cancel()
	if s.webhooks.Wait(ctx) != nil {
		s.log.Warn("webhooks are not delivered, giving them up")
	}
}

// drain returns when no prediction runs any more, or none can be waited for longer.
func (s *server) drain(hurry context.Context) {
	s.graceEnds = time.Now().Add(s.cfg.ShutdownGrace)
	ctx, cancel := context.WithDeadline(hurry, s.graceEnds)
	defer cancel()
	if s.pool.Drain(ctx) == nil || hurry.Err() != nil {
		return
	}
	s.log.Warn("predictions still run, canceling them", "grace", s.cfg.ShutdownGrace)
	s.pool.CancelAll(prediction.ErrCanceled)
	ctx, cancel = context.WithTimeout(hurry, cancelWait)
	defer cancel()
	if s.pool.Drain(ctx) != nil {
		s.log.Warn("predictions ignored their cancel, killing their workers")
	}
}

// close gives up what is not sent and removes what the server put on disk.
func (s *server) close() {
	s.memory.close()
	s.webhooks.Close()
	for what, close := range map[string]func() error{"temp folder": s.root.Close, "harness": s.harness.Close} {
		if err := close(); err != nil {
			s.log.Warn("not removed", "what", what, "error", err)
		}
	}
}
