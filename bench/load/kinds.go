package load

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// The kinds of predictions, and what a job's size means for each. Each answer is compared with what it must be.
const (
	Echo       = "echo"       // another short string each time
	Text       = "text"       // a string of so many bytes
	File       = "file"       // a file of so many bytes, as data: URL
	Items      = "items"      // so many yields, as JSON array
	Events     = "events"     // the same as server-sent events
	Lines      = "lines"      // so many printed lines, in the logs
	Hook       = "hook"       // another short string, and a webhook that must have come before the next one
	ItemsHook  = "items-hook" // Items, with a webhook for "completed"
	accept     = "Accept: text/event-stream\r\n"
	onlyAtEnd  = `"webhook_events_filter":["completed"]`
	dataPrefix = "base64,"
)

// source makes the requests of one job.
type source interface {
	connection(number int) stream
	close()
}

// stream makes the requests of one connection, one after the other.
type stream interface {
	request(n int) []byte // valid until the next one
	check(answer []byte) (why string)
}

func newSource(job Job) (source, error) {
	switch job.Kind {
	case Echo:
		return echoSource{job.Path}, nil
	case Hook, ItemsHook:
		return newHooks(job)
	}
	f, known := map[string]func(Job) *fixed{Text: text, File: file, Items: items, Events: events, Lines: lines}[job.Kind]
	if !known {
		return nil, fmt.Errorf("no kind %q", job.Kind)
	}
	return f(job), nil
}

type echoSource struct{ path string }

func (s echoSource) connection(number int) stream {
	return &echo{path: s.path, prefix: fmt.Sprintf(`"echo-%d-`, number)}
}

func (echoSource) close() {}

// echo sends a string that no other request has.
type echo struct {
	path, prefix      string
	want, body, bytes []byte
}

func (e *echo) request(n int) []byte {
	e.want = append(strconv.AppendInt(append(e.want[:0], e.prefix...), int64(n), 10), '"')
	e.body = append(append(append(e.body[:0], `{"input":{"s":`...), e.want...), "}}"...)
	e.bytes = post(e.bytes[:0], e.path, "", e.body)
	return e.bytes
}

func (e *echo) check(answer []byte) string {
	return outputIs(answer, e.want)
}

// outputIs looks for the answer's output as the JSON that it must be.
func outputIs(answer, want []byte) string {
	_, rest, found := bytes.Cut(answer, []byte(`"output":`))
	if !found || !bytes.HasPrefix(bytes.TrimLeft(rest, " "), want) {
		return fmt.Sprintf("answer of %d bytes: %.200s", len(answer), answer)
	}
	return ""
}

// fixed sends the same request over and over.
type fixed struct {
	bytes []byte
	right func(answer []byte) (why string)
}

func (f *fixed) connection(int) stream            { return f }
func (f *fixed) close()                           {}
func (f *fixed) request(int) []byte               { return f.bytes }
func (f *fixed) check(answer []byte) (why string) { return f.right(answer) }
func count(job Job, head, more string) (raw []byte) {
	return post(nil, job.Path, head, fmt.Appendf(nil, `{"input":{"n":%d%s}}`, job.Size, more))
}

func text(job Job) *fixed {
	want := slices.Concat([]byte(`"`), bytes.Repeat([]byte("0123456789"), job.Size/10), []byte(`"`))
	body := slices.Concat([]byte(`{"input":{"s":`), want, []byte("}}"))
	return &fixed{post(nil, job.Path, "", body), func(answer []byte) string { return outputIs(answer, want) }}
}

// file expects what the models write: all bytes in their order, again and again.
func file(job Job) *fixed {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	want := []byte(base64.StdEncoding.EncodeToString(bytes.Repeat(all, job.Size/256)) + `"`)
	return &fixed{count(job, "", ""), func(answer []byte) string {
		_, rest, found := bytes.Cut(answer, []byte(dataPrefix))
		if !found || !bytes.HasPrefix(rest, want) {
			return fmt.Sprintf("answer of %d bytes: %.200s", len(answer), answer)
		}
		return ""
	}}
}

func items(job Job) *fixed {
	return &fixed{count(job, "", ""), func(answer []byte) string { return itemsAre(answer, job.Size) }}
}

func itemsAre(answer []byte, n int) string {
	var body struct{ Output []string }
	if err := json.Unmarshal(answer, &body); err != nil {
		return err.Error()
	}
	for i, item := range body.Output {
		if item != "item "+strconv.Itoa(i) {
			return fmt.Sprintf("output %d is %q", i, item)
		}
	}
	if len(body.Output) != n {
		return fmt.Sprintf("%d of %d outputs", len(body.Output), n)
	}
	return ""
}

// events takes every server's own form: one event for each item, in their order.
func events(job Job) *fixed {
	return &fixed{count(job, accept, ""), func(answer []byte) string {
		rest := answer
		for i := range job.Size {
			_, after, found := bytes.Cut(rest, []byte("\ndata:"))
			if i == 0 && bytes.HasPrefix(rest, []byte("data:")) {
				after, found = rest[len("data:"):], true
			}
			line, _, _ := bytes.Cut(after, []byte("\n"))
			if i == 0 && bytes.Contains(line, []byte(`"processing"`)) { // the event that says it has begun
				_, after, found = bytes.Cut(after, []byte("\ndata:"))
				line, _, _ = bytes.Cut(after, []byte("\n"))
			}
			if !found || !hasItem(line, i) {
				return fmt.Sprintf("event %d is %.200q", i, line)
			}
			rest = after
		}
		return ""
	}}
}

// hasItem looks for the item with this number, and no longer number.
func hasItem(line []byte, i int) bool {
	_, after, found := bytes.Cut(line, []byte("item "+strconv.Itoa(i)))
	return found && (len(after) == 0 || after[0] < '0' || after[0] > '9')
}

func lines(job Job) *fixed {
	var want bytes.Buffer
	for i := range job.Size {
		fmt.Fprintf(&want, "line %d\n", i)
	}
	return &fixed{count(job, "", `,"do":"print"`), func(answer []byte) string {
		var body struct{ Logs string }
		if err := json.Unmarshal(answer, &body); err != nil {
			return err.Error()
		}
		if body.Logs != want.String() {
			return fmt.Sprintf("logs have %d bytes of %d, or others", len(body.Logs), want.Len())
		}
		return ""
	}}
}
