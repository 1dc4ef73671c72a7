package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// coglet runs the binary to its end.
func coglet(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(append(os.Environ(), "TMPDIR="+t.TempDir()), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const tiny = "class Predictor:\n    def predict(self, s: str) -> str:\n        return s\n"

func TestWrongTurnsGetOneClearLine(t *testing.T) {
	python := venv(t, "bundled")
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	good := write(t, t.TempDir(), map[string]string{"predict.py": tiny})
	yaml := func(text string) string {
		return write(t, t.TempDir(), map[string]string{"cog.yaml": text, "predict.py": tiny})
	}
	for name, tc := range map[string]struct {
		args []string
		want []string
		code int
	}{
		"missing folder":   {[]string{"serve", "/nonexistent/model"}, []string{"/nonexistent/model: no such folder"}, 2},
		"a file":           {[]string{"serve", filepath.Join(good, "predict.py")}, []string{"is a file"}, 2},
		"empty folder":     {[]string{"serve", t.TempDir()}, []string{"no predictor", "predict.py", "cog.yaml"}, 2},
		"two folders":      {[]string{"serve", good, good}, []string{"want one folder"}, 2},
		"unknown flag":     {[]string{"serve", good, "--wrokers", "2"}, []string{"--wrokers", "--help"}, 2},
		"unknown command":  {[]string{"sevre"}, []string{`unknown command "sevre"`}, 2},
		"bad size":         {[]string{"serve", good, "--max-logs", "much"}, []string{"--max-logs", "16MiB"}, 2},
		"yaml syntax":      {[]string{"serve", yaml("predict: [\n")}, []string{"cog.yaml:1:"}, 2},
		"yaml type":        {[]string{"serve", yaml("predict: [a, b]\n")}, []string{"cog.yaml:1:10", "want a string"}, 2},
		"yaml both":        {[]string{"serve", yaml("predict: predict.py:P\nrun: predict.py:P\n")}, []string{"cog.yaml:1:10", "only one of run or predict"}, 2},
		"yaml ref":         {[]string{"serve", yaml("build:\n  gpu: false\npredict: predcit.py:P\n")}, []string{"cog.yaml:3:10", `"predcit.py"`}, 2},
		"yaml concurrency": {[]string{"serve", yaml("concurrency:\n  max: many\npredict: predict.py\n")}, []string{"cog.yaml:2:8", "concurrency.max"}, 2},
		"no interpreter":   {[]string{"serve", good, "--python", "/nonexistent/python"}, []string{"--python", "/nonexistent/python"}, 2},
		"port in use":      {[]string{"serve", good, "--python", python, "--host", "127.0.0.1", "--port", port}, []string{"port " + port + " is in use"}, 1},
		"schema of a bad ref": {
			[]string{"schema", yaml("predict: predict.py:Nobody\n"), "--python", python},
			[]string{"predict.py has no 'Nobody'; it has Predictor"},
			1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := coglet(t, []string{"COG_LOG_LEVEL=error"}, tc.args...)
			if code != tc.code || stdout != "" {
				t.Errorf("exit status %d, want %d; stdout %q", code, tc.code, stdout)
			}
			last := stderr[strings.LastIndex(strings.TrimSpace(stderr), "\n")+1:]
			for _, want := range tc.want {
				if !strings.Contains(last, want) {
					t.Errorf("%q is not in the last line of\n%s", want, stderr)
				}
			}
			if strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, "Traceback") {
				t.Errorf("a stack trace:\n%s", stderr)
			}
		})
	}
}

func TestInterpreterThatDoesNotStart(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho I am no Python >&2\nexit 5\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, "rogue", launch{python: broken})
	s.untilHealth("SETUP_FAILED")
	if logs := s.setupLogs(); !strings.Contains(logs, "exit status 5") || !strings.Contains(logs, "I am no Python") {
		t.Errorf("setup.logs: %s", logs)
	}
}

func TestPythonThatIsTooOldSaysSo(t *testing.T) {
	// a real interpreter that says that it is older than it is: old ones are not on every machine
	old := filepath.Join(t.TempDir(), "python")
	script := "#!/bin/sh\nexec " + venv(t, "bundled") + ` -c 'import sys, runpy
sys.version_info = (3, 8, 18, "final", 0)
sys.path.insert(0, sys.argv[1])
runpy.run_path(sys.argv[1] + "/__main__.py", run_name="__main__")' "$@"
`
	if err := os.WriteFile(old, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, "rogue", launch{python: old})
	s.untilHealth("SETUP_FAILED")
	if logs := s.setupLogs(); !strings.Contains(logs, "Python 3.8.18 is too old: coglet needs 3.9 or newer") {
		t.Errorf("setup.logs: %s", logs)
	}
}

func TestCacheFolderThatCannotBeWritten(t *testing.T) {
	s := ready(t, "rogue", launch{env: []string{"XDG_CACHE_HOME=/dev/null/cache"}})
	s.succeeded(s.predict("do", "nothing"))
}

func TestRequestsThatAreRefused(t *testing.T) {
	s := ready(t, "rogue", launch{flags: []string{"--max-body", "1MiB"}})
	s.do("PUT", "/predictions/known", inputBody("do", "nothing"))
	for name, tc := range map[string]struct {
		method, path, body, contentType string
		code                            int
		want                            string
	}{
		"malformed JSON":  {"POST", "/predictions", `{"input": {`, "application/json", 400, "not JSON"},
		"trailing":        {"POST", "/predictions", `{} {}`, "application/json", 400, "not JSON"},
		"duplicate names": {"POST", "/predictions", `{"input":{"do":"nothing","do":"sleep"}}`, "application/json", 400, "duplicate"},
		"not an object":   {"POST", "/predictions", `[1]`, "application/json", 422, "must be a JSON object"},
		"input a list":    {"POST", "/predictions", `{"input": [1]}`, "application/json", 422, `"__root__"`},
		"wrong type": {
			"POST", "/predictions", `{"input": {"do": 3}}`, "application/json", 422,
			`{"detail":[{"loc":["body","input","do"],"msg":"3 is not of type \"string\"","type":"value_error"}]}`,
		},
		"missing": {
			"POST", "/predictions", `{"input": {}}`, "application/json", 422,
			`{"detail":[{"loc":["body","input","do"],"msg":"Field required","type":"value_error.missing"}]}`,
		},
		"no input":        {"POST", "/predictions", `{}`, "application/json", 422, "Field required"},
		"content type":    {"POST", "/predictions", `{}`, "text/plain", 415, "text/plain"},
		"too large":       {"POST", "/predictions", strings.Repeat(" ", 1<<20+1), "application/json", 413, "limit"},
		"id not a string": {"POST", "/predictions", `{"id": 3, "input": {"do": "nothing"}}`, "application/json", 422, `"id"`},
		"id with control": {"POST", "/predictions", `{"id": "a\u0000b", "input": {"do": "nothing"}}`, "application/json", 422, "control"},
		"id mismatch":     {"PUT", "/predictions/a", `{"id": "b", "input": {"do": "nothing"}}`, "application/json", 422, "must match"},
		"context":         {"POST", "/predictions", `{"context": {"a": 1}, "input": {"do": "nothing"}}`, "application/json", 422, "context"},
		"context null":    {"POST", "/predictions", `{"context": {"a": null}, "input": {"do": "nothing"}}`, "application/json", 422, `"loc":["body","context","a"]`},
		"webhook type":    {"POST", "/predictions", `{"webhook": 3, "input": {"do": "nothing"}}`, "application/json", 422, `"loc":["body","webhook"],"msg":"must be a string"`},
		"webhook scheme":  {"POST", "/predictions", `{"webhook": "ftp://h/x", "input": {"do": "nothing"}}`, "application/json", 422, `"loc":["body","webhook"],"msg":"must be an http or https URL"`},
		"webhook host":    {"POST", "/predictions", `{"webhook": "http:///x", "input": {"do": "nothing"}}`, "application/json", 422, `"loc":["body","webhook"],"msg":"must name a host"`},
		"webhook empty":   {"POST", "/predictions", `{"webhook": "", "input": {"do": "nothing"}}`, "application/json", 422, `"loc":["body","webhook"]`},
		"filter word":     {"POST", "/predictions", `{"webhook_events_filter": ["done"], "input": {"do": "nothing"}}`, "application/json", 422, `got \"done\"`},
		"filter null":     {"POST", "/predictions", `{"webhook_events_filter": null, "input": {"do": "nothing"}}`, "application/json", 422, `"loc":["body","webhook_events_filter"]`},
		"filter a string": {"POST", "/predictions", `{"webhook_events_filter": "start", "input": {"do": "nothing"}}`, "application/json", 422, `"loc":["body","webhook_events_filter"]`},
		"wait, unknown":   {"GET", "/predictions/x?wait=soon", "", "", 404, "not found"},
		"wait":            {"GET", "/predictions/known?wait=soon", "", "", 422, `{"detail":[{"loc":["query","wait"],"msg":"must be a number of seconds","type":"value_error"}]}`},
		"wait, negative":  {"GET", "/predictions/known?wait=-1", "", "", 422, `"loc":["query","wait"]`},
		"wait, NaN":       {"GET", "/predictions/known?wait=NaN", "", "", 422, `"loc":["query","wait"]`},
		"wait, empty":     {"GET", "/predictions/known?wait=", "", "", 422, `"loc":["query","wait"]`},
		"wait, twice":     {"GET", "/predictions/known?wait=1&wait=2", "", "", 422, `"loc":["query","wait"]`},
		"deep nesting":    {"POST", "/predictions", `{"input":` + strings.Repeat("[", 200_000), "application/json", 400, "not JSON"},
		"no UTF-8":        {"POST", "/predictions", "{\"input\":{\"do\":\"\xff\"}}", "application/json", 400, "not JSON"},
		"lone surrogate":  {"POST", "/predictions", `{"input":{"do":"\ud800"}}`, "application/json", 400, "not JSON"},
		"two inputs":      {"POST", "/predictions", `{"input":{"do":"nothing"},"input":{}}`, "application/json", 400, "duplicate"},
		"empty body":      {"POST", "/predictions", "", "application/json", 422, "Field required"},
		"id empty":        {"POST", "/predictions", `{"id": "", "input": {"do": "nothing"}}`, "application/json", 422, `"loc":["body","id"]`},
		"context, a list": {"POST", "/predictions", `{"context": [], "input": {"do": "nothing"}}`, "application/json", 422, `"loc":["body","context"]`},
		"webhook space":   {"POST", "/predictions", `{"webhook": "http://h/a b", "input": {"do": "nothing"}}`, "application/json", 422, `"loc":["body","webhook"],"msg":"is not a valid URL"`},
		"webhook port":    {"POST", "/predictions", `{"webhook": "http://h:x/", "input": {"do": "nothing"}}`, "application/json", 422, `"loc":["body","webhook"]`},
		"filter number":   {"POST", "/predictions", `{"webhook_events_filter": [1], "input": {"do": "nothing"}}`, "application/json", 422, `"loc":["body","webhook_events_filter"]`},
		"filter case":     {"POST", "/predictions", `{"webhook_events_filter": ["Start"], "input": {"do": "nothing"}}`, "application/json", 422, `got \"Start\"`},
		"type nonsense":   {"POST", "/predictions", `{}`, ";;;", 415, ";;;"},
		"training id":     {"PUT", "/trainings/" + strings.Repeat("x", 257), `{}`, "application/json", 404, "Training not supported"},
		"id too long":     {"PUT", "/predictions/" + strings.Repeat("x", 257), `{"input": {"do": "nothing"}}`, "application/json", 422, `"loc":["path","id"]`},
		"id of bytes":     {"PUT", "/predictions/%FF", `{"input": {"do": "nothing"}}`, "application/json", 422, "UTF-8"},
		"no training":     {"POST", "/trainings", `{"input": {}}`, "application/json", 404, "Training not supported"},
		"unknown id":      {"GET", "/predictions/nobody", "", "", 404, "not found"},
		"unknown cancel":  {"POST", "/predictions/nobody/cancel", "", "", 404, "{}"},
		"unknown path":    {"GET", "/nowhere", "", "", 404, "Not Found"},
		"wrong method":    {"DELETE", "/predictions", "", "", 405, "Method Not Allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest(tc.method, s.url+tc.path, strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			if tc.contentType != "" {
				req.Header.Set("Content-Type", tc.contentType)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var body bytes.Buffer
			if _, err := body.ReadFrom(resp.Body); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tc.code || !strings.Contains(body.String(), tc.want) {
				t.Errorf("%d %s, want %d with %s", resp.StatusCode, body.String(), tc.code, tc.want)
			}
			if got := resp.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type is %q", got)
			}
		})
	}
	if a := s.do("GET", "/predictions", ""); len(a.body["results"].([]any)) != 1 {
		t.Errorf("a refused request has left a prediction: %s", a.raw)
	}
	if left, _ := filepath.Glob(filepath.Join(s.tmp, "coglet-*", "*", "*")); len(left) > 0 {
		t.Errorf("a refused request has left files: %v", left)
	}
	s.succeeded(s.predict("do", "nothing"))
}

// What is no request at all is answered in plain text, and the connection is closed.
func TestWhatIsNoRequestIsAnsweredAndCut(t *testing.T) {
	s := ready(t, "rogue", launch{})
	for name, tc := range map[string]struct {
		request string
		code    int
	}{
		"broken escape": {"GET /predictions/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"no host":       {"GET / HTTP/1.1\r\n\r\n", 400},
		"not HTTP":      {"hello\r\n\r\n", 400},
		"large headers": {"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 80<<10) + "\r\n\r\n", 431},
		"odd encoding":  {"POST /predictions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		"two lengths":   {"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, tc.request) // it may be cut before all is sent
		answer, _ := io.ReadAll(conn)
		if want := fmt.Sprintf("HTTP/1.1 %d ", tc.code); !strings.HasPrefix(string(answer), want) {
			t.Errorf("%s: %.200q, want %s", name, answer, want)
		}
	}
	s.succeeded(s.predict("do", "nothing"))
}

func TestIdsAreNeverPaths(t *testing.T) {
	s := ready(t, "rogue", launch{})
	for _, id := range []string{"../../escape", "/etc/escape", "a/b", strings.Repeat("x", 256), "ü%2F.."} {
		a := s.do("POST", "/predictions", `{"id": "`+id+`", "input": {"do": "nothing"}}`)
		s.succeeded(a)
		if a.str("id") != id {
			t.Errorf("id %q came back as %q", id, a.str("id"))
		}
	}
	if left := s.predictionFolders(); len(left) > 0 {
		t.Errorf("folders: %v", left)
	}
}

func TestSlowHeadersAreCut(t *testing.T) {
	t.Parallel()
	s := ready(t, "rogue", launch{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("POST /predictions HTTP/1.1\r\nHost: x\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1024)
	for {
		if _, err = conn.Read(buf); err != nil {
			break
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a client that never ends its headers keeps its connection")
	}
}
