package integration

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// proc is a line of the process table.
type proc struct {
	pid, parent, group int
	state              string
}

// processes reads the process table.
func processes(t testing.TB) (all []proc) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended meanwhile
		}
		// pid (name) state ppid pgrp …; the name may hold anything
		end := strings.LastIndexByte(string(text), ')')
		fields := strings.Fields(string(text[end+1:]))
		pid, err1 := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		parent, err2 := strconv.Atoi(fields[1])
		group, err3 := strconv.Atoi(fields[2])
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		all = append(all, proc{pid, parent, group, fields[0]})
	}
	return all
}

// workers returns the pids of the server's workers: its children.
func (s *server) workers() (pids []int) {
	s.t.Helper()
	for _, p := range processes(s.t) {
		if p.parent == s.cmd.Process.Pid && p.state != "Z" {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// groupAlive reports whether a process of the group lives that is no zombie.
func groupAlive(t testing.TB, group int) bool {
	t.Helper()
	for _, p := range processes(t) {
		if p.group == group && p.state != "Z" {
			return true
		}
	}
	return false
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	end := strings.LastIndexByte(string(stat), ')')
	return !strings.HasPrefix(string(stat[end+1:]), " Z")
}

// endProcess kills what a test has left running on purpose.
func endProcess(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
}

// leftovers lists what the server put into its temp folder.
func (s *server) leftovers() []string {
	s.t.Helper()
	names, err := filepath.Glob(filepath.Join(s.tmp, "*coglet*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return names
}
