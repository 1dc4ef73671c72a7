package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// findModel says what to run: a worker command, or a predictor and the interpreter for it.
func (c *Config) findModel(f *Flags, yaml cogYAML, getenv Getenv) error {
	if f.worker != "" {
		c.Worker = strings.Fields(f.worker)
	} else if len(yaml.worker) > 0 {
		c.Worker = yaml.worker
	}
	if len(c.Worker) > 0 {
		return c.findWorker()
	}
	if err := c.findRef(yaml, getenv); err != nil {
		return err
	}
	return c.findPython(f, yaml.build, getenv)
}

// findWorker makes the command's program absolute: relative ones with a slash are the model's own.
func (c *Config) findWorker() error {
	program := c.Worker[0]
	if strings.Contains(program, "/") && !filepath.IsAbs(program) {
		program = filepath.Join(c.Dir, program)
	}
	found, err := exec.LookPath(program)
	if err != nil {
		return wrong("worker %q: %v", c.Worker[0], unwrap(err))
	}
	c.Worker = append([]string{found}, c.Worker[1:]...)
	return nil
}

// kind is a mode as it is named in the environment and in cog.yaml.
type kind struct{ variable, key string }

var kinds = map[string]kind{
	"predict": {"COG_PREDICT_TYPE_STUB", "predict"},
	"train":   {"COG_TRAIN_TYPE_STUB", "train"},
}

// findRef finds the predictor: in the environment as an image built by Cog sets it, in cog.yaml, then by name.
func (c *Config) findRef(yaml cogYAML, getenv Getenv) (err error) {
	other := "train"
	if c.Mode == "train" {
		other = "predict"
	}
	if named := namedRef(other, yaml, getenv); named.text != "" {
		if c.AlsoRef, err = c.checkRef(named); err != nil {
			c.warn("%v", err)
		}
	}
	if named := namedRef(c.Mode, yaml, getenv); named.text != "" {
		c.Ref, err = c.checkRef(named)
		return err
	}
	names := []string{"predict.py", "run.py"}
	if c.Mode == "train" {
		names = append([]string{"train.py"}, names...)
	}
	for _, name := range names {
		if isFile(filepath.Join(c.Dir, name)) {
			c.Ref = name
			return nil
		}
	}
	if c.AlsoRef != "" && c.Mode == "predict" { // a model that can only be trained
		c.Mode, c.Ref, c.AlsoRef = "train", c.AlsoRef, ""
		return nil
	}
	return wrong("%s: no predictor: there is no %s, and no cog.yaml with %s: \"file.py:Name\"", c.Dir,
		strings.Join(names, ", no "), kinds[c.Mode].key)
}

// namedRef returns the reference that environment or cog.yaml names for a mode.
func namedRef(mode string, yaml cogYAML, getenv Getenv) ref {
	k := kinds[mode]
	if text := getenv(k.variable); text != "" {
		return ref{text, k.variable}
	}
	inYAML := yaml.predict
	if mode == "train" {
		inYAML = yaml.train
	}
	if inYAML.text == "" {
		return ref{}
	}
	return ref{inYAML.text, inYAML.at + ": " + k.key}
}

func (c *Config) checkRef(r ref) (string, error) {
	file, _, _ := strings.Cut(r.text, ":")
	if file == "" {
		return "", wrong("%s: %q names no file, want \"file.py:Name\"", r.at, r.text)
	}
	if !isFile(filepath.Join(c.Dir, file)) {
		return "", wrong("%s: no such file %q in %s", r.at, file, c.Dir)
	}
	return r.text, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// findPython finds the interpreter. Links are not resolved: a virtual environment is known by the path of its link. What
// `coglet install` has made of the model's own cog.yaml comes before an environment that happens to be active, which may
// be another project's.
func (c *Config) findPython(f *Flags, b build, getenv Getenv) error {
	type candidate struct{ path, from string }
	recipe, recipeErr := newRecipe(c.CacheDir, c.Dir, b)
	c.Requires = len(recipe.Lines) > 0
	for _, named := range []candidate{{f.python, "--python"}, {getenv("COGLET_PYTHON"), "COGLET_PYTHON"}} {
		if named.path == "" {
			continue
		}
		found, err := lookPython(named.path)
		if err != nil {
			return wrong("%s %q: %v", named.from, named.path, unwrap(err))
		}
		c.Python, c.PythonFrom = found, named.from
		return nil
	}
	candidates := []candidate{{filepath.Join(c.Dir, ".venv", "bin", "python"), "the model's .venv"}}
	if active := getenv("VIRTUAL_ENV"); active != "" {
		candidates = append([]candidate{{filepath.Join(active, "bin", "python"), "the active environment"}}, candidates...)
	}
	if installed := findInstalled(recipe); recipeErr == nil && installed != "" {
		candidates = append([]candidate{{installed, FromInstall}}, candidates...)
	}
	if own, err := os.Executable(); err == nil { // pip has put it beside the interpreter that it was installed for
		candidates = append(candidates, candidate{filepath.Join(filepath.Dir(own), "python3"), "beside coglet itself"})
	}
	candidates = append(candidates, candidate{"python3", "PATH"}, candidate{"python", "PATH"})
	for _, try := range candidates {
		if found, err := lookPython(try.path); err == nil {
			c.Python, c.PythonFrom = found, try.from
			return nil
		}
	}
	return wrong("no Python found: there is no python3 in PATH; name one with --python")
}

func lookPython(path string) (string, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(found)
}

// unwrap takes the program's name, which the caller says better, out of a look-up error.
func unwrap(err error) error {
	if e, ok := err.(*exec.Error); ok { //nolint:errorlint // LookPath returns it bare
		return e.Err
	}
	return err
}
