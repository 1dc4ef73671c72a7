package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"coglet/internal/api"
	"coglet/internal/prediction"
	"coglet/internal/service"
)

const (
	eventStream = "text/event-stream"
	keepAlive   = 15 * time.Second
)

// maxEventID is a number of 15 digits, which is how the OpenAPI document says it.
const maxEventID = 1e15 - 1

// resume answers GET /predictions/{id}/stream.
func (s *server) resume(w http.ResponseWriter, r *http.Request, method string) {
	h, known := s.find(r, method)
	if !known {
		writeJSON(w, http.StatusNotFound, api.Error{Error: "Prediction not found"})
		return
	}
	if reader, ok := s.reader(w, r, h); ok {
		s.stream(w, r, h, reader)
	}
}

// reader returns a reader that begins after the event that Last-Event-ID names, or with the first one. It answers what is
// wrong with the header.
func (s *server) reader(w http.ResponseWriter, r *http.Request, h service.Handle) (*prediction.Reader, bool) {
	text := r.Header.Get("Last-Event-Id")
	if text == "" {
		return h.Read(), true
	}
	last, err := strconv.ParseUint(text, 10, 64)
	if err != nil || last > maxEventID {
		writeDetail(w, http.StatusUnprocessableEntity, []api.FieldError{{
			Loc: []string{"header", "Last-Event-ID"}, Msg: "must be the id of an event", Type: "value_error",
		}})
		return nil, false
	}
	return h.Resume(last), true
}

// dialect is how events are written.
type dialect struct {
	event     func(dst []byte, id string, e *prediction.Event) []byte // all but the last
	completed func(id uint64, s prediction.Snapshot) api.Body
	missed    func(dst []byte, n uint64, replay bool) []byte // nil = nothing is said
	heartbeat time.Duration
}

// stream sends the prediction's events as Cog does.
func (s *server) stream(w http.ResponseWriter, r *http.Request, h service.Handle, reader *prediction.Reader) {
	s.sendEvents(w, r, h, reader, dialect{api.AppendEvent, api.CompletedEvent, api.AppendMissedEvent, s.keepAlive()})
}

// sendEvents sends the prediction's events until it has ended or the client is gone.
func (s *server) sendEvents(w http.ResponseWriter, r *http.Request, h service.Handle, reader *prediction.Reader, d dialect) {
	header := w.Header()
	if r.Method == http.MethodHead { // it reads nothing, so it keeps nothing waiting
		header.Set("Content-Type", eventStream)
		return
	}
	detach, err := h.Attach()
	if err != nil {
		writeJSON(w, http.StatusTooManyRequests, api.Error{Error: "Too many stream subscribers"})
		return
	}
	defer detach()
	header.Set("Content-Type", eventStream)
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Accel-Buffering", "no") // or nginx keeps events back
	w.WriteHeader(http.StatusOK)
	out := &eventWriter{w: w, control: http.NewResponseController(w), handle: h, dialect: d, replay: true}
	timer := time.NewTimer(d.heartbeat)
	defer timer.Stop()
	var events []prediction.Event
	for {
		var missed uint64
		var more <-chan struct{}
		var ended bool
		events, missed, more, ended = reader.Next(events[:0])
		if err := out.write(events, missed); err != nil || ended {
			return
		}
		if more == nil {
			continue
		}
		timer.Reset(d.heartbeat)
		select {
		case <-more:
		case <-timer.C:
			if out.send(api.Body{api.KeepAlive}) != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

func (s *server) keepAlive() time.Duration {
	if s.cfg.KeepAlive > 0 {
		return s.cfg.KeepAlive
	}
	return keepAlive
}

// eventWriter writes batches of events, each in one piece.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	handle  service.Handle
	dialect dialect
	replay  bool // nothing was sent yet
	flushed bool
	buf     []byte // reused
}

func (e *eventWriter) write(events []prediction.Event, missed uint64) error {
	buf := e.buf[:0]
	if missed > 0 && e.dialect.missed != nil {
		buf = e.dialect.missed(buf, missed, e.replay)
	}
	e.replay = false
	var last api.Body
	for i := range events {
		if events[i].Kind == prediction.EventCompleted {
			last = e.dialect.completed(events[i].ID, e.handle.Snapshot())
			break
		}
		buf = e.dialect.event(buf, e.handle.ID, &events[i])
	}
	if cap(buf) <= maxKept {
		e.buf = buf
	}
	if len(buf) == 0 && last == nil {
		if e.flushed {
			return nil
		}
		e.flushed = true
		return e.control.Flush() // the headers: the client learns that it is connected
	}
	e.flushed = true
	return e.send(append(api.Body{buf}, last...))
}

// maxKept is how large a buffer may be, in bytes, that is kept for the next events.
const maxKept = 1 << 20

func (e *eventWriter) send(body api.Body) error {
	if err := e.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if err := writePieces(e.w, body, writeTimeout); err != nil {
		return err
	}
	return e.control.Flush()
}
