//go:build linux

package process

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// behaviours are what this binary does when it is started again as a child.
var behaviours = map[string]func(){
	"exit 3": func() { os.Exit(3) },
	"exit 0": func() {},
	"hang":   func() { fmt.Println("up"); select {} },
	"ignore TERM": func() {
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("up")
		time.Sleep(time.Hour)
	},
	"stop itself": func() {
		fmt.Println("up")
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	},
	"segfault": func() { // by another program: Go would make an exit status of it
		panic(syscall.Exec("/bin/sh", []string{"sh", "-c", "kill -SEGV $$"}, os.Environ()))
	},
	"grandchild": func() { // leaves a process that keeps the group and the pipe, and ignores TERM
		startGrandchild(false, os.Stdout)
	},
	"grandchild in a session of its own":                     func() { startGrandchild(true, nil) },
	"grandchild in a session of its own that keeps the pipe": func() { startGrandchild(true, os.Stdout) },
	"reaper": reaper,
}

func startGrandchild(session bool, stdout io.Writer) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "BEHAVIOUR=ignore TERM")
	cmd.Stdout = stdout // its parent's: the pipe stays open
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	fmt.Println("grandchild", cmd.Process.Pid)
}

// reaper is a PID 1 in small: orphans become its children.
func reaper() {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	table := NewTable()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { table.ReapForeign(ctx) })
	for range 20 {
		cmd := exec.Command("sh", "-c", "(sleep 0.01; exit 5) & exit 4")
		p, err := table.Start(cmd)
		if err != nil {
			panic(err)
		}
		<-p.Done()
		if p.Exit().Code != 4 {
			fmt.Println("own child's exit status was lost:", p.Exit())
		}
	}
	orphan := exec.Command("sh", "-c", "(setsid sh -c 'sleep 0.05; exit 5') & exit 0")
	if p, err := table.Start(orphan); err == nil {
		<-p.Done()
	}
	deadline := time.Now().Add(10 * time.Second)
	for len(childrenOf(os.Getpid())) > 0 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	fmt.Println("children left:", len(childrenOf(os.Getpid())))
	cancel()
	wg.Wait()
}

func TestMain(m *testing.M) {
	if name := os.Getenv("BEHAVIOUR"); name != "" {
		behaviours[name]()
		return
	}
	goleak.VerifyTestMain(m)
}

func child(name string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "BEHAVIOUR="+name)
	return cmd
}

// start starts a child and returns the first line that it prints.
func start(t *testing.T, name string) (*Process, string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	cmd := child(name)
	cmd.Stdout = w
	p, err := NewTable().Start(cmd)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(r).ReadString('\n')
	return p, strings.TrimSpace(line)
}

const patience = 20 * time.Second

func awaitDone(t *testing.T, p *Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(patience):
		p.Kill()
		t.Fatal("the process has not ended")
	}
}

func TestExitSaysHowItEnded(t *testing.T) {
	for name, want := range map[string]string{
		"exit 0": "exit status 0", "exit 3": "exit status 3", "segfault": "signal segmentation fault",
	} {
		p, _ := start(t, name)
		awaitDone(t, p)
		if got := p.Exit().String(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestKillEndsEverything(t *testing.T) {
	for _, name := range []string{"hang", "ignore TERM", "stop itself"} {
		p, _ := start(t, name)
		p.Kill()
		awaitDone(t, p)
		if got := p.Exit(); got.Signal != syscall.SIGKILL {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestStopClimbsTheLadder(t *testing.T) {
	p, _ := start(t, "hang")
	p.Stop(patience)
	if got := p.Exit().Signal; got != syscall.SIGTERM {
		t.Errorf("a process that heeds TERM ended by %v", got)
	}
	p, _ = start(t, "ignore TERM")
	p.Stop(50 * time.Millisecond)
	if got := p.Exit().Signal; got != syscall.SIGKILL {
		t.Errorf("a process that ignores TERM ended by %v", got)
	}
	p.Stop(time.Second) // safe after the end
	p.Kill()
}

func TestGroupIsGoneWithItsLeader(t *testing.T) {
	p, line := start(t, "grandchild")
	var pid int
	if _, err := fmt.Sscanf(line, "grandchild %d", &pid); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	awaitDone(t, p)
	if running(pid) {
		t.Error("the grandchild outlived its group")
	}
	if p.Exit().Code != 0 || p.Exit().Left {
		t.Errorf("exit %+v", p.Exit())
	}
}

func TestSessionOfItsOwnIsLeftAlone(t *testing.T) {
	p, line := start(t, "grandchild in a session of its own")
	var pid int
	if _, err := fmt.Sscanf(line, "grandchild %d", &pid); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	awaitDone(t, p)
	if !running(pid) {
		t.Error("a process that left the group was killed")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestPipeKeptByStrangersDelaysTheEndByWaitDelayAtMost(t *testing.T) {
	var out strings.Builder
	cmd := child("grandchild in a session of its own that keeps the pipe")
	cmd.Stdout, cmd.WaitDelay = &out, 100*time.Millisecond
	p, err := NewTable().Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	awaitDone(t, p)
	var pid int
	if _, err := fmt.Sscanf(out.String(), "grandchild %d", &pid); err != nil {
		t.Fatalf("%q: %v", out.String(), err)
	}
	if !running(pid) || p.Exit().String() != "exit status 0" {
		t.Errorf("grandchild runs %t, %s", running(pid), p.Exit())
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func running(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestFailedStartLeavesNothing(t *testing.T) {
	table := NewTable()
	if _, err := table.Start(exec.Command("/nonexistent/interpreter")); err == nil {
		t.Fatal("started what does not exist")
	}
	if len(table.owned) != 0 {
		t.Errorf("owned: %v", table.owned)
	}
}

func TestStartAndStopUnderStress(t *testing.T) {
	table := NewTable()
	var wg sync.WaitGroup
	for n := range 30 {
		wg.Go(func() {
			p, err := table.Start(child("hang"))
			if err != nil {
				t.Error(err)
				return
			}
			for range 3 {
				wg.Go(func() { p.Stop(time.Duration(n) * time.Millisecond) })
			}
			wg.Go(p.Kill)
			<-p.Done()
		})
	}
	wg.Wait()
	if len(table.owned) != 0 {
		t.Errorf("still owned: %v", table.owned)
	}
	if left := childrenOf(os.Getpid()); len(left) > 0 {
		t.Errorf("children left: %v", left)
	}
}

func TestForeignChildrenAreReapedAndOwnOnesAreNot(t *testing.T) {
	out, err := child("reaper").CombinedOutput()
	if err != nil || string(out) != "children left: 0\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
