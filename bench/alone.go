package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"coglet/bench/proc"
)

// Workloads that start servers themselves, or do something else than send a load.

const (
	readyTime  = "ready ms"
	firstTime  = "first answer ms"
	exitTime   = "SIGTERM to exit ms"
	bareTime   = "python3 -c pass ms"
	memory     = "memory of the tree, PSS MB"
	parentPeak = "parent's peak memory MB"
	afterYield = "after the yield, p50 ms"
	slowest    = "slowest ms"
	uploadTime = "upload ms"
	curlTime   = "curl -T ms"
)

// idle is the memory of a server that nobody has asked anything.
func idle(_ context.Context, s *session) error {
	time.Sleep(s.load / 3) // what start-up left to do in the background
	mb, err := proc.PSS(proc.Tree(s.server.cmd.Process.Pid)...)
	if err == nil {
		s.record(memory, mb)
	}
	return err
}

// cold starts and ends the server some times, and beside coglet an interpreter that does nothing.
func cold(ctx context.Context, s *session) error {
	times := 3
	if s.quick {
		times = 1
	}
	for range times {
		server, err := s.start(ctx, s.peer, syncScene)
		if err != nil || server == nil {
			return err
		}
		began := time.Now()
		status, body, err := post(ctx, server, `{"input":{"s":"first"}}`)
		first := time.Since(began)
		s.record(readyTime, millis(server.start))
		s.record(firstTime, millis(server.start+first))
		s.record(exitTime, millis(server.stop()))
		if err != nil || status != http.StatusOK || !strings.Contains(body, "first") {
			return fmt.Errorf("first answer: %d %s, %w", status, body, err)
		}
		if !s.peer.ours() {
			continue
		}
		began = time.Now()
		if err := exec.CommandContext(ctx, s.python, "-c", "pass").Run(); err != nil {
			return err
		}
		s.record(bareTime, millis(time.Since(began)))
	}
	return nil
}

// request is a prediction's.
func request(ctx context.Context, server *running, body string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+server.addr+server.path, strings.NewReader(body))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, err
}

func post(ctx context.Context, server *running, body string) (status int, answer string, err error) {
	req, err := request(ctx, server, body)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw), err
}

// noise is a start during which a child prints 100 MB.
func noise(ctx context.Context, s *session) error {
	server, err := s.start(ctx, s.peer, scene{model: "noise", slots: 1, workers: 1})
	if err != nil {
		return err
	}
	defer server.stop()
	peak, err := proc.Peak(server.cmd.Process.Pid)
	if err != nil {
		return err
	}
	s.record(readyTime, millis(server.start))
	s.record(parentPeak, peak)
	return nil
}
