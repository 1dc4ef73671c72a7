package process

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// timerSlack is what this process was started with, in nanoseconds. A child gets that of the thread that starts it, which
// may have another one by now.
var timerSlack, timerSlackErr = unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)

// withTimerSlack calls start in a thread that has the timer slack that this process was started with.
func withTimerSlack(start func() error) error {
	if timerSlackErr == nil {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		// an error leaves the child with timers that are a little late
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0)
	}
	return start()
}
