package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestHelpStartsAtNothing(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"help"}, {"--help"}, {"-h"}} {
		code, stdout, stderr := run{}.coglet(t, args...)
		if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "coglet runs Cog models") ||
			!strings.Contains(stdout, "coglet init greeter\n") || !strings.Contains(stdout, "Run a model:\n  predict") {
			t.Errorf("%q: %d %s %s", args, code, stdout, stderr)
		}
		for line := range strings.Lines(stdout) {
			if len(line) > 81 {
				t.Errorf("wider than a terminal: %s", line)
			}
		}
	}
	for _, command := range []string{"predict", "serve", "train", "init", "install", "schema", "completion", "version", "help"} {
		if code, stdout, _ := (run{}).coglet(t, "help", command); code != 0 || !strings.Contains(stdout, "coglet "+command) {
			t.Errorf("help %s: %d %s", command, code, stdout)
		}
	}
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if code, stdout, _ := (run{}).coglet(t, args...); code != 0 || !strings.HasPrefix(stdout, "coglet 0.24.0") {
			t.Errorf("%q: %d %s", args, code, stdout)
		}
	}
}

func TestWrongTurnsOfTheCommandLineAreToldInOneLine(t *testing.T) {
	t.Parallel()
	here := t.TempDir()
	if err := os.Mkdir(filepath.Join(here, "model"), 0o755); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"sreve --port 5":       `unknown command "sreve": did you mean serve?`,
		"dance":                `unknown command "dance": see coglet --help`,
		"model":                `unknown command "model": for the model in that folder:  coglet serve model`,
		"--prot 5":             "unknown flag: --prot: see coglet --help",
		"help nope":            `unknown command "nope": see coglet --help`,
		"version 2":            "version takes nothing, got 2",
		"completion":           "want one shell of bash, zsh, fish, powershell",
		"completion tcsh":      "want one shell of bash, zsh, fish, powershell",
		"predict name=World":   `"name=World" is no folder: an input is given as  -i name=World`,
		"predict model a=b":    `"a=b" is no folder: an input is given as  -i a=b`,
		"predict model":        "no predictor: there is no predict.py",
		"predict gone":         "gone: no such folder",
		"predict --nope":       "unknown flag: --nope (see coglet predict --help)",
		"predict -i":           "flag needs an argument: 'i' in -i (see coglet predict --help)",
		"serve model other":    "want one folder, got 2: model other",
		"serve --port 99999":   "99999",
		"serve --workers none": "none",
		"init --force":         "unknown flag: --force",
		"install model":        "has no cog.yaml, so nothing says what the model needs",
		"schema model":         "no predictor: there is no predict.py",
	} {
		code, stdout, stderr := run{dir: here}.coglet(t, strings.Fields(args)...)
		if code != 2 || stdout != "" || !strings.HasPrefix(stderr, "coglet: ") || strings.Count(stderr, "\n") != 1 ||
			!strings.Contains(stderr, want) {
			t.Errorf("%s: %d %q, want %q", args, code, stderr, want)
		}
	}
}

func TestCompletions(t *testing.T) {
	t.Parallel()
	for shell, want := range map[string]string{
		"bash": "complete -o default", "zsh": "#compdef coglet", "fish": "complete -c coglet", "powershell": "Register-ArgumentCompleter",
	} {
		code, stdout, stderr := run{}.coglet(t, "completion", shell)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%s: %d %s", shell, code, stderr)
		}
	}
	_, stdout, _ := run{}.coglet(t, "__complete", "")
	for _, want := range []string{"install\t", "init\t", "predict\t", "train\t", "completion\t"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in %s", want, stdout)
		}
	}
	for want, args := range map[string][]string{
		"--url": {"predict", "--ur"}, "fish": {"completion", "f"}, "serve\t": {"help", ""},
	} {
		if _, stdout, _ := (run{}).coglet(t, append([]string{"__complete"}, args...)...); !strings.Contains(stdout, want) {
			t.Errorf("%q: %s", args, stdout)
		}
	}
	// what bash makes of it, where there is one
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("the script is not run: no bash")
	}
	check := exec.Command("bash", "-c", `source <("$0" completion bash) && complete -p coglet`, binary)
	if out, err := check.CombinedOutput(); err != nil || !strings.Contains(string(out), "__start_coglet") {
		t.Errorf("%s %v", out, err)
	}
}
