package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"coglet/internal/api"
)

// get answers GET /predictions/{id}; ?wait=N waits at most N seconds for the end.
func (s *server) get(w http.ResponseWriter, r *http.Request) {
	h, err := s.svc.Get(r.PathValue("id"))
	if err != nil {
		writeDetail(w, http.StatusNotFound, "Prediction not found")
		return
	}
	if text := r.URL.Query().Get("wait"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || seconds < 0 || seconds > maxWait.Seconds() {
			writeDetail(w, http.StatusUnprocessableEntity, []api.FieldError{{
				Loc: []string{"query", "wait"}, Msg: "must be a number of seconds", Type: "value_error",
			}})
			return
		}
		await(r, h.Prediction, time.Duration(seconds*float64(time.Second)))
	}
	writeBody(w, http.StatusOK, api.Prediction(h.Snapshot(), true))
}

// list answers GET /predictions: running and retained ones, the newest first.
func (s *server) list(w http.ResponseWriter, _ *http.Request) {
	body := api.Body{[]byte(`{"next":null,"previous":null,"results":[`)}
	for i, p := range s.svc.List() {
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
