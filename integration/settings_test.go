package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestEnvironmentOfCog(t *testing.T) {
	weights := model(t, "import os\nclass Predictor:\n    def setup(self, weights):\n        self.w = weights\n"+
		"    def predict(self) -> str:\n        return f'{self.w}'\nclass Other:\n    def predict(self) -> str:\n        return 'other'\n")
	s := ready(t, "", launch{dir: weights, env: []string{"COG_WEIGHTS=w.bin"}})
	if out := s.succeeded(s.predict()); out != "w.bin" {
		t.Errorf("COG_WEIGHTS: %v", out)
	}
	s = ready(t, "", launch{dir: weights, env: []string{"COG_PREDICT_TYPE_STUB=predict.py:Other"}})
	if out := s.succeeded(s.predict()); out != "other" {
		t.Errorf("COG_PREDICT_TYPE_STUB: %v", out)
	}
	async := "import asyncio\nasync def predict(s: str) -> str:\n    await asyncio.sleep(0.5)\n    return s\n"
	for value, busy := range map[string]string{"2": "READY", "0": "BUSY", "many": "BUSY"} {
		s = ready(t, "", launch{dir: model(t, async), env: []string{"COG_MAX_CONCURRENCY=" + value}})
		id := s.run("s", "x")
		if got := s.health().str("status"); got != busy {
			t.Errorf("COG_MAX_CONCURRENCY=%s: %s, want %s", value, got, busy)
		}
		if warned := strings.Contains(s.logs(), "COG_MAX_CONCURRENCY is"); warned != (busy == "BUSY") {
			t.Errorf("COG_MAX_CONCURRENCY=%s: warned %t", value, warned)
		}
		s.await(id)
	}
	slow := model(t, "import time\nclass Predictor:\n    def setup(self):\n        time.sleep(60)\n    def predict(self) -> str:\n        return ''\n")
	s = start(t, "", launch{dir: slow, env: []string{"COG_SETUP_TIMEOUT=1"}})
	s.untilHealth("SETUP_FAILED")
	s = start(t, "", launch{dir: slow, env: []string{"COG_SETUP_TIMEOUT=soon"}})
	if !strings.Contains(s.logs(), "COG_SETUP_TIMEOUT is") {
		t.Error("COG_SETUP_TIMEOUT=soon: no warning")
	}
	s = ready(t, "contract", launch{env: []string{"COG_PREDICT_TIMEOUT=1"}})
	s.failed(s.predict("do", "sleep", "seconds", 60), "timeout after 1s")
}

func TestLogLevelsAndFormats(t *testing.T) {
	for _, tc := range []struct {
		env        string
		has, hasNo []string
	}{
		{"COG_LOG_LEVEL=info", []string{
			`"fields":{"message":"Starting prediction","prediction_id":"p"},"target":"coglet::prediction"`,
			`"fields":{"message":"line 0","prediction_id":"p","source":"Stdout"},"target":"coglet::prediction"`,
			`"message":"Prediction succeeded"`, `"is_stream":false`, `"level":"INFO"`,
		}, nil},
		{"COG_LOG_LEVEL=error", nil, []string{"server listening", "Starting prediction", "line 0"}},
		{"COG_LOG_LEVEL=warning", nil, []string{"server listening", "Starting prediction"}},
		{"RUST_LOG=error", nil, []string{"server listening"}},
		{"LOG_FORMAT=console", []string{
			" INFO coglet::prediction: Starting prediction prediction_id=p", " INFO coglet::server: server listening address=",
		}, []string{"\x1b[", `{"timestamp"`}},
	} {
		port := freePort(t)
		cmd := exec.Command(binary, "serve", model(t, source(t, "contract")), "--host", "localhost", "--python", venv(t, "bundled"))
		cmd.Env = append(os.Environ(), tc.env, "PORT="+port)
		out := &lockedBuffer{}
		cmd.Stderr = out
		s := &server{t: t, cmd: cmd, url: "http://localhost:" + port}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		s.until("READY", func() bool {
			a, err := s.request(context.Background(), "GET", "/health-check", "")
			return err == nil && a.str("status") == "READY"
		})
		s.do("PUT", "/predictions/p", inputBody("do", "lines", "n", 1))
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", tc.env, err)
		}
		for _, want := range tc.has {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %s in\n%s", tc.env, want, out.String())
			}
		}
		for _, not := range tc.hasNo {
			if strings.Contains(out.String(), not) {
				t.Errorf("%s: %s in\n%s", tc.env, not, out.String())
			}
		}
	}
}

func source(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("models", name+".py"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func TestReadyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "ready")
	s := start(t, "contract", launch{env: []string{"COGLET_READY_FILE=" + path}})
	there := func() bool {
		_, err := os.Stat(path)
		return err == nil
	}
	s.until("the file is there", there)
	s.stop()
	if there() {
		t.Error("the file outlives the server")
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close() // left by a server that was killed
	s := start(t, "contract", launch{flags: []string{"--unix-socket", path}})
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	var health map[string]any
	s.until("READY", func() bool {
		resp, err := client.Get("http://coglet/health-check")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(&health) == nil && health["status"] == "READY"
	})
	resp, err := client.Post("http://coglet/predictions", "application/json", strings.NewReader(inputBody("text", "by socket")))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if raw, _ := io.ReadAll(resp.Body); !strings.Contains(string(raw), `"output":"by socket"`) {
		t.Errorf("%s", raw)
	}
	out, err := exec.Command(binary, "serve", model(t, source(t, "contract")), "--unix-socket", path).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "in use by another server") {
		t.Errorf("second server: %v %s", err, out)
	}
	s.stop()
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket outlives the server")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = exec.Command(binary, "serve", model(t, source(t, "contract")), "--unix-socket", path).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "exists and is no socket") {
		t.Errorf("a file in its place: %v %s", err, out)
	}
}

func TestAwaitExplicitShutdown(t *testing.T) {
	s := ready(t, "contract", launch{flags: []string{"--await-explicit-shutdown", "true"}})
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	s.succeeded(s.predict("do", "echo")) // TERM is ignored
	s.do("POST", "/shutdown", "")
	<-s.ended
	s = ready(t, "contract", launch{flags: []string{"--await-explicit-shutdown", "false", "--threads", "3"}})
	s.stop()
	out, err := exec.Command(binary, "serve", ".", "--await-explicit-shutdown", "maybe").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "want true or false") {
		t.Errorf("%v %s", err, out)
	}
}

func TestClientsThatDisconnectAtEachStage(t *testing.T) {
	s := ready(t, "contract", launch{})
	address := strings.TrimPrefix(s.url, "http://")
	s.succeeded(s.predict("do", "echo"))
	before := s.descriptors()
	full := fmt.Sprintf("POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		len(inputBody("do", "sleep", "seconds", 60)), inputBody("do", "sleep", "seconds", 60))
	large := inputBody("do", "items", "n", 1_000_000)
	reading := fmt.Sprintf("POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(large), large)
	for stage, sent := range map[string]string{
		"headers": full[:60], "half body": full[:len(full)-5], "waiting": full, "reading": reading,
		"half form": "POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9999\r\n\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"x\"\r\n\r\nhalf of it",
	} {
		for range 3 {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, sent); err != nil {
				t.Fatal(err)
			}
			switch stage {
			case "waiting":
				s.until("it runs", func() bool { return s.health().str("status") == "BUSY" })
			case "reading":
				if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			conn.Close()
			s.untilHealth("READY")
		}
	}
	for _, p := range s.do("GET", "/predictions", "").body["results"].([]any) {
		prediction := p.(map[string]any)
		if prediction["input"].(map[string]any)["do"] == "sleep" && prediction["status"] != "canceled" {
			t.Errorf("%v", prediction)
		}
	}
	s.succeeded(s.predict("do", "echo"))
	if left := s.predictionFolders(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	s.until("half a file is removed", func() bool {
		left, _ := filepath.Glob(filepath.Join(s.tmp, "coglet-*", "uploads", "*"))
		return len(left) == 0
	})
	s.until("their connections are closed", func() bool { return s.descriptors() <= before })
}

// descriptors counts the files and sockets that the server has open.
func (s *server) descriptors() int {
	s.t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(open)
}

func TestContextAndNull(t *testing.T) {
	s := ready(t, "contract", launch{})
	a := s.do("POST", "/predictions", `{"context":{"a":"b","é":""},"input":{"do":"context"}}`)
	if out := s.succeeded(a); fmt.Sprint(out) != "map[a:b é:]" {
		t.Errorf("context: %v", out)
	}
	if out := s.succeeded(s.predict("do", "maybe", "maybe", nil)); fmt.Sprint(out) != "[<nil>]" {
		t.Errorf("null: %v", out)
	}
	// more than a frame's header holds: the slot survives it
	large := fmt.Sprintf(`{"context":{"a":%q},"input":{"do":"context"}}`, strings.Repeat("x", 2<<20))
	if a := s.do("POST", "/predictions", large); a.code != 422 || !strings.Contains(a.raw, `"loc":["body","context"]`) {
		t.Errorf("large context: %d %.300s", a.code, a.raw)
	}
	s.succeeded(s.predict("do", "echo"))
	if strings.Contains(s.logs(), `"worker died`) {
		t.Error("the worker was lost")
	}
	// a value that quotes the validator's own words
	if a := s.predict("do", "echo", "text", []string{`"text" is a required property`}); a.code != 422 || !strings.Contains(a.raw, "is not of type") {
		t.Errorf("%d %s", a.code, a.raw)
	}
}

func TestProxyIsUsed(t *testing.T) {
	asked := make(chan string, 10)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.URL.String()
		fmt.Fprint(w, "by proxy")
	})
	s := ready(t, "contract", launch{env: []string{"HTTP_PROXY=" + serveMux(t, mux)}})
	if out := s.succeeded(s.predict("do", "read", "image", "http://model.test/a.txt")); fmt.Sprint(out) != "[a.txt:by proxy]" {
		t.Errorf("got %v", out)
	}
	if got := <-asked; got != "GET http://model.test/a.txt" {
		t.Errorf("the proxy was asked for %s", got)
	}
	s = ready(t, "contract", launch{env: []string{"HTTP_PROXY=" + serveMux(t, mux), "NO_PROXY=model.test"}})
	s.failed(s.predict("do", "read", "image", "http://model.test/a.txt"), "download from model.test")
	if len(asked) > 0 {
		t.Errorf("the proxy was asked for %s", <-asked)
	}
}

func TestSilentStreamIsKeptOpen(t *testing.T) {
	t.Parallel()
	s := ready(t, "contract", launch{})
	e := s.stream(t, "POST", "/predictions", inputBody("do", "sleep", "seconds", 17))
	kept := false
	for {
		line, err := e.lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		kept = kept || line == ": keep-alive\n"
		if strings.HasPrefix(line, "event: completed") {
			break
		}
	}
	if !kept {
		t.Error("17 seconds of silence brought no comment")
	}
}
