package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// namesVersions prints the interpreter's version, and those of the packages in its arguments.
const namesVersions = `
import platform, sys
from importlib.metadata import version
print(", ".join(["Python " + platform.python_version(), *(f"{name} {version(name)}" for name in sys.argv[1:])]))`

// versions asks a peer's environment what is in it.
func (b *bench) versions(ctx context.Context, p peer) (string, error) {
	python := filepath.Join(b.venvs, p.venv, "bin", "python")
	if _, err := os.Stat(python); err != nil {
		return "", fmt.Errorf("is not installed: %w", err)
	}
	args := append([]string{"-c", namesVersions}, strings.Fields(p.packages)...)
	out, err := exec.CommandContext(ctx, python, args...).Output()
	if err != nil {
		return "", fmt.Errorf("is not installed as it should be: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// revision is the commit that is measured, as far as that is known.
func revision(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown commit"
	}
	return "commit " + strings.TrimSpace(string(out))
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if _, name, found := strings.Cut(lines.Text(), "model name\t: "); found {
			return name
		}
	}
	return "unknown processor"
}
