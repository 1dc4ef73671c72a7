package integration

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A model may say how its loop makes tasks: by a function that takes no more than it has to, or such that they run at once
// and may have ended when they are made.
func TestAModelsTaskFactoryRunsItsPredictions(t *testing.T) {
	newest := slices.MaxFunc(environments(t), func(a, b string) int { // py313 comes behind py39
		number := func(name string) int {
			n, _ := strconv.Atoi(strings.TrimPrefix(name, "py3")) // others are no number
			return n
		}
		return number(a) - number(b)
	})
	for factory, python := range map[string]string{"strict": "bundled", "eager_task_factory": newest} {
		t.Run(factory, func(t *testing.T) {
			s := ready(t, "task_factory", launch{
				python: venv(t, python), env: []string{"FACTORY=" + factory, "COG_MAX_CONCURRENCY=2"},
			})
			if logs := s.setupLogs(); !strings.Contains(logs, "set") { // Python 3.12 and newer have eager tasks
				t.Fatalf("%s has no such factory: %s", python, logs)
			}
			for range 3 {
				if out := s.succeeded(s.predict()); out != "nothing" {
					t.Errorf("output: %v", out)
				}
				id := s.started("do", "sleep")
				began := time.Now()
				s.cancel(id)
				if a := s.await(id); a.str("status") != "canceled" || time.Since(began) > 10*time.Second {
					t.Errorf("canceled after %s: %s", time.Since(began), a.raw)
				}
			}
			if pids := s.workers(); len(pids) != 1 || strings.Contains(s.logs(), "restarts") {
				t.Error("the worker did not survive it")
			}
		})
	}
}
