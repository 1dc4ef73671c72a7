package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/config"
)

// stopQuick is how long a worker that was started for one question may take to exit.
const stopQuick = time.Second

// Schema loads the model without running its setup and writes its OpenAPI document to out. What the model prints outside
// of that goes to errs.
func Schema(ctx context.Context, cfg config.Config, out, errs io.Writer) error {
	s, err := newServer(cfg, Build{}, slog.New(&quiet{next: slog.DiscardHandler, out: errs}), true)
	if err != nil {
		return err
	}
	defer s.close()
	defer s.pool.Stop(stopQuick)
	s.pool.Start()
	select {
	case <-s.pool.Settled():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	model := s.pool.Model()
	if model == nil {
		_, reason := s.pool.State()
		return errors.New(setupProblem(cfg, "load the model", reason))
	}
	if model.Schema == nil {
		return errors.New("the model has no schema")
	}
	doc := jsontext.Value(append([]byte(nil), model.Schema.Raw()...))
	if err := doc.Indent(jsontext.WithIndent("  ")); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", doc)
	return err
}
