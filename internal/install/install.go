// Package install makes the virtual environment that a model's cog.yaml asks for. Environments stand in the user's cache
// under the hash of what they were made from. One is made beside and renamed when all of it is there, so that what stands
// under its name can be trusted whatever happened before.
package install

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/config"
)

// Config says what to make and who is told of it. All fields but Terminal are required.
type Config struct {
	Recipe   config.Recipe
	Out      io.Writer // gets plain lines of what is done
	Terminal bool      // Out is one: it also gets a line that counts
	Now      func() time.Time
}

// Environment is one that is there.
type Environment struct {
	Root    string
	Python  string // interpreter
	Version string // of Python
	Fresh   bool   // it was made just now
}

// record is the file that says that an environment is whole, and of what.
type record struct {
	Python       string   `json:"python"`
	Version      string   `json:"version"`
	Requirements []string `json:"requirements"`
	Tool         string   `json:"tool"`
	MadeAt       string   `json:"made_at"`
}

// maker makes one environment.
type maker struct {
	cfg  Config
	tool tool
	base interpreter
	root string // where it will stand
	temp string // where it is made
	log  *progress
}

// Make returns the environment of a recipe that is not empty; it makes it unless it is there. A failure, or the end of
// ctx, leaves nothing behind. Its error is one line for people.
func Make(ctx context.Context, cfg Config) (env Environment, err error) {
	home := cfg.Recipe.Home
	if err := os.MkdirAll(home, 0o700); err != nil {
		return env, full(err, home)
	}
	for _, dir := range []string{filepath.Dir(home), home} {
		if !config.Private(dir) {
			return env, fmt.Errorf("%s: others than you can write to it, and their programs would run as you: chmod 700 it, or set XDG_CACHE_HOME", dir)
		}
	}
	m := &maker{cfg: cfg, tool: findTool()}
	if m.base, err = findInterpreter(ctx, cfg.Recipe, m.tool); err != nil {
		return env, err
	}
	name := m.name()
	m.root = filepath.Join(home, name)
	if env, found := m.made(); found {
		return env, m.link()
	}
	lock, err := m.lock(ctx, name)
	if err != nil {
		return env, full(err, home)
	}
	defer lock.Close()
	removeStale(home, name)
	if env, found := m.made(); found { // by who held the lock before
		return env, m.link()
	}
	if err := m.build(ctx, lock, name); err != nil {
		return env, err
	}
	env, found := m.made()
	if !found {
		return env, fmt.Errorf("%s: it is not there although it was made", m.root)
	}
	env.Fresh = true
	return env, m.link()
}

// name is the hash of what the environment is made from.
func (m *maker) name() string {
	sum := sha256.Sum256([]byte(m.cfg.Recipe.Key + "\n" + m.base.identity))
	return hex.EncodeToString(sum[:])[:16]
}

// made returns the environment if it is whole.
func (m *maker) made() (Environment, bool) {
	env := Environment{Root: m.root, Python: filepath.Join(m.root, "bin", "python")}
	text, err := os.ReadFile(filepath.Join(m.root, config.Made))
	if err != nil {
		return env, false
	}
	var r record
	if json.Unmarshal(text, &r) != nil {
		return env, false
	}
	if info, err := os.Stat(env.Python); err != nil || !info.Mode().IsRegular() { // its interpreter was removed
		return env, false
	}
	env.Version = r.Version
	return env, true
}

// link makes the environment the one that is used for the recipe.
func (m *maker) link() error {
	link := m.cfg.Recipe.Link()
	name := filepath.Base(m.root)
	if target, err := os.Readlink(link); err == nil && target == name {
		return nil
	}
	fresh := filepath.Join(m.cfg.Recipe.Home, linkPrefix+rand.Text())
	if err := os.Symlink(name, fresh); err != nil {
		return full(err, m.cfg.Recipe.Home)
	}
	return os.Rename(fresh, link)
}

// build makes the environment beside its place and moves it there.
func (m *maker) build(ctx context.Context, lock *os.File, name string) (err error) {
	m.log = newProgress(m.cfg.Out, m.cfg.Terminal)
	home := m.cfg.Recipe.Home
	if m.temp, err = os.MkdirTemp(home, newPrefix+name+"-"); err != nil {
		return full(err, home)
	}
	defer func() {
		err = errors.Join(err, removeAll(m.temp))
	}()
	stop := m.log.count(m.temp)
	err = m.fill(ctx, lock)
	stop()
	if err != nil {
		return err
	}
	if err := m.settle(); err != nil {
		return full(err, home)
	}
	if err := removeAll(m.root); err != nil { // one that lost its interpreter
		return err
	}
	return full(os.Rename(m.temp, m.root), home)
}

// fill makes the virtual environment and puts the packages into it.
func (m *maker) fill(ctx context.Context, lock *os.File) error {
	scratch := filepath.Join(m.temp, scratchName)
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return full(err, m.temp)
	}
	run := &runner{dir: m.cfg.Recipe.Dir, scratch: scratch, lock: lock}
	m.log.say("Making an environment with Python %s and %s", m.base.version, m.tool.name)
	for _, command := range m.tool.makeVenv(m.base, m.temp) {
		if tail, err := run.run(ctx, command...); err != nil {
			return explainVenv(ctx, tail, err, m.base, m.cfg.Recipe.Home)
		}
	}
	list := filepath.Join(scratch, "packages.txt")
	if err := os.WriteFile(list, []byte(packageFile(m.cfg.Recipe)), 0o600); err != nil {
		return full(err, m.temp)
	}
	run.log = m.log
	if len(m.cfg.Recipe.Lines) > 0 {
		files := append([]string{list}, m.cfg.Recipe.Files...)
		tail, err := run.run(ctx, m.tool.install(filepath.Join(m.temp, "bin", "python"), files)...)
		if err != nil {
			return m.explain(ctx, tail, err)
		}
	}
	return removeAll(scratch)
}

// scratchName is the folder for what pip unpacks and builds. It goes away with the environment that is not finished.
const scratchName = ".scratch"

// settle writes what makes the environment whole: the paths of its place to be, and the record.
func (m *maker) settle() error {
	if err := m.relocate(); err != nil {
		return err
	}
	r := record{
		Python: m.base.path, Version: m.base.version, Requirements: []string{}, Tool: m.tool.name,
		MadeAt: m.cfg.Now().UTC().Format(time.RFC3339),
	}
	for _, line := range m.cfg.Recipe.Lines {
		r.Requirements = append(r.Requirements, line.Text)
	}
	text, err := json.Marshal(r, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.temp, config.Made), append(text, '\n'), 0o600)
}

// relocate replaces the path where the environment was made by the one where it will stand: the scripts of packages
// begin with their interpreter's.
func (m *maker) relocate() error {
	scripts, err := os.ReadDir(filepath.Join(m.temp, "bin"))
	if err != nil {
		return err
	}
	paths := []string{filepath.Join(m.temp, "pyvenv.cfg")}
	for _, script := range scripts {
		if script.Type().IsRegular() {
			paths = append(paths, filepath.Join(m.temp, "bin", script.Name()))
		}
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || info.Size() > 1<<20 { // a program, not a script
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.ContainsRune(string(text), 0) || !strings.Contains(string(text), m.temp) {
			continue
		}
		moved := strings.ReplaceAll(string(text), m.temp, m.root)
		if err := os.WriteFile(path, []byte(moved), info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// removeAll also removes what a build has made read-only.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
