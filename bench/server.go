package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// running is a server under test.
type running struct {
	cmd   *exec.Cmd
	addr  string
	path  string        // where predictions are made
	start time.Duration // from exec to ready
	temp  string        // its temporary files
}

// startLimit is far above what the slowest peer needs.
const startLimit = 60 * time.Second

// start runs a peer and waits until it is ready; nil if the peer cannot play the scene. Changes are made to the command
// before it runs.
func (b *bench) start(ctx context.Context, p peer, s scene, changes ...func(*exec.Cmd)) (*running, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd, path := p.command(b, s, port)
	if cmd == nil {
		return nil, nil
	}
	temp, err := os.MkdirTemp(b.work, "temp-")
	if err != nil {
		return nil, err
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	variable("TMPDIR", temp)(cmd) // what it leaves, as models do with files, is not in the way of those that come later
	for _, change := range changes {
		change(cmd)
	}
	return launch(ctx, p, &running{cmd: cmd, addr: "127.0.0.1:" + strconv.Itoa(port), path: path, temp: temp})
}

// variable sets a variable of the server's environment.
func variable(name, value string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, name+"="+value) }
}

func launch(ctx context.Context, p peer, r *running) (*running, error) {
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its output goes to /dev/null
	began := time.Now()
	if err := r.cmd.Start(); err != nil {
		os.RemoveAll(r.temp)
		return nil, err
	}
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for time.Since(began) < startLimit && ctx.Err() == nil {
		if ready(client, "http://"+r.addr+p.health, p.ready) {
			r.start = time.Since(began)
			return r, nil
		}
		time.Sleep(max(time.Millisecond, time.Since(began)/50)) // to be asked costs the server time as well
	}
	r.stop()
	return nil, errors.New("not ready in time")
}

func ready(client *http.Client, url, want string) bool {
	resp, err := client.Get(url)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK && strings.Contains(string(body), want)
}

// stop ends the server and all that it started, removes its temporary files, and says how long it took after SIGTERM.
func (r *running) stop() time.Duration {
	began := time.Now()
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	done := make(chan struct{})
	go func() { _ = r.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
	}
	took := time.Since(began)
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) // what it left behind
	<-done
	os.RemoveAll(r.temp)
	return took
}

// freePort asks the system for a port that nobody uses now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
