package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// running is a server under test.
type running struct {
	cmd   *exec.Cmd
	addr  string
	start time.Duration // from exec to ready
}

const startLimit = 60 * time.Second

// start runs a peer and waits until it is ready.
func (b *bench) start(ctx context.Context, p peer, model string, slots int) (*running, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := p.command(b, model, slots, port)
	r := &running{cmd: cmd, addr: "127.0.0.1:" + strconv.Itoa(port)}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	cmd.Stdout, cmd.Stderr = null, null
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 2 * time.Second}
	for time.Since(began) < startLimit && ctx.Err() == nil {
		if ready(client, "http://"+r.addr+p.health, p.ready) {
			r.start = time.Since(began)
			return r, nil
		}
		time.Sleep(time.Millisecond)
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

// stop ends the server and all that it started.
func (r *running) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = r.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
		<-done
	}
}

// tree returns the process and all of its descendants.
func tree(pid int) []int {
	all := []int{pid}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return all
	}
	seen := map[int]bool{}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		if list, err := os.ReadFile(task); err == nil {
			children = append(append(children, ' '), list...)
		}
	}
	for _, field := range strings.Fields(string(children)) {
		if child, err := strconv.Atoi(field); err == nil && !seen[child] {
			seen[child] = true
			all = append(all, tree(child)...)
		}
	}
	return all
}

// pss is the memory of the whole tree in MB, shared pages divided among those who share them.
func pss(pid int) (mb float64, err error) {
	for _, p := range tree(pid) {
		f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil {
			return 0, err
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			var kb float64
			if _, err := fmt.Sscanf(lines.Text(), "Pss: %f kB", &kb); err == nil {
				mb += kb / 1024
			}
		}
		f.Close()
	}
	return mb, nil
}
