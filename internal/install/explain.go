package install

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const noSpace = "No space left on device"

// full says of an error of ours what to do when the disk is full; nil stays nil.
func full(err error, home string) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return diskFull(home)
	}
	return err
}

func diskFull(home string) error {
	return fmt.Errorf("the disk that holds %s is full: free some space, or set XDG_CACHE_HOME to a folder on a larger disk", home)
}

// explainVenv says why there is no virtual environment.
func explainVenv(ctx context.Context, tail string, err error, base interpreter, home string) error {
	switch {
	case ctx.Err() != nil:
		return errStopped
	case isFull(tail), hasNoRoom(home):
		return diskFull(home)
	case strings.Contains(tail, "ensurepip"):
		return fmt.Errorf("%s cannot make virtual environments: install its venv package (apt-get install python3-venv), or uv", base.path)
	}
	return fmt.Errorf("make a virtual environment with %s: %w: %s", base.path, err, lastLine(tail))
}

func isFull(tail string) bool {
	return strings.Contains(tail, noSpace) || strings.Contains(tail, "Disk quota exceeded")
}

// hasNoRoom reports whether a disk is as full as one on which a write has just failed.
func hasNoRoom(dir string) bool {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil {
		return false
	}
	return uint64(fs.Bavail)*uint64(fs.Bsize) < 1<<20
}

// What pip and uv say of a requirement that cannot be had. The first group is the requirement or its name.
var (
	noVersion = []*regexp.Regexp{
		regexp.MustCompile(`No matching distribution found for (\S.*)`),
		regexp.MustCompile(`Could not find a version that satisfies the requirement (\S.*?) \(from versions`),
		regexp.MustCompile(`Because (\S+) was not found in the package registry`),
		regexp.MustCompile(`Because there (?:is|are) no versions? of (\S+)`),
		regexp.MustCompile(`Because only \S+ of (\S+) is available`),
	}
	invalid = []*regexp.Regexp{
		regexp.MustCompile(`Invalid requirement: '?([^\n']+)'?`),
		regexp.MustCompile("Couldn't parse requirement[^\n]*\n[^\n]*\n([^\n]+)"),
	}
	notBuilt = []*regexp.Regexp{
		regexp.MustCompile(`Failed building (?:wheel|editable) for (\S+)`),
		regexp.MustCompile(`Failed to build '?([^\s']+)'? when`),
		regexp.MustCompile("Failed to build `([^`]+)`"),
		regexp.MustCompile("Failed to download and build `([^`]+)`"),
		regexp.MustCompile(`Failed to build installable wheels for .*\((\S+?)[,)]`),
	}
	conflict = regexp.MustCompile(`Cannot install (.+?) because these package versions have conflicting`)
	offline  = regexp.MustCompile(`NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|` +
		`dns error|error sending request|Failed to establish a new connection|Connection refused|tcp connect error`)
	collecting = regexp.MustCompile(`(?m)^\s*(?:Collecting|Obtaining|Processing) (\S+)`)
	fromPart   = regexp.MustCompile(`\s+\(from .*$`)
)

// explain makes one line of what a failed install said: which requirement, where it stands, and what to do.
func (m *maker) explain(ctx context.Context, tail string, err error) error {
	if ctx.Err() != nil {
		return errStopped
	}
	if isFull(tail) {
		return diskFull(m.cfg.Recipe.Home)
	}
	tail = strings.ReplaceAll(tail, "\r", "")
	if offline.MatchString(tail) {
		return fmt.Errorf("cannot reach the package index while looking for %s: check the network, the proxy, and the index that %s is set to",
			m.named(last(collecting, tail), "the packages"), m.tool.name)
	}
	if found := conflict.FindStringSubmatch(tail); found != nil {
		return fmt.Errorf("%s want versions of a package that exclude each other: loosen one of them in cog.yaml or its requirement file", found[1])
	}
	if name := firstOf(invalid, tail); name != "" {
		return fmt.Errorf("%s is no requirement as pip reads them: mend that line", m.named(name, ""))
	}
	if name := firstOf(noVersion, tail); name != "" {
		return fmt.Errorf("cannot install %s: there is no such package, or no such version of it for Python %s: mend that line", m.named(name, ""), m.base.version)
	}
	if _, reason, found := strings.Cut(tail, "No solution found"); found {
		if _, because, found := strings.Cut(reason, "Because"); found {
			return fmt.Errorf("the requirements exclude each other: because %s loosen one of them in cog.yaml or its requirement file",
				strings.Join(strings.Fields(because), " "))
		}
	}
	if name := firstOf(notBuilt, tail); name != "" {
		m.log.quote(tail)
		return fmt.Errorf("cannot install %s: it has no ready-made wheel for Python %s and building it failed, as shown above: take another version of it, or of Python", m.named(name, ""), m.base.version)
	}
	if hasNoRoom(m.temp) {
		return diskFull(m.cfg.Recipe.Home)
	}
	m.log.quote(tail)
	return fmt.Errorf("cannot install %s: %s ended with %w: %s", m.named(last(collecting, tail), "the packages"), m.tool.name, err, lastLine(tail))
}

// named quotes a requirement with the place where it, or its package, is asked for.
func (m *maker) named(text, otherwise string) string {
	text = strings.TrimRight(strings.TrimSpace(fromPart.ReplaceAllString(text, "")), ".,;")
	if text == "" {
		return otherwise
	}
	for _, exact := range []bool{true, false} {
		for _, line := range m.cfg.Recipe.Lines {
			if exact && line.Text == text || !exact && packageName(line.Text) == packageName(text) {
				return fmt.Sprintf("%q (%s)", line.Text, line.At)
			}
		}
	}
	return fmt.Sprintf("%q, which another package needs,", text)
}

var nameText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*`)

// packageName is the name in a requirement, as the package index compares names.
func packageName(text string) string {
	name := strings.ToLower(nameText.FindString(strings.TrimSpace(text)))
	return strings.NewReplacer("_", "-", ".", "-").Replace(name)
}

func firstOf(patterns []*regexp.Regexp, text string) string {
	for _, pattern := range patterns {
		if found := pattern.FindStringSubmatch(text); found != nil {
			return found[1]
		}
	}
	return ""
}

func last(pattern *regexp.Regexp, text string) string {
	all := pattern.FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}

// quoted is how many lines of a program are shown when it is needed to understand a failure.
const quoted = 20

func (p *progress) quote(text string) {
	all := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range all[max(len(all)-quoted, 0):] {
		p.say("  | %s", line)
	}
}
