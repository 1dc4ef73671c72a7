package fdredirect

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Arm makes the kernel kill the child's process group at once when the parent ends, however it ends and whatever the
// child does at that moment. Call it after the start of the child and before CloseChild.
func (l *Launch) Arm(pgid int) error {
	fd := l.lifelineRead.Fd() // never polled: it is the child's
	if _, err := unix.FcntlInt(fd, unix.F_SETOWN, -pgid); err != nil {
		return fmt.Errorf("arm lifeline: F_SETOWN failed: %w", err)
	}
	if _, err := unix.FcntlInt(fd, unix.F_SETSIG, int(unix.SIGKILL)); err != nil {
		return fmt.Errorf("arm lifeline: F_SETSIG failed: %w", err)
	}
	if _, err := unix.FcntlInt(fd, unix.F_SETFL, unix.O_ASYNC); err != nil {
		return fmt.Errorf("arm lifeline: F_SETFL O_ASYNC failed: %w", err)
	}
	return nil
}

// MarkInherited sets close-on-exec on every file descriptor from 3 on that this process was born with, so that no
// worker gets what the one who started the server forgot to close.
func MarkInherited() error {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, name := range names {
		if fd, err := strconv.Atoi(name.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

func pipe2(fds []int) error { return unix.Pipe2(fds, unix.O_CLOEXEC) }

func socketpair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}
