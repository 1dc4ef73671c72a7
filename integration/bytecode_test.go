package integration

import (
	"path/filepath"
	"testing"
)

// Many images set PYTHONDONTWRITEBYTECODE: each start then compiled the harness anew, for longer than all the rest took.
func TestBytecodeOfTheHarnessIsKeptWhateverTheSetting(t *testing.T) {
	cache := t.TempDir()
	dir := model(t, "class Predictor:\n    def predict(self) -> str:\n        return 'x'\n")
	s := ready(t, "", launch{dir: dir, env: []string{"XDG_CACHE_HOME=" + cache, "PYTHONDONTWRITEBYTECODE=1"}})
	s.succeeded(s.predict())
	kept := func(pattern string) []string {
		found, err := filepath.Glob(filepath.Join(cache, "coglet", "*", pattern))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	s.until("the harness's bytecode", func() bool { return len(kept("lib/coglet/__pycache__/_bytecode.*.pyc")) == 1 })
	sources, compiled := kept("lib/coglet/*.py"), kept("lib/coglet/__pycache__/*.pyc")
	if len(sources) == 0 || len(compiled) != len(sources) || len(kept("sdk/cog/__pycache__/*.pyc")) != len(kept("sdk/cog/*.py")) {
		t.Errorf("%d files, %d compiled", len(sources), len(compiled))
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "__pycache__")); len(found) > 0 {
		t.Errorf("the model's folder was written to: %q", found)
	}
}
