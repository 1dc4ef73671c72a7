package fastpath

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// what says what stands at the start of the bytes that have come.
type what int

const (
	partial what = iota // the beginning of something, or nothing
	plain               // a request that is answered here
	foreign             // another request, whose end is certain
	unknown             // anything else
)

// head is the head of the last plain request. Clients that keep a connection send the same one again and again.
type head struct {
	remote  string // the client's address
	text    []byte // as it came, with the blank line at its end
	request *http.Request
}

var blankLine = []byte("\r\n\r\n")

// look says what b begins with. Of a request it says the size, in bytes, with head and body.
func (h *head) look(b []byte, isPlain func(*http.Request) bool) (size int64, is what) {
	if h.request == nil || !bytes.HasPrefix(b, h.text) {
		if len(b) > 0 && !isUpper(b[0]) {
			return 0, unknown
		}
		end := bytes.Index(b, blankLine)
		if end < 0 {
			return 0, partial
		}
		text := b[:end+len(blankLine)]
		r := readHead(string(text))
		if r == nil {
			return 0, unknown
		}
		if !isShort(r) || !isPlain(r) {
			return int64(len(text)) + r.ContentLength, foreign
		}
		r.RemoteAddr = h.remote
		h.request, h.text = r, append(h.text[:0], text...)
	}
	return int64(len(h.text)) + h.request.ContentLength, plain
}

// readHead reads a head, blank line included. It returns nil unless it is certain what net/http makes of all but the
// target: then that, without a body.
func readHead(text string) *http.Request {
	line, rest, _ := strings.Cut(text, "\r\n")
	method, line, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(line, " ")
	if !slices.Contains(methods, method) || version != "HTTP/1.1" || !all(target, isText) {
		return nil
	}
	r := &http.Request{
		Method: method, URL: &url.URL{Path: target}, RequestURI: target, Proto: version, ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, 8), Body: http.NoBody,
	}
	for {
		if line, rest, _ = strings.Cut(rest, "\r\n"); line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || !all(name, isWord) || !all(value, isText) {
			return nil
		}
		name = http.CanonicalHeaderKey(name)
		if value = strings.Trim(value, " \t"); !understood(name, value) {
			return nil
		}
		r.Header[name] = append(r.Header[name], value)
	}
	host, length := r.Header["Host"], r.Header["Content-Length"]
	if len(host) != 1 || len(length) > 1 {
		return nil
	}
	delete(r.Header, "Host")
	r.Host = host[0]
	if len(length) == 1 {
		r.ContentLength, _ = strconv.ParseInt(length[0], 10, 64) // so many digits: understood
	}
	return r
}

var methods = []string{
	http.MethodPost, http.MethodGet, http.MethodPut, http.MethodHead, http.MethodDelete, http.MethodPatch, http.MethodOptions,
}

// isShort reports whether the request may be answered here: its target is a path that means what it says.
func isShort(r *http.Request) bool {
	path := r.RequestURI
	return (r.Method == http.MethodPost || r.Method == http.MethodPut) && r.Header["Content-Length"] != nil &&
		strings.HasPrefix(path, "/") && all(path, func(c byte) bool { return isWord(c) || c == '/' || c == '.' })
}

// understood reports whether a header says nothing about the connection, or only what is usual.
func understood(name, value string) bool {
	switch name {
	case "Host":
		return value != "" && all(value, isHost)
	case "Content-Length":
		return value != "" && len(value) <= 18 && all(value, isDigit)
	case "Connection":
		return strings.EqualFold(value, "keep-alive")
	case "Expect", "Pragma", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return false
	}
	return true
}

func all(s string, is func(c byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func isUpper(c byte) bool { return c-'A' < 26 }

func isDigit(c byte) bool { return c-'0' < 10 }

// isWord reports whether a header's name may have it; what else RFC 9110 allows there nobody uses.
func isWord(c byte) bool { return isDigit(c) || c|0x20-'a' < 26 || c == '-' || c == '_' }

// isText reports whether a value or a target may have it.
func isText(c byte) bool { return c >= ' ' && c < 0x7f || c == '\t' }

func isHost(c byte) bool { return isWord(c) || c == '.' || c == ':' || c == '[' || c == ']' }
