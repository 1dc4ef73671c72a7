package outbound

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNamedAddressesAreCheckedWhereTheyAreDialled(t *testing.T) {
	metadata := httptest.NewServer(http.RedirectHandler("http://169.254.169.254/latest", http.StatusFound))
	defer metadata.Close()
	for _, u := range []string{"http://169.254.169.254/", "http://[fe80::1]/", metadata.URL} {
		resp, err := Named(false, nil).Get(u)
		if !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", u, err)
		}
		if err == nil {
			resp.Body.Close()
		}
	}
	ok := httptest.NewServer(http.NotFoundHandler())
	defer ok.Close()
	if resp, err := Named(false, nil).Get(ok.URL); err != nil {
		t.Error(err)
	} else {
		resp.Body.Close()
	}
	if _, err := Named(true, nil).Get(ok.URL); !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), "--public-urls-only") {
		t.Errorf("loopback: %v", err)
	}
	if resp, err := Trusted(nil).Get(ok.URL); err != nil {
		t.Error(err)
	} else {
		resp.Body.Close()
	}
}

func TestCheck(t *testing.T) {
	for text, want := range map[string][2]bool{ // allowed: by default, with public only
		"1.1.1.1": {true, true}, "2606:4700::1": {true, true}, "10.0.0.1": {true, false}, "192.168.1.1": {true, false},
		"127.0.0.1": {true, false}, "::1": {true, false}, "::ffff:127.0.0.1": {true, false}, "0.0.0.0": {true, false},
		"100.64.0.1": {true, false}, "fd00::1": {true, false}, "169.254.1.1": {false, false}, "::ffff:169.254.169.254": {false, false},
		"224.0.0.1": {false, false}, "fe80::1%eth0": {false, false},
	} {
		ip := netip.MustParseAddr(text)
		if got := [2]bool{check(ip, false) == nil, check(ip, true) == nil}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestBackoff(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		attempt int
		header  string
		want    time.Duration
	}{
		{1, "", 2 * time.Second},
		{10, "", 1024 * time.Second},
		{500, "", 1024 * time.Second},
		{1, "5", 5 * time.Second},
		{1, "1", 2 * time.Second},
		{1, "99999", maxRetryAfter},
		{1, "-5", 2 * time.Second},
		{1, "soon", 2 * time.Second},
		{1, "Mon, 23 Nov 2026 12:00:30 GMT", 30 * time.Second},
		{1, "Mon, 23 Nov 2020 12:00:30 GMT", 2 * time.Second},
	} {
		resp := &http.Response{Header: http.Header{"Retry-After": {tc.header}}}
		if got := Backoff(time.Second, tc.attempt, resp, now); got != tc.want {
			t.Errorf("attempt %d, %q: %s, want %s", tc.attempt, tc.header, got, tc.want)
		}
	}
	if Backoff(time.Second, 1, nil, now) != 2*time.Second {
		t.Error("without an answer")
	}
}

func TestBareErrorsHoldNoURL(t *testing.T) {
	_, err := Trusted(nil).Get("http://127.0.0.1:1/?secret=1")
	if bare := Bare(err); strings.Contains(bare.Error(), "secret") {
		t.Error(bare)
	}
	if err := (&url.Error{Op: "Get", URL: "u", Err: ErrForbidden}); Bare(err) != ErrForbidden {
		t.Error(Bare(err))
	}
}

func TestAuthoritiesOfAFileAreBelieved(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	roots := RootsWith(bundle, func(err error) { t.Error(err) })
	for name, client := range map[string]*http.Client{"trusted": Trusted(roots), "named": Named(false, roots)} {
		resp, err := client.Get(server.URL)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		resp.Body.Close()
	}
	if resp, err := Trusted(nil).Get(server.URL); err == nil {
		resp.Body.Close()
		t.Error("a certificate that nobody has signed is believed")
	}
	if err := os.WriteFile(bundle, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	var failed error
	if roots := RootsWith(bundle+".gone", func(err error) { failed = err }); roots != nil || failed == nil {
		t.Errorf("a file that is not there: %v", failed)
	}
	failed = nil
	useless := RootsWith(bundle, func(err error) { failed = err })
	if failed != nil {
		t.Errorf("read before it is needed: %v", failed)
	}
	if resp, err := Trusted(useless).Get(server.URL); err == nil {
		resp.Body.Close()
		t.Error("a certificate that nobody has signed is believed")
	}
	if failed == nil || !strings.Contains(failed.Error(), bundle) {
		t.Errorf("a file without certificates: %v", failed)
	}
}
