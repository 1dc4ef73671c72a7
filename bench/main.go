// Command bench measures coglet beside the servers that one would use instead, and beside the least that this machine
// can do, in one run: the same model code, the same load driver in a process of its own, the peers in rotated order
// over several rounds. It prints medians and ratios; absolute numbers of a busy machine mean little, ratios within a
// run hold.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"

	"coglet/bench/floor"
	"coglet/bench/load"
	"coglet/internal/monitor"
)

// options are the command line.
type options struct {
	coglet string // our binary
	venvs  string // folder with the environments of the peers
	models string
	python string // the interpreter that coglet's workers run
	rounds int
	load   time.Duration
	quick  bool           // short of everything
	only   *regexp.Regexp // workloads
	peers  *regexp.Regexp
	out    string // folder of the result file; empty = none
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// command is the measuring, or one of the processes that it starts: bench drive JOB, bench floor WHICH MODEL PYTHON PORT.
func command(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "drive":
		var job load.Job
		if err := json.Unmarshal([]byte(args[1]), &job); err != nil {
			return err
		}
		if err := monitor.Calm(); err != nil { // it would be woken for each request, beside what is measured
			return err
		}
		if job.Connections > 1 {
			runtime.GOMAXPROCS(1) // its threads would wake each other, on the processors of what is measured
		}
		result, err := load.Run(ctx, job)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(result)
	case len(args) == 5 && args[0] == "floor":
		port, err := strconv.Atoi(args[4])
		if err != nil {
			return err
		}
		return floor.Serve(args[1], args[2], args[3], port)
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	return run(ctx, o)
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.StringVar(&o.coglet, "coglet", "bin/coglet", "our binary")
	flags.StringVar(&o.venvs, "venvs", ".cache/bench", "folder with the peers' environments")
	flags.StringVar(&o.models, "models", "bench/models", "folder with the models")
	flags.StringVar(&o.python, "python", "python3", "interpreter of coglet's workers")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds over all peers")
	flags.DurationVar(&o.load, "duration", 3*time.Second, "length of one load")
	only := flags.String("only", "", "measure only the workloads that match this regular expression")
	names := flags.String("peers", "", "measure only coglet and the peers that match this regular expression")
	flags.StringVar(&o.out, "out", "bench/results", "folder of the result file, empty for none")
	quick := flags.Bool("quick", false, "one round of short loads: whether everything works, in two minutes")
	_ = flags.Parse(args) // ends the process
	o.quick = *quick
	if o.quick {
		o.rounds, o.load = 1, 250*time.Millisecond
		_ = flags.Parse(args) // what is given as well prevails
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, err
	}
	if o.peers, err = regexp.Compile(*names); err != nil {
		return o, err
	}
	for _, path := range []*string{&o.coglet, &o.venvs, &o.models, &o.python} {
		if filepath.Base(*path) != *path {
			if *path, err = filepath.Abs(*path); err != nil {
				return o, err
			}
		}
	}
	return o, nil
}
