package integration

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"testing"
)

// An async worker loads OpenSSL when somebody wants TLS, and not before; what speaks it then is the real thing.
func TestAsyncWorkerSpeaksTLSWhenItIsWanted(t *testing.T) {
	remote := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "over TLS")
	}))
	defer remote.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: remote.Certificate().Raw})
	s := ready(t, "tls", launch{})
	if before := fmt.Sprint(s.succeeded(s.predict())); before != "[]" {
		t.Errorf("loaded before it was wanted: %s", before)
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", s.workers()[0]))
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`lib(ssl|crypto)[^/]*\.so\S*`).FindString(string(maps)); found != "" {
		t.Errorf("%s is mapped", found)
	}
	got := fmt.Sprint(s.succeeded(s.predict("url", remote.URL, "ca", string(ca))))
	if want := "[over TLS SSLCertVerificationError asyncio.sslproto]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
