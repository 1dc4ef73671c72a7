//go:build unix

// Package worker is what a coglet worker written in Go needs: Main takes a Predictor through its whole life. What the
// predictor, its C libraries and its child processes print is captured and lands in the logs of the prediction that
// runs; nothing of it can reach the protocol.
//
//	func main() { worker.Main(myPredictor{}) }
//
// The server starts such a program with --worker, or x-coglet: {worker: [./bin/worker]} in cog.yaml.
package worker

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/go-json-experiment/json/jsontext"
)

// Predictor runs predictions.
type Predictor interface {
	// Predict runs one prediction. It is called by up to Slots goroutines at the same time. ctx is canceled when the
	// prediction is, with ErrCanceled as its cause; what is returned after that does not count. The output is anything
	// that encoding/json encodes; nil after Yield means that the yielded values are the output.
	Predict(ctx context.Context, p *Prediction) (output any, err error)
}

// Setup is a Predictor that has something to do before its first prediction.
type Setup interface {
	// Setup runs once. What it prints is in the setup logs; an error means that the worker cannot serve.
	Setup(ctx context.Context) error
}

// Healthcheck is a Predictor that knows whether it is well. It must be quick: it is asked for each health check.
type Healthcheck interface {
	Healthcheck(ctx context.Context) error
}

// Schema is a Predictor that describes its inputs and outputs.
type Schema interface {
	// Schema returns an OpenAPI document. The server checks inputs against components.schemas.Input.
	Schema() []byte
}

// Slots is a Predictor that runs several predictions at once.
type Slots interface {
	Slots() int // at least 1; the server's own setting wins
}

// ErrCanceled is the cause of a prediction's context when the prediction is canceled.
var ErrCanceled = errors.New("prediction was canceled")

// Prediction is one run of the predictor. It must not be used after Predict has returned.
type Prediction struct {
	ID      string
	Input   jsontext.Value // one JSON object
	Context map[string]string

	run *run
}

// Main runs the worker until the server says that it is over, and then exits the process. It is to be called first in
// main: it takes over stdin, stdout and stderr.
func Main(p Predictor) {
	if err := serve(p); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
