package python

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestUnpackedFilesAreUsedAgainAndRepaired(t *testing.T) {
	cache := t.TempDir()
	first, err := Unpack(cache)
	if err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(first.Lib, "coglet", "__main__.py")
	before, err := os.Stat(main)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Unpack(cache); err != nil || second != first {
		t.Fatalf("second: %v, %v", second, err)
	}
	if after, err := os.Stat(main); err != nil || !os.SameFile(before, after) {
		t.Error("an intact folder was written again")
	}
	if err := os.WriteFile(main, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(cache); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(main); err != nil || string(text) == "damaged" {
		t.Error("a damaged file was used")
	}
	if info, err := os.Stat(filepath.Dir(first.Lib)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", info.Mode(), err)
	}
}

func TestUnpackAtTheSameTime(t *testing.T) {
	cache := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			h, err := Unpack(cache)
			if err != nil {
				t.Error(err)
				return
			}
			for range 300 { // what was handed out stays, also while others are not done
				if _, err := os.Stat(filepath.Join(h.SDK, "cog", "__init__.py")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if left, err := filepath.Glob(filepath.Join(cache, "coglet", ".new-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestCacheThatCannotBeWritten(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	h, err := Unpack(blocked)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(h.Lib, "coglet", "__main__.py")); err != nil {
		t.Error(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestCacheThatOthersCanWriteToIsNotUsed(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"writable": func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)) },
		"link":     func(dir string) error { return os.Symlink(os.TempDir(), dir) },
	} {
		cache := t.TempDir()
		if err := spoil(filepath.Join(cache, "coglet")); err != nil {
			t.Fatal(err)
		}
		h, err := Unpack(cache)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(h.Lib, cache) {
			t.Errorf("%s: used", name)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNothingButPythonIsEmbedded(t *testing.T) {
	all, _, err := content()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if !strings.HasSuffix(f.path, ".py") || strings.Contains(f.path, "__pycache__") {
			t.Errorf("%s is embedded", f.path)
		}
	}
}
