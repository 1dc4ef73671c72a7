package httpapi

import (
	"strconv"
	"strings"
	"time"
)

// maxWait bounds what a client may ask to wait; a day is more than any proxy lets it.
const maxWait = 24 * time.Hour

// preference is what RFC 7240's Prefer header asks for.
type preference struct {
	async   bool // respond-async
	blocks  bool // wait, with a number or without
	hasWait bool
	wait    time.Duration
}

// parsePrefer reads all Prefer headers of a request: tokens in any order and case, each with an optional value and
// parameters. What it does not know, and a value that is no number, is ignored, as the RFC asks.
func parsePrefer(headers []string) (p preference) {
	for _, header := range headers {
		for item := range strings.SplitSeq(header, ",") {
			item, _, _ = strings.Cut(item, ";")
			name, value, _ := strings.Cut(item, "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "respond-async":
				p.async = true
			case "wait":
				p.blocks = true
				seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 32)
				if err == nil && !p.hasWait { // the first one counts
					p.hasWait, p.wait = true, min(time.Duration(seconds)*time.Second, maxWait)
				}
			}
		}
	}
	return p
}
