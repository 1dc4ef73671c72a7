package service

import (
	"slices"
	"time"

	"coglet/internal/prediction"
)

// Retention says how long finished predictions can still be asked for.
type Retention struct {
	Count int           // how many
	Bytes int64         // memory of them all; over it the oldest lose input and output
	For   time.Duration // how long
}

// freshTime is how long the newest prediction keeps its output even when that alone is over Retention.Bytes: a client
// that was told that it is finished comes to fetch it.
const freshTime = time.Minute

// retained are the finished predictions, oldest first. Guarded by Service.mu. They are linked by the entries themselves:
// each prediction comes in here and goes out again.
type retained struct {
	limit          Retention
	oldest, newest *entry
	whole          *entry // the first one that was not dropped; all behind it were not either; nil = there is none
	count          int
	bytes          int64
}

// kept is what an entry is among the retained ones.
type kept struct {
	older, newer *entry
	finished     time.Time
	in           bool
}

func (r *retained) add(ent *entry, now time.Time) {
	ent.size = ent.pred.Size() + ent.pred.LogSize()
	r.bytes += ent.size
	r.count++
	ent.kept = kept{older: r.newest, finished: now, in: true}
	if r.newest == nil {
		r.oldest = ent
	} else {
		r.newest.kept.newer = ent
	}
	r.newest = ent
	if r.whole == nil {
		r.whole = ent
	}
}

func (r *retained) remove(ent *entry) {
	k := ent.kept
	if !k.in {
		return
	}
	if r.whole == ent {
		r.whole = k.newer
	}
	if k.older == nil {
		r.oldest = k.newer
	} else {
		k.older.kept.newer = k.newer
	}
	if k.newer == nil {
		r.newest = k.older
	} else {
		k.newer.kept.older = k.older
	}
	ent.kept = kept{}
	r.count--
	r.bytes -= ent.size
}

// trim drops what is over the limits, and calls forget for the entries that are given up altogether.
func (r *retained) trim(now time.Time, forget func(*entry)) {
	for ent := r.oldest; ent != nil; ent = r.oldest {
		if r.count <= r.limit.Count && now.Sub(ent.kept.finished) < r.limit.For {
			break
		}
		r.remove(ent)
		forget(ent)
	}
	for r.whole != nil && r.bytes > r.limit.Bytes {
		ent := r.whole
		if ent == r.newest && now.Sub(ent.kept.finished) < freshTime {
			break
		}
		r.whole = ent.kept.newer
		ent.pred.Drop()
		r.bytes -= ent.size
		ent.size = ent.pred.LogSize()
		r.bytes += ent.size
	}
}

// finish moves an entry whose run has ended to the retained ones.
func (s *Service) finish(ent *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ent.run = nil
	if s.byID[ent.pred.ID] == ent { // not replaced meanwhile by another with its id
		s.retained.add(ent, s.cfg.Now())
	}
	s.expire()
}

// expire needs mu.
func (s *Service) expire() {
	s.retained.trim(s.cfg.Now(), func(ent *entry) {
		if s.byID[ent.pred.ID] == ent {
			delete(s.byID, ent.pred.ID)
		}
	})
}

func sortNewestFirst(all []*prediction.Prediction) {
	slices.SortFunc(all, func(a, b *prediction.Prediction) int { return b.Created.Compare(a.Created) })
}
