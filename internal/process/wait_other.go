//go:build !linux

package process

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// awaitExit cannot wait without reaping here: cmd.Wait does both, right after it.
func awaitExit(pid int) {
	for errors.Is(syscall.Kill(pid, 0), nil) && !zombie(pid) {
		time.Sleep(5 * time.Millisecond)
	}
}

// zombie reports whether the group of pid can be signaled no more, which is how a lone zombie shows on these systems.
func zombie(pid int) bool { return syscall.Kill(-pid, 0) != nil }

// othersInGroup is not known here: the group was killed, and that is all.
func othersInGroup(int) bool { return false }

// ReapForeign does nothing here: only Linux containers have servers as PID 1.
func (t *Table) ReapForeign(ctx context.Context) { <-ctx.Done() }

func oomKills() int { return 0 }
