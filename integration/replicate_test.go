package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// checkClient runs a program that prints "ok NAME" for each call that went well, and "done" at its end.
func checkClient(t *testing.T, calls int, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err != nil || !strings.HasSuffix(text, "done\n") || strings.Contains(text, "FAILED") || strings.Count(text, "ok ") < calls {
		t.Errorf("%v\n%s", err, text)
	}
}

func replicateServer(t *testing.T) *server {
	return ready(t, "contract", launch{
		flags: []string{"--queue", "16"}, env: []string{"WEBHOOK_SIGNING_SECRET=whsec_a2V5IG9mIHRoZSB0ZXN0"},
	})
}

// aWebhook has the server send one, and writes its headers and its body into files.
func aWebhook(t *testing.T, s *server) (head, body string) {
	t.Helper()
	r := newReceiver(t, nil)
	s.do("POST", "/v1/predictions", hooked(r.URL, []string{"completed"}, "hooked", "do", "echo"))
	s.until("the webhook", func() bool { return len(r.got()) == 1 })
	g := r.got()[0]
	headers := map[string]string{}
	for key := range g.header {
		headers[strings.ToLower(key)] = g.header.Get(key)
	}
	dir := write(t, t.TempDir(), map[string]string{"head.json": asJSON(t, headers), "body.json": g.raw})
	return filepath.Join(dir, "head.json"), filepath.Join(dir, "body.json")
}

func TestReplicatesPythonClient(t *testing.T) {
	s := replicateServer(t)
	head, body := aWebhook(t, s)
	checkClient(t, 25, exec.Command(venv(t, "replicate"), filepath.Join("clients", "replicate_client.py"), s.url, head, body))
	if left := s.predictionFolders(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReplicatesJavaScriptClient(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not run: it needs node")
	}
	modules := filepath.Dir(npm(t, "replicate"))
	s := replicateServer(t)
	head, body := aWebhook(t, s)
	cmd := exec.Command(node, filepath.Join("clients", "replicate_client.mjs"), s.url, head, body)
	cmd.Env = append(os.Environ(), "REPLICATE_MODULES="+modules)
	checkClient(t, 19, cmd)
}

// npm is the folder of modules that make venvs has put an npm package into. Its absence is a failure, not a skip.
func npm(t *testing.T, name string) string {
	t.Helper()
	modules, err := filepath.Abs(filepath.Join("..", ".cache", "npm", name, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, name)); err != nil {
		t.Fatalf("no npm package %s: run make venvs", name)
	}
	return modules
}

func TestProblemsOfTheV1Routes(t *testing.T) {
	s := ready(t, "contract", launch{})
	busy := s.run("do", "sleep", "seconds", 60)
	for name, tc := range map[string]struct {
		method, path, body string
		code               int
		want               string
	}{
		"busy":         {"POST", "/v1/predictions", `{"input":{}}`, 429, "slots are busy"},
		"bad input":    {"POST", "/v1/predictions", `{"input":{"n":"x"}}`, 422, "is not of type"},
		"no JSON":      {"POST", "/v1/models/o/m/predictions", `{`, 400, "not JSON"},
		"unknown id":   {"GET", "/v1/predictions/nobody", "", 404, "could not be found"},
		"unknown file": {"DELETE", "/v1/files/nobody", "", 404, "could not be found"},
		"no form":      {"POST", "/v1/files", `{}`, 400, "multipart"},
		"no secret":    {"GET", "/v1/webhooks/default/secret", "", 404, "could not be found"},
		"unknown path": {"GET", "/v1/collections", "", 404, "could not be found"},
	} {
		a := s.do(tc.method, tc.path, tc.body)
		if a.code != tc.code || a.body["status"] != float64(tc.code) || !strings.Contains(a.str("detail"), tc.want) || a.str("title") == "" {
			t.Errorf("%s: %d %s", name, a.code, a.raw)
		}
	}
	s.cancel(busy)
	body, contentType := multipartBody(t, [3]string{"other", "x", "y"})
	if a := s.do("POST", "/v1/files", body, "Content-Type", contentType); a.code != 400 || !strings.Contains(a.raw, "content") {
		t.Errorf("no content: %d %s", a.code, a.raw)
	}
	for _, metadata := range []string{"{", "true", ""} {
		body, contentType = multipartBody(t, [3]string{"content", "x", "y"}, [3]string{"metadata", "", metadata})
		if a := s.do("POST", "/v1/files", body, "Content-Type", contentType); a.code != 400 || !strings.Contains(a.raw, "must be a JSON object") {
			t.Errorf("metadata %s: %d %s", metadata, a.code, a.raw)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.tmp, "coglet-*", "uploads", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
