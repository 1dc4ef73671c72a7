package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"coglet/internal/api"
	"coglet/internal/outbound"
	"coglet/internal/prediction"
)

// messenger sends the webhooks of one prediction, one after the other.
type messenger struct {
	*Sender
	pred *prediction.Prediction
	hook Hook
	free func() // of Hold; safe twice
}

// progress sends start and what is due until the prediction has ended.
func (m *messenger) progress() {
	var sent prediction.Progress
	started := m.hook.Events&Start == 0
	lastSent := time.Time{}
	for m.ctx.Err() == nil {
		now, changed := m.pred.Progress()
		if !started && now.Status != prediction.Starting {
			started = true
			if m.start() {
				lastSent = time.Now()
			}
			continue
		}
		if now.Status.Terminal() {
			return
		}
		if !m.due(sent, now) {
			m.wait(changed, 0)
			continue
		}
		if left := m.cfg.Interval - time.Since(lastSent); left > 0 && !lastSent.IsZero() {
			m.wait(nil, left)
			continue
		}
		sent = now
		m.once(api.Prediction(m.pred.Snapshot(), false))
		lastSent = time.Now()
	}
}

// due reports whether something has changed that the client wants to know.
func (m *messenger) due(sent, now prediction.Progress) bool {
	return m.hook.Events&Output != 0 && now.Outputs > sent.Outputs || m.hook.Events&Logs != 0 && now.Logs > sent.Logs
}

// wait returns on a change, or after d where d is not 0, or when the prediction has ended.
func (m *messenger) wait(changed <-chan struct{}, d time.Duration) {
	var timeout <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-changed:
	case <-timeout:
	case <-m.pred.Done():
	case <-m.ctx.Done():
	}
}

// start tells that the prediction has begun, as it was then, also when it has ended meanwhile. One that never began has
// no start.
func (m *messenger) start() bool {
	now := m.pred.Snapshot()
	if now.Started.IsZero() {
		return false
	}
	m.once(api.Prediction(prediction.Snapshot{
		ID: now.ID, Status: prediction.Processing, Created: now.Created, Started: now.Started, Metrics: []byte("{}"),
	}, false))
	return true
}

// once sends a message on progress; there is another one soon.
func (m *messenger) once(body api.Body) {
	resp, err := m.attempt(body, newID(), min(progressTimeout, m.cfg.Timeout))
	if err != nil && m.ctx.Err() == nil {
		m.cfg.Log.Warn("webhook not delivered", "prediction_id", m.pred.ID, "host", m.hook.URL.Host, "error", err)
	} else if err == nil && resp.StatusCode/100 != 2 {
		m.cfg.Log.Warn("webhook not accepted", "prediction_id", m.pred.ID, "host", m.hook.URL.Host, "status", resp.StatusCode)
	}
}

// last delivers the final state.
func (m *messenger) last() {
	body := api.Prediction(m.pred.Snapshot(), false)
	m.free()
	size := int64(body.Len()) + pendingCost
	if !m.reserve(size) {
		m.cfg.Log.Error("webhook given up: too many wait for their receivers", "prediction_id", m.pred.ID,
			"host", m.hook.URL.Host)
		return
	}
	defer m.release(size)
	id := newID()
	for attempt := 1; ; attempt++ {
		resp, err := m.attempt(body, id, m.cfg.Timeout)
		if err == nil && resp.StatusCode/100 == 2 {
			return
		}
		log := m.cfg.Log.With("prediction_id", m.pred.ID, "host", m.hook.URL.Host, "attempt", attempt)
		if err != nil {
			log = log.With("error", err)
		} else {
			log = log.With("status", resp.StatusCode)
		}
		hopeless := err == nil && !outbound.Transient(resp.StatusCode) || errors.Is(err, outbound.ErrForbidden)
		if m.ctx.Err() != nil || attempt > retries || hopeless {
			log.Error("webhook given up")
			return
		}
		wait := outbound.Backoff(backoffBase, attempt, resp, m.cfg.Now())
		log.Warn("webhook is sent again", "after", wait)
		if err := m.cfg.Sleep(m.ctx, wait); err != nil {
			log.Error("webhook given up: server stops")
			return
		}
	}
}

// attempt sends a message once. The answer's body is read and closed.
func (m *messenger) attempt(body api.Body, id string, timeout time.Duration) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(m.ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.hook.URL.String(), nil)
	if err != nil {
		return nil, outbound.Bare(err)
	}
	req.ContentLength = int64(body.Len())
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(reader(body)), nil }
	req.Body, _ = req.GetBody() // never fails
	m.headers(req.Header, body, id)
	resp, err := m.cfg.Client.Do(req)
	if err != nil {
		return nil, outbound.Bare(err)
	}
	outbound.Drain(resp, cancel)
	return resp, nil
}

func (m *messenger) headers(h http.Header, body api.Body, id string) {
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", m.cfg.UserAgent)
	if m.cfg.Token != "" && (len(m.cfg.TokenHosts) == 0 || slices.Contains(m.cfg.TokenHosts, m.hook.URL.Hostname())) {
		h.Set("Authorization", "Bearer "+m.cfg.Token)
	}
	if m.hook.TraceParent != "" {
		h.Set("Traceparent", m.hook.TraceParent)
	}
	if m.hook.TraceState != "" {
		h.Set("Tracestate", m.hook.TraceState)
	}
	if m.cfg.Secret != nil {
		sign(h, m.cfg.Secret, id, m.cfg.Now(), body)
	}
}

// reserve takes memory for a message that waits. A host that has none waiting may always have one.
func (m *messenger) reserve(size int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	host := m.hook.URL.Host
	used := m.byHost[host]
	if used > 0 && (used+size > m.cfg.MaxPending/2 || m.pending+size > m.cfg.MaxPending) {
		return false
	}
	m.byHost[host] = used + size
	m.pending += size
	return true
}

func (m *messenger) release(size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	host := m.hook.URL.Host
	m.pending -= size
	if m.byHost[host] -= size; m.byHost[host] <= 0 {
		delete(m.byHost, host)
	}
}

func reader(body api.Body) io.Reader {
	if len(body) == 1 {
		return bytes.NewReader(body[0])
	}
	pieces := make([]io.Reader, len(body))
	for i, piece := range body {
		pieces[i] = bytes.NewReader(piece)
	}
	return io.MultiReader(pieces...)
}
