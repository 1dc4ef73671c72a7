package app

import (
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"coglet/internal/config"
	"coglet/internal/files"
	"coglet/internal/orchestrator"
	"coglet/internal/outbound"
	"coglet/internal/protocol"
	"coglet/internal/telemetry"
	"coglet/internal/webhook"
)

// poolConfig says how workers are started and within which limits they run.
func (s *server) poolConfig(schemaOnly bool, userAgent string) orchestrator.Config {
	cfg := s.cfg
	return orchestrator.Config{
		Workers: cfg.Workers, Queue: cfg.Queue,
		Command:   func() *exec.Cmd { return command(cfg, s.harness.Lib) },
		Stdio:     len(cfg.Worker) > 0,
		Init:      protocol.Init{Ref: cfg.Ref, Mode: cfg.Mode, Slots: cfg.Slots, SDK: s.harness.SDK, AlsoRef: cfg.AlsoRef, SchemaOnly: schemaOnly},
		WorkerDir: s.root.WorkerDir, Files: outputs(cfg, userAgent, s.roots), Table: s.table, Stderr: os.Stderr,
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

// outputs is what becomes of files in outputs.
func outputs(cfg config.Config, userAgent string, roots outbound.Roots) orchestrator.Files {
	if cfg.UploadURL == "" {
		return files.DataURLs{Max: cfg.MaxOutput}
	}
	return &files.Uploader{URL: cfg.UploadURL, Client: outbound.Trusted(roots), UserAgent: userAgent}
}

// rootsOf is by which certificate authorities those whom the server calls prove themselves.
func rootsOf(cfg config.Config, log *slog.Logger) outbound.Roots {
	if cfg.CABundle == "" {
		return nil
	}
	return outbound.RootsWith(cfg.CABundle, func(err error) {
		log.Warn("certificate authorities not read, going without", "error", err)
	})
}

// fetcher makes local files of file inputs.
func (s *server) fetcher(client *http.Client) *files.Fetcher {
	return &files.Fetcher{
		Client: client, MaxBytes: s.cfg.MaxDownload, Timeout: s.cfg.DownloadTimeout, LocalFiles: s.cfg.LocalFiles,
		UserAgent: s.cfg.UserAgent, Store: s.uploads,
	}
}

// sender sends webhooks.
func (s *server) sender(client *http.Client, userAgent string) *webhook.Sender {
	return webhook.New(webhook.Config{
		Client: client, UserAgent: userAgent, Interval: s.cfg.WebhookInterval, Token: s.cfg.WebhookToken,
		TokenHosts: s.cfg.WebhookTokenHosts, Secret: s.cfg.WebhookSecret,
		Log: s.log.With(telemetry.Target("coglet::webhook")),
	})
}
