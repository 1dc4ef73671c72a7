package protocol

import (
	"fmt"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// headers are in the usual form, nearly in it, or wrong.
var headers = []string{
	`{"type":"output","slot":0,"index":0}`, `{"type":"output","slot":15,"index":99999}`,
	`{"type":"output","slot":0,"index":0,"items":3}`, `{"type":"output","slot":0,"index":-1}`, `{"type":"output","slot":00,"index":0}`,
	`{"type":"output","slot":0,"index":123456789012345678}`, `{"type":"output","slot":0,"index":1234567890123456789012}`,
	`{"type":"output","slot":0,"index":}`, `{"type":"output","slot":0,"index":1}}`, `{"type":"output","index":1,"slot":2}`,
	`{"type":"done","slot":0,"seq":1,"status":"succeeded","predict_time":0.25}`,
	`{"type":"done","slot":3,"seq":7,"status":"succeeded","predict_time":1e-05,"is_stream":true}`,
	`{"type":"done","slot":3,"seq":7,"status":"succeeded","predict_time":7}`,
	`{"type":"done","slot":3,"seq":7,"status":"succeeded","predict_time":12345e-9}`,
	`{"type":"done","slot":3,"seq":7,"status":"succeeded","predict_time":0e-9}`,
	`{"type":"done","slot":0,"seq":1,"status":"succeeded","predict_time":0x10}`,
	`{"type":"done","slot":0,"seq":1,"status":"succeeded","predict_time":1_000}`,
	`{"type":"done","slot":0,"seq":1,"status":"succeeded","predict_time":.5}`,
	`{"type":"done","slot":0,"seq":1,"status":"succeeded","predict_time":5.}`,
	`{"type":"done","slot":0,"seq":1,"status":"succeeded","predict_time":05}`,
	`{"type":"done","slot":0,"seq":1,"status":"succeeded","predict_time":1e999}`,
	`{"type":"done","slot":0,"seq":1,"status":"failed","predict_time":0.25,"error":"ValueError: no"}`,
	`{"type":"done","slot":0,"seq":1,"status":"succeeded","predict_time":inf}`,
	`{"type":"done","slot":0,"seq":1,"status":"succeeded","predict_time":0.25`,
	`{"type":"log","slot":0,"source":"stdout"}`, `{"type":"log","slot":2,"source":"stderr"}`,
	`{"type":"log","slot":2,"source":"stderr","raw":[1,2],"since":[5,6]}`, `{"type":"log","source":"stdout"}`,
	`{"type":"log","slot":0,"source":"elsewhere"}`, `{"type":"log","slot":0,"source":"stdout"}x`, `{"type":"log","slot":0}`, ``,
}

// checkPlain compares the quick way with the general one. What the quick way takes, the general one reads the same.
func checkPlain[T any](t *testing.T, header string) (taken bool) {
	t.Helper()
	var got, want T
	if !decodePlain([]byte(header), &got) {
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s was not taken, and left %s", header, diff)
		}
		return false
	}
	if err := json.Unmarshal([]byte(header), &want); err != nil {
		t.Errorf("%s was taken; it is %v", header, err)
	} else if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", header, diff)
	}
	return true
}

func TestPlainHeadersMeanWhatJSONSays(t *testing.T) {
	taken := 0
	for _, header := range headers {
		for _, is := range []bool{checkPlain[Output](t, header), checkPlain[Done](t, header), checkPlain[Log](t, header)} {
			if is {
				taken++
			}
		}
	}
	if taken < 8 {
		t.Errorf("only %d went the quick way", taken)
	}
}

func TestPlainPredictIsWhatJSONWrites(t *testing.T) {
	for _, m := range []*Predict{
		{Type: TypePredict, ID: "x"},
		{Type: TypePredict, Slot: 3, Seq: 1 << 60, ID: "odd \"id\" \u2028<&>é", Method: "train"},
		{Type: TypePredict, ID: "c", Context: map[string]string{"b": "1", "a": "2"}},
		{Type: TypePredict, ID: "\xff"},
	} {
		want, wantErr := json.Marshal(m, json.Deterministic(true))
		got, err := AppendHeader([]byte("before"), m, 5)
		if (err != nil) != (wantErr != nil) {
			t.Errorf("%+v: %v, want %v", m, err, wantErr)
		}
		if err != nil {
			if string(got) != "before" {
				t.Errorf("%+v: wrote %q in spite of %v", m, got, err)
			}
			continue
		}
		prefix := fmt.Sprintf("before%s\x00\x00\x00%c\x00\x00\x00\x05", magic, len(want))
		if string(got) != prefix+string(want) {
			t.Errorf("got  %q\nwant %q", got, prefix+string(want))
		}
	}
}

func FuzzPlainHeaders(f *testing.F) {
	for _, header := range headers {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		checkPlain[Output](t, header)
		checkPlain[Done](t, header)
		checkPlain[Log](t, header)
	})
}
