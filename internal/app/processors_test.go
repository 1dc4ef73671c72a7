package app

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestACrowdGetsAnotherProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(before)
	p := newProcessors(2, 50*time.Millisecond)
	defer p.close()
	await := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); runtime.GOMAXPROCS(0) != want; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d processors, want %d", runtime.GOMAXPROCS(0), want)
			}
		}
	}
	await(1)
	var inside, over sync.WaitGroup
	open := make(chan struct{})
	handler := p.watch(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		inside.Done()
		<-open
	}))
	ask := func(n int) {
		inside.Add(n)
		for range n {
			over.Go(func() { handler.ServeHTTP(nil, httptest.NewRequest("GET", "/", nil)) })
		}
		inside.Wait()
	}
	ask(crowdSize - 1)
	await(1)
	for range 2 { // a crowd that comes again gets it again
		ask(1)
		await(2)
		await(1) // nobody has come for a while
		open <- struct{}{}
	}
	close(open)
	over.Wait()
}

func TestProcessorsAreLeftToTheRuntime(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	p := newProcessors(0, time.Second)
	defer p.close()
	if p.few != before || p.many != before || runtime.GOMAXPROCS(0) != before {
		t.Errorf("few %d, many %d, now %d, before %d", p.few, p.many, runtime.GOMAXPROCS(0), before)
	}
}
