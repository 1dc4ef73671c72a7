package api

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/prediction"
)

func TestPredictionHasItsKeysInOrder(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	for name, tc := range map[string]struct {
		s     prediction.Snapshot
		input bool
		want  string
	}{
		"accepted": {
			prediction.Snapshot{ID: "a\"b", Status: prediction.Starting, Created: at, Metrics: []byte("{}")},
			false,
			`{"created_at":"2026-11-23T11:00:00.123456Z","id":"a\"b","logs":"","metrics":{},"status":"starting"}`,
		},
		"failed": {
			prediction.Snapshot{
				ID: "p", Status: prediction.Failed, Created: at, Started: at, Completed: at, Error: "E: x", Logs: "l\n",
				Metrics: []byte(`{"a":1}`), Output: [][]byte{[]byte("["), []byte("1"), []byte("]")}, Input: []byte(`{"s":1}`),
			},
			true,
			`{"completed_at":"2026-11-23T11:00:00.123456Z","created_at":"2026-11-23T11:00:00.123456Z","error":"E: x","id":"p",` +
				`"input":{"s":1},"logs":"l\n","metrics":{"a":1},"output":[1],"started_at":"2026-11-23T11:00:00.123456Z","status":"failed"}`,
		},
	} {
		if got := string(bytes.Join(Prediction(tc.s, tc.input), nil)); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tc.want)
		}
	}
}

func TestLargeOutputsAreNotCopied(t *testing.T) {
	big := []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	body := Prediction(prediction.Snapshot{
		ID: "p", Status: prediction.Succeeded, Metrics: []byte("{}"), Output: [][]byte{big}, Input: []byte("{}"),
	}, true)
	shared := false
	for _, piece := range body {
		shared = shared || len(piece) > 0 && &piece[0] == &big[0]
	}
	whole := bytes.Join(body, nil)
	if !shared || !json.Valid(whole) || len(whole) != body.Len() {
		t.Errorf("shared %t, valid %t, %d of %d bytes", shared, json.Valid(whole), len(whole), body.Len())
	}
}

func TestHealthHasItsKeysInCogsOrder(t *testing.T) {
	for want, h := range map[string]Health{
		`{"status":"UNKNOWN","version":{"coglet":"1"}}`: {Status: "UNKNOWN", Version: Version{Coglet: "1"}},
		`{"status":"STARTING","setup":{"started_at":"a","status":"starting"},"version":{"coglet":"1"}}`: {
			Status: "STARTING", Setup: &Setup{StartedAt: "a", Status: "starting"}, Version: Version{Coglet: "1"},
		},
		`{"status":"UNHEALTHY","setup":{"started_at":"a","completed_at":"b","status":"succeeded","logs":"l"},` +
			`"version":{"coglet":"1","git_sha":"g","build_time":"t","python_sdk":"s","python":"p"},"user_healthcheck_error":"e"}`: {
			Status: "UNHEALTHY", Setup: &Setup{StartedAt: "a", CompletedAt: "b", Status: "succeeded", Logs: Text{"l"}},
			Version: Version{Coglet: "1", GitSHA: "g", BuildTime: "t", PythonSDK: "s", Python: "p"}, UserHealthcheckError: "e",
		},
	} {
		if got, err := jsonv2.Marshal(h); err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	}
}

func TestHealthBodyIsWhatItsFieldsSay(t *testing.T) {
	for _, h := range []Health{
		{Status: "UNKNOWN", Version: Version{Coglet: "1"}},
		{Status: "STARTING", Setup: &Setup{StartedAt: "t", Status: "starting"}, Version: Version{Coglet: "1", Python: "3"}},
		{
			Status:  "UNHEALTHY",
			Setup:   &Setup{StartedAt: "t", CompletedAt: "u", Status: "succeeded", Logs: Text{strings.Repeat("a \"line\"\n", 9999), "\xff", "é"}},
			Version: Version{"1", "2", "3", "4", "5"}, UserHealthcheckError: "no \\ good",
		},
	} {
		got, err := h.AppendTo([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := jsonv2.Marshal(h, jsontext.AllowInvalidUTF8(true))
		if err != nil {
			t.Fatal(err)
		}
		if want = append([]byte("before"), want...); !bytes.Equal(got, want) {
			t.Errorf("got  %.300s\nwant %.300s", got, want)
		}
	}
}
