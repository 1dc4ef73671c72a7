//go:build unix

package fdredirect

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"coglet/internal/logs"
)

// logBound is how many captured pieces may wait for their receiver. When they do, whoever writes to fd 1 or 2 waits: a
// child that prints faster than it is read is slowed down, and memory stays bounded.
const logBound = 500

// readSize is how much is read, and becomes one Log, at a time.
const readSize = 4096

// Redirected is a process whose protocol has been moved out of reach of user code.
type Redirected struct {
	In   *os.File   // control in, fd 99
	Out  *os.File   // control out, fd 100
	Logs <-chan Log // what is written to fd 1 and 2; closed when both have ended

	sources [2]*source
	quit    chan struct{} // closed by Close: nobody receives any more
	ended   chan struct{}
	once    sync.Once
}

// source is one captured stream of this process.
type source struct {
	name    Source
	fd      int // read end
	capture *Capture
	repair  logs.Repair // under the capture's mutex
}

// sys is the system calls that Redirect makes, for tests of what happens when one fails.
type sys struct {
	dup     func(fd int) (int, error)
	dup2    func(from, to int) error
	pipe    func(fds []int) error
	open    func(path string) (int, error)
	isOpen  func(fd int) bool
	cloexec func(fd int) error
	closeFD func(fd int)
}

func realSys() sys {
	return sys{
		dup:  func(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, Lifeline+1) },
		dup2: dup2,
		pipe: pipe2,
		open: func(path string) (int, error) { return unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0) },
		isOpen: func(fd int) bool {
			_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
			return err == nil
		},
		cloexec: func(fd int) error {
			_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
			return err
		},
		closeFD: func(fd int) { unix.Close(fd) },
	}
}

// Redirect moves the control channel of this process from stdin and stdout to high numbers, captures what is written to
// fd 1 and 2 from now on, and makes fd 0 /dev/null. Call it first, before user code and before anything that starts a
// process. Somebody must receive from Logs: when nobody does, writers to fd 1 and 2 wait.
//
// On an error the process is as it was, and the error names the call that failed.
func Redirect() (*Redirected, error) { return redirect(realSys()) }

func redirect(s sys) (r *Redirected, err error) {
	for _, fd := range []int{ControlIn, ControlOut, Diagnostic} {
		if s.isOpen(fd) {
			return nil, fmt.Errorf("redirect: fd %d is already in use", fd)
		}
	}
	u := &undo{sys: s}
	defer func() {
		if err != nil {
			u.run()
		}
	}()
	if err := u.preserve(); err != nil {
		return nil, err
	}
	r = &Redirected{quit: make(chan struct{}), ended: make(chan struct{})}
	if err := u.capture(r); err != nil {
		return nil, err
	}
	for _, fd := range []int{Data, Lifeline} {
		if s.isOpen(fd) {
			if err := s.cloexec(fd); err != nil {
				return nil, fmt.Errorf("set close-on-exec on fd %d failed: %w", fd, err)
			}
		}
	}
	out := make(chan Log, logBound)
	r.Logs = out
	if err := r.start(out); err != nil {
		return nil, err
	}
	r.In = os.NewFile(ControlIn, "control in")
	r.Out = os.NewFile(ControlOut, "control out")
	return r, nil
}

// undo remembers what has been done, to take it back.
type undo struct {
	sys
	saved  [3]int // copies of fd 0, 1 and 2; they end up as 99, 100 and 101
	copies int    // how many of saved are open
	opened []int  // to close in any case but success
	moved  int    // how many of fd 0, 1, 2 are redirected
	high   int    // how many of 99, 100, 101 are taken
}

// preserve puts fd 0, 1 and 2 to their high numbers.
func (u *undo) preserve() error {
	for fd := range 3 {
		temporary, err := u.dup(fd)
		if err != nil {
			return fmt.Errorf("dup(%d) failed: %w", fd, err)
		}
		u.saved[fd] = temporary
		u.copies++
	}
	for fd := range 3 {
		if err := u.dup2(u.saved[fd], ControlIn+fd); err != nil {
			return fmt.Errorf("dup2(%d, %d) failed: %w", fd, ControlIn+fd, err)
		}
		u.high++
		if err := u.cloexec(ControlIn + fd); err != nil {
			return fmt.Errorf("set close-on-exec on fd %d failed: %w", ControlIn+fd, err)
		}
	}
	return nil
}

// capture replaces fd 0, 1 and 2.
func (u *undo) capture(r *Redirected) error {
	null, err := u.open(os.DevNull)
	if err != nil {
		return fmt.Errorf("open(%s) failed: %w", os.DevNull, err)
	}
	u.opened = append(u.opened, null)
	ends := [3]int{null}
	for i, name := range []Source{Stdout, Stderr} {
		var fds [2]int
		if err := u.pipe(fds[:]); err != nil {
			return fmt.Errorf("pipe for %s failed: %w", name, err)
		}
		u.opened = append(u.opened, fds[0], fds[1])
		r.sources[i] = &source{name: name, fd: fds[0]}
		ends[i+1] = fds[1]
	}
	for fd, end := range ends {
		if err := u.dup2(end, fd); err != nil {
			return fmt.Errorf("dup2(%d, %d) failed: %w", end, fd, err)
		}
		u.moved++
	}
	for _, fd := range append(ends[:], u.saved[:]...) { // they stand at their numbers now
		u.closeFD(fd)
	}
	u.copies, u.opened = 0, []int{r.sources[0].fd, r.sources[1].fd}
	return nil
}

// run takes back what was done.
func (u *undo) run() {
	for fd := range u.moved {
		from := u.saved[fd]
		if u.copies == 0 { // the copies are closed already
			from = ControlIn + fd
		}
		_ = u.dup2(from, fd)
	}
	for _, fd := range append(u.saved[:u.copies:u.copies], u.opened...) {
		u.closeFD(fd)
	}
	for fd := range u.high {
		u.closeFD(ControlIn + fd)
	}
}

// start starts the capture of both streams; Close ends it.
func (r *Redirected) start(out chan Log) error {
	for _, s := range r.sources {
		if err := unix.SetNonblock(s.fd, true); err != nil {
			return fmt.Errorf("set capture pipe of %s non-blocking failed: %w", s.name, err)
		}
		var err error
		pipe := os.NewFile(uintptr(s.fd), string(s.name))
		if s.capture, err = newCapture(pipe, func(p []byte) { s.deliver(s.repair.Append(nil, p), out, r.quit) }, readSize, atOnce); err != nil {
			return err
		}
	}
	go func() { // ends with the two
		for _, s := range r.sources {
			<-s.capture.Done()
			s.deliver(s.repair.Flush(nil), out, r.quit)
		}
		close(out)
		close(r.ended)
	}()
	return nil
}

// deliver waits for room in out, or for the end of their receiver. It logs nothing: its log would come back.
func (s *source) deliver(text []byte, out chan<- Log, quit <-chan struct{}) {
	if len(text) == 0 {
		return
	}
	select {
	case out <- Log{Source: s.name, Data: string(text)}:
	case <-quit:
	}
}

// Flush returns when all that was written to fd 1 and 2 before the call has been put into Logs. Whoever calls it must
// not be the only one who receives from Logs. A child that never stops writing does not hold it up.
func (r *Redirected) Flush() {
	for _, s := range r.sources {
		s.capture.Drain()
	}
}

// Close ends the capture and returns when it has ended; what is written to fd 1 and 2 after it is lost. Safe twice.
func (r *Redirected) Close() {
	r.once.Do(func() {
		close(r.quit)
		for _, s := range r.sources {
			s.capture.Close()
		}
		<-r.ended
	})
}
