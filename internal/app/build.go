package app

import (
	"runtime/debug"

	"coglet/internal/api"
)

// Build is what this binary was made from.
type Build struct {
	Version string // semantic version
	Commit  string // short, with -dirty where the tree was; empty = unknown
	Time    string // RFC 3339; empty = unknown
}

// ReadBuild fills in what the Go toolchain recorded.
func ReadBuild(version string) Build {
	b := Build{Version: version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	dirty := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value[:min(len(s.Value), 9)]
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			dirty = s.Value == "true"
		}
	}
	if dirty && b.Commit != "" {
		b.Commit += "-dirty"
	}
	return b
}

func (b Build) api() api.Version {
	return api.Version{Coglet: b.Version, GitSHA: b.Commit, BuildTime: b.Time}
}
