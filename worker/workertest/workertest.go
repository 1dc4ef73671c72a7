//go:build unix

// Package workertest is a worker that misbehaves as it is told, for tests of who starts workers. What it does is named
// by its input, {"do": "..."}, and for its setup by the environment variable WORKER_SETUP.
package workertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"coglet/fdredirect"
	"coglet/internal/protocol"
	"coglet/worker"
)

// Main runs the worker, in a test binary that was started again as one.
func Main() {
	switch os.Getenv("WORKER_SETUP") {
	case "die":
		fmt.Fprintln(os.Stderr, "dying before ready")
		os.Exit(7)
	case "silent":
		select {}
	}
	worker.Main(predictor{})
}

type predictor struct{}

// Slots is WORKER_SLOTS, 1 where it is not set.
func (predictor) Slots() int {
	n, err := strconv.Atoi(os.Getenv("WORKER_SLOTS"))
	if err != nil {
		return 1
	}
	return n
}

func (predictor) Setup(context.Context) error {
	fmt.Println("setting up")
	switch os.Getenv("WORKER_SETUP") {
	case "fail":
		return errors.New("no weights")
	case "hang":
		select {}
	case "version":
		send(fdredirect.ControlOut, &protocol.Ready{Type: protocol.TypeReady, Version: 99, Slots: 1}, "")
		select {}
	}
	return nil
}

func (predictor) Schema() []byte {
	return []byte(`{"openapi":"3.0.2","components":{"schemas":{"Input":{"type":"object","required":["do"],` +
		`"properties":{"do":{"type":"string"},"n":{"type":"integer"},"text":{"type":"string"}}}}}}`)
}

type input struct {
	Do   string `json:"do"`
	N    int    `json:"n"`
	Text string `json:"text"`
}

func (predictor) Predict(ctx context.Context, p *worker.Prediction) (any, error) {
	var in input
	if err := p.Decode(&in); err != nil {
		return nil, err
	}
	do, ok := behaviours[in.Do]
	if !ok {
		return nil, fmt.Errorf("no behaviour %q", in.Do)
	}
	return do(ctx, p, in)
}

type behaviour func(ctx context.Context, p *worker.Prediction, in input) (any, error)

// raw is a behaviour that only does something to the worker, and then waits for what comes of it.
func raw(f func(in input)) behaviour {
	return func(ctx context.Context, _ *worker.Prediction, in input) (any, error) {
		f(in)
		time.Sleep(time.Minute)
		return nil, nil
	}
}

func send(fd int, msg any, body string) {
	frame, err := protocol.AppendHeader(nil, msg, len(body))
	if err != nil {
		panic(err)
	}
	if _, err := syscall.Write(fd, append(frame, body...)); err != nil {
		panic(err)
	}
}

var behaviours = map[string]behaviour{
	"echo":  func(_ context.Context, _ *worker.Prediction, in input) (any, error) { return in.Text, nil },
	"fail":  func(_ context.Context, _ *worker.Prediction, in input) (any, error) { return nil, errors.New(in.Text) },
	"panic": func(context.Context, *worker.Prediction, input) (any, error) { panic("on purpose") },
	"print": func(_ context.Context, _ *worker.Prediction, in input) (any, error) {
		fmt.Print(in.Text)
		fmt.Fprint(os.Stderr, in.Text)
		return nil, exec.Command("sh", "-c", "echo from a child >&2").Run()
	},
	"child": func(_ context.Context, _ *worker.Prediction, in input) (any, error) {
		cmd := exec.Command("sh", "-c", in.Text)
		cmd.Stdout, cmd.Stderr, cmd.Stdin = os.Stdout, os.Stderr, os.Stdin
		return "ran", cmd.Run()
	},
	"sleep": func(ctx context.Context, _ *worker.Prediction, in input) (any, error) {
		fmt.Println("sleeping")
		select {
		case <-time.After(time.Duration(in.N) * time.Millisecond):
			return "slept", nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	},
	"ignore cancel": func(_ context.Context, _ *worker.Prediction, in input) (any, error) {
		fmt.Println("not listening")
		time.Sleep(time.Duration(in.N) * time.Millisecond)
		return "late", nil
	},
	"yield": func(_ context.Context, p *worker.Prediction, in input) (any, error) {
		for n := range in.N {
			if err := p.Yield(n); err != nil {
				return nil, err
			}
		}
		return nil, nil
	},
	"metric": func(_ context.Context, p *worker.Prediction, in input) (any, error) {
		return nil, p.Metric("a.b", protocol.MetricIncrement, in.N)
	},
	"file": func(_ context.Context, p *worker.Prediction, in input) (any, error) {
		dir, err := p.Dir()
		if err != nil {
			return nil, err
		}
		path := dir + "/out.txt"
		return map[string]any{"nested": []any{worker.File{Path: path}}}, os.WriteFile(path, []byte(in.Text), 0o600)
	},
	"scratch": func(_ context.Context, p *worker.Prediction, in input) (any, error) {
		dir, err := p.Dir()
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(dir+"/scratch.txt", []byte(in.Text), 0o600); err != nil {
			return nil, err
		}
		return "done", nil
	},
	"input": func(_ context.Context, p *worker.Prediction, _ input) (any, error) {
		return json.RawMessage(p.Input), nil
	},
	"big": func(_ context.Context, _ *worker.Prediction, in input) (any, error) {
		return strings.Repeat("x", in.N), nil
	},
	"exit":            raw(func(in input) { os.Exit(in.N) }),
	"kill":            raw(func(in input) { _ = syscall.Kill(os.Getpid(), syscall.Signal(in.N)) }),
	"close data":      raw(func(input) { _ = syscall.Shutdown(fdredirect.Data, syscall.SHUT_WR) }),
	"garbage data":    raw(func(input) { _, _ = syscall.Write(fdredirect.Data, []byte("hello, I am a print")) }),
	"garbage control": raw(func(input) { _, _ = syscall.Write(fdredirect.ControlOut, []byte("hello, I am a print")) }),
	"half header":     raw(func(input) { _, _ = syscall.Write(fdredirect.Data, []byte("CGL1\x00\x00")) }),
	"wrong seq": raw(func(input) {
		send(fdredirect.Data, &protocol.Done{Type: protocol.TypeDone, Seq: 1 << 40, Status: protocol.StatusSucceeded}, "")
	}),
	"wrong slot":   raw(func(input) { send(fdredirect.Data, &protocol.Output{Type: protocol.TypeOutput, Slot: 77}, "1") }),
	"wrong status": raw(func(input) { send(fdredirect.Data, &protocol.Done{Type: protocol.TypeDone, Seq: 1, Status: "odd"}, "") }),
	"second ready": raw(func(input) {
		send(fdredirect.ControlOut, &protocol.Ready{Type: protocol.TypeReady, Version: 1, Slots: 1}, "")
	}),
	"fatal": raw(func(in input) {
		send(fdredirect.ControlOut, &protocol.Fatal{Type: protocol.TypeFatal, Error: in.Text}, "")
	}),
	"unknown type": func(context.Context, *worker.Prediction, input) (any, error) {
		send(fdredirect.ControlOut, map[string]string{"type": "invented_later"}, "")
		return "known", nil
	},
	"grandchild": func(_ context.Context, _ *worker.Prediction, in input) (any, error) {
		cmd := exec.Command("sleep", strconv.Itoa(in.N))
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		return "left behind", cmd.Start()
	},
}
