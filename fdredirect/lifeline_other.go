//go:build unix && !linux

package fdredirect

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Arm does nothing here: there is no F_SETSIG. The worker watches the end of its channels instead.
func (l *Launch) Arm(int) error { return nil }

// maxInherited is how many descriptors MarkInherited looks at where they cannot be listed.
const maxInherited = 1024

// MarkInherited sets close-on-exec on the file descriptors from 3 on that this process was born with.
func MarkInherited() error {
	for fd := 3; fd < maxInherited; fd++ {
		unix.CloseOnExec(fd)
	}
	return nil
}

// Without pipe2 the lock keeps a child that is being started elsewhere from inheriting the ends.
func pipe2(fds []int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := unix.Pipe(fds); err != nil {
		return err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	return nil
}

func socketpair() ([2]int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	return fds, err
}
