// Package outbound is how the server calls others: one HTTP client for the addresses that clients of the API name
// (inputs, webhooks), one for those that the operator names (uploads). It knows where the former may lead.
package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Limits of every client.
const (
	dialTimeout     = 10 * time.Second
	tlsTimeout      = 10 * time.Second
	idleTimeout     = 90 * time.Second
	idlePerHost     = 64
	connsPerHost    = 256 // a receiver that hangs does not use up the server's file descriptors
	maxResponseHead = 1 << 20
)

// ErrForbidden is wrapped by the error of a call to an address that clients may not name.
var ErrForbidden = errors.New("address is not allowed")

// Roots returns the certificate authorities by which servers prove themselves. A nil Roots stands for the system's.
type Roots func() *x509.CertPool

// RootsWith returns the system's authorities together with those of a PEM file. They are read once, when they are first
// needed: that takes tens of milliseconds where each of the system's has a file of its own. failed gets what is wrong with
// the file: at once when it is not there, and later when it cannot be used. Then the system's have to do.
func RootsWith(file string, failed func(error)) Roots {
	if _, err := os.Stat(file); err != nil {
		failed(err)
		return nil
	}
	return sync.OnceValue(func() *x509.CertPool {
		roots, err := readRoots(file)
		if err != nil {
			failed(err)
		}
		return roots
	})
}

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil { // none on this machine: then these are all
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it", file)
	}
	return roots, nil
}

// Trusted returns a client for addresses that the operator names.
func Trusted(roots Roots) *http.Client { return client(nil, roots) }

// Named returns a client for addresses that clients of the API name. It never calls link-local addresses, where clouds
// keep their credentials, and with publicOnly neither the machine itself nor private networks. The check is made on the
// address that is dialled: a name or a redirect that leads there is refused too. Where a proxy is set, the proxy decides.
func Named(publicOnly bool, roots Roots) *http.Client {
	return client(func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		ip, err := netip.ParseAddr(host)
		if err != nil {
			return err
		}
		return check(ip, publicOnly)
	}, roots)
}

func check(ip netip.Addr, publicOnly bool) error {
	ip = ip.Unmap().WithZone("")
	switch {
	case ip.IsLinkLocalUnicast(), ip.IsMulticast():
		return fmt.Errorf("%w: %s is link-local or multicast", ErrForbidden, ip)
	case publicOnly && (ip.IsLoopback() || ip.IsPrivate() || ip.IsUnspecified() || shared.Contains(ip)):
		return fmt.Errorf("%w: %s is not public (--public-urls-only)", ErrForbidden, ip)
	}
	return nil
}

// shared is the range of carriers and of some clouds' internal services (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func client(control func(network, address string, c syscall.RawConn) error, roots Roots) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, Control: control}
	transport := func() *http.Transport {
		var pool *x509.CertPool // the system's
		if roots != nil {
			pool = roots()
		}
		return &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			TLSClientConfig:     &tls.Config{RootCAs: pool},
			TLSHandshakeTimeout: tlsTimeout, IdleConnTimeout: idleTimeout,
			MaxIdleConnsPerHost: idlePerHost, MaxConnsPerHost: connsPerHost, MaxResponseHeaderBytes: maxResponseHead,
			WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
		}
	}
	return &http.Client{Transport: lazily(sync.OnceValue(transport))}
}

// lazily is a transport that is made when it is first used.
type lazily func() *http.Transport

func (l lazily) RoundTrip(r *http.Request) (*http.Response, error) { return l().RoundTrip(r) }

// Bare takes the URL, which may hold a signature, out of an error of an http.Client.
func Bare(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// Transient reports whether a request that was answered so may succeed when it is sent again.
func Transient(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// maxRetryAfter bounds how long a receiver may make us wait.
const maxRetryAfter = 10 * time.Minute

// Backoff is how long to wait before another attempt: twice as long each time from base on, at most 1024 times base,
// and at least what the answer's Retry-After asks for. resp may be nil. attempt counts from 1.
func Backoff(base time.Duration, attempt int, resp *http.Response, now time.Time) time.Duration {
	wait := base << min(attempt, 10)
	if resp == nil {
		return wait
	}
	text := strings.TrimSpace(resp.Header.Get("Retry-After"))
	asked := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		asked = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		asked = at.Sub(now)
	}
	return max(wait, min(asked, maxRetryAfter))
}

const (
	maxAnswer  = 64 << 10 // bytes that are read of an answer that nobody wants
	answerTime = time.Second
)

// Drain reads what an answer says beside its status, so that the connection serves again, and closes it. Who sends a lot, or
// takes long, loses the connection instead: cancel ends the request.
func Drain(resp *http.Response, cancel func()) {
	timer := time.AfterFunc(answerTime, cancel)
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	_ = resp.Body.Close()
}
