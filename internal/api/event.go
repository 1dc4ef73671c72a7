package api

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/prediction"
	"coglet/internal/protocol"
)

// KeepAlive is the comment that keeps a stream of events open while nothing happens.
var KeepAlive = []byte(": keep-alive\n\n")

// AppendEvent appends what a server-sent-events stream says of e, which is not EventCompleted: one event, or one for
// each item of a list.
func AppendEvent(dst []byte, id string, e *prediction.Event) []byte {
	switch e.Kind {
	case prediction.EventStart:
		dst = begin(dst, e.ID, "start")
		dst = appendString(append(dst, '{'), "id", id)
		dst = append(dst, `"status":"processing"}`...)
	case prediction.EventOutput:
		return appendOutput(dst, e)
	case prediction.EventLog:
		dst = begin(dst, e.ID, "log")
		dst = appendString(append(dst, '{'), "data", string(e.Text))
		dst = append(append(append(dst, `"source":"`...), source(e.Source)...), `"}`...)
	case prediction.EventMetric:
		dst = begin(dst, e.ID, "metric")
		dst = appendString(append(dst, '{'), "mode", mode(e.Mode))
		dst = appendString(dst, "name", e.Name)
		dst = append(appendLine(append(dst, `"value":`...), e.Value), '}')
	}
	return append(dst, "\n\n"...)
}

func appendOutput(dst []byte, e *prediction.Event) []byte {
	if e.Items < 0 {
		return appendChunk(dst, e.ID, e.Index, e.Chunk)
	}
	dec := jsontext.NewDecoder(bytes.NewReader(e.Chunk))
	if _, err := dec.ReadToken(); err != nil {
		return dst // it is an array: the worker's half of the protocol is checked when it comes
	}
	for n := 0; n < e.Items && dec.PeekKind() != ']'; n++ {
		item, err := dec.ReadValue()
		if err != nil {
			return dst
		}
		if n >= e.Seen {
			dst = appendChunk(dst, e.ID+uint64(n), e.Index+n, item)
		}
	}
	return dst
}

func appendChunk(dst []byte, id uint64, index int, chunk []byte) []byte {
	dst = begin(dst, id, "output")
	dst = appendLine(append(dst, `{"chunk":`...), chunk)
	dst = strconv.AppendInt(append(dst, `,"index":`...), int64(index), 10)
	return append(dst, "}\n\n"...)
}

// appendLine appends JSON on one line: a newline, which JSON has only between its tokens, would end the event's data.
func appendLine(dst []byte, value []byte) []byte {
	if bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return append(dst, value...)
	}
	for _, c := range value {
		if c != '\n' && c != '\r' {
			dst = append(dst, c)
		}
	}
	return dst
}

// CompletedEvent is the last event of a stream.
func CompletedEvent(id uint64, s prediction.Snapshot) Body {
	body := Body{begin(nil, id, "completed")}
	for _, piece := range Prediction(s, false) {
		if bytes.IndexByte(piece, '\n') >= 0 || bytes.IndexByte(piece, '\r') >= 0 {
			piece = appendLine(nil, piece)
		}
		body = append(body, piece)
	}
	return append(body, []byte("\n\n"))
}

// AppendMissedEvent appends the event that says that events were dropped before the next one.
func AppendMissedEvent(dst []byte, missed uint64, replay bool) []byte {
	what := "SSE stream lagged"
	if replay {
		what = "SSE stream replay truncated"
	}
	dst = append(dst, `event: error`+"\n"+`data: {"error":"`...)
	dst = append(append(dst, what...), `; events were dropped","skipped":`...)
	return append(strconv.AppendUint(dst, missed, 10), "}\n\n"...)
}

// begin appends the lines before an event's data.
func begin(dst []byte, id uint64, name string) []byte {
	dst = strconv.AppendUint(append(dst, "id: "...), id, 10)
	return append(append(append(dst, "\nevent: "...), name...), "\ndata: "...)
}

func source(s protocol.Source) string {
	if s == protocol.Stderr {
		return "stderr"
	}
	return "stdout"
}

func mode(m string) string {
	if m == "" {
		return protocol.MetricReplace
	}
	return m
}
