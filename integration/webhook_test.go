package integration

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

func hooked(url string, events []string, id string, inputs ...any) string {
	var body map[string]any
	if err := json.Unmarshal([]byte(inputBody(inputs...)), &body); err != nil {
		panic(err)
	}
	body["webhook"] = url
	if events != nil {
		body["webhook_events_filter"] = events
	}
	if id != "" {
		body["id"] = id
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func TestWebhooksTellAPredictionFromStartToEnd(t *testing.T) {
	r := newReceiver(t, nil)
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("key of the test"))
	s := ready(t, "contract", launch{env: []string{
		"WEBHOOK_AUTH_TOKEN=token", "WEBHOOK_SIGNING_SECRET=" + secret, "COG_THROTTLE_RESPONSE_INTERVAL=0.05",
	}})
	a := s.do("POST", "/predictions", hooked(r.URL, nil, "p", "do", "tokens", "text", "t", "n", 4, "seconds", 0.1),
		"traceparent", "00-aa-bb-01", "tracestate", "k=v")
	s.succeeded(a)
	s.until("the last webhook", func() bool { return strings.HasSuffix(r.statuses("p"), "succeeded") })
	all := r.got()
	first, last := all[0], all[len(all)-1]
	if first.body["status"] != "processing" || first.body["logs"] != "" || first.body["output"] != nil {
		t.Errorf("start: %s", first.raw)
	}
	if len(all) < 4 || strings.Count(r.statuses("p"), "succeeded") != 1 {
		t.Errorf("%d webhooks: %s", len(all), r.statuses("p"))
	}
	if last.raw != a.raw {
		t.Errorf("the last webhook differs from the answer:\n%s\n%s", last.raw, a.raw)
	}
	outputs, logs := 0, 0
	for _, g := range all {
		list, _ := g.body["output"].([]any)
		text, _ := g.body["logs"].(string)
		if len(list) < outputs || len(text) < logs {
			t.Errorf("out of order: %s", r.statuses("p"))
		}
		outputs, logs = len(list), len(text)
		for key, want := range map[string]string{
			"Authorization": "Bearer token", "Traceparent": "00-aa-bb-01", "Tracestate": "k=v", "Content-Type": "application/json",
		} {
			if g.header.Get(key) != want {
				t.Errorf("%s: %q", key, g.header.Get(key))
			}
		}
		mac := hmac.New(sha256.New, []byte("key of the test"))
		fmt.Fprintf(mac, "%s.%s.%s", g.header.Get("Webhook-Id"), g.header.Get("Webhook-Timestamp"), g.raw)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); g.header.Get("Webhook-Signature") != want {
			t.Errorf("signature: %s, want %s", g.header.Get("Webhook-Signature"), want)
		}
		if !strings.HasPrefix(g.header.Get("User-Agent"), "coglet/") {
			t.Errorf("User-Agent: %s", g.header.Get("User-Agent"))
		}
	}
}

func TestWebhooksOfFailuresAndCancels(t *testing.T) {
	r := newReceiver(t, nil)
	s := ready(t, "contract", launch{})
	s.do("POST", "/predictions", hooked(r.URL, []string{"completed"}, "fails", "do", "fail", "text", "boom"))
	s.until("the failure", func() bool { return r.statuses("fails") == "failed" })
	last := r.got()[0]
	if last.body["error"] != "ValueError: boom" || fmt.Sprint(last.body["output"]) != "[part]" ||
		!strings.HasPrefix(last.body["logs"].(string), "before\nTraceback") {
		t.Errorf("failure: %s", last.raw)
	}
	a := s.do("POST", "/predictions", hooked(r.URL, []string{"start", "completed"}, "stops", "do", "sleep", "seconds", 60),
		"Prefer", "respond-async")
	s.until("the start", func() bool { return r.statuses("stops") == "processing" })
	s.cancel(a.str("id"))
	s.until("the cancel", func() bool { return r.statuses("stops") == "processing canceled" })
	s.do("POST", "/predictions", hooked(r.URL, []string{}, "nothing", "do", "echo"))
	s.do("POST", "/predictions", hooked(r.URL, nil, "marker", "do", "echo"))
	s.until("the marker", func() bool { return r.statuses("marker") == "processing succeeded" })
	if r.statuses("nothing") != "" {
		t.Errorf("an empty filter sends %s", r.statuses("nothing"))
	}
}

func TestReceiversThatMisbehaveHoldNothingUp(t *testing.T) {
	hang := make(chan struct{})
	hangs := newReceiver(t, func(int, http.ResponseWriter) { <-hang })
	t.Cleanup(func() { close(hang) })
	flaky := newReceiver(t, func(n int, w http.ResponseWriter) {
		if n < 3 {
			w.WriteHeader(500)
		}
	})
	s := ready(t, "contract", launch{flags: []string{"--shutdown-grace", "1s"}})
	for _, url := range []string{hangs.URL, "http://127.0.0.1:1/refused", flaky.URL} {
		begin := time.Now()
		s.succeeded(s.do("POST", "/predictions", hooked(url, nil, "", "do", "tokens", "n", 50)))
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s held the prediction up for %s", url, took)
		}
	}
	s.until("the retried end", func() bool {
		all := flaky.got()
		return len(all) >= 3 && all[len(all)-1].body["status"] == "succeeded"
	})
	s.stop() // within the grace, although two receivers do not take theirs
	if !strings.Contains(s.logs(), "webhooks are not delivered, giving them up") {
		t.Error("the log does not say that webhooks are given up")
	}
}

func TestShutdownWaitsForTheLastWebhook(t *testing.T) {
	r := newReceiver(t, func(_ int, _ http.ResponseWriter) { time.Sleep(300 * time.Millisecond) })
	s := ready(t, "contract", launch{})
	s.do("POST", "/predictions", hooked(r.URL, []string{"completed"}, "p", "do", "sleep", "seconds", 0.3), "Prefer", "respond-async")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	if r.statuses("p") != "succeeded" {
		t.Errorf("got %q", r.statuses("p"))
	}
}

func TestWebhookForSixteenThousandItems(t *testing.T) {
	r := newReceiver(t, nil)
	s := ready(t, "contract", launch{})
	a := s.do("POST", "/predictions", hooked(r.URL, nil, "p", "do", "tokens", "n", 16_000))
	if n := len(s.succeeded(a).([]any)); n != 16_000 {
		t.Errorf("%d items", n)
	}
	s.until("the end", func() bool { return strings.HasSuffix(r.statuses("p"), "succeeded") })
}
