package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coglet/internal/outbound"
	"coglet/internal/prediction"
	"coglet/internal/protocol"
)

// message is what a receiver has got.
type message struct {
	header http.Header
	body   string
	json   struct {
		Status string
		Output []string
		Logs   string
	}
}

// receiver is a server that webhooks go to; answer decides what it says to the nth request, counted from 0.
type receiver struct {
	t      *testing.T
	server *httptest.Server
	mu     sync.Mutex
	got    []message
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter)) *receiver {
	r := &receiver{t: t}
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil || req.Method != http.MethodPost {
			t.Errorf("%s: %v", req.Method, err)
		}
		m := message{header: req.Header, body: string(body)}
		if err := json.Unmarshal(body, &m.json); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		r.mu.Lock()
		n := len(r.got)
		r.got = append(r.got, m)
		r.mu.Unlock()
		if answer != nil {
			answer(n, w)
		}
	}))
	t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) all() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) statuses() string {
	var all []string
	for _, m := range r.all() {
		all = append(all, m.json.Status)
	}
	return strings.Join(all, " ")
}

func (r *receiver) hook(events Filter) Hook {
	u, err := ParseURL(r.server.URL + "/hook?secret=1")
	if err != nil {
		r.t.Fatal(err)
	}
	return Hook{URL: u, Events: events}
}

// waits records what a sender would have slept.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
}

func (w *waits) sleep(context.Context, time.Duration) error { return nil }

func (w *waits) record(_ context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, d)
	return nil
}

func newSender(t *testing.T, c Config) (*Sender, *bytes.Buffer) {
	var log bytes.Buffer
	if c.Client == nil {
		c.Client = outbound.Named(false, nil)
	}
	if c.Sleep == nil {
		c.Sleep = new(waits).sleep
	}
	c.UserAgent, c.Log = "coglet/test", slog.New(slog.NewTextHandler(&log, nil))
	s := New(c)
	t.Cleanup(s.Close)
	return s, &log
}

var now = time.Now()

func started(id string) *prediction.Prediction {
	p := prediction.New(prediction.Config{ID: id, Created: now, Replay: -1})
	p.Start(now)
	return p
}

func succeed(p *prediction.Prediction) {
	p.Finish(prediction.Result{Status: prediction.Succeeded, PredictTime: 0.5}, now)
}

func wait(t *testing.T, s *Sender) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestStartComesFirstAndTheEndLastHoweverFastAPredictionIs(t *testing.T) {
	r := newReceiver(t, nil)
	s, _ := newSender(t, Config{Interval: time.Hour})
	p := started("fast")
	p.Log(protocol.Stdout, []byte("line\n"))
	_ = p.Output([]byte(`"a"`), -1)
	p.Finish(prediction.Result{Status: prediction.Failed, Error: "ValueError: boom"}, now)
	s.Watch(p, r.hook(All))
	wait(t, s)
	got := r.all()
	if r.statuses() != "processing failed" {
		t.Fatalf("got %s", r.statuses())
	}
	if strings.Contains(got[0].body, "line") || strings.Contains(got[0].body, "output") {
		t.Errorf("start knows what came later: %s", got[0].body)
	}
	for _, want := range []string{`"error":"ValueError: boom"`, `"output":["a"]`, `"logs":"line\n"`, `"id":"fast"`} {
		if !strings.Contains(got[1].body, want) {
			t.Errorf("the end misses %s: %s", want, got[1].body)
		}
	}
}

func TestProgressIsThrottledWithATrailingEdge(t *testing.T) {
	r := newReceiver(t, nil)
	s, _ := newSender(t, Config{Interval: 100 * time.Millisecond})
	p := started("p")
	s.Watch(p, r.hook(All))
	eventually(t, "start", func() bool { return len(r.all()) == 1 })
	begin := time.Now()
	for n := range 50 {
		p.Log(protocol.Stdout, fmt.Appendf(nil, "%d\n", n))
		_ = p.Output(fmt.Appendf(nil, `"%d"`, n), -1)
	}
	p.Log(protocol.Stdout, []byte("last before the pause\n"))
	eventually(t, "the trailing edge", func() bool {
		all := r.all()
		return strings.Contains(all[len(all)-1].json.Logs, "last before the pause")
	})
	messages, most := len(r.all()), 2+int(time.Since(begin)/(100*time.Millisecond))
	if messages > most {
		t.Errorf("%d messages, want at most %d", messages, most)
	}
	succeed(p)
	wait(t, s)
	all := r.all()
	if last := all[len(all)-1]; last.json.Status != "succeeded" || len(last.json.Output) != 50 {
		t.Errorf("last is %s", last.body)
	}
}

func TestFilter(t *testing.T) {
	for events, want := range map[Filter]string{
		0: "", Start: "processing", Completed: "succeeded", Start | Completed: "processing succeeded",
		Output: "processing", Logs | Completed: "succeeded",
	} {
		r := newReceiver(t, nil)
		s, _ := newSender(t, Config{})
		p := started("p")
		s.Watch(p, r.hook(events))
		if events&Output != 0 {
			_ = p.Output([]byte(`"x"`), -1)
			eventually(t, "the output", func() bool { return len(r.all()) == 1 })
		}
		succeed(p)
		wait(t, s)
		if r.statuses() != want {
			t.Errorf("%b: %q, want %q", events, r.statuses(), want)
		}
	}
	for _, word := range []string{"", "Start", "error"} {
		if _, known := ParseEvent(word); known {
			t.Errorf("%q is no event", word)
		}
	}
}

func TestQueuedPredictionThatIsCanceledHasNoStart(t *testing.T) {
	r := newReceiver(t, nil)
	s, _ := newSender(t, Config{})
	p := prediction.New(prediction.Config{ID: "p", Created: now})
	s.Watch(p, r.hook(All))
	p.Finish(prediction.Result{Status: prediction.Canceled}, now)
	wait(t, s)
	if r.statuses() != "canceled" {
		t.Errorf("got %q", r.statuses())
	}
}

func TestTheEndIsRetriedAndNothingElse(t *testing.T) {
	for name, tc := range map[string]struct {
		answer   func(n int, w http.ResponseWriter)
		requests int
		waits    []time.Duration
		log      string
	}{
		"accepted": {nil, 1, nil, ""},
		"500 twice": {func(n int, w http.ResponseWriter) {
			if n < 2 {
				w.WriteHeader(500)
			}
		}, 3, []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}, "sent again"},
		"Retry-After": {func(n int, w http.ResponseWriter) {
			if n == 0 {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(429)
			}
		}, 2, []time.Duration{7 * time.Second}, "sent again"},
		"Retry-After with a date": {func(n int, w http.ResponseWriter) {
			if n == 0 {
				w.Header().Set("Retry-After", now.Add(90*time.Second).UTC().Format(http.TimeFormat))
				w.WriteHeader(503)
			}
		}, 2, []time.Duration{now.Add(90 * time.Second).UTC().Truncate(time.Second).Sub(now)}, "sent again"},
		"400": {func(_ int, w http.ResponseWriter) { w.WriteHeader(400) }, 1, nil, "given up"},
		"always 503": {func(_ int, w http.ResponseWriter) { w.WriteHeader(503) }, 13, []time.Duration{
			200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond,
			3200 * time.Millisecond, 6400 * time.Millisecond, 12800 * time.Millisecond, 25600 * time.Millisecond,
			51200 * time.Millisecond, 102400 * time.Millisecond, 102400 * time.Millisecond, 102400 * time.Millisecond,
		}, "given up"},
		"closes early": {func(n int, w http.ResponseWriter) {
			if n == 0 {
				conn, _, _ := http.NewResponseController(w).Hijack()
				conn.Close()
			}
		}, 2, []time.Duration{200 * time.Millisecond}, "sent again"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, tc.answer)
			var w waits
			s, log := newSender(t, Config{Sleep: w.record, Now: func() time.Time { return now }, Secret: []byte("k")})
			p := started("p")
			succeed(p)
			s.Watch(p, r.hook(Completed))
			wait(t, s)
			if got := len(r.all()); got != tc.requests || !slices.Equal(w.all, tc.waits) {
				t.Errorf("%d requests, waits %v, want %d, %v", got, w.all, tc.requests, tc.waits)
			}
			if !strings.Contains(log.String(), tc.log) || strings.Contains(log.String(), "secret") {
				t.Errorf("log: %s", log)
			}
			ids := map[string]bool{}
			for _, m := range r.all() {
				ids[m.header.Get("Webhook-Id")] = true
			}
			if len(ids) != 1 {
				t.Errorf("one message has the ids %v", ids)
			}
		})
	}
}

func TestReceiverThatRefusesAndOneThatHangsHoldNothingUp(t *testing.T) {
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused.Close()
	u, _ := url.Parse("http://" + refused.Addr().String())
	s, log := newSender(t, Config{Timeout: 50 * time.Millisecond})
	p := started("refused")
	s.Watch(p, Hook{URL: u, Events: All})
	release := make(chan struct{})
	r := newReceiver(t, func(n int, _ http.ResponseWriter) {
		if n < 2 { // start and the first attempt of the end
			<-release
		}
	})
	q := started("hangs")
	s.Watch(q, r.hook(All))
	succeed(p) // returns at once
	succeed(q)
	wait(t, s)
	close(release)
	if n := strings.Count(log.String(), "prediction_id=refused"); n < 14 || !strings.Contains(log.String(), "attempt=13") {
		t.Errorf("refused: %s", log)
	}
	if r.statuses() != "processing succeeded succeeded" {
		t.Errorf("hangs: got %s", r.statuses())
	}
}

// A prediction that is forgotten to save memory while its receiver is slow is told whole.
func TestTheEndHasItsOutputHoweverLateItIsTold(t *testing.T) {
	release := make(chan struct{})
	r := newReceiver(t, func(n int, _ http.ResponseWriter) {
		if n == 0 {
			<-release
		}
	})
	s, _ := newSender(t, Config{})
	p := started("p")
	s.Watch(p, r.hook(Start|Completed))
	eventually(t, "start is under way", func() bool { return len(r.all()) == 1 })
	_ = p.Output([]byte(`"x"`), -1)
	_ = p.Output([]byte(`"y"`), -1)
	succeed(p)
	p.Drop()
	close(release)
	wait(t, s)
	if last := r.all()[1]; !slices.Equal(last.json.Output, []string{"x", "y"}) {
		t.Errorf("the end: %s", last.body)
	}
	if !p.Snapshot().OutputDropped {
		t.Error("held although all is told")
	}
}

func TestForbiddenAddressesAreNotTriedAgain(t *testing.T) {
	r := newReceiver(t, nil)
	var w waits
	s, log := newSender(t, Config{Client: outbound.Named(true, nil), Sleep: w.record})
	p := started("p")
	succeed(p)
	s.Watch(p, r.hook(All))
	wait(t, s)
	if len(r.all()) != 0 || len(w.all) != 0 || !strings.Contains(log.String(), "given up") || !strings.Contains(log.String(), "--public-urls-only") {
		t.Errorf("%d messages, waits %v, log: %s", len(r.all()), w.all, log)
	}
}

func TestSlowReceiverGetsFewerMessagesAndMemoryStaysBounded(t *testing.T) {
	r := newReceiver(t, func(int, http.ResponseWriter) { time.Sleep(50 * time.Millisecond) })
	s, _ := newSender(t, Config{})
	p := started("p")
	s.Watch(p, r.hook(Output|Completed))
	begin := time.Now()
	for n := range 10_000 {
		_ = p.Output(fmt.Appendf(nil, `"%d"`, n), -1)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("outputs were held up for %s", took)
	}
	succeed(p)
	wait(t, s)
	all := r.all()
	if last := all[len(all)-1].json; len(all) > 100 || last.Status != "succeeded" || len(last.Output) != 10_000 {
		t.Errorf("%d messages, the last %s with %d outputs", len(all), last.Status, len(last.Output))
	}
}

func TestWhatWaitsIsBoundedForEachHost(t *testing.T) {
	release := make(chan struct{})
	r := newReceiver(t, func(int, http.ResponseWriter) { <-release })
	defer close(release)
	other := newReceiver(t, nil)
	s, _ := newSender(t, Config{MaxPending: 10 * pendingCost})
	for n := range 20 {
		p := started(fmt.Sprint("p", n))
		succeed(p)
		s.Watch(p, r.hook(Completed))
	}
	eventually(t, "the first ones are under way", func() bool { return len(r.all()) == 4 })
	p := started("other")
	succeed(p)
	s.Watch(p, other.hook(Completed))
	eventually(t, "another host is not held up", func() bool { return other.statuses() == "succeeded" })
	eventually(t, "the rest is given up", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.pending <= 5*pendingCost
	})
}

func TestHeaders(t *testing.T) {
	r := newReceiver(t, nil)
	secret := []byte("a secret of ours")
	s, _ := newSender(t, Config{Token: "tok", Secret: secret, Now: func() time.Time { return now }})
	p := started("p")
	succeed(p)
	h := r.hook(Completed)
	h.TraceParent, h.TraceState = "00-1-2-01", "a=b"
	s.Watch(p, h)
	wait(t, s)
	m := r.all()[0]
	for key, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "coglet/test", "Authorization": "Bearer tok",
		"Traceparent": "00-1-2-01", "Tracestate": "a=b", "Webhook-Timestamp": fmt.Sprint(now.Unix()),
		"Content-Length": fmt.Sprint(len(m.body)),
	} {
		if got := m.header.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%d.%s", m.header.Get("Webhook-Id"), now.Unix(), m.body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); m.header.Get("Webhook-Signature") != want {
		t.Errorf("signature %s, want %s", m.header.Get("Webhook-Signature"), want)
	}
}

func TestTokenGoesOnlyToTheHostsThatAreNamed(t *testing.T) {
	for host, want := range map[string]string{"127.0.0.1": "Bearer tok", "api.example.com": ""} {
		r := newReceiver(t, nil)
		s, _ := newSender(t, Config{Token: "tok", TokenHosts: []string{host}})
		p := started("p")
		succeed(p)
		s.Watch(p, r.hook(Completed))
		wait(t, s)
		if got := r.all()[0].header.Get("Authorization"); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

func TestCloseGivesUpAndSaysSo(t *testing.T) {
	r := newReceiver(t, func(_ int, w http.ResponseWriter) { w.WriteHeader(503) })
	s, log := newSender(t, Config{Sleep: sleep})
	p := started("p")
	succeed(p)
	s.Watch(p, r.hook(Completed))
	q := started("running")
	s.Watch(q, r.hook(All))
	eventually(t, "both are under way", func() bool { return len(r.all()) >= 2 })
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := s.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait: %v", err)
	}
	s.Close()
	if !strings.Contains(log.String(), "given up") {
		t.Errorf("log: %s", log)
	}
}

func TestURLs(t *testing.T) {
	for text, ok := range map[string]bool{
		"http://h": true, "https://h:1/p?q": true, "": false, "h": false, "ftp://h": false, "http://": false, "http://%zz": false,
		"http:///path": false, "file:///etc/passwd": false, "http://h/a b": false, "http://h\u009b": false, "http://é": false, "http://:80/": false,
	} {
		if _, err := ParseURL(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
