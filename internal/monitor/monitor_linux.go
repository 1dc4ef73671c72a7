// Package monitor keeps the Go runtime's monitor thread from taking a part of a small request's time.
package monitor

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// slack is by how many nanoseconds the kernel may let the monitor oversleep.
const slack = "1000000"

// Calm lets the thread by which the Go runtime watches over its goroutines sleep longer. It sleeps for 20 us at a
// time, and deeply once nothing runs, to be woken by the next system call: a server that gets a small prediction every
// 200 us wakes it for each one, which is a tenth of all it does. So it sleeps through several of them. What it is for
// comes so much later: above all that another goroutine gets the processor of one that is in a long system call.
func Calm() error {
	tid, err := thread()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("/proc", strconv.Itoa(tid), "timerslack_ns"), []byte(slack), 0)
}

// thread returns the first thread that the runtime has made. Should it be another one, then that one's timers are
// a millisecond late.
func thread() (int, error) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 0, err
	}
	var made []int
	for _, task := range tasks {
		if tid, err := strconv.Atoi(task.Name()); err == nil && tid != os.Getpid() {
			made = append(made, tid)
		}
	}
	if len(made) == 0 {
		return 0, os.ErrNotExist
	}
	return slices.Min(made), nil
}
