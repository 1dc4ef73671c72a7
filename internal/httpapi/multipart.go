package httpapi

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/orchestrator"
	"coglet/internal/service"
)

const (
	maxParts    = 1000
	maxTextPart = 16 << 20 // bytes; what is larger is a file
)

// multipartBoundary reads a Content-Type; is says whether it is multipart/form-data.
func multipartBoundary(header string) (boundary string, is bool, err error) {
	if !strings.HasPrefix(strings.ToLower(strings.TrimSpace(header)), "multipart/") {
		return "", false, nil
	}
	media, parameters, err := mime.ParseMediaType(header)
	if err == nil && media != "multipart/form-data" {
		return "", false, nil
	}
	if err != nil || parameters["boundary"] == "" {
		return "", true, bad(http.StatusBadRequest, "multipart body without a boundary in its Content-Type")
	}
	return parameters["boundary"], true, nil
}

// form is a multipart request as it is read: a JSON request, with values that stand for the files that came with it.
type form struct {
	server *server
	method *orchestrator.Method
	top    map[string]jsontext.Value // fields of the request but input
	input  map[string]jsontext.Value
	lists  map[string][]jsontext.Value // inputs whose items are parts of their own
	stored []string
}

// parseMultipart reads a request whose parts are the fields of a JSON request (id, input, webhook …), fields of the
// input, and files. When it fails nothing is left of the files.
func (s *server) parseMultipart(w http.ResponseWriter, r *http.Request, method, boundary string) (req service.Request, err error) {
	m, err := s.method(r, method) // first: its schema says which inputs are files
	if err != nil {
		return req, err
	}
	f := &form{
		server: s, method: m, top: map[string]jsontext.Value{}, input: map[string]jsontext.Value{},
		lists: map[string][]jsontext.Value{},
	}
	defer func() {
		if err != nil {
			f.release()
		}
	}()
	if r.ContentLength > s.cfg.MaxBody {
		return req, s.tooLarge()
	}
	in, done := s.patient(w, r, s.cfg.MaxBody)
	defer done()
	parts := multipart.NewReader(in, boundary)
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && n == maxParts {
			return req, bad(http.StatusBadRequest, "multipart body has more than %d parts", maxParts)
		}
		if err == nil {
			err = f.part(part)
		}
		if err != nil {
			return req, s.partError(err)
		}
	}
	body, err := f.body()
	if err != nil {
		return req, err
	}
	req, err = s.decode(body, m)
	req.Release = f.release
	return req, err
}

// partError makes an answer of what went wrong with a part.
func (s *server) partError(err error) error {
	var known *badRequest
	if errors.As(err, &known) {
		return err
	}
	return s.unread(err, "multipart body")
}

func (f *form) release() {
	for _, value := range f.stored {
		if err := f.server.cfg.Uploads.Remove(value); err != nil {
			f.server.cfg.Log.Warn("uploaded file not removed", "error", err)
		}
	}
	f.stored = nil
}

// part takes in one part.
func (f *form) part(p *multipart.Part) error {
	name := p.FormName()
	if name == "" {
		return bad(http.StatusBadRequest, "multipart body has a part without a name")
	}
	field := strings.TrimPrefix(name, "input.")
	if p.FileName() != "" {
		return f.file(p, field)
	}
	text, err := io.ReadAll(io.LimitReader(p, maxTextPart+1))
	if err != nil {
		return err
	}
	if len(text) > maxTextPart {
		return bad(http.StatusRequestEntityTooLarge, "part %q is over the limit of %d bytes", name, maxTextPart)
	}
	at := []string{"body", name}
	if f.top[name] != nil {
		return badField("is given twice", at...)
	}
	switch name {
	case "id", "webhook":
		f.top[name], err = jsontext.AppendQuote(nil, text)
	case "context", "webhook_events_filter":
		f.top[name], err = asJSON(text, name)
	case "input":
		err = f.whole(text)
	default:
		at = []string{"body", "input", field}
		err = f.text(field, text)
	}
	var known *badRequest
	if err != nil && !errors.As(err, &known) {
		return badField("must be valid UTF-8", at...)
	}
	return err
}

// whole takes in the part that holds several inputs.
func (f *form) whole(text []byte) error {
	var fields map[string]jsontext.Value
	if json.Unmarshal(text, &fields) != nil {
		return badField("must be a JSON object", "body", "input")
	}
	for name, value := range fields {
		if err := f.set(name, value); err != nil {
			return err
		}
	}
	return nil
}

func asJSON(text []byte, name string) (jsontext.Value, error) {
	if !jsontext.Value(text).IsValid() {
		return nil, badField("must be JSON", "body", name)
	}
	return text, nil
}

// text takes in a text part of an input: the text itself where the schema wants one, JSON where it is that. Where the
// schema wants a list it is one item of it, unless it is the whole list.
func (f *form) text(field string, text []byte) error {
	value, plain := jsontext.Value(text), f.method.Input.TakesText(field)
	isJSON := value.IsValid()
	list := f.method.Input.TakesList(field)
	whole := !list || isJSON && (value.Kind() == '[' || value.Kind() == 'n' && !plain)
	if !isJSON || plain && (!list || !whole) {
		var err error
		if value, err = jsontext.AppendQuote(nil, text); err != nil {
			return err
		}
	}
	if whole {
		return f.set(field, value)
	}
	return f.add(field, value)
}

// set sets an input, add adds to one that is a list. Nothing that was sent is dropped without a word.
func (f *form) set(field string, value jsontext.Value) error {
	if _, twice := f.input[field]; twice || len(f.lists[field]) > 0 {
		return badField("is given twice", "body", "input", field)
	}
	f.input[field] = value
	return nil
}

func (f *form) add(field string, item jsontext.Value) error {
	if _, whole := f.input[field]; whole {
		return badField("is given as a whole and in parts", "body", "input", field)
	}
	f.lists[field] = append(f.lists[field], item)
	return nil
}

// file streams a file to disk.
func (f *form) file(p *multipart.Part, field string) error {
	kind, known := f.method.FileFields[field]
	if !known {
		return badField("takes no file", "body", "input", field)
	}
	value, err := f.server.cfg.Uploads.Put(p.FileName(), p)
	if err != nil {
		return err
	}
	f.stored = append(f.stored, value)
	quoted, err := jsontext.AppendQuote(nil, value)
	if err != nil {
		return err
	}
	if kind.List {
		return f.add(field, quoted)
	}
	return f.set(field, quoted)
}

// body is the form as a JSON request.
func (f *form) body() ([]byte, error) {
	for field, items := range f.lists {
		raw, err := json.Marshal(items)
		if err != nil {
			return nil, err
		}
		f.input[field] = raw
	}
	input, err := json.Marshal(f.input, json.Deterministic(true))
	if err != nil {
		return nil, badField("must be valid JSON", "body", "input")
	}
	f.top["input"] = input
	return json.Marshal(f.top, json.Deterministic(true))
}
