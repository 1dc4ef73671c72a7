package files

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	if parent := os.Getenv("HOLD_ROOT"); parent != "" { // a server that is killed
		root, err := OpenRoot(parent)
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString(root.Dir() + "\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestRootsOfDeadServersAreRemovedAndOthersAreNot(t *testing.T) {
	parent := t.TempDir()
	live, err := OpenRoot(parent)
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(parent, "coglet-of-somebody")
	if err := os.Mkdir(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "HOLD_ROOT="+parent)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 1024)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	dead := strings.TrimSpace(string(line[:n]))
	if err := os.MkdirAll(filepath.Join(dead, "w", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	next, err := OpenRoot(parent)
	if err != nil {
		t.Fatal(err)
	}
	next.cleaning.Wait()
	for dir, want := range map[string]bool{live.Dir(): true, next.Dir(): true, foreign: true, dead: false} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: exists %t, want %t", dir, err == nil, want)
		}
	}
	if err := errors.Join(live.Close(), live.Close(), next.Close()); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(parent, "*coglet*")); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

func TestLinksAreNoStaleRoots(t *testing.T) {
	parent, target := t.TempDir(), t.TempDir()
	precious := filepath.Join(target, lockName) // free, as in the root of a dead server
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(parent, rootPrefix+"link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	root, err := OpenRoot(parent)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	root.cleaning.Wait()
	for _, path := range []string{precious, link} {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
}

func TestServersThatStartTogetherKeepTheirRoots(t *testing.T) {
	parent := t.TempDir()
	roots := make([]*Root, 16)
	var wg sync.WaitGroup
	for i := range roots {
		wg.Go(func() {
			var err error
			if roots[i], err = OpenRoot(parent); err != nil {
				t.Error(err)
				return
			}
			roots[i].cleaning.Wait()
		})
	}
	wg.Wait()
	for _, root := range roots {
		if root == nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(root.Dir(), lockName)); err != nil {
			t.Error(err)
		}
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestErrorsNameTheFolder(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := OpenRoot(missing); err == nil || !strings.Contains(err.Error(), missing) {
		t.Error(err)
	}
}
