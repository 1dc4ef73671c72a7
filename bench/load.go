package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// tally is what one load brought.
type tally struct {
	accepted, refused, wrong int
	seconds                  float64
	latency                  *hdrhistogram.Histogram // of accepted ones, microseconds
}

func newTally() *tally { return &tally{latency: hdrhistogram.New(1, 60_000_000, 3)} }

// load keeps conns connections busy, each with one request after the other, for so long.
func load(ctx context.Context, addr, path string, conns int, d time.Duration) (*tally, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tallies := make([]*tally, conns)
	errs := make([]error, conns)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range conns {
		tallies[i] = newTally()
		wg.Go(func() { errs[i] = drive(ctx, addr, path, i, tallies[i]) })
	}
	wg.Wait()
	total := newTally()
	total.seconds = time.Since(began).Seconds()
	for i, t := range tallies {
		if errs[i] != nil {
			return nil, errs[i]
		}
		total.accepted += t.accepted
		total.refused += t.refused
		total.wrong += t.wrong
		total.latency.Merge(t.latency)
	}
	return total, nil
}

// drive is one connection. It speaks HTTP itself: the driver shares the cores with what it measures.
func drive(ctx context.Context, addr, path string, number int, t *tally) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for n := 0; ctx.Err() == nil; n++ {
		want := fmt.Sprintf("echo-%d-%d", number, n)
		body := `{"input":{"s":"` + want + `"}}`
		request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"+
			"Content-Length: %d\r\n\r\n%s", path, len(body), body)
		began := time.Now()
		if _, err := io.WriteString(conn, request); err != nil {
			return err
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(resp.Body)
		took := time.Since(began)
		if err != nil {
			return err
		}
		switch {
		case resp.StatusCode == http.StatusOK && strings.Contains(string(answer), `"`+want+`"`):
			t.accepted++
			_ = t.latency.RecordValue(took.Microseconds())
		case resp.StatusCode == http.StatusOK:
			t.wrong++
		default:
			t.refused++
		}
	}
	return nil
}
