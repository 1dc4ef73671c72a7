package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// clone is what git would give a newcomer: the files that are, or will be, tracked, in a folder of its own.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	list := exec.Command("git", "ls-files", "-co", "--exclude-standard", "-z")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestNewcomer has only Go, Python and what the README says: its first commands in one shell, then the page. Only what Go
// has downloaded and built before is kept, to be quick.
func TestNewcomer(t *testing.T) {
	t.Parallel()
	dir, home := clone(t), t.TempDir()
	text, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := consoleBlock.FindStringSubmatch(string(text))[1]
	var commands, want []string
	for line := range strings.Lines(block) {
		if command, is := strings.CutPrefix(line, "$ "); is {
			commands = append(commands, command)
		} else {
			want = append(want, line)
		}
	}
	if len(commands) != 2 || !strings.Contains(commands[1], "coglet predict examples/hello -i name=World") {
		t.Fatalf("the README starts with %q", commands)
	}
	var env []string
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		if !strings.HasPrefix(name, "XDG_") && !strings.HasPrefix(name, "COG") && name != "VIRTUAL_ENV" {
			env = append(env, setting)
		}
	}
	kept, err := exec.Command("go", "env", "GOMODCACHE", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	caches := strings.Fields(string(kept))
	env = append(env, "HOME="+home, "GOMODCACHE="+caches[0], "GOCACHE="+caches[1])

	shell := exec.Command("sh", "-ec", strings.Join(commands, ""))
	shell.Dir, shell.Env = dir, env
	out, err := shell.Output()
	if err != nil || string(out) != strings.Join(want, "") {
		t.Fatalf("%q %v, want %q", out, err, want)
	}

	serve := exec.Command(filepath.Join(dir, "bin", "coglet"), "serve", "examples/hello", "--port", "0")
	serve.Env = env
	s := startCommand(t, serve, dir)
	s.url = "http://127.0.0.1" + s.url[strings.LastIndexByte(s.url, ':'):] // it listens on every address
	p := browse(t, s, "/")
	p.untilForm()
	p.enter(within("name", "textarea"), "World")
	p.run("succeeded")
	p.until(`document.querySelector("#result .output pre").textContent === "hello World"`)
}
