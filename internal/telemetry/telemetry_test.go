package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
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
