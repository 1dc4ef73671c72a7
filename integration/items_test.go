package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// checkItems fails the test unless the output is n items of a name, in order.
func checkItems(t *testing.T, a answer, name string, n int) {
	t.Helper()
	for i, item := range a.outputs() {
		text, _ := item.(string)
		if got, _, _ := strings.Cut(text, " and more"); got != fmt.Sprintf("%s %d", name, i) {
			t.Fatalf("item %d is %.50q", i, text)
		}
	}
	if got := len(a.outputs()); got != n {
		t.Fatalf("%d of %d items", got, n)
	}
}

func TestDeathInABurstLosesNoItem(t *testing.T) {
	checkDeaths(t, "items", func(t *testing.T, a answer) { checkItems(t, a, "item", 2000) })
}

func TestItemsBeforeASilenceAreSeen(t *testing.T) {
	checkSilence(t, "items", func(a answer) bool { return len(a.outputs()) == 2000 })
}

// Some of them come through the ring, some are too large for it, and lines and metrics stand between.
func TestItemsOfEachSizeKeepTheirOrder(t *testing.T) {
	s := ready(t, "items", launch{})
	a := s.predict("do", "mixed")
	s.succeeded(a)
	checkItems(t, a, "item", 4000)
	checkBurst(t, a.str("logs"), "line", 2000)
	metrics, _ := a.body["metrics"].(map[string]any)
	if metrics["at"] != 3950.0 {
		t.Errorf("metrics %v, want at: 3950", metrics)
	}
}

func TestCancelsInABurstOfItems(t *testing.T) {
	s := ready(t, "items", launch{})
	worker := s.workers()[0]
	for range 5 {
		id := s.run("do", "forever", "n", 100)
		s.until("it yields", func() bool { return len(s.do("GET", "/predictions/"+id, "").outputs()) > 150 })
		s.do("POST", "/predictions/"+id+"/cancel", "")
		a := s.await(id)
		if a.str("status") != "canceled" {
			t.Fatalf("%s", a.str("status"))
		}
		checkItems(t, a, "item", len(a.outputs()))
		a = s.predict("do", "nothing", "n", 100)
		s.succeeded(a)
		checkItems(t, a, "item", 100)
	}
	if now := s.workers()[0]; now != worker {
		t.Error("the worker was replaced")
	}
}

func TestItemsOfCoroutinesGoToTheirOwnPredictions(t *testing.T) {
	s := ready(t, "items_async", launch{})
	for _, name := range []string{"a", "b", "c", "d"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 3 {
				a := s.predict("name", name)
				if a.str("status") != "succeeded" {
					t.Errorf("%s: %s", name, a.str("status"))
				}
				checkItems(t, a, name, 2000)
			}
		})
	}
}

// A coroutine that does not let its loop run between two items holds up its neighbours, and none of what it has yielded.
func TestItemsOfACoroutineThatBlocksItsLoopComeAtOnce(t *testing.T) {
	s := ready(t, "items_async", launch{})
	const pause = 500 * time.Millisecond
	body := fmt.Sprintf(`{"input":{"name":"a","n":4,"block":%g}}`, pause.Seconds())
	e := s.stream(t, "POST", "/predictions", body)
	var came []time.Time
	for {
		ev, ok := e.next()
		if !ok {
			break
		}
		if ev.name == "output" {
			came = append(came, time.Now())
		}
	}
	if len(came) != 4 {
		t.Fatalf("%d items, want 4", len(came))
	}
	if took := came[3].Sub(came[0]); took < 2*pause { // three pauses; all at once where they waited for the end
		t.Errorf("items came within %s, want %s", took, 3*pause)
	}
}
