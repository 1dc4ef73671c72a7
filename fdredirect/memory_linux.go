package fdredirect

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// memory makes memory that parent and child share. It has none where 64 bits are not read at once.
func (l *Launch) memory(size int) (*os.File, error) {
	if strconv.IntSize < 64 {
		return nil, nil
	}
	fd, err := unix.MemfdCreate("coglet-ring", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil //nolint:nilerr // an old kernel, or one that forbids it: it goes without
	}
	end := os.NewFile(uintptr(fd), "shared memory")
	l.childsEnds = append(l.childsEnds, end)
	if err := end.Truncate(int64(size)); err != nil {
		return nil, fmt.Errorf("size shared memory: %w", err)
	}
	// a child that made it smaller would kill the parent, who reads it, with SIGBUS
	if _, err := unix.FcntlInt(end.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return nil, fmt.Errorf("seal shared memory: %w", err)
	}
	if l.Memory, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("map shared memory: %w", err)
	}
	return end, nil
}

func unmap(memory []byte) error { return unix.Munmap(memory) }
