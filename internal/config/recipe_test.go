package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recipe reads the recipe of a folder with these files.
func recipe(t *testing.T, files map[string]string) (Recipe, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, _, err := LoadRecipe(dir, NewFlags(), func(name string) string {
		if name == "XDG_CACHE_HOME" {
			return "/cache"
		}
		return ""
	})
	return r, err
}

func TestRequirementsInAllSpellings(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  string // the lines
	}{
		"list":      {map[string]string{"cog.yaml": "build:\n  python_packages:\n    - a==1\n    - \"b>2\"\n"}, "a==1|b>2"},
		"flow":      {map[string]string{"cog.yaml": "build: {python_packages: [a, b]}"}, "a|b"},
		"block":     {map[string]string{"cog.yaml": "build:\n  python_packages: |\n    a\n    # no\n    b\n"}, "a|b"},
		"one":       {map[string]string{"cog.yaml": "build: {python_packages: a}"}, "a"},
		"none":      {map[string]string{"cog.yaml": "build:\n  python_packages:\n  python_requirements:\n"}, ""},
		"no build":  {map[string]string{"cog.yaml": "predict: p.py:P\n"}, ""},
		"file":      {map[string]string{"cog.yaml": "build: {python_requirements: r.txt}", "r.txt": "a\n\n# x\nb # why\n"}, "a|b"},
		"files":     {map[string]string{"cog.yaml": "build: {python_requirements: [r.txt, d/s.txt]}", "r.txt": "a", "d/s.txt": "b"}, "a|b"},
		"as option": {map[string]string{"cog.yaml": "build: {python_requirements: -r r.txt}", "r.txt": "a"}, "a"},
		"nested":    {map[string]string{"cog.yaml": "build: {python_requirements: d/r.txt}", "d/r.txt": "a\n-r s.txt\n-cc.txt\n", "d/s.txt": "b\n-r r.txt", "d/c.txt": "c<2"}, "a|b|c<2"},
		"hashes":    {map[string]string{"cog.yaml": "build: {python_requirements: r.txt}", "r.txt": "a==1 \\\n  --hash=sha256:00\n"}, "a==1|--hash=sha256:00"},
	} {
		r, err := recipe(t, tc.files)
		var lines []string
		for _, l := range r.Lines {
			lines = append(lines, l.Text)
		}
		if got := strings.Join(lines, "|"); err != nil || got != tc.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, tc.want)
		}
	}
}

func TestKeyNamesWhatIsAskedFor(t *testing.T) {
	key := func(files map[string]string) string {
		r, err := recipe(t, files)
		if err != nil {
			t.Fatal(err)
		}
		return r.Key
	}
	packages := func(text string) map[string]string {
		return map[string]string{"cog.yaml": "build: {" + text + "}"}
	}
	same := key(packages("python_packages: [a]"))
	if same != key(packages("python_packages: [a], gpu: true")) {
		t.Error("the key depends on the folder, or on what is no part of the environment")
	}
	for _, other := range []map[string]string{
		packages("python_packages: [b]"), packages("python_packages: [a, b]"), packages("python_packages: [a], python_version: 3.12"),
	} {
		if key(other) == same {
			t.Errorf("%v: the key did not change", other)
		}
	}
	for what, text := range map[string]string{
		"what is installed by its path": "python_packages: [-e .]", "an environment without packages": "python_version: 3.12",
	} {
		if first, second := key(packages(text)), key(packages(text)); first == second {
			t.Errorf("two folders share %s", what)
		}
	}
	nested := func(content string) map[string]string {
		return map[string]string{"cog.yaml": "build: {python_requirements: r.txt}", "r.txt": "-r s.txt", "s.txt": content}
	}
	first, again, other := key(nested("a")), key(nested("a")), key(nested("b"))
	if first != again || first == other {
		t.Error("the key does not follow the content of a nested file")
	}
}

func TestVersionIsReadAsItIsWritten(t *testing.T) {
	for text, want := range map[string]string{"3.10": "3.10", `"3.10"`: "3.10", "'3.12.1'": "3.12.1", "3": "3", "": ""} {
		r, err := recipe(t, map[string]string{"cog.yaml": "build:\n  python_version: " + text + "\n"})
		if err != nil || r.PythonVersion != want {
			t.Errorf("%q: %q, %v", text, r.PythonVersion, err)
		}
	}
}

func TestBuildErrorsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"build: []":                                                 "cog.yaml:1:8: want build: a mapping",
		"build: {python_version: new}":                              `cog.yaml:1:25: build.python_version: want a version such as "3.12"`,
		"build: {python_version: 2.7}":                              "want a version such as",
		"build: {python_packages: {a: b}}":                          "build.python_packages: want a string",
		"build: {python_packages: [1]}":                             "build.python_packages: want a string",
		"build: {gpu: maybe}":                                       "build.gpu: want true or false",
		"build: {system_packages: x}":                               "build.system_packages: want a list of strings",
		"build: {python_requirements: gone.txt}":                    `cog.yaml:1:30: build.python_requirements: no such file "gone.txt"`,
		"build: {python_packages: [a], python_requirements: r.txt}": "only one of build.python_packages and build.python_requirements",
		"build: {python_packages: [-r gone.txt]}":                   "cog.yaml:1:27: requirement file:",
	} {
		_, err := recipe(t, map[string]string{"cog.yaml": text})
		var own *Error
		if !errors.As(err, &own) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestWhatIsNotInstalledIsToldInCommands(t *testing.T) {
	r, err := recipe(t, map[string]string{"cog.yaml": `build:
  gpu: true
  system_packages: [ffmpeg]
  run:
    - echo a
    - command: echo b
      mounts: [{type: secret}]
    - |
      echo c
      echo d
`})
	if err != nil || !r.GPU || strings.Join(r.System, "|") != "ffmpeg" || strings.Join(r.Run, "|") != "echo a|echo b|echo c\necho d" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestOnlyAWholePrivateEnvironmentIsUsed(t *testing.T) {
	cache, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cog.yaml"), []byte("build: {python_packages: [a]}"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, _, err := LoadRecipe(dir, NewFlags(), func(string) string { return cache })
	if err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(r.Home, "made")
	steps := []struct {
		what string
		do   func() error
		want bool
	}{
		{"nothing", func() error { return nil }, false},
		{"half made", func() error { return os.MkdirAll(filepath.Join(made, "bin"), 0o700) }, false},
		{"linked", func() error { return os.Symlink("made", r.Link()) }, false},
		{"recorded", func() error { return os.WriteFile(filepath.Join(made, Made), nil, 0o600) }, false},
		{"whole", func() error { return os.Symlink("/bin/sh", filepath.Join(made, "bin", "python")) }, true},
		{"open to others", func() error { return os.Chmod(r.Home, 0o777) }, false},
		{"closed again", func() error { return os.Chmod(r.Home, 0o700) }, true},
		{"its interpreter is gone", func() error {
			return errors.Join(os.Remove(filepath.Join(made, "bin", "python")), os.Symlink("/nonexistent", filepath.Join(made, "bin", "python")))
		}, false},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := findInstalled(r); (got != "") != step.want {
			t.Errorf("%s: %q", step.what, got)
		}
	}
}

func TestWhatWasInstalledComesBeforeTheActiveEnvironment(t *testing.T) {
	cache, active := t.TempDir(), t.TempDir()
	python := filepath.Join(active, "bin", "python")
	if err := errors.Join(os.Mkdir(filepath.Dir(python), 0o755), os.Symlink("/bin/sh", python)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"cog.yaml": "build: {python_packages: [a]}", "predict.py": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"XDG_CACHE_HOME": cache, "VIRTUAL_ENV": active}
	from := func() string {
		c, err := Load(dir, NewFlags(), func(name string) string { return env[name] })
		if err != nil || !c.Requires {
			t.Fatalf("%+v %v", c, err)
		}
		return c.PythonFrom
	}
	if got := from(); got != "the active environment" {
		t.Errorf("nothing installed: %s", got)
	}
	r, _, err := LoadRecipe(dir, NewFlags(), func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(r.Home, "made", "bin")
	if err := errors.Join(
		os.MkdirAll(bin, 0o700), os.WriteFile(filepath.Join(filepath.Dir(bin), Made), nil, 0o600),
		os.Symlink("/bin/sh", filepath.Join(bin, "python")), os.Symlink("made", r.Link()),
	); err != nil {
		t.Fatal(err)
	}
	if got := from(); got != FromInstall {
		t.Errorf("installed: %s", got)
	}
	env["COGLET_PYTHON"] = "/bin/sh"
	if got := from(); got != "COGLET_PYTHON" {
		t.Errorf("named: %s", got)
	}
}
