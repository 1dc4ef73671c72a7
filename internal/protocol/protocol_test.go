package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ptr[T any](v T) *T { return &v }

// messages is every message of the protocol with all of its fields. The Python half is held to the same files.
var messages = []struct {
	name string
	msg  any
	body string
}{
	{"init", &Init{
		Type: TypeInit, Version: 1, Ref: "predict.py:Predictor", Mode: "predict", Slots: 2, Tmp: "/tmp/w", SDK: "/sdk",
	}, ""},
	{"init_schema_only", &Init{
		Type: TypeInit, Version: 1, Ref: "predict.py", Mode: "train", Tmp: "/tmp/w", SchemaOnly: true,
	}, ""},
	{"cancel", &Cancel{Type: TypeCancel, Slot: 1, Seq: 42}, ""},
	{"healthcheck", &Healthcheck{Type: TypeHealthcheck, ID: 3}, ""},
	{"shutdown", &Shutdown{Type: TypeShutdown}, ""},
	{"ready", &Ready{
		Type: TypeReady, Version: 1, Slots: 8, Healthcheck: true, Async: true,
		FileFields: map[string]FileField{"image": {Kind: "path"}, "more": {Kind: "file", List: true, Str: true}},
		AnyFields:  []string{"meta"},
		SDK:        "cog 0.23.1", Python: "3.11.7",
	}, `{"openapi":"3.0.2"}`},
	{"setup_failed", &SetupFailed{Type: TypeSetupFailed, Error: "ValueError: boom"}, ""},
	{"log_control", &Log{Type: TypeLog, Source: Stderr}, "höchst\n"},
	{"worker_log", &WorkerLog{Type: TypeWorkerLog, Level: "warn", Message: "m", Target: "coglet::x"}, ""},
	{"healthcheck_result", &HealthcheckResult{Type: TypeHealthcheckResult, ID: 3, Status: "unhealthy", Error: "e"}, ""},
	{"fatal", &Fatal{Type: TypeFatal, Error: "closed"}, ""},
	{"predict", &Predict{
		Type: TypePredict, Slot: 0, Seq: 7, ID: "p\"1", Context: map[string]string{"k": "v"},
	}, `{"s":"hi"}`},
	{"log_raw", &Log{Type: TypeLog, Slot: ptr(0), Source: Stdout, Raw: [2]int64{12, 3}}, "line\n"},
	{"log_data", &Log{Type: TypeLog, Slot: ptr(0), Source: Stdout}, "line\n"},
	{"output", &Output{Type: TypeOutput, Slot: 1, Index: 4}, `"x"`},
	{"output_text", &Output{Type: TypeOutput, Slot: 0, Index: 0, Text: true}, "\"two \"lines\"\n\""},
	{"output_items", &Output{
		Type: TypeOutput, Slot: 0, Index: 0, Items: ptr(2),
		Files: []File{{Ref: "coglet-file:00:0", Path: "/tmp/a.png", MIME: "image/png"}},
	}, `["coglet-file:00:0",1]`},
	{"metric", &Metric{Type: TypeMetric, Slot: 0, Name: "a.b", Mode: MetricIncrement, Value: []byte("1.5")}, ""},
	{"done", &Done{Type: TypeDone, Slot: 1, Seq: 7, Status: StatusFailed, Error: "E: x", PredictTime: 0.25, IsStream: true}, ""},
	{"ring", &RingTo{Type: TypeRing, To: 1 << 40}, ""},
	{"done_succeeded", &Done{Type: TypeDone, Slot: 0, Seq: 8, Status: StatusSucceeded, PredictTime: 1}, ""},
}

func frame(t testing.TB, msg any, body string) []byte {
	t.Helper()
	b, err := AppendHeader(nil, msg, len(body))
	if err != nil {
		t.Fatal(err)
	}
	return append(b, body...)
}

func TestMessagesMatchGoldenFiles(t *testing.T) {
	for _, m := range messages {
		t.Run(m.name, func(t *testing.T) {
			got := frame(t, m.msg, m.body)
			file := filepath.Join("testdata", m.name+".frame")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("frame differs from %s (-want +got):\n%s", file, diff)
			}
		})
	}
}

func TestReaderReadsWhatWasWrittenInAnyPieces(t *testing.T) {
	var stream []byte
	for _, m := range messages {
		stream = append(stream, frame(t, m.msg, m.body)...)
	}
	readers := map[string]io.Reader{
		"whole":        bytes.NewReader(stream),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
		"halves":       iotest.HalfReader(bytes.NewReader(stream)),
		"data and EOF": iotest.DataErrReader(bytes.NewReader(stream)),
	}
	for name, in := range readers {
		t.Run(name, func(t *testing.T) {
			r := NewReader(in)
			for _, m := range messages {
				f, err := r.Next()
				if err != nil {
					t.Fatalf("%s: %v", m.name, err)
				}
				got := frame(t, m.msg, "")
				if string(f.Header) != string(got[prefixSize:]) || string(f.Body()) != m.body {
					t.Errorf("%s: got header %s, body %q", m.name, f.Header, f.Body())
				}
			}
			if _, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("after the last frame: %v, want io.EOF", err)
			}
		})
	}
}

func TestTakenBodySurvivesTheNextFrame(t *testing.T) {
	stream := append(frame(t, &Fatal{Type: TypeFatal}, "first"), frame(t, &Fatal{Type: TypeFatal}, "other")...)
	r := NewReader(bytes.NewReader(stream))
	f, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	body := f.TakeBody()
	for i := range r.buf {
		r.buf[i] = 'x'
	}
	if string(body) != "first" {
		t.Errorf("body became %q", body)
	}
}

func prefix(head, body uint32) []byte {
	b := []byte(magic)
	b = binary.BigEndian.AppendUint32(b, head)
	return binary.BigEndian.AppendUint32(b, body)
}

func TestLimitsAtAndOnePast(t *testing.T) {
	pad := func(n int) *Fatal { // a header of exactly n bytes
		empty := len(frame(t, &Fatal{Type: TypeFatal, Error: "x"}, "")) - prefixSize - 1
		return &Fatal{Type: TypeFatal, Error: strings.Repeat("x", n-empty)}
	}
	if _, err := AppendHeader(nil, pad(MaxHeader), 0); err != nil {
		t.Errorf("header at the limit: %v", err)
	}
	if _, err := AppendHeader(nil, pad(MaxHeader+1), 0); !errors.Is(err, ErrTooLarge) {
		t.Errorf("header one past the limit: %v, want ErrTooLarge", err)
	}
	if _, err := AppendHeader(nil, &Shutdown{Type: TypeShutdown}, MaxBody); err != nil {
		t.Errorf("body at the limit: %v", err)
	}
	if _, err := AppendHeader(nil, &Shutdown{Type: TypeShutdown}, MaxBody+1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("body one past the limit: %v, want ErrTooLarge", err)
	}

	at := frame(t, pad(MaxHeader), "")
	if f, err := NewReader(bytes.NewReader(at)).Next(); err != nil || len(f.Header) != MaxHeader {
		t.Errorf("reading a header at the limit: %d bytes, %v", len(f.Header), err)
	}
	for name, bad := range map[string][]byte{
		"header one past": prefix(MaxHeader+1, 0),
		"header empty":    prefix(1, 0),
		"body one past":   append(prefix(2, MaxBody+1), "{}"...),
	} {
		if _, err := NewReader(bytes.NewReader(bad)).Next(); !errors.Is(err, ErrMalformed) {
			t.Errorf("reading, %s: %v, want ErrMalformed", name, err)
		}
	}
	if h, b, err := parsePrefix(prefix(MaxHeader, MaxBody)); h != MaxHeader || b != MaxBody || err != nil {
		t.Errorf("prefix at both limits: %d, %d, %v", h, b, err)
	}
}

func TestMalformedFrames(t *testing.T) {
	head := func(h string) []byte { return append(prefix(uint32(len(h)), 0), h...) }
	for name, tc := range map[string]struct {
		in   []byte
		want error
	}{
		"garbage":             {[]byte("hello, I am a print()"), ErrMalformed},
		"header not JSON":     {head(`{"type":}`), ErrMalformed},
		"header an array":     {head(`[1,2]`), ErrMalformed},
		"no type":             {head(`{"kind":"done"}`), ErrMalformed},
		"type not a string":   {head(`{"type":1}`), ErrMalformed},
		"duplicate type":      {head(`{"type":"x","type":"y"}`), ErrMalformed},
		"end in the prefix":   {[]byte("CGL1\x00"), io.ErrUnexpectedEOF},
		"end in the header":   {prefix(10, 0), io.ErrUnexpectedEOF},
		"end in a short body": {append(prefix(15, 9), `{"type":"done"}abc`...), io.ErrUnexpectedEOF},
		"end before the body": {append(prefix(15, 9), `{"type":"done"}`...), io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewReader(bytes.NewReader(tc.in)).Next(); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestTypeIsFoundWhereverItStands(t *testing.T) {
	for header, want := range map[string]string{
		`{"type":"done","slot":1}`:     "done",
		`{"slot":1,"type":"done"}`:     "done",
		`{ "type" : "output"}`:         "output",
		`{"type":"later_invention"}`:   "later_invention",
		`{"type":"d\u006fne"}`:         "done",
		`{"a":{"type":"x"},"type":""}`: "",
	} {
		if got, err := typeOf([]byte(header)); err != nil || got != want {
			t.Errorf("typeOf(%s) = %q, %v", header, got, err)
		}
	}
}

func TestHeaderThatHasBegunGetsADeadline(t *testing.T) {
	server, client := net.Pipe()
	defer server.Close()
	defer client.Close()
	r := NewReader(server)
	var set []time.Time
	r.Deadline = func(at time.Time) error {
		set = append(set, at)
		if !at.IsZero() {
			at = time.Now() // what would come in HeaderTimeout comes at once
		}
		return server.SetReadDeadline(at)
	}
	go client.Write([]byte("CGL1")) //nolint:errcheck // the reader's side is what is tested
	if _, err := r.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("half a prefix: %v, want a timeout", err)
	}
	if len(set) != 1 || time.Until(set[0]) > HeaderTimeout || time.Until(set[0]) < HeaderTimeout/2 {
		t.Errorf("deadlines set: %v", set)
	}
}

func TestDeadlineIsTakenBackOnceTheHeaderIsThere(t *testing.T) {
	stream := frame(t, &Shutdown{Type: TypeShutdown}, "")
	r := NewReader(iotest.OneByteReader(bytes.NewReader(stream)))
	var last time.Time
	calls := 0
	r.Deadline = func(at time.Time) error { last = at; calls++; return nil }
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if calls < 2 || !last.IsZero() {
		t.Errorf("%d calls, last %v, want the zero time last", calls, last)
	}
}

func TestAdmitIsAskedForBodiesOutsideTheBuffer(t *testing.T) {
	big := strings.Repeat("b", readBuffer+1)
	stream := append(frame(t, &Fatal{Type: TypeFatal}, "small"), frame(t, &Fatal{Type: TypeFatal}, big)...)
	r := NewReader(bytes.NewReader(stream))
	var asked []int
	r.Admit = func(n int) error { asked = append(asked, n); return nil }
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]int{len(big)}, asked); diff != "" {
		t.Error(diff)
	}
	refuse := errors.New("no memory")
	r = NewReader(bytes.NewReader(frame(t, &Fatal{Type: TypeFatal}, big)))
	r.Admit = func(int) error { return refuse }
	if _, err := r.Next(); !errors.Is(err, refuse) {
		t.Errorf("refused body: %v", err)
	}
}

func FuzzReader(f *testing.F) {
	for _, m := range messages {
		f.Add(frame(f, m.msg, m.body))
	}
	f.Add([]byte("CGL1"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(iotest.HalfReader(bytes.NewReader(in)))
		r.Admit = func(n int) error {
			if n > 1<<20 {
				return ErrTooLarge
			}
			return nil
		}
		read := 0
		for {
			fr, err := r.Next()
			if err != nil {
				break
			}
			read += prefixSize + len(fr.Header) + len(fr.Body())
			if string(in[read-len(fr.Body()):read]) != string(fr.Body()) {
				t.Fatalf("body %q is not what the stream has", fr.Body())
			}
		}
		if read > len(in) {
			t.Fatalf("read %d of %d bytes", read, len(in))
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, m := range messages {
		f.Add(frame(f, m.msg, "")[prefixSize:])
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		fr := Frame{Header: header}
		for _, msg := range []any{
			&Init{}, &Cancel{}, &Healthcheck{}, &Ready{}, &SetupFailed{}, &Log{}, &WorkerLog{}, &HealthcheckResult{},
			&Fatal{}, &Predict{}, &Output{}, &Metric{}, &Done{}, &RingTo{},
		} {
			if err := fr.Decode(msg); err != nil && !errors.Is(err, ErrMalformed) {
				t.Fatalf("%T: %v does not wrap ErrMalformed", msg, err)
			}
		}
	})
}
