package prediction

import (
	"fmt"
	"strings"
	"testing"

	"coglet/internal/protocol"
)

// tell makes an event short enough to be compared.
func tell(e Event) string {
	switch e.Kind {
	case EventOutput:
		return fmt.Sprintf("%d output %s/%d@%d+%d", e.ID, e.Chunk, e.Items, e.Index, e.Seen)
	case EventLog:
		return fmt.Sprintf("%d log %s %s", e.ID, e.Source, e.Text)
	case EventMetric:
		return fmt.Sprintf("%d metric %s %s %s", e.ID, e.Name, e.Mode, e.Value)
	case EventStart:
		return fmt.Sprintf("%d start", e.ID)
	}
	return fmt.Sprintf("%d completed", e.ID)
}

// readAll reads until nothing more is there.
func readAll(r *Reader) (told string, missed uint64, ended bool) {
	var all []string
	for {
		events, lost, more, end := r.Next(nil)
		missed += lost
		for _, e := range events {
			all = append(all, tell(e))
		}
		if more != nil || end {
			return strings.Join(all, "; "), missed, end
		}
	}
}

func TestReadersGetEveryEventInOrderHoweverLateTheyCome(t *testing.T) {
	p := New(Config{ID: "p", Created: now, Replay: DefaultReplay})
	early := p.Read()
	if told, _, ended := readAll(early); told != "" || ended {
		t.Errorf("before the start: %q", told)
	}
	p.Start(now)
	p.Log(protocol.Stderr, []byte("line\n"))
	p.Metric("m", protocol.MetricIncrement, []byte("1"))
	_ = p.Output([]byte(`"a"`), -1)
	_ = p.Output([]byte(`["b","c"]`), 2)
	_ = p.Output([]byte(`[]`), 0)
	_ = p.Output([]byte(`"d"`), -1)
	p.Finish(Result{Status: Succeeded}, now)
	want := `1 start; 2 log stderr line` + "\n" + `; 3 metric m increment 1; 4 output "a"/-1@0+0; 5 output ["b","c"]/2@1+0; 7 output "d"/-1@3+0; 8 completed`
	for name, r := range map[string]*Reader{"early": early, "late": p.Read()} {
		if told, missed, ended := readAll(r); told != want || missed != 0 || !ended {
			t.Errorf("%s: %s (missed %d, ended %t)", name, told, missed, ended)
		}
	}
	for after, want := range map[uint64]string{
		5:  `5 output ["b","c"]/2@1+1; 7 output "d"/-1@3+0; 8 completed`,
		7:  "8 completed",
		8:  "",
		99: want, // of a former prediction with this id
	} {
		if told, missed, ended := readAll(p.Resume(after)); told != want || missed != 0 || !ended {
			t.Errorf("after %d: %s (missed %d, ended %t)", after, told, missed, ended)
		}
	}
}

func TestReplayIsBounded(t *testing.T) {
	for _, tc := range []struct{ replay, outputs, first, missed int }{
		{DefaultReplay, 1101, 78, 77}, // start is the one more
		{2, 3, 3, 2},
		{0, 3, 0, 0},
		{-1, 10, 1, 0},
	} {
		p := New(Config{ID: "p", Created: now, Replay: tc.replay})
		for n := range tc.outputs {
			_ = p.Output(fmt.Appendf(nil, "%d", n), -1)
		}
		if tc.replay == 2 {
			p.Log(protocol.Stdout, []byte("x"))
		}
		events, missed, _, _ := p.Read().Next(nil)
		first := 0
		if len(events) > 0 {
			first = int(events[0].ID)
		}
		if first != tc.first || int(missed) != tc.missed {
			t.Errorf("replay %d: first %d, missed %d, want %d and %d", tc.replay, first, missed, tc.first, tc.missed)
		}
	}
}

func TestSlowReaderMissesEventsAndIsToldHowMany(t *testing.T) {
	p := New(Config{ID: "p", Created: now, Replay: 0})
	slow := p.Read()
	const total = 3 * liveEvents
	for n := range total {
		_ = p.Output(fmt.Appendf(nil, "%d", n), -1)
	}
	events, missed, _, _ := slow.Next(nil)
	if len(events) == 0 || int(missed) != total-liveEvents || events[0].Index != total-liveEvents {
		t.Errorf("missed %d, then %d events from %d", missed, len(events), events[0].Index)
	}
	if n := len(p.history.events); n > 2*liveEvents {
		t.Errorf("%d events are kept", n)
	}
}

func TestReadersAreWokenByChanges(t *testing.T) {
	p := New(Config{ID: "p", Created: now, Replay: -1})
	_, _, more, _ := p.Read().Next(nil)
	progress, changed := p.Progress()
	if progress.Status != Starting {
		t.Errorf("%+v", progress)
	}
	for _, c := range []<-chan struct{}{more, changed} {
		select {
		case <-c:
			t.Fatal("woken without a change")
		default:
		}
	}
	p.Log(protocol.Stdout, []byte("abc"))
	<-more
	<-changed
	if progress, _ := p.Progress(); progress.Logs != 3 {
		t.Errorf("%+v", progress)
	}
}

func TestDroppedPredictionStillTellsItsEnd(t *testing.T) {
	p := New(Config{ID: "p", Created: now, Replay: -1})
	p.Start(now)
	_ = p.Output([]byte("1"), -1)
	p.Finish(Result{Status: Succeeded}, now)
	p.Drop()
	if told, missed, ended := readAll(p.Read()); told != "3 completed" || missed != 2 || !ended {
		t.Errorf("%s, missed %d, ended %t", told, missed, ended)
	}
}

func TestLogsThatWereDroppedAreEmptyEvents(t *testing.T) {
	p := New(Config{ID: "p", Created: now, MaxLogs: 1 << 20, Replay: -1})
	for range 4 {
		p.Log(protocol.Stdout, []byte(strings.Repeat("line\n", 1<<18)))
	}
	events, _, _, _ := p.Read().Next(nil)
	if n := len(events); n != 4 || len(events[0].Text) != 0 || len(events[n-1].Text) == 0 {
		t.Errorf("%d events, first %d bytes, last %d", n, len(events[0].Text), len(events[n-1].Text))
	}
}
