package app

import (
	"strings"
	"testing"

	"coglet/internal/config"
)

func TestHintSaysWhatToType(t *testing.T) {
	const missing = "ModuleNotFoundError: No module named 'torch.cuda'"
	for name, tc := range map[string]struct {
		cfg    config.Config
		reason string
		want   string // empty = no hint
	}{
		"not installed":      {config.Config{Requires: true, PythonFrom: "PATH"}, missing, "run  coglet install /model  to get what cog.yaml asks for"},
		"another one named":  {config.Config{Requires: true, PythonFrom: "--python"}, missing, "which --python names: leave that out"},
		"installed":          {config.Config{Requires: true, PythonFrom: config.FromInstall}, missing, "add it to build.python_packages"},
		"nothing asked for":  {config.Config{PythonFrom: "PATH"}, missing, "add it to build.python_packages"},
		"not Python":         {config.Config{Worker: []string{"w"}}, missing, ""},
		"another error":      {config.Config{Requires: true}, "ValueError: No module named 'torch'", ""},
		"a name in a module": {config.Config{Requires: true}, "ImportError: cannot import name 'x' from 'torch'", ""},
	} {
		tc.cfg.Dir, tc.cfg.Python = "/model", "/bin/python3"
		got := installHint(tc.cfg, tc.reason)
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) || strings.Contains(got, "\n") ||
			got != "" && !strings.Contains(got, `"torch" is not there for /bin/python3`) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
