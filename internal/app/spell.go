package app

import (
	"sync/atomic"
	"time"
)

// spell is a time in which something happens again and again. The first one begins it, and it is over when nothing has
// happened for its pause.
type spell struct {
	pause time.Duration
	begun func() // called by whoever makes the first one happen
	over  func() // called in a goroutine of its own

	timer *time.Timer // calls look
	state atomic.Int32
}

// The states of a spell.
const (
	spellOver    = iota // the timer is stopped
	spellWatched        // it runs, and nothing has happened since the last look
	spellUsed           // it runs, and something has
)

func newSpell(pause time.Duration, begun, over func()) *spell {
	s := &spell{pause: pause, begun: begun, over: over}
	s.timer = time.AfterFunc(time.Hour, s.look)
	s.timer.Stop()
	return s
}

// use says that it happens.
func (s *spell) use() {
	if s.state.Load() != spellUsed && s.state.Swap(spellUsed) == spellOver {
		s.begin()
	}
}

func (s *spell) begin() {
	s.begun()
	s.timer.Reset(s.pause)
}

// look is called by the timer, as long as the spell lasts.
func (s *spell) look() {
	if s.state.CompareAndSwap(spellUsed, spellWatched) {
		s.timer.Reset(s.pause)
		return
	}
	s.over()
	if !s.state.CompareAndSwap(spellWatched, spellOver) { // it has happened meanwhile
		s.begin()
	}
}

func (s *spell) close() { s.timer.Stop() }
