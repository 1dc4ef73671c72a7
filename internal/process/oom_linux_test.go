package process

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestOOMKillsAreThoseOfOurOwnCgroup(t *testing.T) {
	const counter = "low 0\noom 3\noom_kill 2\noom_group_kill 9\n"
	for name, test := range map[string]struct {
		cgroup, counter string
		want            int
	}{
		"version 2":                    {"0::/a/b\n", "sys/fs/cgroup/a/b/memory.events", 2},
		"version 2 in a container":     {"0::/\n", "sys/fs/cgroup/memory.events", 2},
		"version 1":                    {"4:cpu,cpuacct:/x\n5:memory:/a:b\n", "sys/fs/cgroup/memory/a:b/memory.oom_control", 2},
		"version 1 in a container":     {"5:memory:/on/host\n", "sys/fs/cgroup/memory/memory.oom_control", 2},
		"another group's":              {"0::/a\n", "sys/fs/cgroup/b/memory.events", 0},
		"no cgroup file, and mounted":  {"", "sys/fs/cgroup/memory.events", 2},
		"not what the kernel tells of": {"0::/a\n", "sys/fs/cgroup/a/memory.stat", 0},
	} {
		root := t.TempDir()
		for path, text := range map[string]string{"proc/self/cgroup": test.cgroup, test.counter: counter} {
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := oomKills(root); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

func TestExitTellsOfMemory(t *testing.T) {
	if got := (Exit{Signal: syscall.SIGKILL, OOM: true}).String(); got != "signal killed (out of memory)" {
		t.Error(got)
	}
}
