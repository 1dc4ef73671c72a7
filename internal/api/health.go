package api

import (
	"slices"
	"strings"

	"coglet/internal/logs"

	"github.com/go-json-experiment/json"
)

// Health is the body of GET /health-check, fields in Cog's order.
type Health struct {
	Status  string  `json:"status"`
	Setup   *Setup  `json:"setup,omitzero"`
	Version Version `json:"version"`
	// UserHealthcheckError is what the model's own healthcheck() found.
	UserHealthcheckError string `json:"user_healthcheck_error,omitzero"`
}

// AppendTo renders the health. The logs of setup may be megabytes, and be asked for many times a second while it runs.
func (h Health) AppendTo(b []byte) ([]byte, error) {
	version, err := json.Marshal(h.Version)
	if err != nil {
		return nil, err
	}
	b = appendString(append(b, '{'), "status", h.Status)
	if s := h.Setup; s != nil {
		b = appendString(append(b, `"setup":{`...), "started_at", s.StartedAt)
		if s.CompletedAt != "" {
			b = appendString(b, "completed_at", s.CompletedAt)
		}
		b = appendString(b, "status", s.Status)
		b = s.Logs.appendTo(b)
		b = append(b[:len(b)-1], "},"...)
	}
	b = append(append(b, `"version":`...), version...)
	b = append(b, ',')
	if h.UserHealthcheckError != "" {
		b = appendString(b, "user_healthcheck_error", h.UserHealthcheckError)
	}
	b[len(b)-1] = '}'
	return b, nil
}

// Setup is how the model's setup() went.
type Setup struct {
	StartedAt   string `json:"started_at"`
	CompletedAt string `json:"completed_at,omitzero"`
	Status      string `json:"status"` // starting, succeeded or failed
	Logs        Text   `json:"logs,omitzero"`
}

// Text is a text in pieces of whole characters, one behind the other.
type Text []string

// MarshalText implements encoding.TextMarshaler.
func (t Text) MarshalText() ([]byte, error) { return []byte(strings.Join(t, "")), nil }

// appendTo appends the field for logs, if there are any.
func (t Text) appendTo(b []byte) []byte {
	if len(t) == 0 {
		return b
	}
	size := 0
	for _, piece := range t {
		size += len(piece)
	}
	b = append(slices.Grow(b, size+size/32+512), `"logs":"`...) // room for what is escaped, and for what follows
	for _, piece := range t {
		b = logs.AppendEscaped(b, piece)
	}
	return append(b, `",`...)
}

// Version is what runs.
type Version struct {
	Coglet    string `json:"coglet"`
	GitSHA    string `json:"git_sha,omitzero"`
	BuildTime string `json:"build_time,omitzero"`
	PythonSDK string `json:"python_sdk,omitzero"`
	Python    string `json:"python,omitzero"`
}

// Error is the body of 404, 409 and 503 where Cog has it.
type Error struct {
	Error  string `json:"error"`
	Status string `json:"status,omitzero"` // failed
}

// Detail is the body of the other errors: a sentence, or a list of FieldError for 422.
type Detail struct {
	Detail any `json:"detail"`
}

// FieldError says what is wrong with one field of a request.
type FieldError struct {
	Loc  []string `json:"loc"`
	Msg  string   `json:"msg"`
	Type string   `json:"type"`
}
