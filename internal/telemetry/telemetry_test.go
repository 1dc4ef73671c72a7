package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestJSONLinesHaveCogsShape(t *testing.T) {
	var out bytes.Buffer
	log := New(&out, "json", slog.LevelInfo, false)
	log.With(Target("coglet::worker"), "worker", 1).Warn("odd \"thing\"\n", "error", errors.New("e"), "took", time.Second,
		"n", 2.5, slog.Group("g", "k", true))
	got := regexp.MustCompile(`"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"`).ReplaceAllString(out.String(), `"timestamp":"T"`)
	want := `{"timestamp":"T","level":"WARN","fields":{"message":"odd \"thing\"\n","worker":1,"error":"e","took":"1s",` +
		`"n":2.5,"g.k":true},"target":"coglet::worker"}` + "\n"
	if got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestLevelHidesTheServerButNeverTheModel(t *testing.T) {
	var out bytes.Buffer
	log := New(&out, "json", slog.LevelError, false)
	log.Info("hidden")
	log.With(Target("coglet::user")).Info("printed")
	log.With(Target("coglet::setup")).Info("printed in setup")
	log.With(Target("coglet::user")).Debug("hidden too")
	log.Error("shown")
	for text, want := range map[string]bool{
		"hidden": false, `"printed"`: true, `"printed in setup"`: true, `"shown"`: true,
	} {
		if strings.Contains(out.String(), text) != want {
			t.Errorf("%s in the log: want %t\n%s", text, want, out.String())
		}
	}
	if !strings.Contains(out.String(), `"target":"coglet::server"`) {
		t.Error("no default target")
	}
}

func TestConsoleHasColoursOnlyWhenAsked(t *testing.T) {
	for _, colours := range []bool{true, false} {
		var out bytes.Buffer
		New(&out, "console", slog.LevelInfo, colours).Info("hello", "k", "v")
		if strings.Contains(out.String(), "\x1b[") != colours {
			t.Errorf("colours %t: %q", colours, out.String())
		}
	}
}

func TestConsoleHasCogsOrder(t *testing.T) {
	var out bytes.Buffer
	New(&out, "console", slog.LevelInfo, false).With(Target("coglet::prediction"), "id", "a b").
		Warn("Prediction failed", "error", `x="1"`, "n", 3, "empty", "", slog.Group("g", "k", true))
	got := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`).ReplaceAllString(out.String(), "T")
	want := `T  WARN coglet::prediction: Prediction failed id="a b" error="x=\"1\"" n=3 empty="" g.k=true` + "\n"
	if got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestRecordsOfManyGoroutinesDoNotMix(t *testing.T) {
	var out bytes.Buffer
	log := New(&out, "json", slog.LevelInfo, false)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				log.Info(strings.Repeat("x", 100))
			}
		})
	}
	wg.Wait()
	for line := range strings.Lines(out.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
}

// The lines of a text are what a record for each of them would be.
func TestLinesAreRecordsOfTheirOwn(t *testing.T) {
	long := strings.Repeat("x", maxRecord)
	text := "first\n\n\tq\"uoted\r\nbad \xff byte\n" + long + "rest\n" + strings.Repeat("many\n", 20_000) + "unfinished"
	want := append([]string{"first", "\tq\"uoted", "bad \xff byte", long, "rest"}, slices.Repeat([]string{"many"}, 20_000)...)
	want = append(want, "unfinished")
	stamp := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`)
	for _, format := range []string{"json", "console"} {
		var one, all bytes.Buffer
		log := New(&one, format, slog.LevelInfo, true).With(Target("coglet::user"), "k", 1)
		for _, line := range want {
			log.Info(line, "source", "Stdout")
		}
		Lines(New(&all, format, slog.LevelError, true).With(Target("coglet::user"), "k", 1), []byte(text), slog.String("source", "Stdout"))
		if stamp.ReplaceAllString(one.String(), "T") != stamp.ReplaceAllString(all.String(), "T") {
			t.Errorf("%s: %d bytes, want %d", format, all.Len(), one.Len())
		}
	}
	var foreign bytes.Buffer
	Lines(slog.New(slog.NewTextHandler(&foreign, nil)), []byte("a\nb\n"), slog.Int("k", 1))
	if n := strings.Count(foreign.String(), "k=1"); n != 2 {
		t.Errorf("another's handler: %q", foreign.String())
	}
	var quiet bytes.Buffer
	Lines(New(&quiet, "json", slog.LevelError, false), []byte("hidden\n"))
	if quiet.Len() > 0 {
		t.Errorf("below the level: %q", quiet.String())
	}
}

func BenchmarkLines(b *testing.B) {
	text := bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 640)
	log := New(io.Discard, "json", slog.LevelInfo, false)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		Lines(log, text, slog.String("source", "Stdout"))
	}
}
