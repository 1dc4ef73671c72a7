package protocol

import "github.com/go-json-experiment/json/jsontext"

// Message types, in the order in which one worker's life brings them.
const (
	// control, parent → worker
	TypeInit        = "init"
	TypeCancel      = "cancel"
	TypeHealthcheck = "healthcheck"
	TypeShutdown    = "shutdown"

	// control, worker → parent
	TypeReady             = "ready"
	TypeSetupFailed       = "setup_failed"
	TypeLog               = "log" // also on the data socket, with a slot
	TypeWorkerLog         = "worker_log"
	TypeHealthcheckResult = "healthcheck_result"
	TypeFatal             = "fatal"

	// data, parent → worker
	TypePredict = "predict"

	// data, worker → parent
	TypeOutput = "output"
	TypeMetric = "metric"
	TypeDone   = "done"
	TypeRing   = "ring"
)

// Status is how a prediction ended, as the worker reports it in done.
type Status string

// The three ends of a prediction.
const (
	StatusSucceeded Status = "succeeded"
	StatusFailed    Status = "failed"
	StatusCanceled  Status = "canceled"
)

// Source names the stream that a piece of log text was written to.
type Source string

// The two streams.
const (
	Stdout Source = "stdout"
	Stderr Source = "stderr"
)

// Init is the first frame that a worker gets. It starts no user code before it.
type Init struct {
	Type       string `json:"type"`
	Version    int    `json:"version"`
	Ref        string `json:"ref"`
	Mode       string `json:"mode"`
	AlsoRef    string `json:"also_ref,omitzero"` // of the other mode; absent = it is looked for in Ref
	Slots      int    `json:"slots"`
	Tmp        string `json:"tmp"`
	SDK        string `json:"sdk,omitzero"`
	SchemaOnly bool   `json:"schema_only,omitzero"`
}

// Cancel asks that the prediction with this slot and seq stops. One that has ended already is not touched.
type Cancel struct {
	Type string `json:"type"`
	Slot int    `json:"slot"`
	Seq  uint64 `json:"seq"`
}

// Healthcheck asks for the model's own healthcheck(); one HealthcheckResult with the same ID answers it.
type Healthcheck struct {
	Type string `json:"type"`
	ID   uint64 `json:"id"`
}

// Shutdown asks the worker to exit with status 0 once it runs nothing.
type Shutdown struct {
	Type string `json:"type"`
}

// FileField says how an input takes files: made by the worker from the annotations.
type FileField struct {
	Kind string `json:"kind"`          // path or file
	List bool   `json:"list,omitzero"` // a list of them
	Str  bool   `json:"str,omitzero"`  // a union with str: only http(s) and data: strings are files
}

// Ready ends setup. The frame's body is the model's OpenAPI document, or empty.
type Ready struct {
	Type        string               `json:"type"`
	Version     int                  `json:"version"`
	Slots       int                  `json:"slots"`
	Healthcheck bool                 `json:"healthcheck,omitzero"`
	Async       bool                 `json:"async,omitzero"`
	FileFields  map[string]FileField `json:"file_fields,omitzero"`
	AnyFields   []string             `json:"any_fields,omitzero"`
	Also        *Also                `json:"also,omitzero"` // what else the model can run
	SDK         string               `json:"sdk,omitzero"`
	Python      string               `json:"python,omitzero"`
}

// Also is a second method of a model: train beside predict, or predict beside train.
type Also struct {
	Mode       string               `json:"mode"`
	FileFields map[string]FileField `json:"file_fields,omitzero"`
	AnyFields  []string             `json:"any_fields,omitzero"`
}

// SetupFailed says why there is no Ready; the worker exits after it.
type SetupFailed struct {
	Type  string `json:"type"`
	Error string `json:"error"`
}

// WorkerLog is a line of the worker's own for the server's log.
type WorkerLog struct {
	Type    string `json:"type"`
	Level   string `json:"level"`
	Message string `json:"message"`
	Target  string `json:"target,omitzero"`
}

// HealthcheckResult answers Healthcheck. Status is healthy or unhealthy.
type HealthcheckResult struct {
	Type   string `json:"type"`
	ID     uint64 `json:"id"`
	Status string `json:"status"`
	Error  string `json:"error,omitzero"`
}

// Fatal says why the worker is about to exit.
type Fatal struct {
	Type  string `json:"type"`
	Error string `json:"error"`
}

// Predict starts a prediction in a free slot. The frame's body is the input, one JSON object.
type Predict struct {
	Type string `json:"type"`
	Slot int    `json:"slot"`
	Seq  uint64 `json:"seq"`
	ID   string `json:"id"`
	// Method is what runs, predict or train; absent for what the worker was started for.
	Method  string            `json:"method,omitzero"`
	Context map[string]string `json:"context,omitzero"`
}

// Log carries text in its body. On control Slot is absent: the text belongs to no prediction.
type Log struct {
	Type   string `json:"type"`
	Slot   *int   `json:"slot,omitzero"`
	Source Source `json:"source"`
	// Raw is how many raw bytes had been written to stdout and stderr, ever, when the text was printed; absent when the
	// pipes held nothing, or nobody could tell.
	Raw [2]int64 `json:"raw,omitzero"`
}

// RingTo says up to where the frames in the ring come before what follows on the data socket, as the ring counts. The
// first one of a prediction also asks the parent to look into the ring by itself.
type RingTo struct {
	Type string `json:"type"`
	To   uint64 `json:"to"`
}

// File is a file that stands in an output: Ref is the string in the JSON, Path an absolute path.
type File struct {
	Ref  string `json:"ref"`
	Path string `json:"path"`
	MIME string `json:"mime,omitzero"`
}

// Output carries one output in its body or, when Items is present, a JSON array of that many.
type Output struct {
	Type  string `json:"type"`
	Slot  int    `json:"slot"`
	Index int    `json:"index"`
	Items *int   `json:"items,omitzero"`
	Files []File `json:"files,omitzero"`
	Text  bool   `json:"text,omitzero"` // the body is a string in quotes, of which nothing is escaped yet
}

// Metric modes.
const (
	MetricReplace   = "replace"
	MetricIncrement = "increment"
	MetricAppend    = "append"
)

// Metric records a value under a dotted name. MetricReplace with null deletes.
type Metric struct {
	Type  string         `json:"type"`
	Slot  int            `json:"slot"`
	Name  string         `json:"name"`
	Mode  string         `json:"mode"`
	Value jsontext.Value `json:"value"`
}

// Done is the only end of the worker's part of a prediction; its slot is free with it.
type Done struct {
	Type        string  `json:"type"`
	Slot        int     `json:"slot"`
	Seq         uint64  `json:"seq"`
	Status      Status  `json:"status"`
	Error       string  `json:"error,omitzero"`
	PredictTime float64 `json:"predict_time"` // seconds
	IsStream    bool    `json:"is_stream,omitzero"`
}
