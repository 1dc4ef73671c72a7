package app

import (
	"net/http"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// memory gives back to the system what the server has no use for when it is quiet: what setup left, and the garbage and
// the pages of a time with many requests, which Go alone would keep for minutes.
type memory struct {
	timer   *time.Timer
	used    atomic.Bool // since the last look
	stopped atomic.Bool // the timer
	freed   uint64      // of look: bytes that had been allocated when memory was last given back
}

// When memory is given back: when no request has come for so long, and enough was allocated since the last time. It
// takes a few milliseconds.
const (
	quietTime = 300 * time.Millisecond
	quietSize = 4 << 20
)

func newMemory() *memory {
	m := &memory{}
	m.stopped.Store(true)
	m.timer = time.AfterFunc(time.Hour, m.look)
	m.timer.Stop()
	return m
}

// watch returns a handler that takes notice of requests.
func (m *memory) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.use()
		next.ServeHTTP(w, r)
	})
}

// use says that something is going on.
func (m *memory) use() {
	if !m.used.Load() {
		m.used.Store(true)
		m.start()
	}
}

func (m *memory) start() {
	if m.stopped.CompareAndSwap(true, false) {
		m.timer.Reset(quietTime)
	}
}

// look is called by the timer, as long as requests come.
func (m *memory) look() {
	if m.used.Swap(false) {
		m.timer.Reset(quietTime)
		return
	}
	m.release()
	m.stopped.Store(true)
	if m.used.Load() { // it came meanwhile, and found the timer not stopped
		m.start()
	}
}

func (m *memory) release() {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	if allocated := sample[0].Value.Uint64(); allocated-m.freed >= quietSize {
		m.freed = allocated
		debug.FreeOSMemory()
		forgetProgram()
	}
}

func (m *memory) close() { m.timer.Stop() }
