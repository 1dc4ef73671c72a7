//go:build linux

package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

// forced is how often somebody has asked for a collection.
func forced() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/forced:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestMemoryIsGivenBackWhenItIsQuiet(t *testing.T) {
	m := newMemory()
	defer m.close()
	handler := m.watch(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/much" {
			runtime.KeepAlive(make([]byte, 2*quietSize))
		}
	}))
	ask := func(path string) { handler.ServeHTTP(nil, httptest.NewRequest("GET", path, nil)) }
	ask("/little")
	m.release() // what came before this test
	for range 2 {
		before := forced()
		ask("/much")
		for deadline := time.Now().Add(20 * time.Second); forced() == before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("nothing was given back")
			}
		}
	}
	before := forced()
	for range 100 { // for longer than it would take
		ask("/little")
		time.Sleep(quietTime / 50)
	}
	time.Sleep(2 * quietTime)
	if forced() != before {
		t.Error("collected for next to nothing")
	}
}

func TestProgramThatWasForgottenGoesOn(t *testing.T) {
	resident := func() (kb int) {
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(string(regexp.MustCompile(`RssFile:\s+(\d+)`).FindSubmatch(status)[1]), &kb); err != nil {
			t.Fatal(err)
		}
		return kb
	}
	before := resident()
	forgetProgram()
	if after := resident(); after >= before {
		t.Errorf("%d KB of files are resident, before %d", after, before)
	}
}
