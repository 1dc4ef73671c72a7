package process

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// oomKills is how often the kernel has killed for want of memory in our cgroup, children included; 0 where it does not
// tell. root is /, except in tests.
func oomKills(root string) int {
	for _, path := range oomCounters(root) {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if value, found := strings.CutPrefix(line, "oom_kill "); found {
				n, _ := strconv.Atoi(strings.TrimSpace(value))
				return n
			}
		}
	}
	return 0
}

// oomCounters are the files that may hold the counter, the most exact first: our own cgroup as /proc names it, then the
// top of what is mounted, which is our own in a container. Version 2 has it in memory.events, version 1 in
// memory.oom_control.
func oomCounters(root string) []string {
	mounted := filepath.Join(root, "sys/fs/cgroup")
	var paths []string
	text, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup")) // without it the top is left
	for line := range strings.Lines(string(text)) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		switch {
		case id == "0":
			paths = append(paths, filepath.Join(mounted, group, "memory.events"))
		case controllers == "memory":
			paths = append(paths, filepath.Join(mounted, "memory", group, "memory.oom_control"))
		}
	}
	return append(paths, filepath.Join(mounted, "memory.events"), filepath.Join(mounted, "memory/memory.oom_control"))
}
