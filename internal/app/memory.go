package app

import (
	"net/http"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// memory gives back to the system what the server has no use for when it is quiet: what setup left, and the garbage and
// the pages of a time with many requests, which Go alone would keep for minutes.
type memory struct {
	*spell
	freed uint64 // of release: bytes that had been allocated when memory was last given back
}

// When memory is given back: when no request has come for so long, and enough was allocated since the last time. It
// takes a few milliseconds.
const (
	quietTime = 300 * time.Millisecond
	quietSize = 4 << 20
)

func newMemory() *memory {
	m := &memory{}
	m.spell = newSpell(quietTime, func() {}, m.release)
	return m
}

// watch returns a handler that takes notice of requests.
func (m *memory) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.use()
		next.ServeHTTP(w, r)
	})
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
