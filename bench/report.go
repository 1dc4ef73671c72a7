package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report prints the medians with their ratios to ours, and keeps them in a file.
func (b *bench) report() error {
	var text strings.Builder
	now := time.Now().UTC()
	fmt.Fprintf(&text, "%s, %d cores, %s, %s/%s, %d rounds of %s\n\n", now.Format(time.DateOnly), runtime.NumCPU(),
		cpuModel(), runtime.GOOS, runtime.GOARCH, b.rounds, b.load)
	for _, workload := range []string{
		echoSync, echoP99, echoRefused, echoAsync, coldStart, idleMemory,
		hookSync, hookAsync, megabyte, megabytes, uploadTime, firstEvent,
	} {
		b.table(&text, workload)
	}
	fmt.Print("\n", text.String())
	if b.out == "" {
		return nil
	}
	name := filepath.Join(b.out, now.Format("2006-01-02T150405Z")+".txt")
	return os.WriteFile(name, []byte(text.String()), 0o644)
}

func (b *bench) table(out io.Writer, workload string) {
	if len(b.results[key{workload, ours}]) == 0 {
		return
	}
	fmt.Fprintln(out, workload)
	base := median(b.results[key{workload, ours}])
	for _, name := range []string{ours, rust, mosecName, bare, curlName} {
		values := b.results[key{workload, name}]
		if len(values) == 0 {
			continue
		}
		m := median(values)
		ratio := ""
		if name != ours && m != 0 {
			ratio = fmt.Sprintf("  coglet is %.2f x this", base/m)
		}
		fmt.Fprintf(out, "  %-16s %10.2f   (%.2f to %.2f)%s\n", name, m, slices.Min(values), slices.Max(values), ratio)
	}
	fmt.Fprintln(out)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if _, name, found := strings.Cut(lines.Text(), "model name\t: "); found {
			return name
		}
	}
	return "unknown processor"
}
