package service

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"coglet/internal/orchestrator"
	"coglet/internal/prediction"
)

var keepAll = Retention{Count: 1000, Bytes: 1 << 20, For: time.Hour}

// create starts a prediction that sleeps until it is canceled.
func create(t *testing.T, s *Service, id string, tied bool) Handle {
	t.Helper()
	req := request(t, id, "sleep", 60_000, "")
	req.Tied = tied
	h, _, err := s.Create(req, false)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func attach(t *testing.T, h Handle) (detach func()) {
	t.Helper()
	detach, err := h.Attach()
	if err != nil {
		t.Fatal(err)
	}
	return detach
}

// ended waits for the end of a prediction, at most d.
func ended(h Handle, d time.Duration) bool {
	select {
	case <-h.Done():
		return true
	case <-time.After(d):
		return false
	}
}

func TestTiedPredictionEndsWhenItsLastReaderStaysAway(t *testing.T) {
	s, _ := newServiceAway(t, keepAll, 200*time.Millisecond)
	h := create(t, s, "two readers", true)
	first, second := attach(t, h), attach(t, h)
	first()
	if ended(h, 400*time.Millisecond) {
		t.Fatal("canceled although one still reads")
	}
	second()
	again := attach(t, h) // it comes back in time
	if ended(h, 400*time.Millisecond) {
		t.Fatal("canceled although a reader has come back")
	}
	again()
	again() // a second call is harmless
	if !ended(h, 30*time.Second) || h.Status() != prediction.Canceled {
		t.Errorf("nobody reads: %s", h.Status())
	}

	untied := create(t, s, "untied", false)
	attach(t, untied)()
	if ended(untied, 400*time.Millisecond) {
		t.Error("a prediction of its own was canceled")
	}
	untied.Cancel(prediction.ErrCanceled)

	req := request(t, "quick", "echo", 0, "x")
	req.Tied = true
	done, _, err := s.Create(req, false)
	if err != nil {
		t.Fatal(err)
	}
	<-done.Done()
	attach(t, done)() // leaves when all is over
	if time.Sleep(300 * time.Millisecond); done.Status() != prediction.Succeeded {
		t.Errorf("one that had ended: %s", done.Status())
	}
}

func TestReadersOfOnePredictionAreBounded(t *testing.T) {
	s, _ := newService(t, keepAll)
	h := create(t, s, "p", false)
	detach := attach(t, h)
	for range maxReaders - 1 {
		attach(t, h)
	}
	if _, err := h.Attach(); !errors.Is(err, ErrTooManyReaders) {
		t.Errorf("one more than %d: %v", maxReaders, err)
	}
	detach()
	attach(t, h)
	h.Cancel(prediction.ErrCanceled)
}

// As many at once as there are slots are never told that there is none, and the health never says so.
func TestFreeSlotsAreNeverDenied(t *testing.T) {
	s, _ := newService(t, keepAll)
	held := create(t, s, "held", false) // three of four are left
	for round := range 300 {
		var wg sync.WaitGroup
		for n := range 2 {
			wg.Go(func() {
				h, _, err := s.Create(request(t, fmt.Sprint(round, "-", n), "echo", 0, "x"), false)
				if err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
				<-h.Done()
			})
		}
		wg.Go(func() {
			if r := s.Readiness(); r.Health != Ready {
				t.Errorf("round %d: %s", round, r.Health)
			}
		})
		wg.Wait()
	}
	held.Cancel(prediction.ErrCanceled)
}

func TestCancelThatComesAtOnceIsNeverLost(t *testing.T) {
	s, _ := newService(t, keepAll)
	for round := range 100 {
		h := create(t, s, "same", false)
		if err := s.Cancel("same"); err != nil {
			t.Fatal(err)
		}
		if !ended(h, 30*time.Second) || h.Status() != prediction.Canceled {
			t.Fatalf("round %d: %s", round, h.Status())
		}
		if s.Cancel("same") != nil { // comes too late, and must not hit the next one
			t.Fatal("a finished one is unknown")
		}
		run(t, s, "same", "x")
		if h, err := s.Get("same"); err != nil || h.Status() != prediction.Succeeded {
			t.Fatalf("round %d: the next one is %s, %v", round, h.Status(), err)
		}
	}
}

func TestCapacityIsTold(t *testing.T) {
	s, _ := newService(t, keepAll)
	for n := range 4 {
		defer create(t, s, fmt.Sprint(n), false).Cancel(prediction.ErrCanceled)
	}
	if _, _, err := s.Create(request(t, "fifth", "echo", 0, ""), false); !errors.Is(err, orchestrator.ErrAtCapacity) {
		t.Errorf("%v", err)
	}
	if _, err := s.Get("fifth"); !errors.Is(err, ErrNotFound) {
		t.Errorf("what was refused is known: %v", err)
	}
}
