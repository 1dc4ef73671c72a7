package app

import (
	"net/http"
	"runtime"
	"sync/atomic"
	"time"
)

// processors says how many of the machine's the server itself runs on. Where it has one of two, a few requests at a time
// are served sooner: the second would be woken for each, find nothing to do, and be in the way of the worker. A crowd of
// requests keeps both busy.
type processors struct {
	few, many int
	inside    atomic.Int32 // requests
	crowd     *spell
}

// A crowd, and how long there must be none before the server gives up the processor it got for it.
const (
	crowdSize = 12
	crowdTime = time.Second
)

// newProcessors makes the server run on half of the machine's processors, and on at most so many; in a crowd only the
// latter counts, until it has been over for the pause. With 0 the Go runtime decides.
func newProcessors(most int, pause time.Duration) *processors {
	all := runtime.GOMAXPROCS(0)
	p := &processors{few: all, many: all}
	if most > 0 {
		p.few, p.many = max(1, min(most, all/2)), min(most, all)
		runtime.GOMAXPROCS(p.few)
	}
	p.crowd = newSpell(pause, func() { runtime.GOMAXPROCS(p.many) }, func() { runtime.GOMAXPROCS(p.few) })
	return p
}

// watch returns a handler that counts requests.
func (p *processors) watch(next http.Handler) http.Handler {
	if p.few == p.many {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.inside.Add(1) >= crowdSize {
			p.crowd.use()
		}
		defer p.inside.Add(-1)
		next.ServeHTTP(w, r)
	})
}

func (p *processors) close() { p.crowd.close() }
