package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// gil asks for the health, again and again, while a C function keeps the interpreter's lock.
func gil(ctx context.Context, s *session) error {
	server, err := s.start(ctx, s.peer, scene{model: "gil", slots: 1, workers: 1})
	if err != nil {
		return err
	}
	defer server.stop()
	seconds := 12 // coglet 0.23.1 is UNHEALTHY after 10
	if s.quick {
		seconds = 1
	}
	done := make(chan error, 1)
	go func() {
		status, body, err := post(ctx, server, fmt.Sprintf(`{"input":{"seconds":%d}}`, seconds))
		if err == nil && (status != http.StatusOK || !strings.Contains(body, "slept")) {
			err = fmt.Errorf("prediction: %d %s", status, body)
		}
		done <- err
	}()
	time.Sleep(300 * time.Millisecond) // the worker has begun
	return s.watchHealth(ctx, server, done)
}

// watchHealth asks every 20 ms until the prediction is done.
func (s *session) watchHealth(ctx context.Context, server *running, done <-chan error) error {
	var worst time.Duration
	for {
		began := time.Now()
		state, err := health(ctx, server)
		if err != nil {
			return err
		}
		worst = max(worst, time.Since(began))
		if state == "UNHEALTHY" {
			s.note("%s: UNHEALTHY while C code holds the interpreter's lock", s.peer.name)
			if s.peer.ours() {
				return fmt.Errorf("health-check says %s", state)
			}
		}
		select {
		case err := <-done:
			s.record(slowest, millis(worst))
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func health(ctx context.Context, server *running) (state string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server.addr+healthCheck, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var body struct{ Status string }
	err = json.NewDecoder(resp.Body).Decode(&body)
	return body.Status, err
}
