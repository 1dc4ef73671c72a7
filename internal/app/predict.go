package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/fdredirect"
	"coglet/internal/arguments"
	"coglet/internal/config"
	"coglet/internal/files"
	"coglet/internal/orchestrator"
	"coglet/internal/outbound"
	"coglet/internal/prediction"
	"coglet/internal/process"
	"coglet/internal/schema"
	"coglet/internal/service"
	"coglet/python"
)

// Ask is one prediction, or training, that a person at a terminal wants.
type Ask struct {
	Method string         // schema.Predict or schema.Train
	Args   []string       // name=value
	JSON   jsontext.Value // the whole input instead of Args; nil = Args
	Output string         // file or folder for the output; - = stdout; empty = text to stdout, files to the present folder
	Stdout io.Writer
	Stderr io.Writer
}

// InputError is an input that the model does not take. Its text has one line per problem.
type InputError struct{ text string }

func (e *InputError) Error() string { return e.text }

// FailedError is a prediction that ran and failed.
type FailedError struct{ text string }

func (e *FailedError) Error() string { return e.text }

// ErrInterrupted is returned when a signal ended the prediction.
var ErrInterrupted = errors.New("canceled")

// Predict runs one prediction without a server. The first signal cancels it, the second kills the model. Nothing is left
// behind. Its errors are *InputError, *FailedError, ErrInterrupted, or what kept the model from running.
func Predict(cfg config.Config, build Build, ask Ask, signals <-chan os.Signal) error {
	if err := fdredirect.MarkInherited(); err != nil {
		return fmt.Errorf("mark inherited file descriptors: %w", err)
	}
	o, err := newOneShot(cfg, build, ask)
	if err != nil {
		return err
	}
	err = o.run(signals)
	o.screen.endLine()
	return errors.Join(err, o.close())
}

// oneShot is a model that runs for one prediction.
type oneShot struct {
	ask     Ask
	server  *server // its parts; it does not listen
	service *service.Service
	screen  *screen
	grace   time.Duration // for the worker to exit
}

func newOneShot(cfg config.Config, build Build, ask Ask) (o *oneShot, err error) {
	log := slog.New(&quiet{next: slog.DiscardHandler, out: ask.Stderr})
	if cfg.LogLevel <= slog.LevelDebug {
		log = slog.New(slog.NewTextHandler(ask.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	s := &server{cfg: cfg, log: log, table: process.NewTable()}
	if s.root, err = files.OpenRoot(""); err != nil {
		return nil, err
	}
	if len(cfg.Worker) == 0 {
		if s.harness, err = python.Unpack(cfg.CacheDir); err != nil {
			return nil, errors.Join(fmt.Errorf("unpack the Python harness: %w", err), s.root.Close())
		}
	}
	s.roots = rootsOf(cfg, log)
	o = &oneShot{ask: ask, server: s, screen: newScreen(ask), grace: workerExit}
	userAgent := "coglet/" + build.Version
	s.uploads = files.NewStore(filepath.Join(s.root.Dir(), "uploads"))
	pool := s.poolConfig(false, userAgent)
	pool.Files = o.screen
	s.pool = orchestrator.New(pool)
	o.service = service.New(service.Config{
		Pool: s.pool, Monitor: s.pool, Inputs: s.fetcher(outbound.Named(cfg.PublicURLsOnly, s.roots)),
		Keep:   service.Retention{Count: 1, Bytes: cfg.KeepBytes, For: cfg.KeepFor},
		Replay: everyEvent, MaxLogs: int(cfg.MaxLogs), MaxOutput: cfg.MaxOutput,
	})
	return o, nil
}

// everyEvent is how many events are kept: a slow terminal misses none.
const everyEvent = math.MaxInt / 4

func (o *oneShot) run(signals <-chan os.Signal) error {
	pool := o.server.pool
	defer func() { pool.Stop(o.grace) }()
	pool.Start()
	if err := o.setUp(signals); err != nil {
		return err
	}
	req, err := o.request(pool.Model())
	if err != nil {
		return err
	}
	h, _, err := o.service.Create(req, false)
	if errors.Is(err, service.ErrNoMethod) {
		return &InputError{fmt.Sprintf("the model has no %s(): use coglet %s", o.ask.Method, other(o.ask.Method))}
	}
	if err != nil {
		return err
	}
	defer h.Release()
	return o.follow(h, signals)
}

func other(method string) string {
	if method == schema.Train {
		return schema.Predict
	}
	return schema.Train
}

// setupPoll is how often setup's logs are looked at.
const setupPoll = 20 * time.Millisecond

// setUp shows what setup prints until it has ended.
func (o *oneShot) setUp(signals <-chan os.Signal) error {
	pool := o.server.pool
	shown := ""
	show := func() {
		result, ok := pool.Setup()
		if printed := strings.Join(result.Logs(), ""); ok && printed != shown {
			logs := printed
			if _, reason := pool.State(); result.Failed { // the error says it
				logs = strings.TrimSuffix(logs, reason+"\n")
			}
			o.screen.log([]byte(strings.TrimPrefix(logs, shown)))
			shown = printed
		}
	}
	tick := time.NewTicker(setupPoll)
	defer tick.Stop()
	for {
		select {
		case <-pool.Settled():
			show()
			if pool.Model() != nil {
				return nil
			}
			_, reason := pool.State()
			return errors.New(setupProblem(o.server.cfg, "setup failed", reason))
		case <-tick.C:
			show()
		case <-signals:
			o.grace = 0
			return ErrInterrupted
		}
	}
}

// request makes the prediction of what was asked for, checked as a server would.
func (o *oneShot) request(model *orchestrator.Model) (req service.Request, err error) {
	var signature *arguments.Signature
	if model.Schema != nil {
		if signature, err = arguments.Read(model.Schema.Raw(), o.ask.Method); err != nil {
			return req, err
		}
		o.screen.format = signature.Output
	}
	raw := o.ask.JSON
	if raw == nil {
		if raw, err = signature.Object(o.ask.Args, o.store); err != nil {
			return req, &InputError{err.Error()}
		}
	}
	method := model.Method(o.ask.Method)
	if method == nil || method.Name != o.ask.Method {
		return service.Request{Method: o.ask.Method}, &InputError{fmt.Sprintf("the model has no %s(): use coglet %s", o.ask.Method, other(o.ask.Method))}
	}
	req = service.Request{Method: method.Name, Raw: raw}
	var problems []schema.FieldError
	if req.Input, problems, err = method.Input.Scan(schema.NewSource(raw)); err != nil {
		return req, &InputError{fmt.Sprintf("input is not JSON: %v", err)}
	}
	var lines []string
	for _, p := range problems {
		lines = append(lines, fmt.Sprintf("input %q: %s", p.Loc[len(p.Loc)-1], p.Msg))
	}
	if len(lines) > 0 {
		return req, &InputError{strings.Join(lines, "\n")}
	}
	if name, err := o.service.CheckFiles(&req.Input, method.FileFields); err != nil {
		return req, &InputError{fmt.Sprintf("input %q: %v", name, err)}
	}
	return req, nil
}

// store gives the model a copy of a local file: what it does to its input is not done to the user's.
func (o *oneShot) store(path string) (jsontext.Value, error) {
	f, err := openInput(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	value, err := o.server.uploads.Put(filepath.Base(path), f)
	if err != nil {
		return nil, err
	}
	return jsontext.AppendQuote(nil, value)
}

// openInput opens a file that is to be an input.
func openInput(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.IsDir() {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is a folder, not a file", path))
	}
	return f, nil
}

// follow shows the prediction's events until its end, or until a second signal. A terminal that takes nothing holds up
// neither signal: the goroutine that writes to it may then be left behind, with the process about to end.
func (o *oneShot) follow(h service.Handle, signals <-chan os.Signal) error {
	ended := make(chan error, 1)
	go func() { ended <- o.show(h) }()
	interrupted := false
	for {
		select {
		case err := <-ended:
			if err == nil {
				err = o.result(h.Snapshot(), interrupted)
			}
			return err
		case <-signals:
			if interrupted {
				o.grace = 0
				o.server.pool.Kill()
				return ErrInterrupted
			}
			interrupted = true
			h.Cancel(prediction.ErrCanceled)
			o.screen.say("canceling; once more kills the model")
		}
	}
}

// show shows events until the last one, or until nobody takes them.
func (o *oneShot) show(h service.Handle) error {
	reader := h.Read()
	var events []prediction.Event
	var broken error
	for {
		var more <-chan struct{}
		var ended bool
		events, _, more, ended = reader.Next(events[:0])
		for i := range events {
			if err := o.event(&events[i]); err != nil && broken == nil {
				broken = err
				h.Cancel(prediction.ErrCanceled)
			}
		}
		if ended {
			return broken
		}
		if more != nil {
			<-more
		}
	}
}

func (o *oneShot) event(e *prediction.Event) error {
	switch e.Kind {
	case prediction.EventLog:
		o.screen.log(e.Text)
	case prediction.EventOutput:
		return o.screen.items(e.Chunk, e.Items)
	}
	return nil
}

// result shows the output, or says why there is none.
func (o *oneShot) result(s prediction.Snapshot, interrupted bool) error {
	var output jsontext.Value
	for _, piece := range s.Output {
		output = append(output, piece...)
	}
	if err := o.screen.end(output, s.Status == prediction.Succeeded); err != nil {
		return err
	}
	switch {
	case s.Status == prediction.Succeeded:
		return nil
	case s.Status == prediction.Canceled && interrupted:
		return ErrInterrupted
	case s.Status == prediction.Canceled:
		return &FailedError{"the " + noun(o.ask.Method) + " was canceled"}
	}
	return &FailedError{noun(o.ask.Method) + " failed: " + s.Error}
}

func (o *oneShot) close() error {
	return errors.Join(o.server.root.Close(), o.server.harness.Close())
}

// setupProblem says why a model does not run and, where it lacks a package, what to do.
func setupProblem(cfg config.Config, what, reason string) string {
	hint := installHint(cfg, reason)
	if hint == "" {
		return what + ": " + reason
	}
	return what + ": " + workersAdvice.ReplaceAllString(reason, "") + "\n" + hint
}

// quiet is a log handler that shows only what the model prints outside of setup and predictions.
type quiet struct {
	next   slog.Handler
	out    io.Writer
	isUser bool
}

// Enabled is true for what may be the model's.
func (q *quiet) Enabled(_ context.Context, level slog.Level) bool {
	return q.isUser && level >= slog.LevelInfo
}

// Handle prints the model's line as it is.
func (q *quiet) Handle(_ context.Context, r slog.Record) error {
	_, err := fmt.Fprintln(q.out, r.Message)
	return err
}

// WithAttrs looks for who speaks.
func (q *quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	is := *q
	for _, a := range attrs {
		if a.Key == "target" {
			is.isUser = a.Value.String() == "coglet::user"
		}
	}
	return &is
}

// WithGroup changes nothing: only messages are shown.
func (q *quiet) WithGroup(string) slog.Handler { return q }
