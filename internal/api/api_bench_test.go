package api

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"coglet/internal/prediction"
)

// BenchmarkPrediction is the JSON of an answer.
func BenchmarkPrediction(b *testing.B) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := prediction.Snapshot{
		ID: "pred_000000000000000000000000", Status: prediction.Succeeded, Created: at, Started: at, Completed: at,
		Metrics: []byte(`{"predict_time":0.000123}`), Input: []byte(`{"s":"hello"}`),
	}
	for name, change := range map[string]func(*prediction.Snapshot){
		"small": func(s *prediction.Snapshot) { s.Output = [][]byte{[]byte(`"hello"`)} },
		"1 MB output": func(s *prediction.Snapshot) {
			s.Output = [][]byte{[]byte(`"` + strings.Repeat("x", 1<<20) + `"`)}
		},
		"10,000 log lines": func(s *prediction.Snapshot) { s.Logs = strings.Repeat("a line of text\n", 10_000) },
		"10,000 outputs": func(s *prediction.Snapshot) {
			s.Output = [][]byte{[]byte("["), bytes.TrimSuffix(bytes.Repeat([]byte(`"item 1234",`), 10_000), []byte(",")), []byte("]")}
		},
	} {
		b.Run(name, func(b *testing.B) {
			s := s
			change(&s)
			b.ReportAllocs()
			b.SetBytes(int64(Prediction(s, false).Len()))
			for b.Loop() {
				if Prediction(s, false).Len() == 0 {
					b.Fatal("empty")
				}
			}
		})
	}
}

// BenchmarkAppendEvent is one server-sent event of a stream.
func BenchmarkAppendEvent(b *testing.B) {
	e := prediction.Event{Kind: prediction.EventOutput, ID: 1234, Index: 1233, Items: -1, Chunk: []byte(`"item 1233"`)}
	dst := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		if len(AppendEvent(dst, "pred_000000000000000000000000", &e)) == 0 {
			b.Fatal("empty")
		}
	}
}
