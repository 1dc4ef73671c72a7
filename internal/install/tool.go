package install

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"coglet/internal/config"
)

// tool is what environments are made with: uv, or the interpreter's own venv and pip.
type tool struct {
	name string
	uv   string // its path; empty = venv and pip
}

func findTool() tool {
	if uv, err := exec.LookPath("uv"); err == nil {
		return tool{"uv", uv}
	}
	return tool{name: "pip"}
}

// makeVenv is the commands that make an environment in an empty folder. pip comes in a step of its own: venv keeps to
// itself why that failed.
func (t tool) makeVenv(base interpreter, dir string) [][]string {
	if t.uv == "" {
		return [][]string{
			{base.path, "-m", "venv", "--without-pip", dir},
			{filepath.Join(dir, "bin", "python"), "-I", "-m", "ensurepip", "--upgrade", "--default-pip"},
		}
	}
	return [][]string{{t.uv, "venv", "--allow-existing", "--no-project", "--python", base.path, dir}}
}

// install is the command that installs requirement files.
func (t tool) install(python string, files []string) []string {
	command := []string{
		python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off",
	}
	if t.uv != "" {
		command = []string{
			t.uv, "pip", "install", "--python", python, "--compile-bytecode", "--no-progress",
		}
	}
	for _, file := range files {
		command = append(command, "-r", file)
	}
	return command
}

// packageFile is the requirement file of cog.yaml's python_packages: an option that stands behind a package, as Cog
// allows it, gets a line of its own, and paths are those of the model's folder.
func packageFile(r config.Recipe) string {
	var file strings.Builder
	for _, line := range r.Packages {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		at := len(words)
		for i, word := range words[1:] {
			name, _, _ := strings.Cut(word, "=")
			switch name {
			case "-f", "--find-links", "-i", "--index-url", "--extra-index-url", "--pre", "--trusted-host":
				at = min(at, i+1)
			}
		}
		fmt.Fprintln(&file, located(strings.Join(words[:at], " "), r.Dir))
		for rest := words[at:]; len(rest) > 0; {
			n := 1
			for n < len(rest) && !strings.HasPrefix(rest[n], "-") {
				n++
			}
			fmt.Fprintln(&file, strings.Join(rest[:n], " "))
			rest = rest[n:]
		}
	}
	return file.String()
}

// located makes a line's path, which is relative to the model's folder, absolute.
func located(line, dir string) string {
	option, path := "", line
	for _, o := range []string{"-e ", "--editable ", "-r ", "--requirement ", "-c ", "--constraint "} {
		if rest, found := strings.CutPrefix(line, o); found {
			option, path = o, strings.TrimSpace(rest)
		}
	}
	isPath := strings.HasPrefix(path, ".") || option != "" && !strings.Contains(path, "://")
	if !isPath || filepath.IsAbs(path) {
		return line
	}
	return option + filepath.Join(dir, path)
}

// interpreter is what the environment is made with.
type interpreter struct {
	path     string // or a version, which uv fetches
	version  string
	identity string // of what it really is, behind links and other environments
}

// question makes an interpreter say what it is.
const question = `import os, sys
print(".".join(map(str, sys.version_info[:3])))
print(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))`

func ask(ctx context.Context, path string) (i interpreter, err error) {
	out, err := exec.CommandContext(ctx, path, "-I", "-c", question).Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err == nil && len(lines) != 2 {
		err = fmt.Errorf("it does not answer as a Python does")
	}
	if err != nil {
		return i, err
	}
	return interpreter{path, lines[0], strings.Join(lines, " ")}, nil
}

// findInterpreter finds the interpreter that was named, or the first in PATH of the version that cog.yaml wants.
func findInterpreter(ctx context.Context, r config.Recipe, t tool) (interpreter, error) {
	if r.Interpreter != "" {
		path, err := exec.LookPath(r.Interpreter)
		if err != nil {
			return interpreter{}, fmt.Errorf("interpreter %q: %w", r.Interpreter, err)
		}
		i, err := ask(ctx, path)
		if err != nil {
			return i, fmt.Errorf("interpreter %q: %w", r.Interpreter, err)
		}
		return i, fits(i.version, r.PythonVersion, path)
	}
	names := []string{"python3", "python"}
	if parts := strings.Split(r.PythonVersion, "."); len(parts) > 1 {
		names = append([]string{"python" + parts[0] + "." + parts[1]}, names...)
	}
	seen := ""
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		i, err := ask(ctx, path)
		if err != nil {
			continue
		}
		if fits(i.version, r.PythonVersion, path) == nil {
			return i, nil
		}
		if seen == "" {
			seen = ", which has Python " + i.version
		}
	}
	if ctx.Err() != nil {
		return interpreter{}, errStopped
	}
	if r.PythonVersion == "" {
		return interpreter{}, fmt.Errorf("no Python 3.9 or newer in PATH%s: install one, or name one with --python", seen)
	}
	if t.uv != "" {
		return interpreter{r.PythonVersion, r.PythonVersion, "uv " + r.PythonVersion}, nil
	}
	return interpreter{}, fmt.Errorf("%s: build.python_version is %s, and there is none in PATH%s: install it, or uv, which fetches it, or name one with --python", r.PythonAt, r.PythonVersion, seen)
}

// fits checks a version against the one that is wanted, which may leave parts open.
func fits(version, want, path string) error {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil || major != 3 || minor < 9 {
		return fmt.Errorf("%s is Python %s: models need 3.9 or newer", path, version)
	}
	if want != "" && version != want && !strings.HasPrefix(version, want+".") {
		return fmt.Errorf("%s is Python %s, and cog.yaml's build.python_version is %s", path, version, want)
	}
	return nil
}
