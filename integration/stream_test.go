package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// event is one server-sent event.
type event struct {
	id, name string
	data     map[string]any
}

// events is a stream that is being read.
type events struct {
	t      *testing.T
	lines  *bufio.Reader
	closer io.Closer
}

// stream opens a stream; the test's end closes it.
func (s *server) stream(t *testing.T, method, path, body string, header ...string) *events {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		raw, _ := io.ReadAll(resp.Body)
		t.Fatalf("no stream: %d %s %s", resp.StatusCode, resp.Header.Get("Content-Type"), raw)
	}
	return &events{t, bufio.NewReader(resp.Body), resp.Body}
}

// next returns the next event; ok is false at the end of the stream.
func (e *events) next() (ev event, ok bool) {
	e.t.Helper()
	for {
		line, err := e.lines.ReadString('\n')
		if err != nil {
			return ev, false
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "id":
			ev.id = value
		case "event":
			ev.name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &ev.data); err != nil {
				e.t.Fatalf("%q: %v", value, err)
			}
		case "":
			if line == "" && ev.name != "" {
				return ev, true
			}
		}
	}
}

func (e *events) all() (all []event) {
	e.t.Helper()
	for {
		ev, ok := e.next()
		if !ok {
			return all
		}
		all = append(all, ev)
	}
}

// tell makes a line of each event.
func tell(all []event) string {
	var lines []string
	for _, e := range all {
		switch e.name {
		case "completed":
			lines = append(lines, fmt.Sprint(e.id, " completed ", e.data["status"], " ", e.data["output"]))
		default:
			raw, _ := json.Marshal(e.data)
			lines = append(lines, fmt.Sprint(e.id, " ", e.name, " ", string(raw)))
		}
	}
	return strings.Join(lines, "\n")
}

const tokenEvents = `1 start {"id":"p","status":"processing"}
2 log {"data":"log 0\n","source":"stdout"}
3 metric {"mode":"increment","name":"count","value":1}
4 output {"chunk":"t0","index":0}
5 log {"data":"log 1\n","source":"stdout"}
6 log {"data":"err 1\n","source":"stderr"}
7 metric {"mode":"increment","name":"count","value":1}
8 output {"chunk":"t1","index":1}
9 completed succeeded [t0 t1]`

func TestStreamOfEvents(t *testing.T) {
	s := ready(t, "contract", launch{})
	body := inputBody("do", "tokens", "text", "t", "n", 2)
	if got := tell(s.stream(t, "PUT", "/predictions/p", body).all()); got != tokenEvents {
		t.Errorf("PUT:\n%s", got)
	}
	if got := tell(s.stream(t, "GET", "/predictions/p/stream", "").all()); got != tokenEvents {
		t.Errorf("GET of one that has ended:\n%s", got)
	}
	if got, want := tell(s.stream(t, "GET", "/predictions/p/stream", "", "Last-Event-ID", "7").all()),
		tokenEvents[strings.Index(tokenEvents, "8 output"):]; got != want {
		t.Errorf("resumed:\n%s", got)
	}
	list := tell(s.stream(t, "POST", "/predictions", `{"id":"p","input":{"do":"items","n":3}}`).all())
	if want := "1 start {\"id\":\"p\",\"status\":\"processing\"}\n2 output {\"chunk\":\"0\",\"index\":0}\n" +
		"3 output {\"chunk\":\"1\",\"index\":1}\n4 output {\"chunk\":\"2\",\"index\":2}\n5 completed succeeded [0 1 2]"; list != want {
		t.Errorf("a list:\n%s", list)
	}
	if got, want := tell(s.stream(t, "GET", "/predictions/p/stream", "", "Last-Event-ID", "3").all()), list[strings.Index(list, "4 output"):]; got != want {
		t.Errorf("resumed inside a list:\n%s", got)
	}
	failed := s.stream(t, "POST", "/predictions", inputBody("do", "fail", "text", "boom")).all()
	if last := failed[len(failed)-1]; last.name != "completed" || last.data["error"] != "ValueError: boom" ||
		fmt.Sprint(last.data["output"]) != "[part]" {
		t.Errorf("failure: %v", last)
	}
	if a := s.do("GET", "/predictions/nobody/stream", ""); a.code != 404 || a.str("error") != "Prediction not found" {
		t.Errorf("unknown: %d %s", a.code, a.raw)
	}
	if a := s.do("GET", "/predictions/p/stream", "", "Last-Event-ID", "x"); a.code != 422 || !strings.Contains(a.raw, "Last-Event-ID") {
		t.Errorf("bad id: %d %s", a.code, a.raw)
	}
	for _, accept := range []string{"text/html, TEXT/Event-Stream;q=0.5", "text/event-stream ; charset=utf-8"} {
		if e := s.stream(t, "POST", "/predictions", inputBody("do", "echo"), "Accept", accept).all(); len(e) != 3 {
			t.Errorf("Accept %s: %v", accept, e)
		}
	}
	if a := s.do("POST", "/predictions", inputBody("do", "echo"), "Accept", "text/event-stream;q=0, */*"); a.str("status") != "succeeded" {
		t.Errorf("refused with q=0: %s", a.raw)
	}
	if a := s.do("POST", "/trainings", `{"input":{"n":1}}`, "Accept", "text/event-stream"); a.code != 406 ||
		a.str("error") != "Training endpoints do not support streaming responses." {
		t.Errorf("training: %d %s", a.code, a.raw)
	}
}

func TestEventsComeAsTheyHappenAndPutJoinsTheStream(t *testing.T) {
	s := ready(t, "contract", launch{})
	body := inputBody("do", "tokens", "text", "t", "n", 1000, "seconds", 0.05)
	first := s.stream(t, "PUT", "/predictions/p", body)
	for n := 0; n < 10; n++ {
		if _, ok := first.next(); !ok {
			t.Fatal("the stream has ended")
		}
	}
	if a := s.do("GET", "/predictions/p", ""); a.str("status") != "processing" {
		t.Fatalf("events were held back until the end: %.200s", a.raw)
	}
	second := s.stream(t, "PUT", "/predictions/p", body)
	if e, ok := second.next(); !ok || e.id != "1" || e.name != "start" {
		t.Errorf("joined: %v", e)
	}
	again := s.stream(t, "PUT", "/predictions/p", body, "Last-Event-ID", "6") // a client that was cut off
	if e, ok := again.next(); !ok || e.id != "7" {
		t.Errorf("resumed by PUT: %v", e)
	}
	again.closer.Close()
	if a := s.do("PUT", "/predictions/p", body, "Accept", "text/event-stream", "Last-Event-ID", "-1"); a.code != 422 ||
		!strings.Contains(a.raw, "Last-Event-ID") {
		t.Errorf("bad id: %d %s", a.code, a.raw)
	}
	head, err := http.Head(s.url + "/predictions/p/stream") // would wait for the end
	if err != nil || head.StatusCode != 200 || head.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %v %v", head, err)
	}
	first.closer.Close()
	second.closer.Close()
	time.Sleep(300 * time.Millisecond)
	if a := s.do("GET", "/predictions/p", ""); a.str("status") != "processing" {
		t.Errorf("created by PUT, it is canceled without readers: %.200s", a.raw)
	}
	s.cancel("p")
	if a := s.await("p"); a.str("status") != "canceled" {
		t.Errorf("%.200s", a.raw)
	}
	ended := s.stream(t, "GET", "/predictions/p/stream", "").all()
	if last := ended[len(ended)-1]; last.data["status"] != "canceled" {
		t.Errorf("canceled: %v", last)
	}
}

func TestReadersThatLeaveAPredictionOfTheirOwn(t *testing.T) {
	s := ready(t, "contract", launch{})
	begin := time.Now()
	e := s.stream(t, "POST", "/predictions", `{"id":"p","input":{"do":"sleep","seconds":60}}`)
	if _, ok := e.next(); !ok {
		t.Fatal("no start")
	}
	e.closer.Close()
	time.Sleep(time.Second) // it comes back before ten seconds are over
	again := s.stream(t, "GET", "/predictions/p/stream", "", "Last-Event-ID", "1")
	if ev, ok := again.next(); !ok || ev.id != "2" {
		t.Errorf("resumed: %v", ev)
	}
	again.closer.Close()
	left := time.Now()
	if a := s.await("p"); a.str("status") != "canceled" || time.Since(left) < 8*time.Second || time.Since(begin) > 40*time.Second {
		t.Errorf("%s after %s", a.str("status"), time.Since(left))
	}
	s.succeeded(s.predict("do", "echo"))
}

func TestReaderThatReadsNothingHoldsNothingUp(t *testing.T) {
	s := ready(t, "contract", launch{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(256 << 10); err != nil {
		t.Fatal(err)
	}
	body := `{"id":"p","input":{"do":"tokens","text":"` + strings.Repeat("x", 2000) + `","n":10000}}`
	fmt.Fprintf(conn, "PUT /predictions/p HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\n\r\n%s", len(body), body)
	s.until("it runs", func() bool { return s.do("GET", "/predictions/p", "").code == 200 })
	if a := s.await("p"); a.str("status") != "succeeded" || len(a.outputs()) != 10_000 {
		t.Fatalf("%.200s", a.raw)
	}
	// what it reads in the end: what the kernel held, then that events are missing, then the last ones
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	all := (&events{t: t, lines: bufio.NewReader(resp.Body)}).all()
	lost := 0
	for _, e := range all {
		if e.name == "error" {
			lost++
			if e.data["error"] != "SSE stream lagged; events were dropped" || e.data["skipped"].(float64) < 1 {
				t.Errorf("%v", e.data)
			}
		}
	}
	if last := all[len(all)-1]; lost == 0 || last.name != "completed" || last.data["status"] != "succeeded" {
		t.Errorf("%d times told of lost events, the last is %s", lost, last.name)
	}
}

func TestStreamHistoryCapacity(t *testing.T) {
	for capacity, want := range map[string]string{
		"2": "error 8 completed", "0": "", "1024": "1 2 3 4 5 6 7 8 9",
	} {
		s := ready(t, "contract", launch{env: []string{"COG_STREAM_HISTORY_CAPACITY=" + capacity}})
		s.do("PUT", "/predictions/p", inputBody("do", "tokens", "text", "t", "n", 2))
		var ids []string
		for _, e := range s.stream(t, "GET", "/predictions/p/stream", "").all() {
			if e.name == "error" {
				ids = append(ids, "error")
				if e.data["error"] != "SSE stream replay truncated; events were dropped" || e.data["skipped"] != 7.0 {
					t.Errorf("%v", e.data)
				}
				continue
			}
			ids = append(ids, e.id)
		}
		want = strings.Replace(want, "completed", "9", 1)
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("capacity %s: %s, want %s", capacity, got, want)
		}
	}
}
