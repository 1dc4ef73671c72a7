package orchestrator

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"coglet/internal/protocol"
	"coglet/internal/telemetry"
)

// What is printed comes into the log in the order in which it was printed, each line as a record of its own, whoever
// printed it and however much of it waits.
func TestLinesThatWaitKeepTheirOrder(t *testing.T) {
	var out bytes.Buffer
	log := newUserLogs(telemetry.New(&out, "json", slog.LevelInfo, false))
	l := lines{log: &log}
	l.add("a", protocol.Stdout, []byte("one\n"))
	l.add("a", protocol.Stdout, []byte("two\nunfinished"))
	if out.Len() > 0 {
		t.Error("nothing waited")
	}
	l.add("a", protocol.Stdout, []byte("three\n"))
	l.add("a", protocol.Stderr, []byte("four\n"))
	l.add("b", protocol.Stderr, []byte("five\n"))
	l.add("b", protocol.Stderr, []byte(strings.Repeat("x", maxLines)+"\n"))
	l.add("b", protocol.Stderr, []byte("six\n"))
	l.flush()
	l.flush()
	var got []string
	record := regexp.MustCompile(`"message":"([^"]*)","prediction_id":"(.)","source":"Std(...)`)
	for _, m := range record.FindAllStringSubmatch(out.String(), -1) {
		got = append(got, m[2]+m[3]+":"+m[1][:min(len(m[1]), 10)])
	}
	want := "aout:one aout:two aout:unfinished aout:three aerr:four berr:five berr:xxxxxxxxxx berr:six"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
