//go:build unix

package worker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"coglet/internal/protocol"
	"coglet/worker"
)

type obj = map[string]any

func init() {
	predictors["noisy"] = predictorFunc(func(context.Context, *worker.Prediction) (any, error) {
		if noise == nil {
			noise = exec.Command("yes")
			noise.Stdout, noise.Stderr = os.Stdout, os.Stderr
			return nil, noise.Start()
		}
		return nil, nil
	})
	predictors["closer"] = predictorFunc(func(context.Context, *worker.Prediction) (any, error) {
		return nil, errors.Join(os.Stdout.Close(), os.Stderr.Close())
	})
	predictors["crash"] = predictorFunc(func(context.Context, *worker.Prediction) (any, error) {
		go panic("from a goroutine")
		select {}
	})
	predictors["bad text"] = predictorFunc(func(context.Context, *worker.Prediction) (any, error) {
		return nil, errors.New("bytes \xff\xfe of C" + strings.Repeat("x", 2<<20))
	})
	predictors["big"] = predictorFunc(func(_ context.Context, p *worker.Prediction) (any, error) {
		if err := p.Yield("running"); err != nil {
			return nil, err
		}
		return strings.Repeat("x", 8<<20), nil
	})
	predictors["late"] = predictorFunc(func(_ context.Context, p *worker.Prediction) (any, error) {
		if last == nil {
			last = p
			return "first", nil
		}
		return fmt.Sprint(last.Yield(1), "; ", last.Metric("a", "replace", 1)), nil
	})
}

var (
	noise *exec.Cmd
	last  *worker.Prediction
)

// A child that never stops printing: the text that came between the last one of a prediction and its done was sent
// after the done, for a slot that ran nothing.
func TestNoLogFollowsDone(t *testing.T) {
	s, _ := ready(t, "noisy")
	go func() {
		for {
			if _, err := s.fromC.Next(); err != nil { // what is printed between predictions
				return
			}
		}
	}()
	for range 100 {
		if r := s.predict(obj{}); r.done.Status != protocol.StatusSucceeded {
			t.Fatal(r.done.Error)
		}
	}
	s.end()
}

// User code that closes fd 1 and 2 ended the goroutine that everybody waited for.
func TestUserCodeMayCloseItsOutput(t *testing.T) {
	s, _ := ready(t, "closer")
	for n := range 3 {
		if r := s.predict(obj{}); (n == 0) != (r.done.Status == protocol.StatusSucceeded) {
			t.Errorf("prediction %d: %+v", n, r.done)
		}
	}
}

// The runtime's last words go to fd 2, which the dying process itself was to read.
func TestLastWordsOfACrashReachTheServer(t *testing.T) {
	s, _ := ready(t, "crash")
	s.start(0, obj{})
	if code := s.wait(); code != 2 {
		t.Errorf("exit status %d", code)
	}
	if words := s.words(); !strings.Contains(words, "panic: from a goroutine") || !strings.Contains(words, "goroutine ") {
		t.Errorf("last words: %q", words)
	}
}

// An error text that is no UTF-8, or longer than a header, could not be sent and ended the worker.
func TestErrorTextsOfAnyKindAreSent(t *testing.T) {
	s, _ := ready(t, "bad text")
	for range 2 {
		r := s.predict(obj{})
		if r.done.Status != protocol.StatusFailed || !strings.HasPrefix(r.done.Error, "bytes \uFFFD of C") {
			t.Errorf("%s %.40q", r.done.Status, r.done.Error)
		}
	}
}

// What the kernel had not taken yet was lost when the worker exited.
func TestShutdownLosesNothingThatWasSent(t *testing.T) {
	s, _ := ready(t, "big")
	s.start(0, obj{})
	s.expect(s.fromD, protocol.TypeOutput, &protocol.Output{}) // it runs
	s.tell(protocol.Shutdown{Type: protocol.TypeShutdown})
	exited := make(chan int, 1)
	go func() { exited <- s.wait() }()
	select {
	case code := <-exited:
		t.Fatalf("exit status %d before its output was read", code)
	case <-time.After(200 * time.Millisecond): // time enough to do it wrong
	}
	var output protocol.Output
	s.expect(s.fromD, protocol.TypeOutput, &output)
	var done protocol.Done
	s.expect(s.fromD, protocol.TypeDone, &done)
	if code := <-exited; code != 0 || output.Index != 1 || done.Status != protocol.StatusSucceeded {
		t.Errorf("exit status %d, output %d, %+v", code, output.Index, done)
	}
}

// A goroutine that outlives its Predict sent frames for a slot that ran nothing.
func TestPredictionCannotBeUsedAfterItsEnd(t *testing.T) {
	s, _ := ready(t, "late")
	s.predict(obj{})
	r := s.predict(obj{})
	if want := `"` + fmt.Sprint(worker.ErrEnded, "; ", worker.ErrEnded) + `"`; len(r.outputs) != 1 || r.outputs[0] != want {
		t.Errorf("outputs %q, want %q", r.outputs, want)
	}
}
