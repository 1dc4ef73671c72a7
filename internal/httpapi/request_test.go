package httpapi

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/api"
	"coglet/internal/schema"
)

func inputs(t testing.TB) *schema.Validator {
	t.Helper()
	s, err := schema.Compile([]byte(`{"openapi":"3.0.2","components":{"schemas":{"Input":{"type":"object",
		"properties":{"s":{"type":"string","maxLength":3},"n":{"type":"integer"}},"required":["s"]}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return s.Input(schema.Predict)
}

func TestRequestKeepsTheInputAsItWasSent(t *testing.T) {
	req, err := decode([]byte(`{"id":"a","unknown":[{}],"input": {"s": "x", "more": 1.0e2} ,"context":null,"webhook":null}`), inputs(t))
	if err != nil || req.ID != "a" || string(req.Raw) != `{"s": "x", "more": 1.0e2}` || string(req.Input.JSON()) != `{"s":"x"}` || req.Hook != nil {
		t.Errorf("%+v, %v", req, err)
	}
}

// FuzzRequest: whatever comes is taken as it is, or refused with 400, or with 422 and where it is wrong.
func FuzzRequest(f *testing.F) {
	v := inputs(f)
	for _, seed := range []string{
		`{"input":{"s":"a"}}`, `{"input":null,"id":"x"}`, `{"id":"\u0000"}`, `{"context":{"a":null}}`, `{"webhook":"http://h","webhook_events_filter":["start"]}`,
		`[`, `{}{}`, `{"input":{"s":"a","s":"b"}}`, "", `{"input":{"n":1e999}}`, `{"webhook_events_filter":[1]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := decode(slices.Clone(body), v)
		if err == nil {
			if in := jsontext.Value(req.Input.JSON()); !in.IsValid() || in.Kind() != '{' {
				t.Fatalf("%q became %q", body, in)
			}
			return
		}
		var refused *badRequest
		if !errors.As(err, &refused) {
			t.Fatalf("%q: %T %v", body, err, err)
		}
		fields, _ := refused.detail.([]api.FieldError)
		switch {
		case refused.status == http.StatusBadRequest && fields == nil:
		case refused.status == http.StatusUnprocessableEntity && len(fields) > 0 && fields[0].Loc[0] == "body" && fields[0].Msg != "":
		default:
			t.Fatalf("%q: %d %v", body, refused.status, refused.detail)
		}
	})
}

func TestLongStringsArriveWhole(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	body := `{"context":{"k":"` + long + `", "` + long + `":"v"}, "id":"a", "input": {"s" : "` + long + `1", "l":["` + long + `2", "` + long + `\n"]} }`
	req, err := decode([]byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	if req.ID != "a" || req.Context["k"] != long || req.Context[long] != "v" {
		t.Errorf("id %q, context with %d entries", req.ID, len(req.Context))
	}
	if want := `{"s" : "` + long + `1", "l":["` + long + `2", "` + long + `\n"]}`; string(req.Raw) != want || string(req.Input.JSON()) != want {
		t.Errorf("raw %d bytes, input %d bytes, want %d", len(req.Raw), len(req.Input.JSON()), len(want))
	}
	if value, _ := req.Input.Get("s"); string(value) != `"`+long+`1"` {
		t.Errorf("s has %d bytes", len(value))
	}
	for _, wrong := range []string{`{"input":{"s":"` + long + `"}, x}`, `{"input":{"s":"` + long + `","s":1}}`, `{"id":7,"input":{"s":"` + long + `"}}`} {
		_, err := decode([]byte(wrong), nil)
		var b *badRequest
		if !errors.As(err, &b) {
			t.Fatalf("%.20s…: %v", wrong, err)
		}
		// the place is that in what was sent
		if i := strings.Index(wrong, "x}"); b.status == http.StatusBadRequest && i > 0 && !strings.Contains(b.Error(), strconv.Itoa(i)) {
			t.Errorf("%s does not name offset %d", b.Error(), i)
		}
	}
}
