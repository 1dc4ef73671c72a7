//go:build linux

package fdredirect

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// launched is a child of Prepare: it says what it was born with.
func launched(*reporter) {
	for fd := range 120 {
		if text := link(fd); text != "closed" {
			fmt.Printf("%d %s\n", fd, strings.SplitN(text, ":", 2)[0])
		}
	}
	if strconv.IntSize == 64 {
		memory, err := unix.Mmap(Memory, 0, sharedSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			fmt.Println("memory not mapped:", err)
		} else {
			copy(memory[sharedSize-6:], "shared")
		}
		if err := unix.Ftruncate(Memory, 0); err == nil { // it would kill the parent
			fmt.Println("memory was cut")
		}
	}
	fmt.Fprintln(os.Stderr, "on stderr")
	control := os.NewFile(ControlIn, "control in")
	line, _ := bufio.NewReader(control).ReadString('\n')
	fmt.Fprint(os.NewFile(ControlOut, "control out"), "got "+line)
	fmt.Fprint(os.NewFile(Data, "data"), "data")
}

// sharedSize is what parent and child share, in bytes.
const sharedSize = 10_000

// collector is a sink.
type collector struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (c *collector) sink(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf.Write(p)
}

func (c *collector) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

func prepare(t *testing.T, cmd *exec.Cmd) (*Launch, [2]*collector, [2]*Capture) {
	t.Helper()
	l, err := Prepare(cmd, Options{Memory: sharedSize})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	var collected [2]*collector
	var captures [2]*Capture
	for i, pipe := range []*os.File{l.Stdout, l.Stderr} {
		collected[i] = &collector{}
		if captures[i], err = NewCapture(pipe, collected[i].sink); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(captures[i].Close)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := l.Arm(cmd.Process.Pid); err != nil {
		t.Error(err)
	}
	l.CloseChild()
	l.CloseChild() // safe twice
	return l, collected, captures
}

func self(name string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "BEHAVIOUR="+name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func TestPrepareLaysTheChildOut(t *testing.T) {
	cmd := self("launched")
	l, out, captures := prepare(t, cmd)
	if _, err := l.ControlIn.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 10)
	if _, err := io.ReadFull(l.ControlOut, answer); err != nil || string(answer) != "got hello\n" {
		t.Errorf("control: %q, %v", answer, err)
	}
	data, err := io.ReadAll(l.Data)
	if err != nil || string(data) != "data" {
		t.Errorf("data: %q, %v", data, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, c := range captures {
		<-c.Done()
	}
	if strconv.IntSize == 64 && (len(l.Memory) != sharedSize || string(l.Memory[sharedSize-6:]) != "shared") {
		t.Errorf("memory: %q", l.Memory)
	}
	table := out[0].String()
	if strings.Contains(table, "memory") {
		t.Error(table)
	}
	table = "\n" + table
	wants := map[int]string{0: "/dev/null", 1: "pipe", 2: "pipe", 99: "pipe", 100: "pipe", 102: "socket", 103: "pipe"}
	if strconv.IntSize == 64 {
		wants[104] = "/memfd"
	}
	for fd, want := range wants {
		if !strings.Contains(table, fmt.Sprintf("\n%d %s\n", fd, want)) {
			t.Errorf("fd %d is not %s in\n%s", fd, want, table)
		}
	}
	for line := range strings.Lines(table) {
		var fd int
		if _, err := fmt.Sscan(line, &fd); err == nil && fd > 8 && fd < 99 { // the child's own runtime has some low ones
			t.Errorf("the child was born with fd %d", fd)
		}
	}
	if got := out[1].String(); got != "on stderr\n" {
		t.Errorf("stderr: %q", got)
	}
}

// captured returns a Capture, the writing end of its pipe, and what it has read.
func captured(t *testing.T) (*Capture, *os.File, *collector) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	got := &collector{}
	c, err := NewCapture(r, got.sink)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		w.Close()
	})
	return c, w, got
}

func TestDrainTakesWhatIsThereAndNoMore(t *testing.T) {
	c, w, got := captured(t)
	want := ""
	for n := range 500 {
		line := fmt.Sprintf("line %d\n", n)
		if _, err := w.WriteString(line); err != nil {
			t.Fatal(err)
		}
		want += line
		c.Drain()
		if got.String() != want {
			t.Fatalf("after line %d: %d bytes, want %d", n, len(got.String()), len(want))
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // never stops
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = w.Write(make([]byte, 4096))
			}
		}
	})
	for range 100 {
		c.Drain()
	}
	close(stop)
	c.Drain()
	wg.Wait()
}

// A reader that has its turn late takes nothing that came after it had asked for it, even when others have taken all that
// it asked for.
func TestLateTurnTakesNothingThatCameAfterIt(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	asks, turns := make(chan bool), make(chan bool)
	var got collector
	c, err := NewOrderedCapture(r, got.sink, func(read func()) {
		asks <- true
		<-turns
		read()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	write := func(text string) {
		t.Helper()
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	want := func(text string) {
		t.Helper()
		if got.String() != text {
			t.Errorf("got %q, want %q", got.String(), text)
		}
	}
	write("one ")
	<-asks
	c.Drain()
	write("two ")
	turns <- true
	<-asks // for the second
	want("one ")
	c.TakeUntil(6)
	write("three ")
	turns <- true
	<-asks
	want("one two ")
	turns <- true
	for got.String() != "one two three " {
		time.Sleep(time.Millisecond)
	}
	w.Close()
	<-asks // for the end
	turns <- true
	<-c.Done()
	want("one two three ")
}

// Whoever looks into the pipe while it is being read knows from the word how much has been written.
func TestShownPositionAndWhatIsUnreadAreWhatWasWritten(t *testing.T) {
	c, w, got := captured(t)
	var word, written uint64
	c.Show(&word)
	retries := 0
	for n := range 20_000 {
		text := "some text"[:1+n%9]
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		written += uint64(len(text))
		for {
			shown := atomic.LoadUint64(&word)
			unread := Unread(w.Fd())
			if again := atomic.LoadUint64(&word); again == shown && shown&1 == 0 {
				if end := shown>>1 + uint64(unread); end != written {
					t.Fatalf("%d read and %d unread, but %d written", shown>>1, unread, written)
				}
				break
			}
			retries++
			runtime.Gosched()
		}
	}
	t.Logf("%d looks came during a read", retries)
	c.TakeUntil(int64(written))
	if n := uint64(len(got.String())); n != written {
		t.Errorf("%d of %d bytes taken", n, written)
	}
	c.Show(nil)
	atomic.StoreUint64(&word, 77)
	if _, err := w.WriteString("unseen"); err != nil {
		t.Fatal(err)
	}
	c.TakeUntil(math.MaxInt64) // what is there, and no more
	if atomic.LoadUint64(&word) != 77 || !strings.HasSuffix(got.String(), "unseen") {
		t.Errorf("hidden, and %d was shown", word)
	}
}

func TestCloseEndsACaptureThatWaits(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c, err := NewCapture(r, func([]byte) {})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	c.Close()
	c.Drain() // nothing happens
}

func TestFailedStartLeavesNothingOpen(t *testing.T) {
	start := func() {
		t.Helper()
		cmd := exec.Command("/nonexistent/program")
		l, err := Prepare(cmd, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err == nil {
			t.Fatal("started what does not exist")
		}
		l.CloseChild()
		l.Close()
		l.Close()
	}
	start() // opens the netpoller's own
	before := strings.Fields(openFDs())
	start()
	for _, fd := range strings.Fields(openFDs()) {
		if !slices.Contains(before, fd) { // what earlier tests forgot may be closed meanwhile
			t.Errorf("%s is open", fd)
		}
	}
}

// parent starts a child that spins and one that sleeps, tells their pids, and waits to be killed.
func parent(r *reporter) {
	for _, name := range []string{"spin", "sleep for ever"} {
		cmd := self(name)
		l, err := Prepare(cmd, Options{})
		if err != nil {
			r.errorf("%v", err)
			return
		}
		if err := cmd.Start(); err != nil {
			r.errorf("%v", err)
			return
		}
		if err := l.Arm(cmd.Process.Pid); err != nil {
			r.errorf("%v", err)
		}
		l.CloseChild()
		if _, err := l.Stdout.Read(make([]byte, 3)); err != nil { // it is up
			r.errorf("%v", err)
		}
		fmt.Println(cmd.Process.Pid)
	}
	select {}
}

func TestKilledParentTakesTheGroupAlong(t *testing.T) {
	cmd := self("parent")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids [2]int
	if _, err := fmt.Fscan(out, &pids[0], &pids[1]); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	deadline := time.Now().Add(2 * time.Second)
	for _, pid := range pids {
		for running(pid) {
			if time.Now().After(deadline) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
				t.Fatalf("process %d lives 2 s after its parent was killed", pid)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return !errors.Is(err, os.ErrNotExist) && !strings.Contains(string(stat), ") Z ")
}
