package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/api"
	"coglet/internal/schema"
	"coglet/internal/service"
	"coglet/internal/webhook"
)

// badRequest is an answer of its own: the request is not carried out.
type badRequest struct {
	status int
	detail any // a sentence or []api.FieldError
}

func (e *badRequest) Error() string { return fmt.Sprint(e.detail) }

func bad(status int, format string, args ...any) error {
	return &badRequest{status, fmt.Sprintf(format, args...)}
}

func badField(msg string, loc ...string) error {
	return &badRequest{http.StatusUnprocessableEntity, []api.FieldError{{Loc: loc, Msg: msg, Type: "value_error"}}}
}

// decode parses a request and checks its input in one pass over the body.
func decode(body []byte, v *schema.Validator) (service.Request, error) {
	var req service.Request
	if len(body) == 0 {
		body = []byte("{}")
	}
	src := schema.NewSource(body)
	defer src.Release()
	d := &decoder{src: src, validator: v, req: &req, events: webhook.All}
	if err := d.object(); err != nil {
		return req, err
	}
	if _, err := d.src.ReadToken(); !errors.Is(err, io.EOF) {
		return req, bad(http.StatusBadRequest, "request body is not JSON: more follows after the object")
	}
	if !d.sawInput {
		d.input(schema.NewSource([]byte("{}")))
	}
	if len(d.errs) > 0 {
		return req, &badRequest{http.StatusUnprocessableEntity, d.errs}
	}
	if d.hook != nil {
		req.Hook = &webhook.Hook{URL: d.hook, Events: d.events}
	}
	return req, d.err
}

// decoder walks over a request body.
type decoder struct {
	src       *schema.Source
	validator *schema.Validator
	req       *service.Request
	sawInput  bool
	hook      *url.URL // nil = none
	events    webhook.Filter
	errs      []api.FieldError
	err       error // of the input: no JSON
}

func (d *decoder) object() error {
	if kind := d.src.PeekKind(); kind != '{' {
		if _, err := d.src.ReadValue(); err != nil {
			return notJSON(err)
		}
		return badField("request body must be a JSON object", "body")
	}
	if _, err := d.src.ReadToken(); err != nil {
		return notJSON(err)
	}
	for d.src.PeekKind() != '}' {
		name, err := d.src.ReadToken()
		if err != nil {
			return notJSON(err)
		}
		if err := d.field(name.String()); err != nil {
			return err
		}
	}
	_, err := d.src.ReadToken()
	return notJSON(err)
}

func (d *decoder) field(name string) error {
	if name == "input" {
		d.sawInput = true
		d.input(d.src)
		return d.err
	}
	raw, err := d.src.ReadValue()
	if err != nil {
		return notJSON(err)
	}
	switch name {
	case "id":
		if raw.Kind() == 'n' {
			return nil
		}
		if json.Unmarshal(raw, &d.req.ID) != nil {
			return badField("must be a string", "body", "id")
		}
		return checkID(d.req.ID, "body", "id")
	case "context":
		return d.context(raw)
	case "webhook":
		return d.webhook(raw)
	case "webhook_events_filter":
		return d.filter(raw)
	}
	return nil
}

// maxContext is how many bytes a context may have: it travels in the header of a frame.
const maxContext = 512 << 10

func (d *decoder) context(raw jsontext.Value) error {
	if raw.Kind() == 'n' {
		return nil
	}
	if len(raw) > maxContext {
		return badField(fmt.Sprintf("must be at most %d bytes of JSON", maxContext), "body", "context")
	}
	var values map[string]*string // a null is no string
	if json.Unmarshal(raw, &values) != nil {
		return badField("must be an object whose values are strings", "body", "context")
	}
	d.req.Context = make(map[string]string, len(values))
	for key, value := range values {
		if value == nil {
			return badField("must be an object whose values are strings", "body", "context", key)
		}
		d.req.Context[key] = *value
	}
	return nil
}

func (d *decoder) webhook(raw jsontext.Value) error {
	if raw.Kind() == 'n' {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return badField("must be a string", "body", "webhook")
	}
	u, err := webhook.ParseURL(text)
	if err != nil {
		return badField(err.Error(), "body", "webhook")
	}
	d.hook = u
	return nil
}

func (d *decoder) filter(raw jsontext.Value) error {
	const want = "must be a list of start, output, logs and completed"
	var words []string
	if raw.Kind() != '[' || json.Unmarshal(raw, &words) != nil {
		return badField(want, "body", "webhook_events_filter")
	}
	d.events = 0
	for _, word := range words {
		event, known := webhook.ParseEvent(word)
		if !known {
			return badField(fmt.Sprintf("%s, got %q", want, word), "body", "webhook_events_filter")
		}
		d.events |= event
	}
	return nil
}

// input scans the input, which stands next in src.
func (d *decoder) input(src *schema.Source) {
	start := src.InputOffset()
	in, errs, err := d.validator.Scan(src)
	if err != nil {
		d.err = notJSON(err)
		return
	}
	d.req.Input = in
	for _, e := range errs {
		d.errs = append(d.errs, api.FieldError{Loc: e.Loc, Msg: e.Msg, Type: e.Type})
	}
	if d.sawInput {
		raw := bytes.TrimLeft(src.Between(start, src.InputOffset()), ": \t\r\n")
		d.req.Raw = raw[:len(raw):len(raw)]
	}
}

func notJSON(err error) error {
	if err == nil {
		return nil
	}
	return bad(http.StatusBadRequest, "request body is not JSON: %v", err)
}

// maxID is how many characters an id may have.
const maxID = 256

// checkID refuses ids that would spoil logs; they are never used in paths.
func checkID(id string, loc ...string) error {
	switch {
	case id == "":
		return badField("id must not be empty", loc...)
	case !utf8.ValidString(id):
		return badField("id must be valid UTF-8", loc...)
	case utf8.RuneCountInString(id) > maxID:
		return badField(fmt.Sprintf("id must have at most %d characters", maxID), loc...)
	case strings.ContainsFunc(id, unicode.IsControl):
		return badField("id must not contain control characters", loc...)
	}
	return nil
}
