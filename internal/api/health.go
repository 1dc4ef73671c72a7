package api

import "github.com/go-json-experiment/json"

// Health is the body of GET /health-check, fields in Cog's order.
type Health struct {
	Status  string  `json:"status"`
	Setup   *Setup  `json:"setup,omitzero"`
	Version Version `json:"version"`
	// UserHealthcheckError is what the model's own healthcheck() found.
	UserHealthcheckError string `json:"user_healthcheck_error,omitzero"`
}

// Body renders the health. The logs of setup may be megabytes, and be asked for many times a second while it runs: they
// are written once, into memory of about their size.
func (h Health) Body() (Body, error) {
	version, err := json.Marshal(h.Version)
	if err != nil {
		return nil, err
	}
	size := 512
	if h.Setup != nil {
		size += len(h.Setup.Logs) + len(h.Setup.Logs)/32
	}
	b := appendString(append(make([]byte, 0, size), '{'), "status", h.Status)
	if s := h.Setup; s != nil {
		b = appendString(append(b, `"setup":{`...), "started_at", s.StartedAt)
		if s.CompletedAt != "" {
			b = appendString(b, "completed_at", s.CompletedAt)
		}
		b = appendString(b, "status", s.Status)
		if s.Logs != "" {
			b = appendString(b, "logs", s.Logs)
		}
		b = append(b[:len(b)-1], "},"...)
	}
	b = append(append(b, `"version":`...), version...)
	b = append(b, ',')
	if h.UserHealthcheckError != "" {
		b = appendString(b, "user_healthcheck_error", h.UserHealthcheckError)
	}
	b[len(b)-1] = '}'
	return Body{b}, nil
}

// Setup is how the model's setup() went.
type Setup struct {
	StartedAt   string `json:"started_at"`
	CompletedAt string `json:"completed_at,omitzero"`
	Status      string `json:"status"` // starting, succeeded or failed
	Logs        string `json:"logs,omitzero"`
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
