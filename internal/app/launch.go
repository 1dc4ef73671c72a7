package app

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/config"
	"coglet/internal/files"
	"coglet/internal/orchestrator"
	"coglet/internal/protocol"
)

// poolConfig says how workers are started and within which limits they run.
func (s *server) poolConfig(schemaOnly bool) orchestrator.Config {
	cfg := s.cfg
	return orchestrator.Config{
		Workers: cfg.Workers, Queue: cfg.Queue,
		Command:   func() *exec.Cmd { return command(cfg, s.harness.Lib) },
		Stdio:     len(cfg.Worker) > 0,
		Init:      protocol.Init{Ref: cfg.Ref, Mode: cfg.Mode, Slots: cfg.Slots, SDK: s.harness.SDK, SchemaOnly: schemaOnly},
		WorkerDir: s.root.WorkerDir, Files: dataURLs{cfg.MaxOutput}, Table: s.table, Stderr: os.Stderr,
		CancelGrace: cfg.CancelGrace, PredictTimeout: cfg.PredictTimeout, SetupTimeout: cfg.SetupTimeout,
		MaxLogs: int(cfg.MaxLogs), MaxBuffer: cfg.MaxBuffer, Log: s.log,
	}
}

// command is one worker's command: the predictor's interpreter on the harness, or the user's own program.
func command(cfg config.Config, lib string) *exec.Cmd {
	var cmd *exec.Cmd
	if len(cfg.Worker) > 0 {
		cmd = exec.Command(cfg.Worker[0], cfg.Worker[1:]...)
	} else {
		cmd = exec.Command(cfg.Python, filepath.Join(lib, "coglet"))
	}
	cmd.Dir = cfg.Dir
	cmd.Env = append(os.Environ(), cfg.Env...)
	return cmd
}

// dataURLs replaces files in outputs by data: URLs.
type dataURLs struct {
	max int64 // bytes of a prediction's outputs
}

func (d dataURLs) Replace(ctx context.Context, body []byte, list []protocol.File) ([]byte, error) {
	return files.Replace(nil, body, list, func(dst []byte, f protocol.File) ([]byte, error) {
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		if info, err := os.Stat(f.Path); err == nil && d.max > 0 && info.Size()/3*4 > d.max {
			return dst, fmt.Errorf("output file %s of %d bytes is over --max-output", filepath.Base(f.Path), info.Size())
		}
		return files.AppendDataURL(dst, f.Path, f.MIME)
	})
}

// fetcher makes local files of file inputs.
func (s *server) fetcher() *inputs {
	return &inputs{files.Fetcher{MaxBytes: s.cfg.MaxBody, LocalFiles: s.cfg.LocalFiles, UserAgent: s.cfg.UserAgent}}
}

type inputs struct{ fetcher files.Fetcher }

func (i *inputs) Resolve(
	ctx context.Context, dir, _ string, value jsontext.Value, field protocol.FileField,
) (jsontext.Value, error) {
	return i.fetcher.Resolve(ctx, dir, value, field)
}
