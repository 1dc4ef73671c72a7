package telemetry

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// counted counts the writes.
type counted struct {
	mu sync.Mutex
	bytes.Buffer
	writes int
}

func (c *counted) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	return c.Buffer.Write(p)
}

func (c *counted) lines() (n, writes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Count(c.String(), "\n"), c.writes
}

func TestABurstOfRecordsIsWrittenTogetherAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &counted{}
		log := New(NewBurst(out), "json", slog.LevelInfo, false)
		for n := range 1000 {
			log.Info("line", "n", n)
			if lines, _ := out.lines(); n < burstLines && lines != n+1 {
				t.Fatalf("%d records, %d written: the first ones are to be seen at once", n+1, lines)
			}
		}
		if lines, _ := out.lines(); lines >= 1000 {
			t.Error("nothing waited")
		}
		time.Sleep(burstTime)
		synctest.Wait()
		lines, writes := out.lines()
		if lines != 1000 || writes > burstLines+1000*100/burstBytes+2 {
			t.Errorf("%d records in %d writes", lines, writes)
		}
		for n, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			if !strings.Contains(line, fmt.Sprintf(`"n":%d}`, n)) {
				t.Fatalf("record %d is %s", n, line)
			}
		}
		log.Info("after a pause")
		if lines, _ := out.lines(); lines != 1001 {
			t.Error("a record after a pause is not seen at once")
		}
	})
}

func TestAWarningIsWrittenAtOnceBehindWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &counted{}
		burst := NewBurst(out)
		log := New(burst, "console", slog.LevelInfo, false)
		for range 2 * burstLines {
			log.Info("line")
		}
		log.Warn("attention")
		if lines, _ := out.lines(); lines != 2*burstLines+1 || !strings.HasSuffix(out.String(), "attention\n") {
			t.Errorf("%d lines, ending in %q", lines, out.String()[out.Len()-40:])
		}
		log.Info("last words")
		if err := burst.Flush(); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(out.String(), "last words\n") {
			t.Error("Flush left something behind")
		}
	})
}
