// Package api is the JSON that HTTP answers, server-sent events and webhooks share: what a prediction, an error and
// the health look like on the wire. It has no behaviour.
package api

import (
	"time"

	"coglet/internal/logs"
	"coglet/internal/prediction"
)

// Body is one JSON value in pieces that are written one behind the other, so that large outputs are not copied.
type Body [][]byte

// Len is the size in bytes.
func (b Body) Len() int {
	n := 0
	for _, piece := range b {
		n += len(piece)
	}
	return n
}

// Prediction renders a snapshot: keys in ascending order, those that do not apply yet left out.
func Prediction(s prediction.Snapshot, withInput bool) Body {
	head := make([]byte, 0, 512+len(s.Logs))
	head = append(head, '{')
	if !s.Completed.IsZero() {
		head = appendTime(head, "completed_at", s.Completed)
	}
	head = appendTime(head, "created_at", s.Created)
	if s.Status == prediction.Failed {
		head = appendString(head, "error", s.Error)
	}
	head = appendString(head, "id", s.ID)
	body := Body{nil}
	tail := head
	if withInput && s.Input != nil {
		head = append(head, `"input":`...)
		body[0] = head
		body = append(body, s.Input, nil)
		tail = []byte{','}
	}
	tail = appendString(tail, "logs", s.Logs)
	tail = append(append(tail, `"metrics":`...), s.Metrics...)
	tail = append(tail, ',')
	if s.Output != nil {
		tail = append(tail, `"output":`...)
		if size := Body(s.Output).Len(); size <= inline {
			for _, piece := range s.Output {
				tail = append(tail, piece...)
			}
		} else {
			body[len(body)-1] = tail
			body = append(append(body, s.Output...), nil)
			tail = nil
		}
		tail = append(tail, ',')
	}
	if s.OutputDropped {
		tail = append(tail, `"output_dropped":true,`...)
	}
	if !s.Started.IsZero() {
		tail = appendTime(tail, "started_at", s.Started)
	}
	tail = append(append(append(tail, `"status":"`...), s.Status...), `"}`...)
	body[len(body)-1] = tail
	return body
}

// inline is up to which size, in bytes, an output is copied into the rest of the answer: one write is cheaper then.
const inline = 4 << 10

func appendString(dst []byte, key, value string) []byte {
	dst = append(append(append(dst, '"'), key...), `":`...)
	return append(logs.AppendQuote(dst, value), ',')
}

func appendTime(dst []byte, key string, t time.Time) []byte {
	dst = append(append(append(dst, '"'), key...), `":"`...)
	dst = logs.AppendTime(dst, t)
	return append(dst, `",`...)
}
