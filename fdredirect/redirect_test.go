//go:build linux

package fdredirect

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// behaviours are what this binary does when it is started again: each is a process of its own, because it moves its
// file descriptors. What they find wrong they write to fd 101, which is the test's pipe; no word is good.
var behaviours = map[string]func(*reporter){
	"state table":   stateTable,
	"occupied":      occupied,
	"failing calls": failingCalls,
	"back-pressure": backPressure,
	"split UTF-8":   splitUTF8,
	"flush":         flush,
	"no leak":       noLeak,
	"children":      children,
	"launched":      launched,
	"parent":        parent,
	"spin": func(*reporter) {
		fmt.Println("up")
		for {
			runtime.Gosched()
		}
	},
	"sleep for ever": func(*reporter) { fmt.Println("up"); select {} },
}

// reporter is where a behaviour says what is wrong.
type reporter struct{ out *os.File }

func (r *reporter) errorf(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

func TestMain(m *testing.M) {
	if name := os.Getenv("BEHAVIOUR"); name != "" {
		fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 200) // out of the way of what is tested
		if err != nil {
			panic(err)
		}
		behaviours[name](&reporter{os.NewFile(uintptr(fd), "report")})
		return
	}
	goleak.VerifyTestMain(m)
}

func run(t *testing.T, name string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "BEHAVIOUR="+name)
	var report strings.Builder
	cmd.Stderr = &report
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Run(); err != nil || report.Len() > 0 {
		t.Errorf("%v\n%s", err, report.String())
	}
}

func TestRedirectLeavesTheStateTable(t *testing.T)          { run(t, "state table") }
func TestOccupiedTargetsAreRefused(t *testing.T)            { run(t, "occupied") }
func TestEachFailingCallIsNamedAndUndone(t *testing.T)      { run(t, "failing calls") }
func TestFullChannelHoldsTheWriterUp(t *testing.T)          { run(t, "back-pressure") }
func TestCharactersAreNeverCut(t *testing.T)                { run(t, "split UTF-8") }
func TestFlushIsExactAndDoesNotWaitForTalkers(t *testing.T) { run(t, "flush") }
func TestRedirectAndCloseLeakNothing(t *testing.T)          { run(t, "no leak") }
func TestChildrenInheritNoChannel(t *testing.T)             { run(t, "children") }

// link is what a file descriptor is.
func link(fd int) string {
	text, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return "closed"
	}
	return text
}

func (r *reporter) cloexec(fd int, want bool) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || (flags&unix.FD_CLOEXEC != 0) != want {
		r.errorf("fd %d: flags %d, %v; want close-on-exec %t", fd, flags, err, want)
	}
}

func stateTable(r *reporter) {
	data, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil || unix.Dup2(data[0], Data) != nil {
		r.errorf("no data socket: %v", err)
	}
	before := [3]string{link(0), link(1), link(2)}
	d, err := Redirect()
	if err != nil {
		r.errorf("Redirect: %v", err)
		return
	}
	defer d.Close()
	for i, want := range before {
		if got := link(ControlIn + i); got != want {
			r.errorf("fd %d is %s, want %s", ControlIn+i, got, want)
		}
		r.cloexec(ControlIn+i, true)
		r.cloexec(i, false)
	}
	r.cloexec(Data, true)
	if link(0) != "/dev/null" {
		r.errorf("fd 0 is %s", link(0))
	}
	for fd := 1; fd <= 2; fd++ {
		if got := link(fd); !strings.HasPrefix(got, "pipe:") || got == before[fd] {
			r.errorf("fd %d is %s", fd, got)
		}
	}
	fmt.Fprint(os.Stdout, "to stdout")
	fmt.Fprint(os.Stderr, "to stderr")
	got := map[Source]string{}
	for range 2 {
		l := <-d.Logs
		got[l.Source] += l.Data
	}
	if got[Stdout] != "to stdout" || got[Stderr] != "to stderr" {
		r.errorf("captured %v", got)
	}
}

func occupied(r *reporter) {
	for _, fd := range []int{ControlIn, ControlOut, Diagnostic} {
		if err := unix.Dup2(2, fd); err != nil {
			r.errorf("%v", err)
		}
		before := openFDs()
		if _, err := Redirect(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("fd %d is already in use", fd)) {
			r.errorf("with fd %d taken: %v", fd, err)
		}
		if after := openFDs(); after != before {
			r.errorf("with fd %d taken: %s were open, %s are", fd, before, after)
		}
		unix.Close(fd)
	}
}

// openFDs lists the open file descriptors with what they are.
func openFDs() string {
	var all []string
	for fd := range 256 {
		if text := link(fd); text != "closed" {
			all = append(all, fmt.Sprintf("%d=%s", fd, text))
		}
	}
	return strings.Join(all, " ")
}

func failingCalls(r *reporter) {
	broken := errors.New("broken on purpose")
	count := 0
	fail := func(at int) sys { // the n-th call fails
		s, n := realSys(), 0
		hit := func() bool { n++; return n == at }
		real := s
		s.dup = func(fd int) (int, error) {
			if hit() {
				return 0, broken
			}
			return real.dup(fd)
		}
		s.dup2 = func(from, to int) error {
			if hit() {
				return broken
			}
			return real.dup2(from, to)
		}
		s.pipe = func(fds []int) error {
			if hit() {
				return broken
			}
			return real.pipe(fds)
		}
		s.open = func(path string) (int, error) {
			if hit() {
				return 0, broken
			}
			return real.open(path)
		}
		s.cloexec = func(fd int) error {
			if hit() {
				return broken
			}
			return real.cloexec(fd)
		}
		return s
	}
	names := map[string]bool{}
	before := openFDs()
	for at := 1; ; at++ {
		d, err := redirect(fail(at))
		if err == nil {
			d.Close()
			break
		}
		count++
		name, _, _ := strings.Cut(err.Error(), " failed: ")
		names[name] = true
		if !errors.Is(err, broken) {
			r.errorf("call %d: %v", at, err)
		}
		if after := openFDs(); after != before {
			r.errorf("after %q failed: %s were open, %s are", name, before, after)
		}
	}
	for _, want := range []string{
		"dup(0)", "dup(1)", "dup(2)", "pipe for stdout", "pipe for stderr", "open(/dev/null)", "set close-on-exec on fd 99",
	} {
		if !names[want] {
			r.errorf("no error names %s; there are %v", want, names)
		}
	}
	if count < 15 {
		r.errorf("only %d calls were seen to fail", count)
	}
}

func backPressure(r *reporter) {
	d, err := Redirect()
	if err != nil {
		r.errorf("%v", err)
		return
	}
	const total = 8 << 20 // more than the channel and the pipe hold
	wrote := make(chan int, 1)
	go func() {
		n, _ := os.Stdout.Write(make([]byte, total))
		wrote <- n
	}()
	for len(d.Logs) < logBound {
		time.Sleep(time.Millisecond)
	}
	select {
	case <-wrote:
		r.errorf("the writer was not held up")
	case <-time.After(100 * time.Millisecond):
	}
	if len(d.Logs) != logBound || cap(d.Logs) != 500 {
		r.errorf("%d of %d pieces wait, want 500", len(d.Logs), cap(d.Logs))
	}
	got := 0
	for got < total {
		l := <-d.Logs
		if len(l.Data) > readSize {
			r.errorf("a piece of %d bytes", len(l.Data))
		}
		got += len(l.Data)
	}
	if n := <-wrote; n != total || got != total {
		r.errorf("wrote %d, got %d", n, got)
	}
	d.Close()
}

func splitUTF8(r *reporter) {
	d, err := Redirect()
	if err != nil {
		r.errorf("%v", err)
		return
	}
	defer d.Close()
	const whole = "a é € 😀 z"
	for cut := range len(whole) {
		got := ""
		for _, part := range []string{whole[:cut], whole[cut:]} {
			fmt.Fprint(os.Stdout, part)
			d.Flush() // so that the parts are read apart from each other
			for len(d.Logs) > 0 {
				got += (<-d.Logs).Data
			}
		}
		if got != whole {
			r.errorf("cut at %d: %q", cut, got)
		}
	}
}

func flush(r *reporter) {
	d, err := Redirect()
	if err != nil {
		r.errorf("%v", err)
		return
	}
	talker := exec.Command("sh", "-c", "while :; do echo noise >&2; done")
	talker.Stdout, talker.Stderr = os.Stdout, os.Stderr
	if err := talker.Start(); err != nil {
		r.errorf("%v", err)
	}
	var seen strings.Builder
	asked, answered := make(chan struct{}), make(chan string)
	go func() {
		for {
			select {
			case l := <-d.Logs:
				if l.Source == Stdout {
					seen.WriteString(l.Data)
				}
			case <-asked: // everything flushed is in the channel, or was seen
				for n := len(d.Logs); n > 0; n-- {
					if l := <-d.Logs; l.Source == Stdout {
						seen.WriteString(l.Data)
					}
				}
				answered <- seen.String()
			}
		}
	}()
	for n := range 200 {
		line := fmt.Sprintf("line %d %s\n", n, strings.Repeat("x", n*50))
		fmt.Fprint(os.Stdout, line)
		d.Flush()
		asked <- struct{}{}
		if got := <-answered; !strings.HasSuffix(got, line) {
			r.errorf("line %d is not there after Flush", n)
			break
		}
	}
	_ = talker.Process.Kill()
	_ = talker.Wait()
}

func noLeak(r *reporter) {
	goroutines := runtime.NumGoroutine()
	before := len(strings.Fields(openFDs()))
	for range 3 {
		d, err := Redirect()
		if err != nil {
			r.errorf("%v", err)
			return
		}
		d.Close()
		d.Close()
		d.In.Close()
		d.Out.Close()
		unix.Close(Diagnostic)
	}
	if after := len(strings.Fields(openFDs())); after > before+2 { // netpoll's own
		r.errorf("%d fds were open, %d are: %s", before, after, openFDs())
	}
	for n := 0; runtime.NumGoroutine() > goroutines; n++ {
		if n > 1000 {
			r.errorf("%d goroutines ran, %d do", goroutines, runtime.NumGoroutine())
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func children(r *reporter) {
	d, err := Redirect()
	if err != nil {
		r.errorf("%v", err)
		return
	}
	cmd := exec.Command("sh", "-c", "ls /proc/self/fd; readlink /proc/self/fd/0")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		r.errorf("%v", err)
	}
	d.Flush()
	var out strings.Builder
	for len(d.Logs) > 0 {
		out.WriteString((<-d.Logs).Data)
	}
	for _, fd := range []int{ControlIn, ControlOut, Diagnostic, Data, Lifeline} {
		if strings.Contains("\n"+out.String(), fmt.Sprintf("\n%d\n", fd)) {
			r.errorf("a child has fd %d: %s", fd, out.String())
		}
	}
	d.Close()
}
