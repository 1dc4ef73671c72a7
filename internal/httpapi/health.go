package httpapi

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"coglet/internal/api"
	"coglet/internal/orchestrator"
	"coglet/internal/playground"
	"coglet/internal/schema"
	"coglet/internal/service"
)

// root answers GET /: a browser gets a page to try the model, everything else a list of where everything is.
func (s *server) root(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Page != nil {
		if playground.Wanted(r) {
			s.cfg.Page.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Vary", "Accept")
	}
	version := s.cfg.Version.Coglet
	model := s.svc.Readiness().Model
	if model != nil && model.SDK != "" {
		version = sdkVersion(model.SDK)
	}
	urls := map[string]string{
		"cog_version":                version,
		"docs_url":                   "/docs",
		"healthcheck_url":            "/health-check",
		"openapi_url":                "/openapi.json",
		"predictions_url":            "/predictions",
		"predictions_idempotent_url": "/predictions/{prediction_id}",
		"predictions_cancel_url":     "/predictions/{prediction_id}/cancel",
		"shutdown_url":               "/shutdown",
	}
	if model != nil && model.Method(schema.Train) != nil {
		urls["trainings_url"] = "/trainings"
		urls["trainings_idempotent_url"] = "/trainings/{training_id}"
		urls["trainings_cancel_url"] = "/trainings/{training_id}/cancel"
	}
	writeJSON(w, http.StatusOK, urls)
}

// sdkVersion takes the version out of "cog 0.23.1".
func sdkVersion(sdk string) string {
	_, version, found := strings.Cut(sdk, " ")
	if !found {
		return sdk
	}
	return version
}

// healthCheck answers GET /health-check, always with 200: the status is in the body.
func (s *server) healthCheck(w http.ResponseWriter, r *http.Request) {
	report := s.svc.Health(r.Context())
	body := api.Health{Status: string(report.Health), Version: s.cfg.Version}
	if report.HasSetup {
		body.Setup = setupBody(report.Setup)
	}
	if report.Model != nil {
		body.Version.PythonSDK, body.Version.Python = report.Model.SDK, report.Model.Python
	}
	if report.Health == service.Unhealthy {
		body.UserHealthcheckError = report.Reason
	}
	buf := healthBuffers.Get().(*[]byte)
	defer healthBuffers.Put(buf)
	var err error
	if *buf, err = body.AppendTo((*buf)[:0]); err != nil { // only our own types are in it
		writeDetail(w, http.StatusInternalServerError, "health not encodable")
		return
	}
	writeBody(w, http.StatusOK, api.Body{*buf})
}

// healthBuffers are for answers of many megabytes that are asked for many times a second: a setup that prints much. What
// is not used between two collections of garbage goes.
var healthBuffers = sync.Pool{New: func() any { return new([]byte) }}

func setupBody(r orchestrator.SetupResult) *api.Setup {
	s := &api.Setup{StartedAt: stamp(r.Started), Status: "starting", Logs: r.Logs()}
	if !r.Completed.IsZero() {
		s.CompletedAt, s.Status = stamp(r.Completed), "succeeded"
	}
	if r.Failed {
		s.Status = "failed"
	}
	return s
}

// stamp writes a time as Cog's /health-check does, with a numeric offset.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000+00:00") }

// readyz answers GET /readyz: may predictions be sent here?
func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	report := s.svc.Health(r.Context())
	reason := report.Reason
	ok := report.Health == service.Ready || report.Health == service.Busy
	if report.Closing {
		ok, reason = false, "server is shutting down"
	}
	writeProbe(w, ok, report.Health, reason)
}

// livez answers GET /livez: would it help to start the server again?
func (s *server) livez(w http.ResponseWriter, _ *http.Request) {
	report := s.svc.Readiness()
	ok := report.Health != service.SetupFailed && report.Health != service.Defunct
	writeProbe(w, ok, report.Health, report.Reason)
}

func writeProbe(w http.ResponseWriter, ok bool, health service.Health, reason string) {
	status := http.StatusOK
	if !ok {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, struct {
		Status string `json:"status"`
		Reason string `json:"reason,omitzero"`
	}{string(health), reason})
}

// shutdown answers POST /shutdown.
func (s *server) shutdown(w http.ResponseWriter, _ *http.Request) {
	writeBody(w, http.StatusOK, api.Body{emptyObject})
	s.cfg.Shutdown()
}
