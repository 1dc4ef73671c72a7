package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// peer is a server under test.
type peer struct {
	name string
	cog  bool // has Cog's API, and async models
	// command starts it on a port for a model: echo or echo_async with so many slots.
	command func(b *bench, model string, slots, port int) *exec.Cmd
	path    string // of the prediction route
	health  string // a route that answers 200 and contains ready once predictions are taken
	ready   string
}

const (
	ours      = "coglet"
	rust      = "coglet-0.23.1"
	mosecName = "mosec-0.9.8"
)

var peers = []peer{
	{ours, true, (*bench).cogletCommand, "/predictions", "/health-check", `"READY"`},
	{rust, true, (*bench).rustCommand, "/predictions", "/health-check", `"READY"`},
	{mosecName, false, (*bench).mosecCommand, "/inference", "/", ""},
}

func (b *bench) cogletCommand(model string, slots, port int) *exec.Cmd {
	cmd := exec.Command(b.coglet, "serve", filepath.Join(b.work, model), "--host", "127.0.0.1",
		"--port", strconv.Itoa(port), "--python", b.python)
	cmd.Env = append(os.Environ(), "COG_MAX_CONCURRENCY="+strconv.Itoa(slots))
	return cmd
}

func (b *bench) rustCommand(model string, slots, port int) *exec.Cmd {
	bin := filepath.Join(b.venvs, "cog", "bin")
	cmd := exec.Command(filepath.Join(bin, "python"), "-m", "cog.server.http", "--host", "127.0.0.1")
	cmd.Dir = filepath.Join(b.work, model)
	cmd.Env = append(os.Environ(), "PORT="+strconv.Itoa(port), "COG_PREDICT_TYPE_STUB=predict.py:Predictor",
		"COG_MAX_CONCURRENCY="+strconv.Itoa(slots),
		"PATH="+bin+":"+os.Getenv("PATH")) // its worker is the first python in PATH
	return cmd
}

func (b *bench) mosecCommand(_ string, _, port int) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.venvs, "mosec", "bin", "python"), "server.py",
		"--address", "127.0.0.1", "--port", strconv.Itoa(port))
	cmd.Dir = filepath.Join(b.work, "mosec")
	return cmd
}

// prepareModels copies the models and gives each Cog model its schema file, so that both servers validate.
func (b *bench) prepareModels(ctx context.Context) error {
	if err := os.CopyFS(b.work, os.DirFS(b.models)); err != nil {
		return err
	}
	for _, model := range []string{"echo", "echo_async"} {
		dir := filepath.Join(b.work, model)
		schema, err := exec.CommandContext(ctx, b.coglet, "schema", dir, "--python", b.python).Output()
		if err != nil {
			return fmt.Errorf("schema of %s: %w", model, err)
		}
		if err := os.Mkdir(filepath.Join(dir, ".cog"), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, ".cog", "openapi_schema.json"), schema, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// freePort asks the system for a port that nobody uses now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
