// Package load sends predictions to a server and checks every answer. It is run as a process of its own.
package load

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Job says what to send, and for how long.
type Job struct {
	Addr, Path  string
	Kind        string // see kinds.go
	Size        int    // what it means depends on the kind
	Connections int
	Duration    time.Duration // no request begins later
	Requests    int           // the most that one connection sends; 0 means any number
}

// Result is what came back.
type Result struct {
	Accepted int // the right answer
	Refused  int // no place at the moment: 409, 429, 503
	Wrong    int // anything else
	Why      string
	Seconds  float64
	P50, P99 time.Duration // of the accepted ones, from the request's first byte to the answer's last
}

// Rate is the accepted predictions per second.
func (r Result) Rate() float64 { return float64(r.Accepted) / r.Seconds }

// tally is what one connection has counted.
type tally struct {
	accepted, refused, wrong int
	why                      string
	latency                  *hdrhistogram.Histogram // microseconds
}

func newTally() *tally {
	return &tally{latency: hdrhistogram.New(1, time.Minute.Microseconds(), 3)}
}

// Run keeps the job's connections busy, each with one request after the other.
func Run(ctx context.Context, job Job) (Result, error) {
	source, err := newSource(job)
	if err != nil {
		return Result{}, err
	}
	defer source.close()
	ctx, cancel := context.WithTimeout(ctx, job.Duration)
	defer cancel()
	tallies := make([]*tally, job.Connections)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range tallies {
		tallies[i] = newTally()
		wg.Go(func() { drive(ctx, job, source.connection(i), tallies[i]) })
	}
	wg.Wait()
	return sum(tallies, time.Since(began)), nil
}

func sum(tallies []*tally, took time.Duration) Result {
	r := Result{Seconds: took.Seconds()}
	latency := newTally().latency
	for _, t := range tallies {
		r.Accepted += t.accepted
		r.Refused += t.refused
		r.Wrong += t.wrong
		if t.why != "" {
			r.Why = t.why
		}
		latency.Merge(t.latency)
	}
	r.P50 = time.Duration(latency.ValueAtQuantile(50)) * time.Microsecond
	r.P99 = time.Duration(latency.ValueAtQuantile(99)) * time.Microsecond
	return r
}

// drive is one connection. It ends early when the server keeps breaking it.
func drive(ctx context.Context, job Job, s stream, t *tally) {
	c := conn{addr: job.Addr}
	defer c.close()
	for n := 0; ctx.Err() == nil && (job.Requests == 0 || n < job.Requests); n++ {
		request := s.request(n)
		began := time.Now()
		status, body, err := c.do(request)
		took := time.Since(began)
		switch {
		case err != nil:
			t.fail(err.Error())
			c.close()
			if t.wrong > 100 {
				return
			}
		case status == http.StatusOK:
			if why := s.check(body); why != "" {
				t.fail(why)
				continue
			}
			t.accepted++
			_ = t.latency.RecordValue(took.Microseconds()) // more than a minute is not the histogram's
		case status == http.StatusConflict, status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
			t.refused++
		default:
			t.fail(fmt.Sprintf("status %d: %.200s", status, body))
		}
	}
}

func (t *tally) fail(why string) {
	t.wrong++
	t.why = why
}
