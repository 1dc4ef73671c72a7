package install

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"coglet/internal/process"
)

// stopGrace is how long a program may take to end when the install is stopped.
const stopGrace = 3 * time.Second

var errStopped = errors.New("stopped; nothing half made is left")

// runner runs the programs that make an environment, one after the other.
type runner struct {
	dir     string    // the model's
	scratch string    // their folder for temporary files
	lock    *os.File  // which they inherit
	log     *progress // nil = nothing is told
	table   *process.Table
}

// run runs a program to its end and returns the end of what it said.
func (r *runner) run(ctx context.Context, command ...string) (tail string, err error) {
	if r.table == nil {
		r.table = process.NewTable()
	}
	said := &lines{to: func(string) {}}
	if r.log != nil {
		said.to = r.log.tool
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = r.dir, r.environment()
	cmd.Stdout, cmd.Stderr = said, said
	cmd.ExtraFiles = []*os.File{r.lock}
	runtime.LockOSThread() // for dieWithUs
	defer runtime.UnlockOSThread()
	dieWithUs(cmd)
	p, err := r.table.Start(cmd)
	if err != nil {
		return "", err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Stop(stopGrace)
		return "", errStopped
	}
	said.flush()
	if exit := p.Exit(); exit.Code != 0 {
		return said.tail(), errors.New(exit.String())
	}
	return said.tail(), nil
}

// others are settings of the caller's environment that would make pip install elsewhere, or Python look elsewhere.
var others = []string{
	"VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_PYTHON",
	"PIP_REQUIRE_VIRTUALENV", "PIP_DRY_RUN", "UV_SYSTEM_PYTHON", "UV_PYTHON", "TMPDIR",
}

func (r *runner) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return slices.Contains(others, name)
	})
	return append(env, "TMPDIR="+r.scratch, "PYTHONUNBUFFERED=1", "NO_COLOR=1")
}

// kept is how many of a program's last lines are kept.
const kept = 400

// lines cuts what a program says into lines.
type lines struct {
	to func(line string)

	mu   sync.Mutex // guards all below
	rest []byte
	last []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		l.add(string(l.rest[:i]))
		l.rest = l.rest[i+1:]
	}
}

// add needs mu.
func (l *lines) add(line string) {
	line = strings.TrimRight(line, "\r ")
	if len(l.last) == kept {
		l.last = slices.Delete(l.last, 0, 1)
	}
	l.last = append(l.last, line)
	l.to(line)
}

func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		l.add(string(l.rest))
		l.rest = nil
	}
}

func (l *lines) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.last, "\n")
}
