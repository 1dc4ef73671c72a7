//go:build unix

package fdredirect

import (
	"fmt"
	"net"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// Options say how Prepare lays out a child.
type Options struct {
	// Stdio gives the child control on its stdin and stdout, for it to call Redirect itself. Its stderr is captured.
	Stdio bool
	// Stderr is what the child gets as Diagnostic; nil = the caller's stderr. Without effect with Stdio.
	Stderr *os.File
	// Memory is how many bytes of memory the child is to share with the parent; 0 = none. Without effect with Stdio.
	Memory int
}

// Launch is the channels of one child: the parent's ends, for who started it to use, and until CloseChild the child's.
// All of the parent's ends are non-blocking and close-on-exec.
type Launch struct {
	ControlIn  *os.File // written by the parent
	ControlOut *os.File // read by the parent
	Data       *net.UnixConn
	Stdout     *os.File // read end of what the child prints; nil with Options.Stdio. NewCapture takes it over
	Stderr     *os.File
	Memory     []byte // as mmap has it; nil where there is none

	lifeline     *os.File // its end tells the child's group that the parent is gone
	childsEnds   []*os.File
	lifelineRead *os.File // one of childsEnds
}

// Prepare makes the channels of a child and puts its ends into cmd, whose Stdin, Stdout, Stderr and ExtraFiles it sets.
// The caller starts cmd, calls Arm and then CloseChild, failure of the start included, and Close at the end. On an error
// nothing is left open.
func Prepare(cmd *exec.Cmd, o Options) (l *Launch, err error) {
	l = &Launch{}
	defer func() {
		if err != nil {
			l.CloseChild()
			l.Close()
		}
	}()
	controlIn, err := l.pipe("control in", &l.ControlIn, toChild)
	if err != nil {
		return nil, err
	}
	controlOut, err := l.pipe("control out", &l.ControlOut, fromChild)
	if err != nil {
		return nil, err
	}
	data, err := l.socket()
	if err != nil {
		return nil, err
	}
	if l.lifelineRead, err = l.pipe("lifeline", &l.lifeline, toChild); err != nil {
		return nil, err
	}
	stderr, err := l.pipe("stderr", &l.Stderr, fromChild)
	if err != nil {
		return nil, err
	}
	high := map[int]*os.File{Data: data, Lifeline: l.lifelineRead}
	cmd.Stderr = stderr
	if o.Stdio {
		cmd.Stdin, cmd.Stdout = controlIn, controlOut
	} else {
		stdout, err := l.pipe("stdout", &l.Stdout, fromChild)
		if err != nil {
			return nil, err
		}
		cmd.Stdin, cmd.Stdout = nil, stdout // nil is /dev/null
		high[ControlIn], high[ControlOut], high[Diagnostic] = controlIn, controlOut, os.Stderr
		if o.Stderr != nil {
			high[Diagnostic] = o.Stderr
		}
		if o.Memory > 0 {
			if high[Memory], err = l.memory(o.Memory); err != nil {
				return nil, err
			}
		}
	}
	cmd.ExtraFiles = make([]*os.File, Memory-2) // entry i is fd 3+i; nil ones are closed in the child
	for fd, file := range high {
		cmd.ExtraFiles[fd-3] = file
	}
	return l, nil
}

// dataBuffer is how much each side may write to the data socket before the other one must read, in bytes: each time that
// it must costs a switch between two processes.
const dataBuffer = 1 << 20

type direction bool

const (
	toChild   direction = true
	fromChild direction = false
)

// pipe makes a pipe, keeps the parent's end in *parent, and returns the child's.
func (l *Launch) pipe(name string, parent **os.File, d direction) (*os.File, error) {
	var fds [2]int
	if err := pipe2(fds[:]); err != nil {
		return nil, fmt.Errorf("pipe for %s failed: %w", name, err)
	}
	child, own := fds[0], fds[1]
	if d == fromChild {
		child, own = fds[1], fds[0]
	}
	end := os.NewFile(uintptr(child), name+", child's end")
	l.childsEnds = append(l.childsEnds, end)
	if err := unix.SetNonblock(own, true); err != nil {
		unix.Close(own)
		return nil, fmt.Errorf("set %s non-blocking: %w", name, err)
	}
	*parent = os.NewFile(uintptr(own), name)
	return end, nil
}

// socket makes the data socket and returns the child's end.
func (l *Launch) socket() (*os.File, error) {
	fds, err := socketpair()
	if err != nil {
		return nil, fmt.Errorf("socketpair for data failed: %w", err)
	}
	for _, fd := range fds { // a system that allows less gives less
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, dataBuffer)
	}
	end := os.NewFile(uintptr(fds[1]), "data, child's end")
	l.childsEnds = append(l.childsEnds, end)
	own := os.NewFile(uintptr(fds[0]), "data")
	defer own.Close() // FileConn makes a copy
	conn, err := net.FileConn(own)
	if err != nil {
		return nil, fmt.Errorf("open data socket: %w", err)
	}
	l.Data = conn.(*net.UnixConn)
	return end, nil
}

// CloseChild closes the child's ends in the parent: called right after the child was started, or was not. Safe twice.
func (l *Launch) CloseChild() {
	for _, f := range l.childsEnds {
		f.Close()
	}
	l.childsEnds = nil
}

// CloseChannels closes control, data and the lifeline, gives the memory back, and leaves the captured streams open. Safe
// twice.
func (l *Launch) CloseChannels() {
	if l.Memory != nil {
		_ = unmap(l.Memory) // it fails for what is not mapped, and this is
		l.Memory = nil
	}
	for _, f := range []*os.File{l.ControlIn, l.ControlOut, l.lifeline} {
		if f != nil {
			f.Close()
		}
	}
	if l.Data != nil {
		l.Data.Close()
	}
}

// Close closes all of the parent's ends. Safe twice.
func (l *Launch) Close() {
	l.CloseChannels()
	for _, f := range []*os.File{l.Stdout, l.Stderr} {
		if f != nil {
			f.Close()
		}
	}
}
