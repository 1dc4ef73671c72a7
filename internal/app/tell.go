package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"coglet/internal/config"
	"coglet/internal/orchestrator"
	"coglet/internal/schema"
)

// teller says in plain words, to a person at a terminal, what the server is doing. A nil teller says nothing.
type teller struct {
	out     io.Writer
	cfg     config.Config
	started time.Time
	url     string
	socket  string // path; empty = TCP
}

func newTeller(out io.Writer, cfg config.Config, started time.Time) *teller {
	if out == nil {
		return nil
	}
	return &teller{out: out, cfg: cfg, started: started}
}

func (t *teller) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// listening is called once the address is known.
func (t *teller) listening(addr net.Addr) {
	if t == nil {
		return
	}
	if addr.Network() == "unix" {
		t.socket = addr.String()
		t.url = "http://localhost"
	} else if !t.tcp(addr) {
		return
	}
	if len(t.cfg.Worker) > 0 {
		t.say("Model     %s in %s", filepath.Base(t.cfg.Worker[0]), t.cfg.Dir)
	} else {
		t.say("Model     %s in %s", t.cfg.Ref, t.cfg.Dir)
		t.say("Python    %s (%s)", t.cfg.Python, t.cfg.PythonFrom)
	}
	if t.socket != "" {
		t.say("Address   %s", t.socket)
	} else {
		t.say("Address   %s", t.url)
	}
	t.say("Setup     running; /health-check shows its logs")
}

// tcp makes the URL of an address.
func (t *teller) tcp(addr net.Addr) bool {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return false
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	t.url = "http://" + net.JoinHostPort(host, port)
	return true
}

// watch says how the first setup ended.
func (t *teller) watch(ctx context.Context, pool *orchestrator.Pool) {
	if t == nil {
		return
	}
	select {
	case <-pool.Settled():
	case <-ctx.Done():
		return
	}
	state, reason := pool.State()
	if state != orchestrator.StateSetupFailed {
		t.ready(pool)
		return
	}
	t.say("Setup     failed: %s", reason)
	if r, ok := pool.Setup(); ok {
		t.say("%s", r.Logs)
	}
	if hint := installHint(t.cfg, reason); hint != "" {
		t.say("%s", hint)
	}
	t.say("The server stays up and says so at %s/health-check; stop it with Ctrl-C.", t.url)
}

func (t *teller) ready(pool *orchestrator.Pool) {
	r, _ := pool.Setup()
	t.say("Ready     after %s, of which setup %s",
		r.Completed.Sub(t.started).Round(time.Millisecond), r.Completed.Sub(r.Started).Round(time.Millisecond))
	m := pool.Model()
	if m == nil {
		return
	}
	curl := "curl -s"
	if t.socket != "" {
		curl += " --unix-socket " + t.socket
	}
	t.say("\nTry it:\n\n    %s %s/%ss --json '{\"input\": %s}'\n", curl, t.url, noun(m.Own().Name), m.Own().Input.Example())
}

func noun(method string) string {
	if method == schema.Train {
		return "training"
	}
	return "prediction"
}
