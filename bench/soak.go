package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"coglet/bench/load"
	"coglet/bench/proc"
)

// grows is what must not grow with the number of predictions.
var grows = [5]string{"memory, PSS MB", "file descriptors", "threads", "temporary files", "goroutines"}

const (
	early = ", early"
	late  = ", late"
)

// soak compares a server after its first 5,000 predictions with one after 100,000.
func soak(sc scene, connections int) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		few, many := 5000, 100_000 // few is more than the server keeps
		if s.quick {
			few, many = 2000, 6000
		}
		before, err := s.soakFor(ctx, sc, connections, few)
		if err != nil {
			return err
		}
		after, err := s.soakFor(ctx, sc, connections, many)
		if err != nil {
			return err
		}
		for i, metric := range grows {
			s.record(metric+early, before[i])
			s.record(metric+late, after[i])
		}
		return nil
	}
}

// soakFor makes so many predictions on a server of their own, and looks at it a moment after the last one.
func (s *session) soakFor(ctx context.Context, sc scene, connections, n int) (is [len(grows)]float64, err error) {
	trace, err := os.CreateTemp(s.work, "stderr-")
	if err != nil {
		return is, err
	}
	defer os.Remove(trace.Name())
	defer trace.Close()
	server, err := s.start(ctx, s.peer, sc, func(cmd *exec.Cmd) { cmd.Stderr = trace })
	if err != nil {
		return is, err
	}
	defer server.stop()
	s.server = server
	r, err := s.drive(ctx, load.Job{Kind: load.Echo, Connections: connections, Duration: 5 * time.Minute, Requests: n / connections})
	if err != nil {
		return is, err
	}
	if want := n / connections * connections; r.Accepted != want {
		return is, fmt.Errorf("%d of %d predictions were taken", r.Accepted, want)
	}
	time.Sleep(time.Second) // connections that are closed, and what runs behind the last answer
	return look(server, trace.Name())
}

func look(server *running, trace string) (is [len(grows)]float64, err error) {
	pids := proc.Tree(server.cmd.Process.Pid)
	if is[0], err = proc.PSS(pids...); err != nil {
		return is, err
	}
	fds, err := proc.FDs(pids...)
	if err != nil {
		return is, err
	}
	threads, err := proc.Threads(pids...)
	if err != nil {
		return is, err
	}
	files := 0
	err = filepath.WalkDir(server.temp, func(_ string, _ fs.DirEntry, err error) error {
		files++
		return err
	})
	is[1], is[2], is[3] = float64(fds), float64(threads), float64(files)
	if err != nil {
		return is, err
	}
	is[4], err = goroutines(server, trace)
	return is, err
}

var goroutine = regexp.MustCompile(`(?m)^goroutine \d+ `)

// goroutines ends a server in the way that makes Go print all of them.
func goroutines(server *running, trace string) (float64, error) {
	if err := server.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return 0, err
	}
	server.stop()
	text, err := os.ReadFile(trace)
	n := len(goroutine.FindAll(text, -1))
	if n == 0 && err == nil {
		err = errors.New("no goroutines on stderr after SIGQUIT")
	}
	return float64(n), err
}
