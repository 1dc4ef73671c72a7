package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"coglet/internal/api"
	"coglet/internal/orchestrator"
	"coglet/internal/service"
)

// writeBody answers with JSON that is there already. An error means that the client is gone: nobody to tell.
func writeBody(w http.ResponseWriter, status int, body api.Body) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(body.Len())}
	w.WriteHeader(status)
	_ = writePieces(w, body, writeTimeout)
}

const (
	// writeTimeout is how long a reader may take nothing: then it is gone for us, and what it was to get is let go.
	writeTimeout = time.Minute
	// writeChunk is how many bytes are given so long.
	writeChunk = 256 << 10
)

// writePieces writes a body, each part of it within the time.
func writePieces(w http.ResponseWriter, body api.Body, timeout time.Duration) error {
	control := http.NewResponseController(w)
	if all, ok := w.(piecesWriter); ok && body.Len() <= writeChunk {
		if body.Len() >= bufferedWrite {
			if err := control.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
				return err
			}
		}
		return all.WritePieces(body)
	}
	written := 0 // since the time was set
	for _, piece := range body {
		for len(piece) > 0 {
			n := min(len(piece), writeChunk)
			if written += n; written >= bufferedWrite {
				written = 0
				err := control.SetWriteDeadline(time.Now().Add(timeout))
				if err != nil && !errors.Is(err, http.ErrNotSupported) {
					return err
				}
			}
			if _, err := w.Write(piece[:n]); err != nil {
				return err
			}
			piece = piece[n:]
		}
	}
	return nil
}

// piecesWriter writes several pieces at once.
type piecesWriter interface {
	WritePieces(pieces [][]byte) error
}

// bufferedWrite is the size, in bytes, below which the HTTP server and the kernel hold what is written.
const bufferedWrite = 2048

var jsonType = []string{"application/json"}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v, json.Deterministic(true))
	if err != nil { // only our own types come here
		status, body = http.StatusInternalServerError, []byte(`{"detail":"answer not encodable"}`)
	}
	writeBody(w, status, api.Body{body})
}

func writeDetail(w http.ResponseWriter, status int, detail any) {
	writeJSON(w, status, api.Detail{Detail: detail})
}

// writeFailed answers with Cog's error object.
func writeFailed(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, api.Error{Error: text, Status: "failed"})
}

// retryAfter is how many seconds a client is asked to wait for a worker that starts.
const retryAfter = "1"

// writeRefusal answers a prediction that was not admitted.
func writeRefusal(w http.ResponseWriter, err error) {
	var notReady *orchestrator.NotReadyError
	switch {
	case errors.Is(err, orchestrator.ErrAtCapacity):
		writeFailed(w, http.StatusConflict, "At capacity - all prediction slots busy")
	case errors.Is(err, service.ErrRunning):
		writeFailed(w, http.StatusConflict, "A prediction with this id is running")
	case errors.Is(err, orchestrator.ErrShuttingDown):
		writeFailed(w, http.StatusServiceUnavailable, "Server is shutting down")
	case errors.Is(err, service.ErrNoMethod):
		writeFailed(w, http.StatusNotFound, "Training not supported by this predictor")
	case errors.As(err, &notReady):
		writeNotReady(w, notReady)
	default:
		writeFailed(w, http.StatusServiceUnavailable, err.Error())
	}
}

func writeNotReady(w http.ResponseWriter, err *orchestrator.NotReadyError) {
	text := "Setup has not finished yet. Wait until it has finished, or GET /health-check for status."
	switch err.State {
	case orchestrator.StateSetupFailed:
		text = "Setup failed: " + err.Reason
	case orchestrator.StateDefunct:
		text = "The model's workers keep dying and were given up: " + err.Reason
	default:
		w.Header().Set("Retry-After", retryAfter)
	}
	writeFailed(w, http.StatusServiceUnavailable, text)
}
