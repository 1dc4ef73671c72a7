// Command bench measures coglet beside the servers that one would use instead, in one run on one machine: the same
// model code, the same load driver in a process of its own, the peers in rotated order over several rounds. It prints
// medians and ratios; single absolute numbers of a busy machine mean little, ratios within a run hold.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

// options are the command line.
type options struct {
	coglet string // our binary
	venvs  string // folder with the environments of the peers
	models string
	python string // the interpreter that coglet's workers run, and the bare start is measured with
	rounds int
	load   time.Duration
	only   string // echo or contract; empty = both
	out    string // folder of the result file; empty = none
}

func main() {
	var o options
	flag.StringVar(&o.coglet, "coglet", "bin/coglet", "our binary")
	flag.StringVar(&o.venvs, "venvs", ".cache/bench", "folder with the peers' environments")
	flag.StringVar(&o.models, "models", "bench/models", "folder with the models")
	flag.StringVar(&o.python, "python", "python3", "interpreter of coglet's workers")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds over all peers")
	flag.DurationVar(&o.load, "load", 4*time.Second, "length of one load")
	flag.StringVar(&o.only, "only", "", "measure only echo, or only contract")
	flag.StringVar(&o.out, "out", "bench/results", "folder of the result file, empty for none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	work, err := os.MkdirTemp("", "coglet-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, path := range []*string{&o.coglet, &o.venvs, &o.models, &o.python} {
		if filepath.Base(*path) != *path {
			if *path, err = filepath.Abs(*path); err != nil {
				return err
			}
		}
	}
	b := &bench{options: o, work: work, results: make(map[key][]float64)}
	if err := b.prepareModels(ctx); err != nil {
		return err
	}
	for round := range o.rounds {
		for i := range peers {
			p := peers[(i+round)%len(peers)]
			if err := b.measurePeer(ctx, p); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
		if err := b.measureBare(ctx); err != nil {
			return err
		}
	}
	return b.report()
}
