package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"coglet/bench/floor"
)

// scene is what a server is started with.
type scene struct {
	model   string // folder in models, of those who serve Cog's models
	async   bool
	slots   int // predictions at a time in a worker
	workers int
	queue   int
}

// peer is a server under test.
type peer struct {
	name string
	// command starts it on a port, and says under which path predictions are made; nil if it cannot play the scene.
	command func(b *bench, s scene, port int) (cmd *exec.Cmd, path string)
	health  string // a route that answers 200 and contains ready once predictions are taken
	ready   string
}

// The peers, with the versions that bench/run installs.
const (
	ours         = "coglet"
	rust         = "coglet-0.23.1"
	mosecName    = "mosec-0.9.8"
	fastapiName  = "fastapi"
	floorName    = "floor"
	directName   = "floor-direct"
	handlerName  = "go-handler"
	predictions  = "/predictions"
	healthCheck  = "/health-check"
	readyInState = `"READY"`
)

var peers = []peer{
	{ours, (*bench).cogletCommand, healthCheck, readyInState},
	{rust, (*bench).rustCommand, healthCheck, readyInState},
	{mosecName, (*bench).mosecCommand, "/", ""},
	{fastapiName, (*bench).fastapiCommand, "/openapi.json", ""},
	{floorName, (*bench).floorCommand, "/", ""},
	{directName, (*bench).directCommand, "/", ""},
	{handlerName, (*bench).handlerCommand, "/", ""},
}

func (b *bench) cogletCommand(s scene, port int) (*exec.Cmd, string) {
	cmd := exec.Command(b.coglet, "serve", filepath.Join(b.work, s.model), "--host", "127.0.0.1",
		"--port", strconv.Itoa(port), "--python", b.python,
		"--workers", strconv.Itoa(s.workers), "--queue", strconv.Itoa(s.queue))
	cmd.Env = append(os.Environ(), "COG_MAX_CONCURRENCY="+strconv.Itoa(s.slots))
	return cmd, predictions
}

func (b *bench) rustCommand(s scene, port int) (*exec.Cmd, string) {
	if s.workers > 1 {
		return nil, ""
	}
	bin := filepath.Join(b.venvs, "cog", "bin")
	cmd := exec.Command(filepath.Join(bin, "python"), "-m", "cog.server.http", "--host", "127.0.0.1")
	cmd.Dir = filepath.Join(b.work, s.model)
	cmd.Env = append(os.Environ(), "PORT="+strconv.Itoa(port), "COG_PREDICT_TYPE_STUB=predict.py:Predictor",
		"COG_MAX_CONCURRENCY="+strconv.Itoa(s.slots),
		"PATH="+bin+":"+os.Getenv("PATH")) // its worker is the first python in PATH
	return cmd, predictions
}

func (b *bench) mosecCommand(s scene, port int) (*exec.Cmd, string) {
	if s.async || s.model != "echo" {
		return nil, ""
	}
	cmd := exec.Command(filepath.Join(b.venvs, "mosec", "bin", "python"), "server.py",
		"--address", "127.0.0.1", "--port", strconv.Itoa(port))
	cmd.Dir = filepath.Join(b.work, "mosec")
	cmd.Env = append(os.Environ(), "BENCH_WORKERS="+strconv.Itoa(s.workers))
	return cmd, "/inference"
}

func (b *bench) fastapiCommand(s scene, port int) (*exec.Cmd, string) {
	cmd := exec.Command(filepath.Join(b.venvs, "fastapi", "bin", "python"), "-m", "uvicorn", "server:app",
		"--host", "127.0.0.1", "--port", strconv.Itoa(port), "--no-access-log", "--workers", strconv.Itoa(s.workers))
	cmd.Dir = filepath.Join(b.work, "fastapi")
	path := "/sync"
	if s.async {
		path = "/async"
	}
	return cmd, path
}

func (b *bench) floorCommand(s scene, port int) (*exec.Cmd, string) {
	if s.async {
		return b.floor(floor.Async, s, port)
	}
	return b.floor(floor.Sync, s, port)
}

func (b *bench) directCommand(s scene, port int) (*exec.Cmd, string) {
	if s.async {
		return nil, ""
	}
	return b.floor(floor.Direct, s, port)
}

func (b *bench) handlerCommand(s scene, port int) (*exec.Cmd, string) {
	return b.floor(floor.Handler, s, port)
}

func (b *bench) floor(which string, s scene, port int) (*exec.Cmd, string) {
	if s.workers > 1 || (s.model != "echo" && s.model != "echo_async") {
		return nil, ""
	}
	return exec.Command(b.self, "floor", which, b.python, strconv.Itoa(port)), "/"
}

// missing says why a peer cannot be measured, empty if it can.
func (b *bench) missing(p peer) string {
	cmd, _ := p.command(b, scene{model: "echo", slots: 1, workers: 1}, 1)
	if _, err := os.Stat(cmd.Path); err != nil {
		return fmt.Sprintf("%s is not installed: %v", p.name, err)
	}
	return ""
}
