package process

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// awaitExit returns when the process has exited, and leaves it to be reaped.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// othersInGroup reports whether a process other than the dead leader is in its group and is no zombie: those belong to
// a parent that may never reap them, and hold nothing any more.
func othersInGroup(leader int) bool {
	proc, err := os.Open("/proc")
	if err != nil {
		return false
	}
	names, err := proc.Readdirnames(-1)
	proc.Close()
	if err != nil {
		return false
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == leader {
			continue // no process, or not another
		}
		text, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // gone meanwhile
		}
		// pid (name) state ppid pgrp …; the name may hold anything
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) > 2 && fields[2] == strconv.Itoa(leader) && fields[0] != "Z" && fields[0] != "X" {
			return true
		}
	}
	return false
}

// ReapForeign reaps children that the table does not own, until ctx ends: as PID 1 a server inherits the orphans of
// its container.
func (t *Table) ReapForeign(ctx context.Context) {
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	defer signal.Stop(children)
	for {
		t.reapForeign()
		select {
		case <-children:
		case <-t.reaped:
		case <-ctx.Done():
			return
		}
	}
}

func (t *Table) reapForeign() {
	for {
		pid, ok := t.foreignZombie()
		if !ok {
			return
		}
		// ECHILD: a start that failed has reaped its own child meanwhile; there may be others
		if _, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err != nil && !errors.Is(err, unix.EINTR) &&
			!errors.Is(err, unix.ECHILD) {
			return
		}
	}
}

// foreignZombie finds a dead child that is not ours. waitid names only one, which may be ours and wait for its own
// goroutine, so all children are looked at when it is. Where the kernel does not list them, they are found when ours
// has been reaped.
func (t *Table) foreignZombie() (pid int, ok bool) {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	first := siginfoPid(&info)
	if err != nil || first == 0 {
		return 0, false
	}
	if !t.owns(first) {
		return first, true
	}
	for _, child := range childrenOf(os.Getpid()) {
		if !t.owns(child) && isZombie(child) {
			return child, true
		}
	}
	return 0, false
}

func childrenOf(pid int) (children []int) {
	lists, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	if err != nil {
		return nil
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

func isZombie(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	return err == nil && siginfoPid(&info) == pid
}
