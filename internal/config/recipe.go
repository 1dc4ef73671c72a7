package config

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Recipe is what a model's environment is made of, and where `coglet install` keeps it.
type Recipe struct {
	Dir           string // the model's, absolute
	PythonVersion string // as cog.yaml has it; empty = any
	PythonAt      string // where it stands
	Interpreter   string // named by --python or COGLET_PYTHON; empty = to be found

	Packages []string      // lines for pip
	Files    []string      // requirement files for pip, absolute
	Lines    []Requirement // all of it, the files' lines too

	System []string // packages of the operating system
	Run    []string // commands
	GPU    bool

	Home string // folder of all environments
	Key  string // names what was asked for: everything but the interpreter
}

// Requirement is one line that asks for something, and where it stands.
type Requirement struct{ Text, At string }

// Empty reports whether there is nothing to make an environment of.
func (r *Recipe) Empty() bool { return r.PythonVersion == "" && len(r.Lines) == 0 }

// Link is the path of the link to the environment that was made last for this recipe.
func (r *Recipe) Link() string { return filepath.Join(r.Home, "for-"+r.Key) }

// Made is the name of the file that is in an environment once all of it is.
const Made = "coglet-environment.json"

// LoadRecipe reads what the model in dir needs. found is false when it has no cog.yaml.
func LoadRecipe(dir string, f *Flags, getenv Getenv) (r Recipe, found bool, err error) {
	absolute, err := modelDir(dir)
	if err != nil {
		return r, false, err
	}
	_, err = os.Lstat(filepath.Join(absolute, cogYAMLName))
	found = err == nil
	yaml, err := readCogYAML(absolute)
	if err != nil {
		return r, found, err
	}
	r, err = newRecipe(getenv("XDG_CACHE_HOME"), absolute, yaml.build)
	r.Interpreter = f.python
	if r.Interpreter == "" {
		r.Interpreter = getenv("COGLET_PYTHON")
	}
	return r, found, err
}

func newRecipe(cacheDir, dir string, b build) (r Recipe, err error) {
	r = Recipe{
		Dir: dir, PythonVersion: b.pythonVersion, PythonAt: b.pythonAt, System: b.system, Run: b.run, GPU: b.gpu,
	}
	if cacheDir == "" {
		if cacheDir, err = os.UserCacheDir(); err != nil {
			return r, wrong("no folder for environments: %v; set XDG_CACHE_HOME", err)
		}
	}
	r.Home = filepath.Join(cacheDir, "coglet", "environments")
	sum := sha256.New()
	fmt.Fprintf(sum, "coglet environment 1\npython %q\n", b.pythonVersion)
	reading := &reading{recipe: &r, sum: sum}
	for _, line := range b.packages {
		r.Packages = append(r.Packages, line.text)
		if err := reading.line(line.text, dir, line.at); err != nil {
			return r, err
		}
	}
	for _, file := range b.files {
		path, err := inside(dir, file)
		if err != nil {
			return r, err
		}
		r.Files = append(r.Files, path)
		if err := reading.file(path, file.at); err != nil {
			return r, err
		}
	}
	if reading.local || len(r.Lines) == 0 {
		fmt.Fprintf(sum, "in %q\n", dir)
	}
	r.Key = hex.EncodeToString(sum.Sum(nil))[:16]
	return r, nil
}

// inside returns the path of a requirement file, whose name may be written as an option of pip.
func inside(dir string, file requirement) (string, error) {
	name := file.text
	for _, option := range []string{"-r", "--requirement="} {
		name = strings.TrimSpace(strings.TrimPrefix(name, option))
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	if !isFile(name) {
		return "", wrong("%s: build.python_requirements: no such file %q in %s", file.at, file.text, dir)
	}
	return name, nil
}

// reading goes through requirement lines and the files that they name.
type reading struct {
	recipe *Recipe
	sum    hash.Hash
	open   []string // files that are being read: one may name another one, not itself
	local  bool     // something is asked for by a path
}

// maxRequirements is the largest requirement file, in bytes.
const maxRequirements = 4 << 20

func (r *reading) file(path, at string) error {
	for _, open := range r.open {
		if open == path {
			return nil
		}
	}
	info, err := os.Stat(path)
	var text []byte
	if err == nil && info.Size() > maxRequirements {
		err = errors.New("it is too large")
	}
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return wrong("%s: requirement file: %v", at, err)
	}
	fmt.Fprintf(r.sum, "file %d\n%s\n", len(text), text)
	r.open = append(r.open, path)
	defer func() { r.open = r.open[:len(r.open)-1] }()
	name, err := filepath.Rel(r.recipe.Dir, path)
	if err != nil {
		name = path
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxRequirements)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(strings.TrimSpace(lines.Text()), " #")
		line = strings.TrimSpace(strings.TrimSuffix(line, "\\"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := r.line(line, filepath.Dir(path), fmt.Sprintf("%s:%d", name, n)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// line takes one line in; a file that it names is relative to dir.
func (r *reading) line(text, dir, at string) error {
	fmt.Fprintf(r.sum, "line %q\n", text)
	for _, option := range []string{"-r", "--requirement", "-c", "--constraint"} {
		rest, found := strings.CutPrefix(text, option)
		if !found || rest == "" || !strings.ContainsAny(rest[:1], " =\t") && len(option) > 2 {
			continue
		}
		name := strings.TrimLeft(rest, " =\t")
		if strings.Contains(name, "://") {
			return nil
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return r.file(name, at)
	}
	if strings.HasPrefix(text, "-e") || strings.HasPrefix(text, "--editable") || strings.HasPrefix(text, ".") ||
		strings.Contains(text, "file:") || strings.Contains(text, "/") && !strings.Contains(text, "://") {
		r.local = true
	}
	r.recipe.Lines = append(r.recipe.Lines, Requirement{text, at})
	return nil
}

// FromInstall is Config.PythonFrom of an interpreter that `coglet install` made.
const FromInstall = "made by coglet install"

// findInstalled returns the interpreter that `coglet install` made for the model, empty when there is none. It never
// fails: a model whose requirement files are gone is served as it is.
func findInstalled(r Recipe) string {
	if r.Empty() || !Private(r.Home) || !Private(filepath.Dir(r.Home)) {
		return ""
	}
	target, err := os.Readlink(r.Link())
	if err != nil || target != filepath.Base(target) {
		return ""
	}
	root := filepath.Join(r.Home, target)
	python := filepath.Join(root, "bin", "python")
	if !isFile(filepath.Join(root, Made)) || !isFile(python) { // a link to an interpreter that was removed is no file
		return ""
	}
	return python
}

// Private reports whether a folder is one that nobody else can put programs into: they would run as us.
func Private(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
}
