package process

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// stateZombie is SZOMB of sys/proc.h.
const stateZombie = 5

// awaitExit returns when the process has exited, and leaves it to be reaped. There is no waitid with WNOWAIT to rely on
// here, so the kernel's process table is asked again and again; servers run on Linux.
func awaitExit(pid int) {
	for {
		if info, err := unix.SysctlKinfoProc("kern.proc.pid", pid); err == nil && info.Proc.P_stat == stateZombie {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// othersInGroup reports whether a process other than the dead leader is in its group and is no zombie.
func othersInGroup(leader int) bool {
	members, err := unix.SysctlKinfoProcSlice("kern.proc.pgrp", leader)
	if err != nil {
		return false
	}
	for _, member := range members {
		if int(member.Proc.P_pid) != leader && member.Proc.P_stat != stateZombie {
			return true
		}
	}
	return false
}

// ReapForeign does nothing here: only Linux containers have servers as PID 1.
func (t *Table) ReapForeign(ctx context.Context) { <-ctx.Done() }

// oomKills is not counted here.
func oomKills(string) int { return 0 }
