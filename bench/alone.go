package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
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

func post(ctx context.Context, server *running, input string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+server.addr+server.path, strings.NewReader(input))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
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

// firstEvent reads a stream whose items are the times at which they were yielded.
func firstEvent(ctx context.Context, s *session) error {
	server, err := s.start(ctx, s.peer, scene{model: "stamps", slots: 1, workers: 1})
	if err != nil {
		return err
	}
	defer server.stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+server.addr+server.path, strings.NewReader(`{"input":{}}`))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var late []float64
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		_, rest, found := strings.Cut(lines.Text(), `{"chunk":"`)
		if !found {
			continue
		}
		now := time.Now().UnixNano()
		stamp, _, _ := strings.Cut(rest, `"`)
		made, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil {
			return err
		}
		late = append(late, float64(now-made)/1e6)
	}
	if len(late) != 200 {
		return fmt.Errorf("%d of 200 events", len(late))
	}
	slices.Sort(late)
	s.record(afterYield, late[len(late)/2])
	return lines.Err()
}

// upload compares an upload with curl's of the same file to the same receiver.
func upload(ctx context.Context, s *session) error {
	const size = 100 << 20
	file := filepath.Join(s.work, "upload.bin")
	if err := os.WriteFile(file, make([]byte, size), 0o644); err != nil {
		return err
	}
	var received int64
	to, err := receive(func(body io.Reader) { received, _ = io.Copy(io.Discard, body) })
	if err != nil {
		return err
	}
	defer to.Close()
	server, err := s.start(ctx, s.peer, scene{model: "upload", slots: 1, workers: 1}, variable("BENCH_FILE", file),
		func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--upload-url", to.url) })
	if err != nil {
		return err
	}
	defer server.stop()
	for range 3 {
		received = 0
		began := time.Now()
		status, body, err := post(ctx, server, `{"input":{}}`)
		took := time.Since(began)
		if err != nil || status != http.StatusOK || received != size || !strings.Contains(body, to.url) {
			return fmt.Errorf("upload: %d %s, %d bytes, %w", status, body, received, err)
		}
		s.record(uploadTime, millis(took))
		began = time.Now()
		if out, err := exec.CommandContext(ctx, "curl", "-sSf", "-T", file, to.url).CombinedOutput(); err != nil {
			return fmt.Errorf("curl: %w: %s", err, out)
		}
		s.record(curlTime, millis(time.Since(began)))
	}
	return nil
}
