package httpapi

import (
	"errors"
	"net/http"
	"time"

	"coglet/internal/api"
	"coglet/internal/prediction"
	"coglet/internal/schema"
	"coglet/internal/service"
)

// create answers POST /predictions and PUT /predictions/{id}.
func (s *server) create(w http.ResponseWriter, r *http.Request) {
	req, err := s.parse(w, r)
	if err != nil {
		var b *badRequest
		if errors.As(err, &b) {
			writeDetail(w, b.status, b.detail)
			return
		}
		writeRefusal(w, err)
		return
	}
	prefer := parsePrefer(r.Header.Values("Prefer"))
	h, created, err := s.svc.Create(req, r.Method == http.MethodPut)
	switch {
	case err != nil:
		writeRefusal(w, err)
	case !created:
		writeBody(w, http.StatusAccepted, api.Prediction(h.Snapshot(), true))
	case prefer.hasWait:
		s.answerWithin(w, r, h, prefer.wait)
	case prefer.async:
		accepted := prediction.Snapshot{
			ID: h.ID, Status: prediction.Starting, Created: h.Created, Metrics: emptyObject,
		}
		writeBody(w, http.StatusAccepted, api.Prediction(accepted, false))
	default:
		s.answerWhenDone(w, r, h)
	}
}

var emptyObject = []byte("{}")

// parse reads and checks a request. Its errors are *badRequest, or the service's.
func (s *server) parse(w http.ResponseWriter, r *http.Request) (service.Request, error) {
	body, err := s.readBody(w, r)
	if err != nil {
		return service.Request{}, err
	}
	model, err := s.svc.Model(r.Context())
	if err != nil {
		if _, bad := decode(body, nil); bad != nil {
			return service.Request{}, bad // wrong whatever the model
		}
		return service.Request{}, err
	}
	var v *schema.Validator
	if model != nil {
		v = model.Input
	}
	req, err := decode(body, v)
	if err != nil {
		return req, err
	}
	if r.Method != http.MethodPut {
		return req, nil
	}
	id := r.PathValue("id")
	if req.ID != "" && req.ID != id {
		return req, badField("prediction ID must match the ID supplied in the URL", "body", "id")
	}
	req.ID = id
	return req, checkID(id, "path", "id")
}

// answerWhenDone waits for the end. A client that goes away takes its prediction with it.
func (s *server) answerWhenDone(w http.ResponseWriter, r *http.Request, h service.Handle) {
	select {
	case <-h.Done():
		writeBody(w, http.StatusOK, api.Prediction(h.Snapshot(), false))
	case <-r.Context().Done():
		h.Cancel(prediction.ErrCanceled)
	}
}

// answerWithin waits at most d; the prediction goes on when the client is gone.
func (s *server) answerWithin(w http.ResponseWriter, r *http.Request, h service.Handle, d time.Duration) {
	await(r, h.Prediction, d)
	if gone(r.Context()) {
		return
	}
	snapshot := h.Snapshot()
	status := http.StatusAccepted
	if snapshot.Status.Terminal() {
		status = http.StatusOK
	}
	writeBody(w, status, api.Prediction(snapshot, false))
}

// await returns when the prediction has ended, d is over, or the client is gone.
func await(r *http.Request, p *prediction.Prediction, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.Done():
	case <-timer.C:
	case <-r.Context().Done():
	}
}
