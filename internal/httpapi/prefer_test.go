package httpapi

import (
	"testing"
	"time"
)

func TestPreferIsReadAsTheRFCHasIt(t *testing.T) {
	for header, want := range map[string]preference{
		"":                                {},
		"respond-async":                   {async: true},
		"Respond-Async; foo=bar":          {async: true},
		"wait=10":                         {blocks: true, hasWait: true, wait: 10 * time.Second},
		"wait = \"3\" , respond-async":    {async: true, blocks: true, hasWait: true, wait: 3 * time.Second},
		"handling=lenient, WAIT=1,wait=9": {blocks: true, hasWait: true, wait: time.Second},
		"wait, wait=x, wait=-1, wait=1.5": {blocks: true},
		"wait=999999999":                  {blocks: true, hasWait: true, wait: maxWait},
		"respond-asynchronously":          {},
	} {
		if got := parsePrefer([]string{header}); got != want {
			t.Errorf("%q: %+v, want %+v", header, got, want)
		}
	}
	if got := parsePrefer([]string{"wait=1", "respond-async"}); !got.async || !got.hasWait {
		t.Errorf("two headers: %+v", got)
	}
}
