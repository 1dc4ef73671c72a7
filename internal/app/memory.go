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
	timer *time.Timer  // calls look
	state atomic.Int32 // one of those below
	freed uint64       // of look: bytes that had been allocated when memory was last given back
}

const (
	memoryQuiet   = iota // the timer is stopped
	memoryWatched        // it runs, and nothing has happened since the last look
	memoryUsed           // it runs, and something has
)

// When memory is given back: when no request has come for so long, and enough was allocated since the last time. It
// takes a few milliseconds.
const (
	quietTime = 300 * time.Millisecond
	quietSize = 4 << 20
)

func newMemory() *memory {
	m := &memory{}
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
	if m.state.Load() != memoryUsed && m.state.Swap(memoryUsed) == memoryQuiet {
		m.timer.Reset(quietTime)
	}
}

// look is called by the timer, as long as requests come.
func (m *memory) look() {
	if m.state.CompareAndSwap(memoryUsed, memoryWatched) {
		m.timer.Reset(quietTime)
		return
	}
	m.release()
	if !m.state.CompareAndSwap(memoryWatched, memoryQuiet) { // one came meanwhile
		m.timer.Reset(quietTime)
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
