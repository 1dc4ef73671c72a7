package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// bench is one run of everything.
type bench struct {
	options
	self      string // this program, which is also the driver and the floors
	work      string // folder with the models
	results   results
	round     int
	compared  int      // answers
	wrong     int      // of them
	failed    int      // workloads of a peer
	notes     []string // what went wrong, and what is missing
	installed []string // versions
}

// workload is something that is measured of each peer that can do it.
type workload struct {
	name  string // what --only selects
	scene scene  // the server that it wants; workloads with the same one share it, in their order here
	run   func(ctx context.Context, s *session) error
	who   func(peer) bool // whose; nil for all who can play the scene
	once  bool            // in the first round only
}

// session is one workload with one peer's server.
type session struct {
	*bench
	peer     peer
	workload workload
	server   *running
}

func (s *session) record(metric string, value float64) {
	s.results.add(s.workload.name, metric, s.peer.name, value)
}

func run(ctx context.Context, o options) error {
	work, err := os.MkdirTemp(memoryFolder("/dev/shm"), "coglet-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b := &bench{options: o, self: self, work: work}
	if err := b.prepareModels(ctx); err != nil {
		return err
	}
	present := b.present(ctx)
	for round := range o.rounds {
		b.round = round
		for _, group := range grouped(b.selected()) {
			for i := range present { // one peer right after the other: what the machine does meanwhile hits all
				if ctx.Err() != nil {
					return ctx.Err()
				}
				b.measure(ctx, present[(i+round)%len(present)], group)
			}
		}
	}
	if err := b.report(ctx); err != nil {
		return err
	}
	if b.failed > 0 {
		return fmt.Errorf("%d workloads went wrong: the report says which", b.failed)
	}
	return nil
}

// present are the selected peers that are installed; the others are noted.
func (b *bench) present(ctx context.Context) (all []peer) {
	for _, p := range peers {
		if p.name != ours && !b.peers.MatchString(p.name) {
			continue
		}
		if p.venv != "" {
			versions, err := b.versions(ctx, p)
			if err != nil {
				b.note("%s %v", p.name, err)
				continue
			}
			b.installed = append(b.installed, p.name+": "+versions)
		}
		all = append(all, p)
	}
	return all
}

func (b *bench) selected() (all []workload) {
	for _, w := range workloads {
		if b.only.MatchString(w.name) {
			all = append(all, w)
		}
	}
	return all
}

// grouped puts workloads with the same scene together.
func grouped(all []workload) (groups [][]workload) {
	at := make(map[scene]int)
	for _, w := range all {
		i, known := at[w.scene]
		if !known {
			i = len(groups)
			at[w.scene] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], w)
	}
	return groups
}

// measure runs workloads of one scene with one peer. What goes wrong is noted: the others are measured all the same.
func (b *bench) measure(ctx context.Context, p peer, group []workload) {
	group = slices.DeleteFunc(slices.Clone(group), func(w workload) bool {
		return (w.who != nil && !w.who(p)) || (w.once && b.round > 0)
	})
	if len(group) == 0 {
		return
	}
	s := &session{bench: b, peer: p}
	if group[0].scene != (scene{}) {
		server, err := b.start(ctx, p, group[0].scene)
		if err != nil {
			b.failed++
			b.note("%s, model %s: %v", p.name, group[0].scene.model, err)
			return
		}
		if server == nil {
			return // not for this peer
		}
		defer server.stop()
		s.server = server
	}
	for _, w := range group {
		fmt.Fprintf(os.Stderr, "%s: %s\n", p.name, w.name)
		s.workload = w
		if err := w.run(ctx, s); err != nil {
			b.failed++
			b.note("%s: %s: %v", w.name, p.name, err)
		}
	}
}

func (b *bench) note(format string, args ...any) {
	note := fmt.Sprintf(format, args...)
	fmt.Fprintln(os.Stderr, note)
	if !slices.Contains(b.notes, note) {
		b.notes = append(b.notes, note)
	}
}

// prepareModels copies the models and gives each Cog model its schema file, so that each server of Cog models validates.
func (b *bench) prepareModels(ctx context.Context) error {
	if err := os.CopyFS(b.work, os.DirFS(b.models)); err != nil {
		return err
	}
	predictors, err := filepath.Glob(filepath.Join(b.work, "*", "predict.py"))
	if err != nil {
		return err
	}
	for _, file := range predictors {
		dir := filepath.Dir(file)
		var stderr strings.Builder
		cmd := exec.CommandContext(ctx, b.coglet, "schema", dir, "--python", b.python)
		cmd.Stderr = &stderr
		schema, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("schema of %s: %w: %s", filepath.Base(dir), err, &stderr)
		}
		if err := os.Mkdir(filepath.Join(dir, ".cog"), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, ".cog", "openapi_schema.json"), schema, 0o644); err != nil {
			return err
		}
	}
	return nil
}
