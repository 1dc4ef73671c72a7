package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"coglet/internal/api"
)

// Filter is a set of events.
type Filter uint8

// The events that a client may ask for.
const (
	Start Filter = 1 << iota
	Output
	Logs
	Completed

	All = Start | Output | Logs | Completed
)

// ParseEvent returns the event that a word of webhook_events_filter names.
func ParseEvent(word string) (Filter, bool) {
	switch word {
	case "start":
		return Start, true
	case "output":
		return Output, true
	case "logs":
		return Logs, true
	case "completed":
		return Completed, true
	}
	return 0, false
}

// Hook is what a client asks for.
type Hook struct {
	URL    *url.URL
	Events Filter
	// TraceParent and TraceState are headers of the request that are passed on; empty = none.
	TraceParent, TraceState string
}

// ParseURL checks the URL of a webhook. Its error is for people and does not repeat the URL.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }):
		return nil, fmt.Errorf("is not a valid URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("must be an http or https URL")
	case u.Hostname() == "":
		return nil, fmt.Errorf("must name a host")
	}
	return u, nil
}

// newID names a message; it stays the same however often it is sent.
func newID() string {
	var b [12]byte
	rand.Read(b[:]) // never fails
	return "msg_" + hex.EncodeToString(b[:])
}

// sign sets the headers of the Standard Webhooks specification.
func sign(h http.Header, secret []byte, id string, now time.Time, body api.Body) {
	stamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	_, _ = io.WriteString(mac, id+"."+stamp+".") // a hash never fails
	for _, piece := range body {
		mac.Write(piece)
	}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
