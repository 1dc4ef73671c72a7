package load

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// against runs a job of 12 requests over each of 3 connections against a server.
func against(t *testing.T, kind string, size int, h http.HandlerFunc) Result {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	r, err := Run(t.Context(), Job{
		Addr: server.Listener.Addr().String(), Path: "/predictions", Kind: kind, Size: size,
		Connections: 3, Requests: 12, Duration: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// echoed is the request's string.
func echoed(t *testing.T, req *http.Request) (s, hook, id string) {
	var body struct {
		Input   struct{ S string }
		Webhook string
		ID      string
	}
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil || req.URL.Path != "/predictions" {
		t.Errorf("%s: %v", req.URL, err)
	}
	return body.Input.S, body.Webhook, body.ID
}

func TestAcceptedRefusedAndWrongAreCountedApart(t *testing.T) {
	var n atomic.Int64
	r := against(t, Echo, 0, func(w http.ResponseWriter, req *http.Request) {
		s, _, _ := echoed(t, req)
		switch n.Add(1) % 4 {
		case 0:
			w.WriteHeader(http.StatusConflict)
		case 1:
			fmt.Fprintf(w, `{"output": "not %s"}`, s)
		case 2:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			fmt.Fprintf(w, `{"id":"x","output": %q}`, s)
		}
	})
	if r.Accepted != 9 || r.Refused != 9 || r.Wrong != 18 || r.Why == "" {
		t.Errorf("%+v", r)
	}
	if r.P50 <= 0 || r.P99 < r.P50 || r.Seconds <= 0 {
		t.Errorf("times: %+v", r)
	}
}

func TestAnswerOfAnotherConnectionIsWrong(t *testing.T) {
	r := against(t, Echo, 0, func(w http.ResponseWriter, req *http.Request) {
		s, _, _ := echoed(t, req)
		fmt.Fprintf(w, `{"output":%q}`, strings.Replace(s, "-0-", "-1-", 1))
	})
	if r.Accepted != 24 || r.Wrong != 12 {
		t.Errorf("%+v", r)
	}
}

func TestChunksAreReadAndClosedConnectionsMadeAgain(t *testing.T) {
	for name, before := range map[string]func(http.ResponseWriter){
		"chunks": func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
		"closed": func(w http.ResponseWriter) { w.Header().Set("Connection", "close") },
	} {
		r := against(t, Echo, 0, func(w http.ResponseWriter, req *http.Request) {
			s, _, _ := echoed(t, req)
			before(w)
			fmt.Fprint(w, `{"out`)
			before(w)
			fmt.Fprintf(w, `put":%q}`, s)
		})
		if r.Accepted != 36 || r.Wrong > 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestHookCountsOnlyWithItsWebhook(t *testing.T) {
	for name, tc := range map[string]struct {
		said string // by the webhook
		want int
	}{"right": {"%s", 36}, "wrong": {"not %s", 0}} {
		r := against(t, Hook, 0, func(w http.ResponseWriter, req *http.Request) {
			s, hook, id := echoed(t, req)
			body := fmt.Sprintf(`{"id":%q,"output":%q}`, id, fmt.Sprintf(tc.said, s))
			resp, err := http.Post(hook, "application/json", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			fmt.Fprintf(w, `{"output":%q}`, s)
		})
		if r.Accepted != tc.want || r.Wrong != 36-tc.want {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestOnlyTheWholeAnswerInItsOrderIsRight(t *testing.T) {
	for _, tc := range []struct{ kind, right, wrong string }{
		{Text, `{"output":"01234567890123456789"}`, `{"output":"0123456789"}`},
		{Items, `{"output":["item 0","item 1","item 2"]}`, `{"output":["item 0","item 2","item 1"]}`},
		{Items, `{"output":["item 0","item 1","item 2"]}`, `{"output":["item 0","item 1"]}`},
		{Lines, `{"logs":"line 0\nline 1\nline 2\n"}`, `{"logs":"line 0\nline 2\n"}`},
		{
			Events, "data: {\"status\":\"processing\"}\n\nid: 1\ndata: \"item 0\"\n\ndata: \"item 1\"\n\ndata: \"item 2\"\n\n",
			"data: \"item 0\"\n\ndata: \"item 1\"\n\ndata: \"item 20\"\n\n",
		},
		{Events, "data: item 0\n\ndata: item 1\n\ndata: item 2\n\n", "data: item 0\n\ndata: item 2\n\n"},
		{File, `{"output":"data:application/octet-stream;base64,` + "AAEC", `{"output":"data:;base64,AAED"}`},
	} {
		size := 3
		switch tc.kind {
		case Text:
			size = 20
		case File: // the whole of it would not be read by people: only its beginning stands above
			size = 256
			tc.right = string(inFull(t))
		}
		s, err := newSource(Job{Kind: tc.kind, Size: size})
		if err != nil {
			t.Fatal(err)
		}
		if why := s.connection(0).check([]byte(tc.right)); why != "" {
			t.Errorf("%s: %s", tc.kind, why)
		}
		if why := s.connection(0).check([]byte(tc.wrong)); why == "" {
			t.Errorf("%s: %s is taken for right", tc.kind, tc.wrong)
		}
	}
}

// inFull is an answer with all 256 bytes.
func inFull(t *testing.T) []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	raw, err := json.Marshal(all) // base64 in quotes
	if err != nil {
		t.Fatal(err)
	}
	return []byte(`{"output":"data:application/octet-stream;base64,` + string(raw[1:]) + "}")
}

func TestServerThatIsGoneIsNotAskedForever(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	r, err := Run(t.Context(), Job{
		Addr: server.Listener.Addr().String(), Path: "/", Kind: Echo, Connections: 2, Duration: time.Hour,
	})
	if err != nil || r.Accepted != 0 || r.Wrong == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
