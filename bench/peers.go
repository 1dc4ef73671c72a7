package main

import (
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
	name     string
	venv     string // folder of its environment, and of its model; empty: it needs none
	packages string // the packages whose versions the report names
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
	litserveName = "litserve-0.2.19"
	bentomlName  = "bentoml-1.4.40"
	floorName    = "floor"
	directName   = "floor-direct"
	handlerName  = "go-handler"
)

const (
	predictions = "/predictions"
	healthCheck = "/health-check"
	isReady     = `"READY"`
)

var peers = []peer{
	{ours, "", "", (*bench).cogletCommand, healthCheck, isReady},
	{rust, "cog", "coglet cog", (*bench).rustCommand, healthCheck, isReady},
	{mosecName, "mosec", "mosec", (*bench).mosecCommand, "/", ""},
	{fastapiName, "fastapi", "fastapi uvicorn uvloop httptools pydantic", (*bench).fastapiCommand, "/health", ""},
	{litserveName, "litserve", "litserve fastapi uvicorn", (*bench).litserveCommand, "/health", "ok"},
	{bentomlName, "bentoml", "bentoml starlette uvicorn", (*bench).bentomlCommand, "/readyz", ""},
	{floorName, "", "", (*bench).floorCommand, "/", ""},
	{directName, "", "", (*bench).directCommand, "/", ""},
	{handlerName, "", "", (*bench).handlerCommand, "/", ""},
}

// The models that servers other than Cog's have too.
const (
	echoModel  = "echo"
	asyncModel = "echo_async"
	fileModel  = "file"
	itemsModel = "items"
)

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
	cmd := b.python3("cog", "-m", "cog.server.http", "--host", "127.0.0.1")
	cmd.Dir = filepath.Join(b.work, s.model)
	cmd.Env = append(os.Environ(), "PORT="+strconv.Itoa(port), "COG_PREDICT_TYPE_STUB=predict.py:Predictor",
		"COG_MAX_CONCURRENCY="+strconv.Itoa(s.slots),
		"PATH="+filepath.Dir(cmd.Path)+":"+os.Getenv("PATH")) // its worker is the first python in PATH
	return cmd, predictions
}

func (b *bench) mosecCommand(s scene, port int) (*exec.Cmd, string) {
	if s.model != echoModel && s.model != fileModel && s.model != itemsModel {
		return nil, ""
	}
	cmd := b.python3("mosec", "server.py", "--address", "127.0.0.1", "--port", strconv.Itoa(port))
	cmd.Env = append(os.Environ(), "BENCH_MODEL="+s.model, "BENCH_WORKERS="+strconv.Itoa(s.workers))
	return cmd, "/inference"
}

func (b *bench) fastapiCommand(s scene, port int) (*exec.Cmd, string) {
	if !s.common() {
		return nil, ""
	}
	return b.python3("fastapi", "-m", "uvicorn", "server:app", "--host", "127.0.0.1", "--port", strconv.Itoa(port),
		"--no-access-log", "--workers", strconv.Itoa(s.workers)), "/" + s.model
}

func (b *bench) litserveCommand(s scene, port int) (*exec.Cmd, string) {
	if !s.common() {
		return nil, ""
	}
	return b.python3("litserve", "server.py", s.model, strconv.Itoa(s.workers), strconv.Itoa(port)), "/predict"
}

func (b *bench) bentomlCommand(s scene, port int) (*exec.Cmd, string) {
	if !s.common() {
		return nil, ""
	}
	cmd := b.python3("bentoml", "-m", "bentoml", "serve", "server:Service", "--host", "127.0.0.1", "--port", strconv.Itoa(port))
	cmd.Env = append(os.Environ(), "BENCH_WORKERS="+strconv.Itoa(s.workers), "BENTOML_DO_NOT_TRACK=True",
		"BENTOML_HOME="+filepath.Join(b.work, "bentoml-home"))
	return cmd, "/" + s.model
}

// common says whether servers other than Cog's have the model.
func (s scene) common() bool {
	return s.model == echoModel || s.model == asyncModel || s.model == fileModel || s.model == itemsModel
}

// python3 runs a peer's own interpreter in the folder of its model; both have the peer's name.
func (b *bench) python3(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.venvs, name, "bin", "python"), args...)
	cmd.Dir = filepath.Join(b.work, name)
	return cmd
}

func (b *bench) floorCommand(s scene, port int) (*exec.Cmd, string) {
	switch {
	case s.workers > 1 || !s.common():
		return nil, ""
	case s.async:
		return b.floor(floor.Async, s.model, port)
	}
	return b.floor(floor.Sync, s.model, port)
}

func (b *bench) directCommand(s scene, port int) (*exec.Cmd, string) {
	if s.workers > 1 || s.async || !s.common() {
		return nil, ""
	}
	return b.floor(floor.Direct, s.model, port)
}

func (b *bench) handlerCommand(s scene, port int) (*exec.Cmd, string) {
	if s.workers > 1 || (s.model != echoModel && s.model != asyncModel) {
		return nil, ""
	}
	return b.floor(floor.Handler, s.model, port)
}

func (b *bench) floor(which, model string, port int) (*exec.Cmd, string) {
	return exec.Command(b.self, "floor", which, model, b.python, strconv.Itoa(port)), "/"
}
