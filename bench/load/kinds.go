package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// The kinds of predictions. Each answer is compared with what it must be.
const (
	Echo = "echo" // another short string each time
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
	}
	return nil, fmt.Errorf("no kind %q", job.Kind)
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
		return fmt.Sprintf("answer %.200s", answer)
	}
	return ""
}
