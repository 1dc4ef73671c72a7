package prediction

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"coglet/internal/protocol"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func output(s Snapshot) string {
	if s.Output == nil {
		return "none"
	}
	return string(bytes.Join(s.Output, nil))
}

func TestOutputTakesTheShapeThatWasDeclaredOrSent(t *testing.T) {
	type chunk struct {
		raw   string
		items int
	}
	for name, tc := range map[string]struct {
		array, stream bool
		status        Status
		chunks        []chunk
		want          string
	}{
		"one value":             {false, false, Succeeded, []chunk{{`"a"`, -1}}, `"a"`},
		"nothing":               {false, false, Succeeded, nil, "null"},
		"empty list":            {false, true, Succeeded, []chunk{{"[]", 0}}, "[]"},
		"list of one":           {false, true, Succeeded, []chunk{{"[1]", 1}}, "[1]"},
		"list in parts":         {false, true, Succeeded, []chunk{{"[1, 2]", 2}, {"3", -1}, {" [ ] ", 0}, {"[4]", 1}}, "[1, 2,3,4]"},
		"two values":            {false, false, Succeeded, []chunk{{"1", -1}, {"2", -1}}, "[1,2]"},
		"declared list, value":  {true, false, Succeeded, []chunk{{`"a"`, -1}}, `["a"]`},
		"declared list, list":   {true, false, Succeeded, []chunk{{"[1]", -1}}, "[1]"},
		"declared list, null":   {true, false, Succeeded, []chunk{{"null", -1}}, "[]"},
		"declared list, none":   {true, false, Succeeded, nil, "[]"},
		"running":               {false, false, Processing, []chunk{{"1", -1}}, "[1]"},
		"running without":       {false, false, Processing, nil, "none"},
		"failed with a part":    {false, true, Failed, []chunk{{"1", -1}, {"2", -1}}, "[1,2]"},
		"canceled without part": {false, false, Canceled, nil, "none"},
	} {
		p := New(Config{ID: "p", Created: now, Array: tc.array})
		p.Start(now)
		for _, c := range tc.chunks {
			if err := p.Output([]byte(c.raw), c.items); err != nil {
				t.Fatal(err)
			}
		}
		if tc.status.Terminal() {
			p.Finish(Result{Status: tc.status, Stream: tc.stream}, now)
		}
		if got := output(p.Snapshot()); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestFirstFinalStateWins(t *testing.T) {
	for _, first := range []Status{Succeeded, Failed, Canceled} {
		p := New(Config{ID: "p", Created: now})
		if s := p.Snapshot(); s.Status != Starting || !s.Started.IsZero() || string(s.Metrics) != "{}" {
			t.Errorf("new: %+v", s)
		}
		p.Start(now)
		if !p.Finish(Result{Status: first, Error: "e", PredictTime: 1.5}, now) {
			t.Error("first Finish did nothing")
		}
		<-p.Done()
		for _, second := range []Status{Succeeded, Failed, Canceled} {
			if p.Finish(Result{Status: second, Error: "late"}, now) {
				t.Errorf("%s after %s", second, first)
			}
		}
		p.Log(protocol.Stdout, []byte("late"))
		p.Metric("late", protocol.MetricReplace, []byte("1"))
		if err := p.Output([]byte("1"), -1); err != nil {
			t.Error(err)
		}
		s := p.Snapshot()
		if s.Status != first || s.Logs != "" || string(s.Metrics) != `{"predict_time":1.5}` || (s.Error == "e") != (first == Failed) {
			t.Errorf("%s: %+v", first, s)
		}
	}
}

func TestMetrics(t *testing.T) {
	type record struct{ name, mode, value string }
	const set, add, app = protocol.MetricReplace, protocol.MetricIncrement, protocol.MetricAppend
	for name, tc := range map[string]struct {
		records []record
		want    string
	}{
		"replace":             {[]record{{"a", set, "1"}, {"a", set, `"x"`}}, `{"a":"x"}`},
		"delete":              {[]record{{"a.b", set, "1"}, {"a.b", set, "null"}}, `{"a":{}}`},
		"delete of nothing":   {[]record{{"a", set, "1"}, {"a.b", set, "null"}, {"x.y", set, "null"}}, `{"a":1}`},
		"increment":           {[]record{{"a", add, "1"}, {"a", add, "3"}}, `{"a":4}`},
		"increment floats":    {[]record{{"a", add, "1.5"}, {"a", add, "2.5"}}, `{"a":4}`},
		"increment overflow":  {[]record{{"a", set, "9223372036854775807"}, {"a", add, "1"}}, `{"a":9223372036854776000}`},
		"increment no number": {[]record{{"a", set, `"x"`}, {"a", add, "1"}}, `{"a":"x"}`},
		"append":              {[]record{{"a", app, "1"}, {"a", app, "[2]"}}, `{"a":[1,[2]]}`},
		"append wraps":        {[]record{{"a", set, "1"}, {"a", app, "2"}}, `{"a":[1,2]}`},
		"deep":                {[]record{{"a.b.c", set, "1"}, {"a.b.d", add, "2"}, {"a.e", set, "3"}}, `{"a":{"b":{"c":1,"d":2},"e":3}}`},
		"object is a branch":  {[]record{{"a", set, `{"b":1}`}, {"a.c", set, "2"}}, `{"a":{"b":1,"c":2}}`},
		"scalar is replaced":  {[]record{{"a", set, "1"}, {"a.b", set, "2"}}, `{"a":{"b":2}}`},
		"empty segments":      {[]record{{"", set, "1"}, {".a", set, "1"}, {"a.", set, "1"}, {"a..b", set, "1"}}, `{}`},
	} {
		p := New(Config{ID: "p", Created: now})
		for _, r := range tc.records {
			p.Metric(r.name, r.mode, []byte(r.value))
		}
		if got := string(p.Snapshot().Metrics); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	p := New(Config{ID: "p", Created: now})
	p.Metric("predict_time", set, []byte("7"))
	p.Metric("z", set, []byte("1"))
	p.Finish(Result{Status: Succeeded, PredictTime: 0.5}, now)
	if got := string(p.Snapshot().Metrics); got != `{"predict_time":0.5,"z":1}` {
		t.Errorf("predict_time: %s", got)
	}
}

func TestLimits(t *testing.T) {
	p := New(Config{ID: "p", Created: now, MaxOutput: 4, MaxLogs: 1 << 20})
	if err := p.Output([]byte("1234"), -1); err != nil {
		t.Error(err)
	}
	if err := p.Output([]byte("5"), -1); !errors.Is(err, ErrOutputTooLarge) {
		t.Errorf("one past the limit: %v", err)
	}
	for range 4 {
		p.Log(protocol.Stderr, []byte(strings.Repeat("line\n", 1<<18)))
	}
	if s := p.Snapshot(); len(s.Logs) > 1<<20+100 || !strings.HasPrefix(s.Logs, "[coglet: ") {
		t.Errorf("%d bytes of logs, begin %q", len(s.Logs), s.Logs[:40])
	}
	p.Drop() // not while it runs
	held := p.Size()
	if held < 4 {
		t.Errorf("size %d", held)
	}
	p.Finish(Result{Status: Succeeded}, now)
	p.Drop()
	if s := p.Snapshot(); !s.OutputDropped || s.Output != nil || p.Size() >= held-4 {
		t.Errorf("dropped: %+v", s)
	}
}

func TestDropWaitsForWhoHolds(t *testing.T) {
	p := New(Config{ID: "p", Created: now, Input: []byte("{}"), Replay: -1})
	p.Start(now)
	if err := p.Output([]byte(`"x"`), -1); err != nil {
		t.Fatal(err)
	}
	p.Drop() // not before its end
	first, second := p.Hold(), p.Hold()
	p.Finish(Result{Status: Succeeded}, now)
	first()
	first()
	p.Drop()
	if s := p.Snapshot(); s.OutputDropped || len(s.Output) == 0 || s.Input == nil {
		t.Errorf("held: %+v", s)
	}
	second()
	if s := p.Snapshot(); !s.OutputDropped || len(s.Output) != 0 || s.Input != nil {
		t.Errorf("let go: %+v", s)
	}
}
