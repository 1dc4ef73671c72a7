package httpapi

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"coglet/internal/api"
	"coglet/internal/orchestrator"
	"coglet/internal/prediction"
	"coglet/internal/schema"
	"coglet/internal/service"
)

// create answers the POST and PUT routes of a method, schema.Predict or schema.Train.
func (s *server) create(w http.ResponseWriter, r *http.Request, method string) {
	stream := wantsEvents(r.Header["Accept"])
	if stream && method == schema.Train {
		writeJSON(w, http.StatusNotAcceptable,
			api.Error{Error: "Training endpoints do not support streaming responses."})
		return
	}
	req, err := s.parse(w, r, method)
	if err != nil {
		writeError(w, err)
		return
	}
	put := r.Method == http.MethodPut
	req.Tied = stream && !put
	h, created, err := s.svc.Create(req, put)
	defer h.Release()
	switch {
	case err != nil:
		writeError(w, err)
	case stream && created:
		s.stream(w, r, h, h.Resume(0)) // from the first event on, however much has happened meanwhile
	case stream:
		if reader, ok := s.reader(w, r, h); ok {
			s.stream(w, r, h, reader)
		}
	case !created:
		writeBody(w, http.StatusAccepted, api.Prediction(h.Snapshot(), true))
	default:
		s.answer(w, r, h)
	}
}

// answer answers a prediction that was created, when the client wants it.
func (s *server) answer(w http.ResponseWriter, r *http.Request, h service.Handle) {
	prefer := parsePrefer(r.Header["Prefer"])
	switch {
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

// writeError answers a request that was not carried out.
func writeError(w http.ResponseWriter, err error) {
	var b *badRequest
	if errors.As(err, &b) {
		writeDetail(w, b.status, b.detail)
		return
	}
	writeRefusal(w, err)
}

var emptyObject = []byte("{}")

// parse reads and checks a request. Its errors are *badRequest, or the service's.
func (s *server) parse(w http.ResponseWriter, r *http.Request, method string) (req service.Request, err error) {
	if boundary, is, err := multipartBoundary(r.Header.Get("Content-Type")); is {
		if err != nil {
			return req, err
		}
		req, err = s.parseMultipart(w, r, method, boundary)
		if err != nil {
			return req, err
		}
	} else if req, err = s.parseJSON(w, r, method); err != nil {
		return req, err
	}
	req.Method = method
	if req.Hook != nil {
		req.Hook.TraceParent = strings.Clone(r.Header.Get("Traceparent"))
		req.Hook.TraceState = strings.Clone(r.Header.Get("Tracestate"))
	}
	if r.Method == http.MethodPut {
		err = s.takePathID(r, &req, method)
	}
	if err != nil && req.Release != nil {
		req.Release()
	}
	return req, err
}

func (s *server) parseJSON(w http.ResponseWriter, r *http.Request, method string) (service.Request, error) {
	body, err := s.readBody(w, r)
	if err != nil {
		return service.Request{}, err
	}
	m, err := s.method(r, method)
	if err != nil {
		if _, bad := decode(body, nil); bad != nil {
			return service.Request{}, bad // wrong whatever the model
		}
		return service.Request{}, err
	}
	return s.decode(body, m)
}

// decode parses a request and checks all of it that can be checked before it runs.
func (s *server) decode(body []byte, m *orchestrator.Method) (service.Request, error) {
	req, err := decode(body, m.Input)
	if err != nil || len(m.FileFields) == 0 {
		return req, err
	}
	if name, err := s.svc.CheckFiles(&req.Input, m.FileFields); err != nil {
		return req, badField(err.Error(), "body", "input", name)
	}
	return req, nil
}

// method returns what runs; where setup has not ended it waits as the service does.
func (s *server) method(r *http.Request, name string) (*orchestrator.Method, error) {
	model, err := s.svc.Model(r.Context())
	if err != nil {
		return nil, err
	}
	if model == nil { // stopped meanwhile: Create says so
		return &orchestrator.Method{Name: name}, nil
	}
	m := model.Method(name)
	if m == nil {
		return nil, service.ErrNoMethod
	}
	return m, nil
}

// takePathID makes the id of the path the request's.
func (s *server) takePathID(r *http.Request, req *service.Request, method string) error {
	id := strings.Clone(r.PathValue("id")) // it outlives the request's head, of which it may be a part
	if req.ID != "" && req.ID != id {
		noun := "prediction"
		if method == schema.Train {
			noun = "training"
		}
		return badField(noun+" ID must match the ID supplied in the URL", "body", "id")
	}
	req.ID = id
	return checkID(id, "path", "id")
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

// wantsEvents reports whether Accept names server-sent events and does not refuse them with q=0.
func wantsEvents(headers []string) bool {
	for _, header := range headers {
		for item := range strings.SplitSeq(header, ",") {
			media, parameters, _ := strings.Cut(item, ";")
			if !strings.EqualFold(strings.TrimSpace(media), eventStream) {
				continue
			}
			refused := false
			for parameter := range strings.SplitSeq(parameters, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
				refused = refused || strings.EqualFold(name, "q") && strings.Trim(value, "0.") == "" && value != ""
			}
			if !refused {
				return true
			}
		}
	}
	return false
}
