package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Flags are the command line of serve, and of schema in part.
type Flags struct {
	set *pflag.FlagSet

	python, worker                         string
	mode                                   string
	host                                   string
	port, workers, queue, keep, threads    int
	maxBody, maxLogs, maxOutput, maxBuffer size
	keepBytes                              size
	keepFor                                time.Duration
	cancelGrace, shutdownGrace             time.Duration
	predictTimeout, setupTimeout           time.Duration
	awaitExplicitShutdown                  explicit
	localFiles                             []string
	uploadURL, unixSocket                  string
	maxDownload                            size
	downloadTimeout                        time.Duration
	tokenHosts                             []string
	publicURLsOnly                         bool
	noPlayground                           bool
}

// Defaults of the limits.
const (
	mib = 1 << 20
	gib = 1 << 30

	defaultPort = 5000
)

// NewFlags returns the flags at their defaults, bound to nothing.
func NewFlags() *Flags {
	f := &Flags{}
	f.BindServe(pflag.NewFlagSet("", pflag.ContinueOnError))
	return f
}

// BindPython binds what says which interpreter is taken.
func (f *Flags) BindPython(set *pflag.FlagSet) {
	f.set = set
	set.StringVar(&f.python, "python", "", "Python interpreter (default: $COGLET_PYTHON, what coglet install made, the active or the model's own .venv, python3)")
}

// BindModel binds what says which model to run, and how.
func (f *Flags) BindModel(set *pflag.FlagSet) {
	f.BindPython(set)
	set.StringVar(&f.worker, "worker", "", "command of a worker that is not Python")
	set.StringVar(&f.mode, "x-mode", "predict", "what to run: predict or train")
}

// BindOneShot binds what a single run of a mode takes.
func (f *Flags) BindOneShot(set *pflag.FlagSet, mode string) {
	f.BindPython(set)
	f.mode = mode
	set.StringVar(&f.worker, "worker", "", "command of a worker that is not Python")
	set.DurationVar(&f.cancelGrace, "cancel-grace", f.cancelGrace, "how long a canceled prediction may take to end before its worker is killed")
	set.DurationVar(&f.predictTimeout, "predict-timeout", 0, "time limit, 0 for none (default: $COG_PREDICT_TIMEOUT seconds)")
	set.DurationVar(&f.setupTimeout, "setup-timeout", 0, "time limit of setup, 0 for none (default: $COG_SETUP_TIMEOUT seconds)")
}

// BindServe binds all flags of serve.
func (f *Flags) BindServe(set *pflag.FlagSet) {
	f.BindModel(set)
	f.maxBody, f.maxLogs, f.maxOutput, f.maxBuffer = 100*mib, 16*mib, gib, 2*gib
	f.keepBytes, f.maxDownload = 64*mib, 10*gib
	set.StringVar(&f.host, "host", "0.0.0.0", "address or name to listen on")
	set.IntVarP(&f.port, "port", "p", defaultPort, "port to listen on, 0 for any (default: $PORT, 5000)")
	set.StringVar(&f.unixSocket, "unix-socket", "", "listen on this socket instead of host and port")
	set.IntVar(&f.workers, "workers", 1, "worker processes, each with the whole model")
	set.IntVar(&f.queue, "queue", 0, "predictions that may wait for a free slot; more are answered 409")
	set.Var(&f.maxBody, "max-body", "largest request body")
	set.Var(&f.maxLogs, "max-logs", "how much of a prediction's, and of setup's, logs is kept: the end")
	set.Var(&f.maxOutput, "max-output", "largest output of a prediction, all of its items together")
	set.Var(&f.maxBuffer, "max-buffer", "memory for large outputs of all running predictions")
	set.IntVar(&f.keep, "keep", 1000, "finished predictions that can still be asked for")
	set.Var(&f.keepBytes, "keep-bytes", "memory of finished predictions; the oldest lose their input and output first")
	set.DurationVar(&f.keepFor, "keep-for", time.Hour, "how long finished predictions can be asked for")
	set.DurationVar(&f.cancelGrace, "cancel-grace", 10*time.Second, "how long a canceled prediction may take to end before its worker is killed")
	set.DurationVar(&f.predictTimeout, "predict-timeout", 0, "time limit of a prediction, 0 for none (default: $COG_PREDICT_TIMEOUT seconds)")
	set.DurationVar(&f.setupTimeout, "setup-timeout", 0, "time limit of setup, 0 for none (default: $COG_SETUP_TIMEOUT seconds)")
	set.DurationVar(&f.shutdownGrace, "shutdown-grace", 30*time.Second, "how long running predictions may take to end at shutdown")
	set.Var(&f.awaitExplicitShutdown, "await-explicit-shutdown", "with true: ignore SIGTERM, end only on SIGINT or POST /shutdown")
	set.StringVar(&f.uploadURL, "upload-url", "", "PUT output files under this URL instead of sending them as data: URLs; may hold {prediction_id}")
	set.StringSliceVar(&f.localFiles, "local-files", nil, "folders whose files clients may name by path as inputs")
	set.Var(&f.maxDownload, "max-download", "largest size of a prediction's input files, all together")
	set.DurationVar(&f.downloadTimeout, "download-timeout", 15*time.Minute, "time limit for fetching a prediction's input files, 0 for none")
	set.BoolVar(&f.publicURLsOnly, "public-urls-only", false, "refuse inputs and webhooks at addresses that are not public")
	set.StringSliceVar(&f.tokenHosts, "webhook-token-hosts", nil, "the only hosts that get WEBHOOK_AUTH_TOKEN (default: all)")
	set.BoolVar(&f.noPlayground, "no-playground", false, "no pages for browsers: neither the playground at / nor /docs")
	set.IntVar(&f.threads, "threads", 0, "accepted for Cog's sake, without effect")
	_ = set.MarkHidden("threads") // fails only for a flag that does not exist
}

func (f *Flags) changed(name string) bool {
	flag := f.set.Lookup(name)
	return flag != nil && flag.Changed
}

// explicit is a switch that takes its value as an argument of its own, as Cog's does.
type explicit bool

// Set parses true or false.
func (e *explicit) Set(text string) error {
	on, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return fmt.Errorf("want true or false")
	}
	*e = explicit(on)
	return nil
}

func (e *explicit) String() string { return strconv.FormatBool(bool(*e)) }

// Type names the kind of value in help texts.
func (e *explicit) Type() string { return "true|false" }

// size is a number of bytes: 1048576, 16MiB, 1GB.
type size int64

var units = []struct {
	suffix string
	bytes  float64
}{
	{"kib", 1 << 10},
	{"mib", mib},
	{"gib", gib},
	{"tib", 1 << 40},
	{"kb", 1e3},
	{"mb", 1e6},
	{"gb", 1e9},
	{"tb", 1e12},
	{"k", 1 << 10},
	{"m", mib},
	{"g", gib},
	{"t", 1 << 40},
	{"b", 1},
}

// Set parses a size.
func (s *size) Set(text string) error {
	number, factor := strings.ToLower(strings.TrimSpace(text)), 1.0
	for _, u := range units {
		if rest, found := strings.CutSuffix(number, u.suffix); found {
			number, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	bytes := n * factor
	if err != nil || math.IsNaN(bytes) || bytes < 1 || bytes > 1<<50 {
		return fmt.Errorf("want a size such as 16MiB, 1GB or 1048576")
	}
	*s = size(bytes)
	return nil
}

func (s *size) String() string {
	switch {
	case *s >= gib && *s%gib == 0:
		return strconv.FormatInt(int64(*s/gib), 10) + "GiB"
	case *s >= mib && *s%mib == 0:
		return strconv.FormatInt(int64(*s/mib), 10) + "MiB"
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Type names the kind of value in help texts.
func (s *size) Type() string { return "size" }
