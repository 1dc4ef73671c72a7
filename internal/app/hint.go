package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"coglet/internal/config"
	"coglet/internal/orchestrator"
)

var missingPackage = regexp.MustCompile(`^(?:ModuleNotFoundError|ImportError): No module named '([^'.]+)`)

// workersAdvice is what the harness, which knows nothing of coglet install, says to do about a missing package.
var workersAdvice = regexp.MustCompile(`: install it for .*$`)

// installHint says what to do about a setup that failed for want of a package, in one line; empty when it did not.
func installHint(cfg config.Config, reason string) string {
	found := missingPackage.FindStringSubmatch(reason)
	if found == nil || len(cfg.Worker) > 0 {
		return ""
	}
	dir := shown(cfg.Dir)
	if cfg.Requires && (cfg.PythonFrom == "--python" || cfg.PythonFrom == "COGLET_PYTHON") {
		return fmt.Sprintf("%q is not there for %s, which %s names: leave that out and run  coglet install%s , or start with --install",
			found[1], cfg.Python, cfg.PythonFrom, dir)
	}
	if cfg.Requires && cfg.PythonFrom != config.FromInstall {
		return fmt.Sprintf("%q is not there for %s: run  coglet install%s  to get what cog.yaml asks for, or start with --install",
			found[1], cfg.Python, dir)
	}
	return fmt.Sprintf("%q is not there for %s: if it is a package, add it to build.python_packages in cog.yaml and run  coglet install%s",
		found[1], cfg.Python, dir)
}

// shown is a folder as an argument of a command; the present one needs none.
func shown(dir string) string {
	here, err := os.Getwd()
	if err != nil {
		return " " + dir
	}
	rel, err := filepath.Rel(here, dir)
	switch {
	case err != nil || len(rel) > len(dir):
		return " " + dir
	case rel == ".":
		return ""
	}
	return " " + rel
}

// hintAtInstall logs what to do where the first setup failed for want of a package; a person at a terminal is told by
// the teller.
func (s *server) hintAtInstall(ctx context.Context) {
	if s.tell != nil {
		return
	}
	select {
	case <-s.pool.Settled():
	case <-ctx.Done():
		return
	}
	state, reason := s.pool.State()
	if state != orchestrator.StateSetupFailed {
		return
	}
	if hint := installHint(s.cfg, reason); hint != "" {
		s.log.Error("the model lacks a package", "mend", hint)
	}
}
