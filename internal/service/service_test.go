package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/files"
	"coglet/internal/orchestrator"
	"coglet/internal/prediction"
	"coglet/internal/process"
	"coglet/internal/protocol"
	"coglet/internal/schema"
	"coglet/internal/telemetry"
	"coglet/worker/workertest"
)

func TestMain(m *testing.M) {
	if os.Getenv("WORKER") != "" {
		workertest.Main()
	}
	os.Exit(m.Run())
}

type noFiles struct{}

func (noFiles) Replace(_ context.Context, _ *files.Session, body []byte, _ []protocol.File) ([]byte, error) {
	return body, nil
}

func (noFiles) Resolve(_ context.Context, _ string, inputs []FileInput) (values []jsontext.Value, err error) {
	for _, in := range inputs {
		values = append(values, in.Value)
	}
	return values, nil
}

func (noFiles) Check(jsontext.Value, protocol.FileField) error { return nil }

// clock is a clock that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newService returns a service on a real pool of one worker with four slots.
func newService(t *testing.T, keep Retention) (*Service, *clock) {
	t.Helper()
	return newServiceAway(t, keep, 0)
}

// newServiceAway also sets Config.Away.
func newServiceAway(t *testing.T, keep Retention, away time.Duration) (*Service, *clock) {
	t.Helper()
	root := t.TempDir()
	pool := orchestrator.New(orchestrator.Config{
		Workers: 1,
		Command: func() *exec.Cmd {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), "WORKER=1", "WORKER_SLOTS=4")
			return cmd
		},
		Stdio: true, Files: noFiles{}, Table: process.NewTable(), CancelGrace: time.Second,
		WorkerDir: func(name string) (string, error) {
			return filepath.Join(root, name), os.Mkdir(filepath.Join(root, name), 0o700)
		},
		Log: telemetry.New(os.Stderr, "json", 100, false),
	})
	pool.Start()
	t.Cleanup(func() { pool.Stop(time.Second) })
	<-pool.Settled()
	c := &clock{now: time.Now()}
	return New(Config{Pool: pool, Monitor: pool, Inputs: noFiles{}, Keep: keep, Now: c.Now, Away: away}), c
}

func request(t *testing.T, id, do string, n int, text string) Request {
	t.Helper()
	raw := fmt.Sprintf(`{"do":%q,"n":%d,"text":%q}`, do, n, text)
	in, _, err := (*schema.Validator)(nil).Scan(schema.NewSource([]byte(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return Request{Method: schema.Predict, ID: id, Raw: []byte(raw), Input: in}
}

// run runs a prediction to its end, until it is retained.
func run(t *testing.T, s *Service, id, text string) {
	t.Helper()
	h, created, err := s.Create(request(t, id, "echo", 0, text), false)
	if err != nil || !created {
		t.Fatalf("%s: created %t, %v", id, created, err)
	}
	<-h.Done()
	h.Release()
	for retained := false; !retained; time.Sleep(time.Millisecond) { // the end comes before the bookkeeping
		s.mu.Lock()
		retained = h.ent.run == nil
		s.mu.Unlock()
	}
}

func TestOneIDRunsOnce(t *testing.T) {
	s, _ := newService(t, Retention{Count: 10, Bytes: 1 << 20, For: time.Hour})
	var wg sync.WaitGroup
	var mu sync.Mutex
	created := 0
	for range 16 {
		wg.Go(func() {
			h, isNew, err := s.Create(request(t, "same", "sleep", 300, ""), true)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			if isNew {
				created++
			}
			mu.Unlock()
			<-h.Done()
		})
	}
	wg.Wait()
	if created != 1 {
		t.Errorf("created %d times", created)
	}
	h, _, err := s.Create(request(t, "busy", "sleep", 60_000, ""), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Create(request(t, "busy", "echo", 0, ""), false); !errors.Is(err, ErrRunning) {
		t.Errorf("second with a running id: %v", err)
	}
	if err := s.Cancel("busy"); err != nil {
		t.Error(err)
	}
	<-h.Done()
	if h.Status() != prediction.Canceled {
		t.Errorf("status %s", h.Status())
	}
	run(t, s, "busy", "again") // a finished id runs anew
	if s.Cancel("busy") != nil || !errors.Is(s.Cancel("nobody"), ErrNotFound) {
		t.Error("cancel of a finished and of an unknown id")
	}
}

func TestRetentionByCountTimeAndBytes(t *testing.T) {
	s, clock := newService(t, Retention{Count: 3, Bytes: 1000, For: time.Hour})
	known := func() (ids []string) {
		for _, p := range s.List(schema.Predict) {
			ids = append(ids, p.ID)
		}
		return ids
	}
	for n := range 5 {
		clock.advance(time.Second)
		run(t, s, fmt.Sprint("p", n), "x")
	}
	if got := strings.Join(known(), " "); got != "p4 p3 p2" {
		t.Errorf("by count: %s", got)
	}
	clock.advance(2 * time.Hour)
	if got := known(); len(got) != 0 {
		t.Errorf("by time: %v", got)
	}
	big := strings.Repeat("x", 2000)
	run(t, s, "big", big)
	h, err := s.Get("big")
	if err != nil || h.Snapshot().OutputDropped {
		t.Errorf("the newest lost its output at once: %v", err)
	}
	clock.advance(time.Second)
	run(t, s, "small", "x")
	if snapshot := h.Snapshot(); !snapshot.OutputDropped || snapshot.Input != nil {
		t.Error("the oldest over the limit kept its output")
	}
	if h, err = s.Get("small"); err != nil || h.Snapshot().OutputDropped {
		t.Errorf("the small one: %v", err)
	}
}

// However little is kept, who waits for the end of a prediction is told all of it: the next one that ends used to take the
// output away before.
func TestEndIsToldWholeHoweverLittleIsKept(t *testing.T) {
	s, _ := newService(t, Retention{Count: 100, Bytes: 1, For: time.Hour})
	for round := range 50 {
		var handles []Handle
		for n := range 4 {
			h, _, err := s.Create(request(t, fmt.Sprint(n), "echo", 0, "text"), false)
			if err != nil {
				t.Fatal(err)
			}
			handles = append(handles, h)
		}
		for _, h := range handles {
			<-h.Done()
		}
		for n, h := range handles {
			if snapshot := h.Snapshot(); snapshot.OutputDropped || len(snapshot.Output) == 0 {
				t.Fatalf("round %d: %d of 4 has lost its output", round, n)
			}
			h.Release()
		}
	}
	dropped := func() (n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, ent := range s.byID {
			if ent.pred.Snapshot().OutputDropped {
				n++
			}
		}
		return n
	}
	// what is kept is looked at behind the end that was told
	for deadline := time.Now().Add(10 * time.Second); dropped() < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of 4 were dropped in the end", dropped())
		}
	}
}

func TestHealthOfAReadyPool(t *testing.T) {
	s, _ := newService(t, Retention{Count: 10, Bytes: 1 << 20, For: time.Hour})
	if r := s.Health(t.Context()); r.Health != Ready || !r.HasSetup || r.Model == nil {
		t.Errorf("%+v", r)
	}
	var handles []Handle
	for n := range 4 {
		h, _, err := s.Create(request(t, fmt.Sprint(n), "sleep", 60_000, ""), false)
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, h)
	}
	if r := s.Readiness(); r.Health != Busy {
		t.Errorf("all slots taken: %s", r.Health)
	}
	for _, h := range handles {
		h.Cancel(prediction.ErrCanceled)
		<-h.Done()
	}
}

func TestHealthWordsAreCogs(t *testing.T) {
	for health, word := range map[Health]string{
		Unknown: "UNKNOWN", Starting: "STARTING", Ready: "READY", Busy: "BUSY", SetupFailed: "SETUP_FAILED", Defunct: "DEFUNCT",
		Unhealthy: "UNHEALTHY",
	} {
		if string(health) != word {
			t.Errorf("%s, want %s", health, word)
		}
	}
}
