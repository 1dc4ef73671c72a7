package orchestrator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"coglet/internal/files"
	"coglet/internal/prediction"
	"coglet/internal/process"
	"coglet/internal/protocol"
	"coglet/internal/telemetry"
	"coglet/worker/workertest"
)

func TestMain(m *testing.M) {
	if os.Getenv("WORKER") != "" {
		workertest.Main()
	}
	os.Exit(m.Run())
}

// patience bounds every wait: it is reached only when something is wrong.
const patience = 30 * time.Second

type inline struct{}

func (inline) Replace(_ context.Context, _ *files.Session, body []byte, list []protocol.File) ([]byte, error) {
	return files.Replace(nil, body, list, func(dst []byte, f protocol.File) ([]byte, error) {
		return files.AppendDataURL(dst, f.Path, f.MIME, 0)
	})
}

// rig is a pool of workers that misbehave as they are told.
type rig struct {
	*testing.T
	*Pool
	root string
	log  *syncBuffer

	mu  sync.Mutex
	ids int // guarded by mu
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newRig makes a pool; it is not started. At the end of the test it checks that nothing is left.
func newRig(t *testing.T, change func(*Config), env ...string) *rig {
	t.Helper()
	r := &rig{T: t, root: t.TempDir(), log: &syncBuffer{}}
	cfg := Config{
		Workers: 1,
		Command: func() *exec.Cmd {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(append(os.Environ(), "WORKER=1"), env...)
			return cmd
		},
		Stdio: true, Files: inline{}, Table: process.NewTable(), BackoffBase: time.Millisecond,
		WorkerDir: func(name string) (string, error) {
			dir := filepath.Join(r.root, name)
			return dir, os.Mkdir(dir, 0o700)
		},
		CancelGrace: 200 * time.Millisecond, Log: telemetry.New(r.log, "json", slog.LevelDebug, false),
	}
	if change != nil {
		change(&cfg)
	}
	r.Pool = New(cfg)
	t.Cleanup(func() {
		r.Stop(patience)
		r.Stop(0) // safe twice
		if left, err := os.ReadDir(r.root); err != nil || len(left) > 0 {
			t.Errorf("folders left: %v, %v", left, err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", r.log)
		}
	})
	return r
}

func start(t *testing.T, change func(*Config), env ...string) *rig {
	t.Helper()
	r := newRig(t, change, env...)
	r.Start()
	r.await(StateReady)
	return r
}

func (r *rig) until(what string, condition func() bool) {
	r.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			r.Fatalf("%s: not within %s", what, patience)
		}
		time.Sleep(time.Millisecond)
	}
}

func (r *rig) await(want State) {
	r.Helper()
	r.until(string(want), func() bool { state, _ := r.State(); return state == want })
}

// submit starts a prediction.
func (r *rig) submit(do string, n int, text string) (*prediction.Prediction, *Run, error) {
	input, err := json.Marshal(map[string]any{"do": do, "n": n, "text": text})
	if err != nil {
		r.Fatal(err)
	}
	r.mu.Lock()
	r.ids++
	id := fmt.Sprint("p", r.ids)
	r.mu.Unlock()
	p := prediction.New(prediction.Config{ID: id, Created: time.Now(), MaxOutput: 64 << 20})
	run, err := r.Submit(Job{Prediction: p, Input: input})
	if err == nil {
		run.Begin()
	}
	return p, run, err
}

// must is submit for what cannot be refused.
func (r *rig) must(do string, n int, text string) (*prediction.Prediction, *Run) {
	r.Helper()
	p, run, err := r.submit(do, n, text)
	if err != nil {
		r.Fatalf("%s: %v", do, err)
	}
	return p, run
}

// predict runs a prediction to its end.
func (r *rig) predict(do string, n int, text string) prediction.Snapshot {
	r.Helper()
	p, _ := r.must(do, n, text)
	return r.ended(p)
}

func (r *rig) ended(p *prediction.Prediction) prediction.Snapshot {
	r.Helper()
	select {
	case <-p.Done():
	case <-time.After(patience):
		r.Fatalf("%s has not ended", p.ID)
	}
	return p.Snapshot()
}

func output(s prediction.Snapshot) string { return string(bytes.Join(s.Output, nil)) }

// works fails the test unless the pool becomes ready and serves.
func (r *rig) works() {
	r.Helper()
	r.await(StateReady)
	if s := r.predict("echo", 0, "hi"); s.Status != prediction.Succeeded || output(s) != `"hi"` {
		r.Errorf("echo: %s %s %s", s.Status, s.Error, output(s))
	}
}

// wants fails the test unless a prediction ended like this.
func (r *rig) wants(s prediction.Snapshot, status prediction.Status, text string) {
	r.Helper()
	if s.Status != status || s.Error != text {
		r.Errorf("%s: %s %q, want %s %q", s.ID, s.Status, s.Error, status, text)
	}
}

func TestNoGoroutineOutlivesItsPool(t *testing.T) {
	before := runtime.NumGoroutine()
	r := start(t, nil)
	r.works()
	r.predict("exit", 1, "")
	r.works()
	r.Stop(patience)
	for n := 0; runtime.NumGoroutine() > before; n++ {
		if n == 2000 {
			buf := make([]byte, 1<<20)
			t.Fatalf("goroutines left:\n%s", buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(time.Millisecond)
	}
}
