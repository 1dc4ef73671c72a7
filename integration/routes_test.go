package integration

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

func TestPreferAndIdempotentPut(t *testing.T) {
	s := ready(t, "rogue", launch{})
	a := s.do("POST", "/predictions", inputBody("do", "nothing"), "Prefer", "respond-async")
	if a.code != http.StatusAccepted || a.str("status") != "starting" || !strings.HasPrefix(a.str("id"), "pred_") {
		t.Errorf("async: %d %s", a.code, a.raw)
	}
	done := s.await(a.str("id"))
	for _, key := range []string{"created_at", "started_at", "completed_at", "input", "metrics", "logs", "output"} {
		if _, ok := done.body[key]; !ok {
			t.Errorf("GET has no %s: %s", key, done.raw)
		}
	}
	a = s.do("POST", "/predictions", inputBody("do", "sleep", "seconds", 60), "Prefer", "foo; x=1, WAIT=1")
	if a.code != http.StatusAccepted || a.str("status") != "processing" {
		t.Errorf("wait=1: %d %s", a.code, a.raw)
	}
	s.cancel(a.str("id"))
	s.await(a.str("id"))

	var wg sync.WaitGroup
	codes := make([]int, 8)
	for n := range codes {
		wg.Go(func() { codes[n] = s.do("PUT", "/predictions/same", inputBody("do", "sleep", "seconds", 0.5)).code })
	}
	wg.Wait()
	count := map[int]int{}
	for _, code := range codes {
		count[code]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusAccepted] != 7 {
		t.Errorf("eight PUTs of one id: %v, want one 200 and seven 202", count)
	}
	if n := strings.Count(s.await("same").str("logs"), "doing"); n != 1 {
		t.Errorf("it ran %d times", n)
	}
	id := s.started("do", "sleep", "seconds", 60)
	if a := s.do("POST", "/predictions", `{"id":"`+id+`","input":{"do":"nothing"}}`); a.code != http.StatusConflict {
		t.Errorf("POST of a running id: %d %s", a.code, a.raw)
	}
	a = s.do("PUT", "/predictions/"+id, inputBody("do", "nothing"))
	if a.code != http.StatusAccepted || !strings.Contains(a.raw, `"seconds":60`) {
		t.Errorf("PUT of a running id: %d %s", a.code, a.raw)
	}
	s.cancel(id)
	s.await(id)
	s.succeeded(s.do("PUT", "/predictions/"+id, inputBody("do", "nothing"))) // a finished id runs again
	if a := s.do("GET", "/predictions", ""); !strings.Contains(a.raw, `"`+id+`"`) {
		t.Errorf("list: %s", a.raw)
	}
}

func TestDiscoveryHealthAndProbes(t *testing.T) {
	s := ready(t, "rogue", launch{})
	const root = `{"cog_version":"0.24.0","docs_url":"/docs","healthcheck_url":"/health-check","openapi_url":"/openapi.json",` +
		`"predictions_cancel_url":"/predictions/{prediction_id}/cancel","predictions_idempotent_url":"/predictions/{prediction_id}",` +
		`"predictions_url":"/predictions","shutdown_url":"/shutdown"}`
	if a := s.do("GET", "/", ""); a.raw != root || a.head.Get("Content-Type") != "application/json" {
		t.Errorf("/: %s", a.raw)
	}
	const stamp = `"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"`
	health := regexp.MustCompile(`^\{"status":"READY","setup":\{"started_at":` + stamp + `,"completed_at":` + stamp + `,"status":"succeeded"(,"logs":"[^"]+")?\},` +
		`"version":\{"coglet":"[^"]+"(,"git_sha":"[^"]+")?(,"build_time":"[^"]+")?,"python_sdk":"[^"]+","python":"3[^"]+"\}\}$`)
	if a := s.health(); !health.MatchString(a.raw) {
		t.Errorf("/health-check: %s", a.raw)
	}
	for _, path := range []string{"/readyz", "/livez"} {
		if a := s.do("GET", path, ""); a.code != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.code, a.raw)
		}
	}
	if a := s.do("GET", "/openapi.json", ""); a.code != http.StatusOK || a.str("openapi") != "3.0.2" {
		t.Errorf("/openapi.json: %d %s", a.code, a.raw)
	}
	id := s.started("do", "c_call", "seconds", 3) // C code that holds the GIL
	if a := s.health(); a.str("status") != "BUSY" {
		t.Errorf("health while C code holds the GIL: %s", a.raw)
	}
	s.await(id)
}

func TestRequestsBeforeReady(t *testing.T) {
	s := start(t, "setups", launch{env: []string{"SETUP=hang"}})
	a := s.predict()
	if a.code != http.StatusServiceUnavailable || a.head.Get("Retry-After") == "" ||
		!strings.Contains(a.str("error"), "Setup has not finished yet") {
		t.Errorf("prediction: %d %s", a.code, a.raw)
	}
	if a := s.do("GET", "/openapi.json", ""); a.code != http.StatusServiceUnavailable || a.raw != `{"error":"OpenAPI schema not available"}` {
		t.Errorf("/openapi.json: %d %s", a.code, a.raw)
	}
	starting := regexp.MustCompile(`^\{"status":"STARTING","setup":\{"started_at":"[^"]+","status":"starting"(,"logs":"[^"]+")?\},"version":\{"coglet":"[^"]+"`)
	if a := s.health(); !starting.MatchString(a.raw) {
		t.Errorf("/health-check: %s", a.raw)
	}
	if a := s.do("GET", "/livez", ""); a.code != http.StatusOK {
		t.Errorf("/livez: %d %s", a.code, a.raw)
	}
	if a := s.do("GET", "/readyz", ""); a.code != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d %s", a.code, a.raw)
	}
	s.until("live setup logs", func() bool { return strings.Contains(s.setupLogs(), "setting up: hang\n") })
}

func TestReadyMeansThatAllIsThere(t *testing.T) {
	for range 3 {
		s := start(t, "contract", launch{})
		for s.health().str("status") != "READY" { // as close on its heels as may be
		}
		if a := s.do("GET", "/openapi.json", ""); a.code != http.StatusOK {
			t.Errorf("/openapi.json: %d %s", a.code, a.raw)
		}
		if a := s.predict("n", "x"); a.code != http.StatusUnprocessableEntity {
			t.Errorf("not checked: %d %s", a.code, a.raw)
		}
		s.stop()
	}
}

const healthchecked = `
import os, time
from cog import BasePredictor
class Predictor(BasePredictor):
    def predict(self) -> str:
        return "x"
    def healthcheck(self):
        how = open(os.environ["HEALTH"]).read().strip()
        if how == "raise": raise ValueError("bad gpu TimeoutError")
        if how == "hang": time.sleep(3600)
        return {"good": True, "none": None, "bad": False}[how]
`

func TestUserHealthcheck(t *testing.T) {
	dir := model(t, healthchecked)
	file := write(t, t.TempDir(), map[string]string{"how": "good"}) + "/how"
	s := ready(t, "", launch{dir: dir, env: []string{"HEALTH=" + file}})
	for _, tc := range []struct{ how, status, err string }{
		{"none", "READY", ""},
		{"bad", "UNHEALTHY", "Healthcheck failed: user-defined healthcheck returned False"},
		{"raise", "UNHEALTHY", "Healthcheck failed: ValueError: bad gpu TimeoutError"},
		{"good", "READY", ""},
		{"hang", "UNHEALTHY", "Healthcheck failed: user-defined healthcheck timed out after 5.0 seconds"},
		{"good", "UNHEALTHY", "Healthcheck failed: user-defined healthcheck timed out after 5.0 seconds"}, // it still hangs
	} {
		write(t, file[:len(file)-4], map[string]string{"how": tc.how})
		a := s.health()
		if a.str("status") != tc.status || a.str("user_healthcheck_error") != tc.err {
			t.Errorf("%s: %s", tc.how, a.raw)
		}
	}
	s.succeeded(s.predict())
}
