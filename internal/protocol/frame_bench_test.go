//go:build linux

package protocol

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// Frames as a small prediction has them, and what a large one or a chatty one adds.
var benchFrames = []struct {
	name string
	msg  any
	body string
}{
	{"predict", &Predict{Type: TypePredict, Seq: 7, ID: "pred_000000000000000000000000"}, `{"s":"hello"}`},
	{"output", &Output{Type: TypeOutput, Index: 0}, `"hello"`},
	{"done", &Done{Type: TypeDone, Seq: 7, Status: StatusSucceeded, PredictTime: 0.000123}, ""},
	{"log", &Log{Type: TypeLog, Slot: new(int), Source: Stdout}, "a line of text\n"},
	{"output of 1 MB", &Output{Type: TypeOutput}, `"` + strings.Repeat("x", 1<<20) + `"`},
}

func BenchmarkAppendHeader(b *testing.B) {
	for _, f := range benchFrames {
		b.Run(f.name, func(b *testing.B) {
			b.ReportAllocs()
			dst := make([]byte, 0, 256)
			for b.Loop() {
				if _, err := AppendHeader(dst, f.msg, len(f.body)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReaderNext(b *testing.B) {
	for _, f := range benchFrames {
		b.Run(f.name, func(b *testing.B) {
			in := bytes.NewReader(frame(b, f.msg, f.body))
			r := NewReader(in)
			b.ReportAllocs()
			b.SetBytes(in.Size())
			for b.Loop() {
				if _, err := in.Seek(0, io.SeekStart); err != nil {
					b.Fatal(err)
				}
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeDone(b *testing.B) {
	r := NewReader(bytes.NewReader(frame(b, benchFrames[2].msg, "")))
	f, err := r.Next()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var m Done
		if err := f.Decode(&m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSend is one frame through a socket to a reader in the same process.
func BenchmarkSend(b *testing.B) {
	for _, f := range benchFrames {
		b.Run(f.name, func(b *testing.B) {
			from, to := pair(b)
			w, err := NewWriter(from)
			if err != nil {
				b.Fatal(err)
			}
			r := NewReader(to)
			body := []byte(f.body)
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if err := w.Send(f.msg, body); err != nil {
					b.Fatal(err)
				}
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
