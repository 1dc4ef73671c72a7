// Package process runs one operating-system process with all that it starts: its own process group, how it is ended,
// and how it ended. It knows nothing of what it runs.
//
// A death is known from the kernel (waitid), first without reaping: as long as the dead leader is a zombie, the number
// of its process group cannot be given to anybody else, so the rest of the group can be killed without fear of hitting
// a stranger. Only then is it reaped.
package process

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// groupWait bounds how long the killed rest of a group may take to go: a process in an uninterruptible system call
// stays until that ends.
const groupWait = 2 * time.Second

// Process is a started process. Its methods may be called by many goroutines at the same time, and after its end.
type Process struct {
	pid  int
	done chan struct{} // closed when the leader is reaped and its group is gone
	exit Exit          // read after done is closed
	ooms int           // of the cgroup when it was started

	mu     sync.Mutex // guards reaped; held over every signal, so that none goes to a reaped pid
	reaped bool
}

// Exit is how a process ended.
type Exit struct {
	Code   int            // exit status; -1 when a signal ended it
	Signal syscall.Signal // 0 when it exited, or when somebody else reaped it and its status is lost
	OOM    bool           // killed, and the kernel counted an out-of-memory kill in our cgroup meanwhile
	Left   bool           // members of its group were still there after groupWait
}

func (e Exit) String() string {
	switch {
	case e.OOM:
		return fmt.Sprintf("signal %s (out of memory)", e.Signal)
	case e.Signal != 0:
		return fmt.Sprintf("signal %s", e.Signal)
	case e.Code < 0:
		return "exit status unknown"
	}
	return fmt.Sprintf("exit status %d", e.Code)
}

// Start starts cmd in a process group of its own and registers it, so that ReapForeign leaves it alone. The caller
// does not call cmd.Wait. Where cmd copies into writers, a process that left the group and keeps such a pipe delays the
// end by cmd.WaitDelay at most (groupWait when it is not set).
func (t *Table) Start(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = groupWait
	}
	p := &Process{done: make(chan struct{}), ooms: oomKills("/")}
	t.mu.Lock()
	err := withTimerSlack(cmd.Start)
	if err == nil {
		p.pid = cmd.Process.Pid
		t.owned[p.pid] = struct{}{}
	}
	t.mu.Unlock()
	if err != nil {
		return nil, err
	}
	go p.wait(t, cmd) // ends with the process
	return p, nil
}

// Pid is the process id, and the id of its group.
func (p *Process) Pid() int { return p.pid }

// Done is closed when the process has ended, was reaped, and no member of its group is left.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit says how it ended. To be called after Done.
func (p *Process) Exit() Exit { return p.exit }

// wait is the process's own goroutine.
func (p *Process) wait(t *Table, cmd *exec.Cmd) {
	awaitExit(p.pid)
	p.signal(syscall.SIGKILL) // the rest of the group
	deadline := time.Now().Add(groupWait)
	for othersInGroup(p.pid) {
		if time.Now().After(deadline) {
			p.exit.Left = true
			break
		}
		time.Sleep(time.Millisecond) // killed processes go at once; there is no event for "the group is empty"
		p.signal(syscall.SIGKILL)    // a fork that was under way
	}
	p.mu.Lock()
	p.reaped = true // from here on nobody signals it; not held over Wait, which may wait for copies of the output
	p.mu.Unlock()
	_ = cmd.Wait() // its error says again what ProcessState says, or that a copy of the output was cut short
	t.forget(p.pid)
	p.exit.fill(cmd.ProcessState, p.ooms)
	close(p.done)
}

func (e *Exit) fill(state *os.ProcessState, ooms int) {
	e.Code = -1
	if state == nil {
		return
	}
	status, ok := state.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
	case status.Signaled():
		e.Signal = status.Signal()
		e.OOM = e.Signal == syscall.SIGKILL && oomKills("/") > ooms
	default:
		e.Code = status.ExitStatus()
	}
}

// Kill ends the whole group at once. It does not wait.
func (p *Process) Kill() { p.signal(syscall.SIGKILL) }

// Stop asks the group to end with TERM, kills it after grace, and returns when it is gone.
func (p *Process) Stop(grace time.Duration) {
	p.signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return
	case <-timer.C:
	}
	p.Kill()
	<-p.done
}

// signal sends sig to the group. One that is gone needs none.
func (p *Process) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = syscall.Kill(-p.pid, sig) // ESRCH: the group is gone
	}
}
