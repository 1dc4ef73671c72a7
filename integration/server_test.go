package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait: it is reached only when something is wrong.
const patience = 60 * time.Second

// server is a running coglet.
type server struct {
	t     testing.TB
	cmd   *exec.Cmd
	url   string
	tmp   string // its TMPDIR
	ended chan struct{}
	err   error // of Wait, once ended is closed

	mu  sync.Mutex
	log bytes.Buffer // its stderr; guarded by mu
}

// launch says how to start a server; the zero value starts it as a user would.
type launch struct {
	python string // "" = the environment with the bundled SDK
	env    []string
	flags  []string
	dir    string // a model's folder instead of a named model
}

// model writes a predictor into a folder of its own.
func model(t testing.TB, source string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "predict.py"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// start runs a server on models/NAME.py and waits until it listens.
func start(t testing.TB, name string, l launch) *server {
	t.Helper()
	if l.dir == "" {
		source, err := os.ReadFile(filepath.Join("models", name+".py"))
		if err != nil {
			t.Fatal(err)
		}
		l.dir = model(t, string(source))
	}
	if l.python == "" {
		l.python = venv(t, "bundled")
	}
	args := append([]string{"serve", l.dir, "--host", "127.0.0.1", "--port", "0", "--python", l.python}, l.flags...)
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), l.env...)
	return startCommand(t, cmd, "")
}

// startCommand starts a server by a command of its own, in a folder.
func startCommand(t testing.TB, cmd *exec.Cmd, dir string) *server {
	t.Helper()
	s := &server{t: t, cmd: cmd, tmp: t.TempDir(), ended: make(chan struct{})}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Dir = dir
	// the caller's own TMPDIR, where it has one, comes last and wins
	cmd.Env = append([]string{"TMPDIR=" + s.tmp}, without(cmd.Env, os.Getenv("TMPDIR"))...)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	go s.read(stderr, listening)
	t.Cleanup(s.stop)
	select {
	case address := <-listening:
		s.url = "http://" + address
	case <-s.ended:
		t.Fatalf("server ended before it listened: %v\n%s", s.err, s.logs())
	case <-time.After(patience):
		t.Fatalf("server does not listen\n%s", s.logs())
	}
	return s
}

// without removes the TMPDIR that this process was started with.
func without(env []string, inherited string) (kept []string) {
	for _, setting := range env {
		if inherited == "" || setting != "TMPDIR="+inherited {
			kept = append(kept, setting)
		}
	}
	return kept
}

var addressLine = regexp.MustCompile(`"server listening".*"address":"([^"]+)"`)

// read collects the server's log until it ends.
func (s *server) read(stderr io.Reader, listening chan<- string) {
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		s.mu.Lock()
		s.log.WriteString(line)
		s.mu.Unlock()
		if m := addressLine.FindStringSubmatch(line); m != nil {
			listening <- m[1]
		}
		if err != nil {
			s.err = s.cmd.Wait()
			close(s.ended)
			return
		}
	}
}

func (s *server) logs() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// stop ends the server in good order; when the test failed its log is shown.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.t.Errorf("server does not end on SIGTERM")
		_ = s.cmd.Process.Kill()
	}
	if strings.Contains(s.logs(), "DATA RACE") {
		s.t.Error("the server has a data race")
	}
	if s.t.Failed() {
		s.t.Logf("log of the server:\n%s", s.logs())
	}
}

// answer is a response with its JSON body.
type answer struct {
	code int
	head http.Header
	body map[string]any
	raw  string
}

// outputs is the output of a model that yields.
func (a answer) outputs() []any {
	list, _ := a.body["output"].([]any)
	return list
}

func (a answer) str(key string) string {
	s, _ := a.body[key].(string)
	return s
}

// request sends a request and reads the answer.
func (s *server) request(ctx context.Context, method, path, body string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{code: resp.StatusCode, head: resp.Header, raw: string(raw)}
	if err := json.Unmarshal(raw, &a.body); err != nil {
		return a, fmt.Errorf("%s %s answered %d with %q: %w", method, path, a.code, raw, err)
	}
	return a, nil
}

func (s *server) do(method, path, body string, header ...string) answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a, err := s.request(ctx, method, path, body, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// predict runs a prediction with these inputs, name and value in turn.
func (s *server) predict(inputs ...any) answer {
	s.t.Helper()
	return s.do("POST", "/predictions", inputBody(inputs...))
}

// run starts a prediction that goes on in the background and returns its id.
func (s *server) run(inputs ...any) string {
	s.t.Helper()
	a := s.do("POST", "/predictions", inputBody(inputs...), "Prefer", "respond-async")
	if a.code != http.StatusAccepted {
		s.t.Fatalf("prediction not accepted: %d %s", a.code, a.raw)
	}
	return a.str("id")
}

// await waits for the end of a prediction.
func (s *server) await(id string) answer {
	s.t.Helper()
	a := s.do("GET", "/predictions/"+id+"?wait=60", "")
	if status := a.str("status"); status == "starting" || status == "processing" {
		s.t.Fatalf("prediction has not ended: %s", a.raw)
	}
	return a
}

func inputBody(inputs ...any) string {
	input := map[string]any{}
	for i := 0; i+1 < len(inputs); i += 2 {
		input[inputs[i].(string)] = inputs[i+1]
	}
	body, err := json.Marshal(map[string]any{"input": input})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// until polls until the condition holds.
func (s *server) until(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: not within %s\n%s", what, patience, s.logs())
		}
		time.Sleep(5 * time.Millisecond) // a poll of a foreign process: there is no event to wait for
	}
}

func (s *server) health() answer { return s.do("GET", "/health-check", "") }

// untilHealth waits for a status.
func (s *server) untilHealth(want string) {
	s.t.Helper()
	s.until("health "+want, func() bool {
		a := s.health()
		status := a.str("status")
		if status == "SETUP_FAILED" && want == "READY" {
			s.t.Fatalf("setup failed\n%s", s.logs())
		}
		if status == "READY" { // never before setup has been told to be over
			if setup, _ := a.body["setup"].(map[string]any); setup["status"] != "succeeded" || setup["completed_at"] == nil {
				s.t.Fatalf("READY, and setup is %v", setup)
			}
		}
		return status == want
	})
}

func (s *server) setupLogs() string {
	setup, _ := s.health().body["setup"].(map[string]any)
	logs, _ := setup["logs"].(string)
	return logs
}

// ready starts a server and waits until it is READY.
func ready(t testing.TB, name string, l launch) *server {
	t.Helper()
	s := start(t, name, l)
	s.untilHealth("READY")
	return s
}

// succeeded fails the test unless the prediction succeeded, and returns its output.
func (s *server) succeeded(a answer) any {
	s.t.Helper()
	if a.code != http.StatusOK || a.str("status") != "succeeded" {
		s.t.Fatalf("prediction did not succeed: %d %.2000s", a.code, a.raw)
	}
	return a.body["output"]
}

// failed fails the test unless the prediction failed with an error that contains want.
func (s *server) failed(a answer, want string) {
	s.t.Helper()
	if a.str("status") != "failed" || !strings.Contains(a.str("error"), want) {
		s.t.Fatalf("want failed with %q, got %d %.2000s", want, a.code, a.raw)
	}
}
