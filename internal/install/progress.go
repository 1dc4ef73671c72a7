package install

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// progress tells of an install: plain lines, and on a terminal one that counts below them.
type progress struct {
	terminal bool

	mu     sync.Mutex // guards all below
	out    io.Writer
	status string // the line that counts, as it stands there
}

func newProgress(out io.Writer, terminal bool) *progress {
	return &progress{out: out, terminal: terminal}
}

func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// clear needs mu.
func (p *progress) clear() {
	if p.status != "" {
		fmt.Fprintf(p.out, "\r\x1b[K")
		p.status = ""
	}
}

var (
	downloading = regexp.MustCompile(`^\s*Downloading (.+)$`)
	cached      = regexp.MustCompile(`^\s*Using cached (.+)$`)
	building    = regexp.MustCompile(`^\s*Building (?:wheel|editable) for (\S+).*: started`)
	uvBuilding  = regexp.MustCompile(`^\s*Building (\S+)$`)
	installing  = regexp.MustCompile(`^Installing collected packages: (.+)$`)
	uvInstalled = regexp.MustCompile(`^ \+ (\S+)==(\S+)`)
)

// tool takes a line of pip or uv and tells of what it fetches, builds and installs.
func (p *progress) tool(line string) {
	for _, kind := range []struct {
		pattern *regexp.Regexp
		format  string
	}{
		{downloading, "Fetching %s"},
		{cached, "Cached   %s"},
		{building, "Building %s"},
		{uvBuilding, "Building %s"},
		{installing, "Installing %s"},
		{uvInstalled, "Installed %s"},
	} {
		if found := kind.pattern.FindStringSubmatch(line); found != nil {
			p.say(kind.format, strings.Join(found[1:], " "))
			return
		}
	}
}

// countEvery is how often the line that counts is drawn.
const countEvery = 250 * time.Millisecond

// count shows on a terminal how much has arrived in dir, until stop is called.
func (p *progress) count(dir string) (stop func()) {
	if !p.terminal {
		return func() {}
	}
	started := time.Now()
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // ended by stop
		tick := time.NewTicker(countEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.draw(fmt.Sprintf("  %s, %s", megabytes(folderSize(dir)), time.Since(started).Round(time.Second)))
			case <-over:
				p.mu.Lock()
				defer p.mu.Unlock()
				p.clear()
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		close(over)
		wg.Wait()
	})
}

func (p *progress) draw(status string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if status != p.status {
		p.clear()
		fmt.Fprint(p.out, status)
		p.status = status
	}
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

func folderSize(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil // files come and go
	})
	return bytes
}
