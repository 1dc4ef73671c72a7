package api

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/prediction"
)

// AppendV1Event appends what a stream of the /v1 routes says of e: its events are output and logs, their data is text.
// Each has an id: Replicate's clients drop those without.
func AppendV1Event(dst []byte, _ string, e *prediction.Event) []byte {
	switch e.Kind {
	case prediction.EventLog:
		return appendText(dst, e.ID, "logs", e.Text)
	case prediction.EventOutput:
		if e.Items < 0 {
			return appendText(dst, e.ID, "output", plain(e.Chunk))
		}
		var items []jsontext.Value
		if json.Unmarshal(e.Chunk, &items) != nil {
			return dst // checked when it came
		}
		for n := e.Seen; n < len(items); n++ {
			dst = appendText(dst, e.ID+uint64(n), "output", plain(items[n]))
		}
	}
	return dst
}

// V1Done is the end of a stream of the /v1 routes.
func V1Done(id uint64, s prediction.Snapshot) Body {
	var dst []byte
	reason := "{}"
	switch s.Status {
	case prediction.Failed:
		dst = appendText(dst, id, "error", []byte(s.Error))
		reason = `{"reason": "error"}`
	case prediction.Canceled:
		reason = `{"reason": "canceled"}`
	}
	return Body{appendText(dst, id, "done", []byte(reason))}
}

// plain is the text of a string, and the JSON of anything else.
func plain(raw jsontext.Value) []byte {
	var text string
	if raw.Kind() == '"' && json.Unmarshal(raw, &text) == nil {
		return []byte(text)
	}
	return raw
}

// appendText appends an event whose data may have many lines.
func appendText(dst []byte, id uint64, name string, text []byte) []byte {
	dst = strconv.AppendUint(append(dst, "id: "...), id, 10)
	dst = append(append(dst, "\nevent: "...), name...)
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		dst = append(append(dst, "\ndata: "...), line...)
	}
	return append(dst, "\n\n"...)
}
