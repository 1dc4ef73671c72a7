package api

// Health is the body of GET /health-check, fields in Cog's order.
type Health struct {
	Status  string  `json:"status"`
	Setup   *Setup  `json:"setup,omitzero"`
	Version Version `json:"version"`
	// UserHealthcheckError is what the model's own healthcheck() found.
	UserHealthcheckError string `json:"user_healthcheck_error,omitzero"`
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
