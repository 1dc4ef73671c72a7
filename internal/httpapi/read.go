package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"coglet/internal/api"
	"coglet/internal/service"
)

// find returns the prediction of a method that the path names. Trainings and predictions share their ids, not their
// routes.
func (s *server) find(r *http.Request, method string) (service.Handle, bool) {
	h, err := s.svc.Get(r.PathValue("id"))
	return h, err == nil && h.Method() == method
}

// get answers GET /predictions/{id}; ?wait=N waits at most N seconds for the end.
func (s *server) get(w http.ResponseWriter, r *http.Request, method string) {
	h, known := s.find(r, method)
	if !known {
		writeDetail(w, http.StatusNotFound, "Prediction not found")
		return
	}
	if texts := r.URL.Query()["wait"]; len(texts) > 0 {
		seconds, err := strconv.ParseFloat(texts[0], 64)
		if err != nil || len(texts) > 1 || !(seconds >= 0 && seconds <= maxWait.Seconds()) {
			writeDetail(w, http.StatusUnprocessableEntity, []api.FieldError{{
				Loc: []string{"query", "wait"}, Msg: "must be a number of seconds", Type: "value_error",
			}})
			return
		}
		defer h.Hold()()
		await(r, h.Prediction, time.Duration(seconds*float64(time.Second)))
	}
	writeBody(w, http.StatusOK, api.Prediction(h.Snapshot(), true))
}

// list answers GET /predictions: running and retained ones, the newest first.
func (s *server) list(w http.ResponseWriter, _ *http.Request, method string) {
	body := api.Body{[]byte(`{"next":null,"previous":null,"results":[`)}
	for i, p := range s.svc.List(method) {
		if i > 0 {
			body = append(body, []byte(","))
		}
		body = append(body, api.Prediction(p.Snapshot(), true)...)
	}
	writeBody(w, http.StatusOK, append(body, []byte("]}")))
}

// cancel answers POST /predictions/{id}/cancel.
func (s *server) cancel(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	if s.svc.Cancel(r.PathValue("id")) != nil {
		status = http.StatusNotFound
	}
	writeBody(w, status, api.Body{emptyObject})
}
