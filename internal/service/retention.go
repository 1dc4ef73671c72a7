package service

import (
	"container/list"
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

// retained are the finished predictions, oldest first. Guarded by Service.mu.
type retained struct {
	limit Retention
	order list.List     // of *kept
	whole *list.Element // the first one that was not dropped; all behind it were not either; nil = there is none
	bytes int64
}

type kept struct {
	ent      *entry
	finished time.Time
}

func (r *retained) add(ent *entry, now time.Time) {
	ent.size = ent.pred.Size() + ent.pred.LogSize()
	r.bytes += ent.size
	ent.kept = r.order.PushBack(&kept{ent: ent, finished: now})
	if r.whole == nil {
		r.whole = ent.kept
	}
}

func (r *retained) remove(ent *entry) {
	if ent.kept == nil {
		return
	}
	if r.whole == ent.kept {
		r.whole = ent.kept.Next()
	}
	r.order.Remove(ent.kept)
	ent.kept = nil
	r.bytes -= ent.size
}

// trim drops what is over the limits, and calls forget for the entries that are given up altogether.
func (r *retained) trim(now time.Time, forget func(*entry)) {
	for e := r.order.Front(); e != nil; e = r.order.Front() {
		k := e.Value.(*kept)
		if r.order.Len() <= r.limit.Count && now.Sub(k.finished) < r.limit.For {
			break
		}
		r.remove(k.ent)
		forget(k.ent)
	}
	for r.whole != nil && r.bytes > r.limit.Bytes {
		k := r.whole.Value.(*kept)
		if r.whole == r.order.Back() && now.Sub(k.finished) < freshTime {
			break
		}
		r.whole = r.whole.Next()
		k.ent.pred.Drop()
		r.bytes -= k.ent.size
		k.ent.size = k.ent.pred.LogSize()
		r.bytes += k.ent.size
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
