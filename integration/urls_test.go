package integration

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// store is an upload target that keeps what it is sent under its path, as object stores do.
func store(t *testing.T) *httptest.Server {
	t.Helper()
	var kept sync.Map
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			kept.Store(r.URL.EscapedPath(), body)
			return
		}
		if body, known := kept.Load(r.URL.EscapedPath()); known {
			_, _ = w.Write(body.([]byte))
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// All of them write the same file, and a plain store has one place for one name: the id in the URL keeps them apart.
func TestUploadURLWithTheIDKeepsPredictionsApart(t *testing.T) {
	s := ready(t, "contract", launch{flags: []string{"--upload-url", store(t).URL + "/{prediction_id}/", "--queue", "8"}})
	outputs := make([]any, 8)
	var wg sync.WaitGroup
	for n := range outputs {
		wg.Go(func() {
			outputs[n] = s.do("PUT", fmt.Sprintf("/predictions/p%%2F%d", n), inputBody("do", "file", "text", fmt.Sprint(n), "n", 3)).body["output"]
		})
	}
	wg.Wait()
	for n, out := range outputs {
		url, _ := out.(string)
		if !strings.Contains(url, fmt.Sprintf("/p%%2F%d/", n)) {
			t.Errorf("prediction %d: %v", n, out)
		} else if got, want := get(t, url), strings.Repeat(fmt.Sprint(n), 3); got != want {
			t.Errorf("prediction %d has %q, want %q", n, got, want)
		}
	}
}

func TestWebhookTokenGoesToNamedHostsOnly(t *testing.T) {
	for host, want := range map[string]string{"127.0.0.1": "Bearer token", "example.com": ""} {
		r := newReceiver(t, nil)
		s := ready(t, "contract", launch{env: []string{"WEBHOOK_AUTH_TOKEN=token"}, flags: []string{"--webhook-token-hosts", "other.test," + host}})
		s.do("POST", "/predictions", hooked(r.URL, []string{"completed"}, "p", "do", "echo"))
		s.until("the webhook", func() bool { return len(r.got()) == 1 })
		if got := r.got()[0].header.Get("Authorization"); got != want {
			t.Errorf("%s is named: Authorization is %q, want %q", host, got, want)
		}
	}
}

func TestPublicURLsOnlyHoldsForWebhooks(t *testing.T) {
	r := newReceiver(t, nil)
	s := ready(t, "contract", launch{flags: []string{"--public-urls-only"}})
	s.succeeded(s.do("POST", "/predictions", hooked(r.URL, nil, "p", "do", "echo")))
	s.until("the log says so", func() bool { return strings.Contains(s.logs(), "webhook given up") })
	if !strings.Contains(s.logs(), "is not public (--public-urls-only)") || len(r.got()) != 0 {
		t.Errorf("%d webhooks", len(r.got()))
	}
}

func TestAuthoritiesOfTheEnvironmentAreBelieved(t *testing.T) {
	source := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "by TLS") }))
	t.Cleanup(source.Close)
	source.Config.ErrorLog = log.New(io.Discard, "", 0)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: source.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"} {
		s := ready(t, "contract", launch{env: []string{name + "=" + bundle}})
		if out := s.succeeded(s.predict("do", "read", "image", source.URL+"/a.txt")); fmt.Sprint(out) != "[a.txt:by TLS]" {
			t.Errorf("%s: %v", name, out)
		}
	}
	dir := function(t, "from cog import Path\n\ndef predict(image: Path) -> str:\n    return image.read_text()\n")
	terminal := run{env: []string{"REQUESTS_CA_BUNDLE=" + bundle}}
	if code, out, errs := terminal.coglet(t, "predict", dir, "-i", "image="+source.URL+"/a.txt"); code != 0 || out != "by TLS\n" {
		t.Errorf("in the terminal: %d, %q, %s", code, out, errs)
	}
	s := ready(t, "contract", launch{env: []string{"REQUESTS_CA_BUNDLE=" + bundle + ".gone"}})
	s.failed(s.predict("do", "read", "image", source.URL+"/a.txt"), "certificate")
	if !strings.Contains(s.logs(), "certificate authorities not read") {
		t.Error("the log does not say that the file is not there")
	}
}
