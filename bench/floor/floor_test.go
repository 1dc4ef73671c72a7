package floor

import (
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"coglet/bench/load"
)

// python is the one of the tests' environments.
var python = filepath.Join("..", "..", ".cache", "venvs", "bundled", "bin", "python")

func TestFloorHasTheModelsOfPeers(t *testing.T) {
	for model, kind := range map[string]string{"file": load.File, "items": load.Items} {
		h, err := handler(Sync, model, python)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(h)
		r, err := load.Run(t.Context(), load.Job{
			Addr: server.Listener.Addr().String(), Path: "/", Kind: kind, Size: 2560,
			Connections: 2, Requests: 5, Duration: time.Minute,
		})
		server.Close()
		if err != nil || r.Accepted != 10 || r.Wrong > 0 {
			t.Errorf("%s: %d accepted, %d wrong (%s), %v", model, r.Accepted, r.Wrong, r.Why, err)
		}
	}
}

func TestEachFloorAnswersWithWhatItWasSent(t *testing.T) {
	for which, connections := range map[string]int{Handler: 4, Direct: 4, Sync: 4, Async: 16} {
		t.Run(which, func(t *testing.T) {
			h, err := handler(which, "echo", python)
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(h)
			defer server.Close()
			for kind, size := range map[string]int{load.Echo: 0, load.Text: 300_000} {
				r, err := load.Run(t.Context(), load.Job{
					Addr: server.Listener.Addr().String(), Path: "/", Kind: kind, Size: size,
					Connections: connections, Requests: 20, Duration: time.Minute,
				})
				if err != nil || r.Accepted != 20*connections || r.Wrong > 0 {
					t.Errorf("%s: %d accepted, %d wrong (%s), %v", kind, r.Accepted, r.Wrong, r.Why, err)
				}
			}
		})
	}
}
