package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// console runs the commands of a page as a reader would: in a folder with a copy of examples and docs, and coglet in PATH.
type console struct {
	t       testing.TB
	dir     string   // where commands are run
	python  string   // what models run in
	env     []string // more
	server  *server  // what localhost:5000 stands for; a page's own "coglet serve" takes its place
	replace *strings.Replacer
	ran     int
}

func newConsole(t testing.TB, python string) *console {
	t.Helper()
	c := &console{t: t, dir: t.TempDir(), python: python, replace: strings.NewReplacer()}
	for _, name := range []string{"examples", "docs"} {
		if err := os.CopyFS(filepath.Join(c.dir, name), os.DirFS(filepath.Join("..", name))); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// environ has coglet in PATH, and an environment of packages as coglet install would make it.
func (c *console) environ() []string {
	bin := c.t.TempDir()
	if err := os.Symlink(binary, filepath.Join(bin, "coglet")); err != nil {
		c.t.Fatal(err)
	}
	return append(append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "COGLET_PYTHON="+c.python), c.env...)
}

var consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")

// page runs all commands of a page, in order, and looks for each line that stands under one behind the lines before it.
func (c *console) page(path string) {
	c.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, block := range consoleBlock.FindAllStringSubmatch(string(text), -1) {
		for example := range strings.SplitSeq(strings.TrimPrefix(block[1], "$ "), "\n$ ") {
			command, want, _ := strings.Cut(strings.ReplaceAll(example, "\\\n", ""), "\n")
			c.run(c.replace.Replace(command), want)
			c.ran++
		}
	}
}

// run runs one command. What serves is started on a port of its own; what installs is left to the tests of installs.
func (c *console) run(command, want string) {
	c.t.Helper()
	if serves := serveCommand.FindStringSubmatch(command); serves != nil {
		c.serve(strings.Fields(serves[1]), strings.Fields(serves[2]))
		return
	}
	if strings.HasPrefix(command, "coglet install") {
		return
	}
	if c.server != nil {
		command = strings.ReplaceAll(command, "localhost:5000", strings.TrimPrefix(c.server.url, "http://"))
	}
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir, cmd.Env = c.dir, append(c.environ(), "TMPDIR="+c.t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Errorf("%s: %v\n%s", command, err, out)
		return
	}
	at := 0
	for line := range strings.SplitSeq(strings.TrimSpace(want), "\n") {
		i := strings.Index(string(out[at:]), line)
		if i < 0 {
			c.t.Errorf("%s: no %s behind the lines before it in\n%s", command, line, out)
			return
		}
		at += i + len(line)
	}
}

var serveCommand = regexp.MustCompile(`^((?:[A-Z_]+=\S+ )*)coglet serve (.*)$`)

// serve starts the server of a page, in place of the one before it.
func (c *console) serve(env, args []string) {
	c.t.Helper()
	if c.server != nil {
		c.server.stop()
	}
	cmd := exec.Command(binary, append([]string{"serve"}, append(args, "--host", "127.0.0.1", "--port", "0")...)...)
	cmd.Env = append(c.environ(), env...)
	c.server = startCommand(c.t, cmd, c.dir)
	c.server.untilHealth("READY")
}
