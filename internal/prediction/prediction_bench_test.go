package prediction

import (
	"fmt"
	"testing"
	"time"

	"coglet/internal/protocol"
)

func begun() *Prediction {
	p := New(Config{ID: "pred_000000000000000000000000", Input: []byte(`{"s":"hello"}`), Created: time.Unix(0, 0)})
	p.Start(time.Unix(1, 0))
	return p
}

// BenchmarkLife is a small prediction from its request to its answer.
func BenchmarkLife(b *testing.B) {
	output := []byte(`"hello"`)
	b.ReportAllocs()
	for b.Loop() {
		p := begun()
		if err := p.Output(output, -1); err != nil {
			b.Fatal(err)
		}
		if !p.Finish(Result{Status: Succeeded, PredictTime: 0.0001}, time.Unix(2, 0)) {
			b.Fatal("not finished")
		}
		if s := p.Snapshot(); s.Status != Succeeded {
			b.Fatal(s.Status)
		}
	}
}

// BenchmarkOutputs is one of many yields, each with an event.
func BenchmarkOutputs(b *testing.B) {
	output := []byte(`"item 1234"`)
	b.ReportAllocs()
	for b.Loop() {
		p := begun()
		for range 1000 {
			if err := p.Output(output, -1); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/output")
}

func BenchmarkLogLines(b *testing.B) {
	line := []byte("a line of text\n")
	b.ReportAllocs()
	for b.Loop() {
		p := begun()
		for range 1000 {
			p.Log(protocol.Stdout, line)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/line")
}

// BenchmarkSnapshot is a look at a prediction that still runs: it lists the outputs and copies none.
func BenchmarkSnapshot(b *testing.B) {
	for _, outputs := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(outputs, " outputs"), func(b *testing.B) {
			p := begun()
			for range outputs {
				if err := p.Output([]byte(`"item 1234"`), -1); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if s := p.Snapshot(); s.Output == nil {
					b.Fatal("no output")
				}
			}
		})
	}
}

// BenchmarkReadEvents is a stream that takes each output as it comes.
func BenchmarkReadEvents(b *testing.B) {
	p := begun()
	r := p.Read()
	events := make([]Event, 0, 16)
	output := []byte(`"item 1234"`)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n == 10_000 { // a prediction of a likely size
			b.StopTimer()
			p = begun()
			r, n = p.Read(), 0
			b.StartTimer()
		}
		if err := p.Output(output, -1); err != nil {
			b.Fatal(err)
		}
		if events, _, _, _ = r.Next(events[:0]); len(events) == 0 {
			b.Fatal("no event")
		}
	}
}
