package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report prints the medians, how many times better ours is, and which targets are met; it keeps the same in a file.
func (b *bench) report(ctx context.Context) error {
	var text strings.Builder
	now := time.Now().UTC()
	fmt.Fprintf(&text, "# %s\n\n%d cores, %s, %s/%s, %s, %s. %d rounds of loads of %s, peers in turn; medians.\n",
		now.Format("2006-01-02 15:04"), runtime.NumCPU(), cpuModel(), runtime.GOOS, runtime.GOARCH, runtime.Version(),
		revision(ctx), b.rounds, b.load)
	fmt.Fprintf(&text, "Each answer was compared with what it must be: %d answers, %d wrong.\n", b.compared, b.wrong)
	text.WriteString("In brackets: how many times better coglet is. A dash: the peer has no such thing, or was not measured.\n\n")
	for _, line := range b.installed {
		fmt.Fprintf(&text, "* %s\n", line)
	}
	text.WriteByte('\n')
	b.table(&text)
	b.judgement(&text)
	if len(b.notes) > 0 {
		fmt.Fprintf(&text, "\n## What went wrong or is missing\n\n* %s\n", strings.Join(b.notes, "\n* "))
	}
	fmt.Print("\n", text.String())
	if b.out == "" {
		return nil
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	name := filepath.Join(b.out, now.Format("2006-01-02T150405Z")+".md")
	return os.WriteFile(name, []byte(text.String()), 0o644)
}

// table has a column for each peer that has a value somewhere.
func (b *bench) table(text *strings.Builder) {
	var columns []string
	for _, p := range peers {
		if slices.ContainsFunc(b.results.rows, func(r row) bool { return len(b.results.values[r][p.name]) > 0 }) {
			columns = append(columns, p.name)
		}
	}
	fmt.Fprintf(text, "| workload | | %s |\n|---|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---:|", len(columns)))
	last := ""
	for _, r := range b.results.rows {
		name := r.workload
		if name == last {
			name = ""
		}
		last = r.workload
		fmt.Fprintf(text, "| %s | %s |", name, r.metric)
		for _, peer := range columns {
			fmt.Fprintf(text, " %s |", b.cell(r, peer))
		}
		text.WriteByte('\n')
	}
}

// cell is a median, and in brackets how many times better ours is.
func (b *bench) cell(r row, peer string) string {
	m, ok := b.results.median(r, peer)
	if !ok {
		return "-"
	}
	times, ok := b.results.times(r, peer)
	if peer == ours || !ok {
		return number(m)
	}
	return fmt.Sprintf("%s (%.2f)", number(m), times)
}

func number(f float64) string {
	switch {
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}
