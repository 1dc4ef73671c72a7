package fastpath

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// client is a connection to a server.
type client struct {
	t *testing.T
	*net.TCPConn
	in *bufio.Reader
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{t, c.(*net.TCPConn), bufio.NewReaderSize(c, 1<<20)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads one answer. It fails the test unless its body is the wanted one.
func (c *client) answer(want string) *http.Response {
	c.t.Helper()
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || string(body) != want {
		c.t.Fatalf("%.100q of %d bytes, %v, want %.100q of %d", body, len(body), err, want, len(want))
	}
	return r
}

// ended fails the test unless the server has closed the connection.
func (c *client) ended() {
	c.t.Helper()
	if b, err := c.in.ReadByte(); !errors.Is(err, io.EOF) && !isReset(err) {
		c.t.Fatalf("%q, %v, want the end", b, err)
	}
}

func isReset(err error) bool { return err != nil && strings.Contains(err.Error(), "reset") }

// quick starts a server. Its handler gets what the short way gives; everything else is answered with "usual".
func quick(t *testing.T, handle http.HandlerFunc) (*Server, string) {
	t.Helper()
	s := &Server{Plain: func(*http.Request) bool { return true }}
	s.ErrorLog = log.New(io.Discard, "", 0)
	s.ReadHeaderTimeout, s.IdleTimeout = 2*time.Second, 3*time.Second
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, is := w.(*response); is {
			handle(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "usual")
	})
	return s, serve(t, s)
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	_, _ = w.Write(body)
}

const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

func TestConnectionComesBackToTheShortWay(t *testing.T) {
	_, address := quick(t, echo)
	c := dial(t, address)
	c.send(post("", "a"))
	c.answer("a")
	others := []string{
		get, post("", strings.Repeat("x", 20<<10)), "PATCH /p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
	}
	for _, other := range others {
		c.send(other)
		c.answer("usual")
		time.Sleep(20 * time.Millisecond) // net/http waits for the next request
		c.send(post("", "b"))
		c.answer("b")
		c.send(other + post("", "c")) // net/http takes its first byte
		c.answer("usual")
		if r, err := http.ReadResponse(c.in, nil); err != nil {
			t.Fatal(err)
		} else if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		c.send(post("", "d"))
		c.answer("d")
	}
}

func TestRequestsInPieces(t *testing.T) {
	t.Parallel()
	_, address := quick(t, echo)
	c := dial(t, address)
	text := post("A: b\r\n", "body")
	for at := 1; at < len(text); at += 7 {
		c.send(text[:at])
		time.Sleep(time.Millisecond)
		c.send(text[at:])
		c.answer("body")
	}
	c.send(text[:len(text)-1]) // patience ends: net/http reads the rest
	time.Sleep(2 * patience)
	c.send(text[len(text)-1:])
	c.answer("usual")
}

func TestSlowHeadsAreGivenUp(t *testing.T) {
	t.Parallel()
	_, address := quick(t, echo)
	for _, before := range []string{"", post("", "x")} {
		c := dial(t, address)
		if before != "" {
			c.send(before)
			c.answer("x")
		}
		start := time.Now()
		c.send("POST /p HTTP/1.1\r\n")
		c.ended()
		if waited := time.Since(start); waited < time.Second || waited > 10*time.Second {
			t.Errorf("given up after %v", waited)
		}
	}
}

func TestDrippedHeadsAreGivenUp(t *testing.T) {
	t.Parallel()
	s, address := quick(t, echo)
	c := dial(t, address)
	start := time.Now()
	for _, b := range []byte("POST /p HTTP/1.1\r\nA: " + strings.Repeat("x", 1000)) {
		if _, err := c.Write([]byte{b}); err != nil {
			break
		}
		time.Sleep(patience * 7 / 10)
	}
	if waited := time.Since(start); waited > s.ReadHeaderTimeout+2*time.Second {
		t.Errorf("given up after %v", waited)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	_, address := quick(t, echo)
	c := dial(t, address)
	c.send(post("", "x"))
	c.answer("x")
	start := time.Now()
	c.ended()
	if waited := time.Since(start); waited < time.Second || waited > 10*time.Second {
		t.Errorf("closed after %v", waited)
	}
}

func TestDepartureCancelsTheRequest(t *testing.T) {
	t.Parallel()
	left := make(chan error, 1)
	_, address := quick(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			left <- r.Context().Err()
		case <-time.After(10 * time.Second):
			left <- nil
		}
	})
	for _, wait := range []time.Duration{0, 5 * departureLook} {
		c := dial(t, address)
		c.send(post("", "x"))
		time.Sleep(wait)
		c.Close()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("left after %v: %v", wait, err)
		}
	}
}

func TestNextRequestIsNoDeparture(t *testing.T) {
	t.Parallel()
	_, address := quick(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(3 * departureLook)
		if r.Context().Err() != nil {
			t.Error("canceled")
		}
		echo(w, r)
	})
	c := dial(t, address)
	c.send(post("", "a") + post("", "b"))
	c.answer("a")
	c.answer("b")
	c.send(post("", "c"))
	time.Sleep(2 * departureLook)
	c.send(post("", "d"))
	c.answer("c")
	c.answer("d")
	time.Sleep(2 * time.Second) // the deadline that ended the look is not that of the connection
	c.send(post("", "e"))
	c.answer("e")
}

func TestShutdownWaitsForAnswers(t *testing.T) {
	inside, goOn := make(chan bool, 10), make(chan bool)
	s, address := quick(t, func(w http.ResponseWriter, r *http.Request) {
		inside <- true
		<-goOn
		echo(w, r)
	})
	idle, fresh, old, untouched := dial(t, address), dial(t, address), dial(t, address), dial(t, address)
	idle.send(post("", "a"))
	<-inside
	goOn <- true
	idle.answer("a")
	old.send(get)
	old.answer("usual")
	for _, c := range []*client{fresh, old} {
		c.send(post("", "b"))
		<-inside
	}
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	idle.ended()
	select {
	case err := <-done:
		t.Fatalf("shutdown did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	for range 2 {
		goOn <- true
	}
	for _, c := range []*client{fresh, old} {
		if r := c.answer("b"); !r.Close {
			t.Error("the last answer does not say so")
		}
		c.ended()
	}
	untouched.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := len(s.open()); n > 0 {
		t.Errorf("%d connections are open", n)
	}
}

func TestShutdownMayComeBeforeAnything(t *testing.T) {
	for range 20 {
		s, address := quick(t, echo)
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
		}
	}
}

func TestNothingBeginsOnAClosedConnection(t *testing.T) {
	var began atomic.Int64
	s, address := quick(t, func(w http.ResponseWriter, r *http.Request) {
		began.Add(1)
		echo(w, r)
	})
	c := dial(t, address)
	c.send(post("", "a"))
	c.answer("a")
	conns := s.open()
	conns[0].retire()
	if err := conns[0].exchange(1); !errors.Is(err, io.EOF) || began.Load() != 1 {
		t.Errorf("%v, %d requests began", err, began.Load())
	}
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	inside, left := make(chan bool), make(chan error, 1)
	s, address := quick(t, func(_ http.ResponseWriter, r *http.Request) {
		inside <- true
		<-r.Context().Done()
		left <- r.Context().Err()
	})
	c := dial(t, address)
	c.send(get)
	c.answer("usual")
	time.Sleep(20 * time.Millisecond)
	c.send(post("", "x"))
	<-inside
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	c.ended()
	select {
	case <-left: // whose server is closed is canceled
	case <-time.After(10 * time.Second):
		t.Error("the request goes on")
	}
}

func TestPanicEndsTheConnection(t *testing.T) {
	_, address := quick(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	})
	c := dial(t, address)
	c.send(post("", "x"))
	c.ended()
}

func TestAnswersOfAllSizes(t *testing.T) {
	var handle atomic.Pointer[http.HandlerFunc]
	_, address := quick(t, func(w http.ResponseWriter, r *http.Request) { (*handle.Load())(w, r) })
	c := dial(t, address)
	for _, size := range []int{0, 1, keptOutput, keptOutput + 1, 100 << 10, 5 << 20} {
		for _, pieces := range []int{1, 3} {
			for _, declared := range []bool{true, false} {
				body := strings.Repeat("0123456789abcdef", size/16+1)[:size]
				h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("X", "a\r\nb")
					if declared {
						w.Header().Set("Content-Length", fmt.Sprint(size))
					}
					w.WriteHeader(http.StatusAccepted)
					w.WriteHeader(http.StatusOK) // too late
					if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
						t.Error(err)
					}
					rest := body
					for n := range pieces {
						piece := rest[:len(rest)/(pieces-n)]
						rest = rest[len(piece):]
						buf := []byte(piece)
						if _, err := w.Write(buf); err != nil {
							t.Error(err)
						}
						clear(buf)
					}
				})
				handle.Store(&h)
				c.send(post("", "x"))
				r := c.answer(body)
				if r.StatusCode != http.StatusAccepted || r.ContentLength != int64(size) || r.Header.Get("X") != "a  b" || len(r.Header["Date"]) != 1 {
					t.Errorf("%s %d %v", r.Status, r.ContentLength, r.Header)
				}
			}
		}
	}
}

func TestAnswersThatAreNotWhatTheySay(t *testing.T) {
	_, address := quick(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Length", string(body))
		if _, err := io.WriteString(w, "four"); (err == nil) != (string(body) == "5") {
			t.Errorf("%s: %v", body, err)
		}
	})
	for _, length := range []string{"3", "5", "x"} {
		c := dial(t, address)
		c.send(post("", length))
		got, err := io.ReadAll(c)
		if err != nil || bytes.Contains(got, []byte("four")) && length != "5" || bytes.Contains(got, []byte(" 400 ")) {
			t.Errorf("%s: %q, %v", length, got, err)
		}
	}
}

func TestHandlerMayCloseTheConnection(t *testing.T) {
	_, address := quick(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		echo(w, r)
	})
	c := dial(t, address)
	c.send(post("", "x") + post("", "y"))
	if r := c.answer("x"); !r.Close {
		t.Error("the answer does not say that it is the last one")
	}
	c.ended()
}

func TestClientThatReadsNothingIsCutOff(t *testing.T) {
	failed := make(chan error, 1)
	_, address := quick(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(64<<20))
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		_, err := w.Write(make([]byte, 64<<20))
		failed <- err
	})
	c := dial(t, address)
	c.send(post("", "x"))
	if err := <-failed; err == nil {
		t.Error("all was written")
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("many", func(t *testing.T) {
		s, address := quick(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Slow") != "" {
				time.Sleep(2 * departureLook)
			}
			echo(w, r)
		})
		for n := range 50 {
			c := dial(t, address)
			c.send(post("", "a") + get + post("", "b") + post("Slow: 1\r\n", "c"))
			if n%2 == 0 {
				c.answer("a")
				c.answer("usual")
			}
			c.Close()
		}
		for deadline := time.Now().Add(10 * time.Second); len(s.open()) > 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d connections are open", len(s.open()))
			}
		}
	})
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// BenchmarkRequest is one request after the other, with the client's side of it.
func BenchmarkRequest(b *testing.B) {
	s := &Server{Plain: func(r *http.Request) bool { return r.URL.Path == "/short" }}
	s.Handler = http.HandlerFunc(echo)
	address := serve(b, s)
	for _, path := range []string{"/short", "/usual"} {
		b.Run(path[1:], func(b *testing.B) {
			c, err := net.Dial("tcp", address)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			request := []byte(strings.Replace(post("Content-Type: application/json\r\n", `{"input":{}}`), "/p", path, 1))
			answer := make([]byte, 4<<10)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Write(request); err != nil {
					b.Fatal(err)
				}
				if n, err := c.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200")) {
					b.Fatalf("%q %v", answer[:n], err)
				}
			}
		})
	}
}
