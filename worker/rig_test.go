//go:build unix

package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"coglet/fdredirect"
	"coglet/internal/protocol"
	"coglet/worker"
	"coglet/worker/workertest"
)

// patience bounds every wait: it is reached only when something is wrong.
const patience = 30 * time.Second

// TestMain is also the worker, in a process of its own: WORKER names which one.
func TestMain(m *testing.M) {
	switch name := os.Getenv("WORKER"); name {
	case "":
		goleak.VerifyTestMain(m)
	case "workertest":
		workertest.Main()
	default:
		worker.Main(predictors[name])
	}
}

// server is the other end of one worker's channels.
type server struct {
	*testing.T
	cmd     *exec.Cmd
	launch  *fdredirect.Launch
	control *protocol.Writer
	data    *protocol.Writer
	stderr  io.Reader // what the worker was born with
	fromC   *protocol.Reader
	fromD   *protocol.Reader
	waited  sync.Once
	exit    error
	seq     uint64
}

// launch starts a worker that has been told nothing yet.
func launch(t *testing.T, name string, env ...string) *server {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(append(os.Environ(), "WORKER="+name), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	l, err := fdredirect.Prepare(cmd, fdredirect.Options{Stdio: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l.CloseChild()
	s := &server{
		T: t, cmd: cmd, launch: l, stderr: l.Stderr,
		fromC: protocol.NewReader(l.ControlOut), fromD: protocol.NewReader(l.Data),
	}
	t.Cleanup(s.end)
	if s.control, err = protocol.NewWriter(l.ControlIn); err != nil {
		t.Fatal(err)
	}
	if s.data, err = protocol.NewWriter(l.Data); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for _, c := range []interface{ SetReadDeadline(time.Time) error }{l.ControlOut, l.Data, l.Stderr} {
		if err := c.SetReadDeadline(deadline); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// ready starts a worker and takes it to its ready.
func ready(t *testing.T, name string, env ...string) (*server, protocol.Ready) {
	t.Helper()
	s := launch(t, name, env...)
	s.init(protocol.Init{})
	var m protocol.Ready
	s.expect(s.fromC, protocol.TypeReady, &m)
	return s, m
}

func (s *server) init(m protocol.Init) {
	s.Helper()
	m.Type, m.Tmp = protocol.TypeInit, s.TempDir()
	if m.Version == 0 {
		m.Version = protocol.Version
	}
	s.tell(m)
}

// tell sends a control message.
func (s *server) tell(m any) {
	s.Helper()
	if err := s.control.Send(m, nil); err != nil {
		s.Fatal(err)
	}
}

// next reads one frame.
func (s *server) next(r *protocol.Reader) protocol.Frame {
	s.Helper()
	f, err := r.Next()
	if err != nil {
		words, _ := io.ReadAll(s.stderr)
		s.Fatalf("read from worker: %v; it said %q", err, words)
	}
	return f
}

// expect reads frames until one of this type, which it decodes, and returns the text of the logs before it.
func (s *server) expect(r *protocol.Reader, kind string, m any) (text string) {
	s.Helper()
	var logs strings.Builder // there may be megabytes of it
	for {
		f := s.next(r)
		if f.Type == kind {
			if err := f.Decode(m); err != nil {
				s.Fatal(err)
			}
			return logs.String()
		}
		if f.Type != protocol.TypeLog {
			s.Fatalf("got %s %s, want %s", f.Header, f.Body(), kind)
		}
		logs.Write(f.Body())
	}
}

// start starts a prediction and returns its seq.
func (s *server) start(slot int, input any) uint64 {
	s.Helper()
	body, err := json.Marshal(input)
	if err != nil {
		s.Fatal(err)
	}
	s.seq++
	m := protocol.Predict{Type: protocol.TypePredict, Slot: slot, Seq: s.seq, ID: "id", Context: map[string]string{"k": "v"}}
	if err := s.data.Send(m, body); err != nil {
		s.Fatal(err)
	}
	return s.seq
}

// result is all that came of one prediction.
type result struct {
	outputs []string
	files   []protocol.File
	logs    string // once it is done
	printed strings.Builder
	metrics []protocol.Metric
	done    protocol.Done
}

// results reads until n predictions are done; by slot. A frame for a slot that runs nothing fails the test, as it would
// cost the worker its life.
func (s *server) results(slots ...int) map[int]*result {
	s.Helper()
	all := make(map[int]*result)
	for _, slot := range slots {
		all[slot] = &result{}
	}
	for left := len(slots); left > 0; {
		f := s.next(s.fromD)
		var m struct {
			Slot  *int            `json:"slot"`
			Index int             `json:"index"`
			Files []protocol.File `json:"files"`
		}
		if err := f.Decode(&m); err != nil {
			s.Fatal(err)
		}
		if m.Slot == nil || all[*m.Slot] == nil || all[*m.Slot].done.Type != "" {
			s.Fatalf("%s for a slot that runs nothing", f.Header)
		}
		r := all[*m.Slot]
		switch f.Type {
		case protocol.TypeLog:
			r.printed.Write(f.Body())
		case protocol.TypeOutput:
			if m.Index != len(r.outputs) {
				s.Fatalf("output %d has index %d", len(r.outputs), m.Index)
			}
			r.outputs, r.files = append(r.outputs, string(f.Body())), append(r.files, m.Files...)
		case protocol.TypeMetric:
			var metric protocol.Metric
			if err := f.Decode(&metric); err != nil {
				s.Fatal(err)
			}
			r.metrics = append(r.metrics, metric)
		case protocol.TypeDone:
			if err := f.Decode(&r.done); err != nil {
				s.Fatal(err)
			}
			r.logs = r.printed.String()
			left--
		}
	}
	return all
}

// predict runs one prediction to its end.
func (s *server) predict(input any) *result {
	s.Helper()
	seq := s.start(0, input)
	r := s.results(0)[0]
	if r.done.Seq != seq {
		s.Fatalf("done for seq %d, want %d", r.done.Seq, seq)
	}
	return r
}

// wait waits for the worker's own end and returns its exit status.
func (s *server) wait() int {
	s.Helper()
	kill := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	s.waited.Do(func() { s.exit = s.cmd.Wait() })
	var exit *exec.ExitError
	if s.exit != nil && !errors.As(s.exit, &exit) {
		s.Fatal(s.exit)
	}
	return s.cmd.ProcessState.ExitCode()
}

func (s *server) end() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	s.waited.Do(func() { s.exit = s.cmd.Wait() })
	s.launch.Close()
	s.control.Wait()
	s.data.Wait()
}

// words is what the worker wrote to the stderr that it was born with, to its end.
func (s *server) words() string {
	text, err := io.ReadAll(s.stderr)
	if err != nil {
		s.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// predictors are the workers of single tests.
var predictors = map[string]worker.Predictor{}

// predictorFunc is a Predictor of one method.
type predictorFunc func(ctx context.Context, p *worker.Prediction) (any, error)

func (f predictorFunc) Predict(ctx context.Context, p *worker.Prediction) (any, error) {
	return f(ctx, p)
}
