package files

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// plainFile is a regular file that is read once, from the start to the end. An os.File costs half of what it takes to read
// a small one: it asks the poller whether it can be waited for, and the garbage collector to close it.
type plainFile int

func openPlain(name string) (f plainFile, size int64, err error) {
	fail := func(op string, err error) (plainFile, int64, error) {
		return -1, 0, &os.PathError{Op: op, Path: name, Err: err}
	}
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0) // a FIFO would wait for its writer
	})
	if err != nil {
		return fail("open", err)
	}
	f = plainFile(fd)
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil {
		f.Close()
		return fail("stat", err)
	}
	if info.Mode&unix.S_IFMT != unix.S_IFREG {
		f.Close()
		return fail("open", errNotRegular)
	}
	return f, info.Size, nil
}

var errNotRegular = errors.New("is not a regular file")

// Read implements io.Reader.
func (f plainFile) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := ignoringEINTR(func() (int, error) { return unix.Read(int(f), p) })
	switch {
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Close is to be called once.
func (f plainFile) Close() { _ = unix.Close(int(f)) } // it was only read

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
