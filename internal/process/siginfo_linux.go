package process

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// siginfoPid takes si_pid out of what waitid fills in. It is the first field of the union behind the three integers
// that every siginfo begins with (padded to the alignment of a pointer), see sigaction(2).
func siginfoPid(info *unix.Siginfo) int {
	type child struct {
		_   [3]int32
		_   [0]uintptr // the union's alignment
		pid int32
	}
	return int((*child)(unsafe.Pointer(info)).pid)
}
