package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/api"
	"coglet/internal/orchestrator"
	"coglet/internal/prediction"
	"coglet/internal/schema"
	"coglet/internal/service"
)

// The /v1 routes are what the client libraries of Replicate call, so that they work against this server: the same
// predictions in another dress. The model is always the one that is served, whatever name a client gives it.

// Waits of the /v1 routes.
const (
	v1Wait    = time.Minute // Prefer: wait without a number
	v1Heart   = 10 * time.Second
	v1Overrun = "1" // seconds to wait when no slot is free
)

func (s *server) v1Routes() []route {
	get, post := http.MethodGet, http.MethodPost
	create := map[string]http.HandlerFunc{post: s.v1Create}
	routes := []route{
		{"/v1/predictions", map[string]http.HandlerFunc{post: s.v1Create, get: s.v1List}},
		{"/v1/models/{owner}/{name}/predictions", create},
		{"/v1/deployments/{owner}/{name}/predictions", create},
		{"/v1/predictions/{id}", map[string]http.HandlerFunc{get: s.v1Get}},
		{"/v1/predictions/{id}/cancel", map[string]http.HandlerFunc{post: s.v1Cancel}},
		{"/v1/predictions/{id}/stream", map[string]http.HandlerFunc{get: s.v1Stream}},
		{"/v1/models/{owner}/{name}", map[string]http.HandlerFunc{get: s.v1Model}},
		{"/v1/models/{owner}/{name}/versions", map[string]http.HandlerFunc{get: s.v1Versions}},
		{"/v1/models/{owner}/{name}/versions/{version}", map[string]http.HandlerFunc{get: s.v1Version}},
		{"/v1/account", map[string]http.HandlerFunc{get: v1Account}},
		{"/v1/hardware", map[string]http.HandlerFunc{get: v1Hardware}},
		{"/v1/webhooks/default/secret", map[string]http.HandlerFunc{get: s.v1Secret}},
		{"/v1/", map[string]http.HandlerFunc{get: v1NotFound, post: v1NotFound}},
	}
	return append(routes, s.v1FileRoutes()...)
}

// v1Problem answers with an error as RFC 7807 has it.
func v1Problem(w http.ResponseWriter, status int, detail string) {
	writeJSON(w, status, struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
		Status int    `json:"status"`
	}{http.StatusText(status), detail, status})
}

func v1NotFound(w http.ResponseWriter, _ *http.Request) {
	v1Problem(w, http.StatusNotFound, "The requested resource could not be found.")
}

func (s *server) v1Create(w http.ResponseWriter, r *http.Request) {
	req, err := s.parse(w, r, schema.Predict)
	var h service.Handle
	if err == nil {
		h, _, err = s.svc.Create(req, false)
	}
	defer h.Release()
	if err != nil {
		v1Refuse(w, err)
		return
	}
	if prefer := parsePrefer(r.Header.Values("Prefer")); prefer.blocks {
		wait := prefer.wait
		if !prefer.hasWait {
			wait = v1Wait
		}
		await(r, h.Prediction, wait)
		if gone(r.Context()) {
			return
		}
	}
	snapshot := h.Snapshot()
	if !snapshot.Status.Terminal() { // clients take any other status for the end
		snapshot.Status, snapshot.Output = prediction.Starting, nil
	}
	s.v1Write(w, r, http.StatusCreated, snapshot)
}

// v1Refuse answers a prediction that was not admitted. Where no slot is free the status is the one on which clients try
// again.
func v1Refuse(w http.ResponseWriter, err error) {
	var b *badRequest
	var notReady *orchestrator.NotReadyError
	switch {
	case errors.As(err, &b):
		detail, err := json.Marshal(b.detail)
		if text, plain := b.detail.(string); plain || err != nil {
			detail = []byte(text)
		}
		v1Problem(w, b.status, string(detail))
	case errors.Is(err, orchestrator.ErrAtCapacity):
		w.Header().Set("Retry-After", v1Overrun)
		v1Problem(w, http.StatusTooManyRequests, "All prediction slots are busy.")
	case errors.Is(err, service.ErrRunning):
		v1Problem(w, http.StatusConflict, "A prediction with this id is running.")
	case errors.As(err, &notReady) && notReady.State == orchestrator.StateStarting:
		w.Header().Set("Retry-After", retryAfter)
		v1Problem(w, http.StatusServiceUnavailable, "Setup has not finished yet.")
	default:
		v1Problem(w, http.StatusServiceUnavailable, err.Error())
	}
}

// v1Lines makes a line of each state of a progress bar that is drawn over and over: clients look for the last line that
// shows progress, and see no more of it than its beginning.
var v1Lines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// v1Body dresses a prediction: its own keys, and model, version, source and urls.
func (s *server) v1Body(r *http.Request, snapshot prediction.Snapshot) api.Body {
	base := baseURL(r) + "/v1/predictions/" + pathEscape(snapshot.ID)
	extra := struct {
		Model   string            `json:"model"`
		Source  string            `json:"source"`
		URLs    map[string]string `json:"urls"`
		Version string            `json:"version"`
	}{
		v1ModelName, "api",
		map[string]string{"get": base, "cancel": base + "/cancel", "stream": base + "/stream", "web": base},
		s.v1VersionID(),
	}
	raw, err := json.Marshal(extra, json.Deterministic(true))
	if err != nil {
		return api.Prediction(snapshot, true)
	}
	snapshot.Logs = v1Lines.Replace(snapshot.Logs)
	raw[len(raw)-1] = ','
	body := api.Prediction(snapshot, true)
	body[0] = bytes.TrimPrefix(body[0], []byte("{"))
	return append(api.Body{raw}, body...)
}

// v1ModelName is what the served model is called towards clients that want owner/name.
const v1ModelName = "coglet/model"

func (s *server) v1Write(w http.ResponseWriter, r *http.Request, status int, snapshot prediction.Snapshot) {
	writeBody(w, status, s.v1Body(r, snapshot))
}

func (s *server) v1Get(w http.ResponseWriter, r *http.Request) {
	h, known := s.find(r, schema.Predict)
	if !known {
		v1NotFound(w, r)
		return
	}
	s.v1Write(w, r, http.StatusOK, h.Snapshot())
}

func (s *server) v1List(w http.ResponseWriter, r *http.Request) {
	body := api.Body{[]byte(`{"next":null,"previous":null,"results":[`)}
	for i, p := range s.svc.List(schema.Predict) {
		if i > 0 {
			body = append(body, []byte(","))
		}
		body = append(body, s.v1Body(r, p.Snapshot())...)
	}
	writeBody(w, http.StatusOK, append(body, []byte("]}")))
}

// v1Cancel answers with the prediction, canceled when that takes no longer than a moment.
func (s *server) v1Cancel(w http.ResponseWriter, r *http.Request) {
	h, known := s.find(r, schema.Predict)
	if !known {
		v1NotFound(w, r)
		return
	}
	defer h.Hold()()
	h.Cancel(prediction.ErrCanceled)
	await(r, h.Prediction, time.Second)
	s.v1Write(w, r, http.StatusOK, h.Snapshot())
}

// v1Schema is the model's document, nil before there is one.
func (s *server) v1Schema() jsontext.Value {
	if m := s.svc.Readiness().Model; m != nil && m.Schema != nil {
		return m.Schema.Raw()
	}
	return nil
}

// v1VersionID names the model's interface: another one has another name.
func (s *server) v1VersionID() string {
	sum := sha256.Sum256(s.v1Schema())
	return hex.EncodeToString(sum[:])
}

// v1VersionObject describes the one version that there is.
type v1VersionObject struct {
	ID            string         `json:"id"`
	CreatedAt     string         `json:"created_at"`
	CogVersion    string         `json:"cog_version"`
	OpenAPISchema jsontext.Value `json:"openapi_schema"`
}

func (s *server) v1VersionOf(id string) v1VersionObject {
	report := s.svc.Readiness()
	raw := s.v1Schema()
	if raw == nil {
		raw = jsontext.Value("{}")
	}
	return v1VersionObject{id, stamp(report.Setup.Started), s.cfg.Version.Coglet, raw}
}

func (s *server) v1Version(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, s.v1VersionOf(r.PathValue("version")))
}

func (s *server) v1Versions(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"previous": nil, "next": nil, "results": []v1VersionObject{s.v1VersionOf(s.v1VersionID())},
	})
}

func (s *server) v1Model(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"url": baseURL(r) + r.URL.Path, "owner": r.PathValue("owner"), "name": r.PathValue("name"), "description": nil,
		"visibility": "private", "github_url": nil, "paper_url": nil, "license_url": nil, "run_count": 0,
		"cover_image_url": nil, "default_example": nil, "latest_version": s.v1VersionOf(s.v1VersionID()),
	})
}

func v1Account(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"type": "organization", "username": "coglet", "name": "coglet", "github_url": nil})
}

func v1Hardware(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, []map[string]string{{"name": "this machine", "sku": "local"}})
}

// v1Secret answers with what webhooks are signed with, so that clients can check them.
func (s *server) v1Secret(w http.ResponseWriter, r *http.Request) {
	if s.cfg.WebhookKey == "" {
		v1NotFound(w, r)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"key": s.cfg.WebhookKey})
}

// v1Stream answers GET urls.stream: the events output, logs, error and done, whose data is plain text.
func (s *server) v1Stream(w http.ResponseWriter, r *http.Request) {
	h, known := s.find(r, schema.Predict)
	if !known {
		v1NotFound(w, r)
		return
	}
	reader := h.Read()
	if last, err := strconv.ParseUint(r.Header.Get("Last-Event-Id"), 10, 64); err == nil {
		reader = h.Resume(last)
	}
	s.sendEvents(w, r, h, reader, dialect{event: api.AppendV1Event, completed: api.V1Done, heartbeat: v1Heart})
}
