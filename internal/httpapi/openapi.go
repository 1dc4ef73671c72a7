package httpapi

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/api"
	"coglet/internal/orchestrator"
	"coglet/internal/schema"
)

// ownOpenAPI describes the routes. Those of a method stand in it with placeholders for what differs between predictions
// and trainings.
//
//go:embed openapi.json
var ownOpenAPI string

// v1OpenAPI describes the /v1 routes.
//
//go:embed openapi_v1.json
var v1OpenAPI string

// object is a JSON object whose values are left as they are, in their order.
type object = map[string]jsontext.Value

// openAPI answers GET /openapi.json: the model's own document, and in it every route that is served.
func (s *server) openAPI(w http.ResponseWriter, _ *http.Request) {
	m := s.svc.Readiness().Model
	if m == nil || m.Schema == nil {
		writeJSON(w, http.StatusServiceUnavailable, api.Error{Error: "OpenAPI schema not available"})
		return
	}
	if made := s.document.Load(); made != nil && made.model == m {
		writeBody(w, http.StatusOK, api.Body{made.raw})
		return
	}
	raw, err := describe(m)
	if err != nil {
		s.cfg.Log.Warn("the model's OpenAPI document cannot be extended, sending it as it is", "error", err)
		raw = m.Schema.Raw()
	}
	s.document.Store(&document{m, raw})
	writeBody(w, http.StatusOK, api.Body{raw})
}

// document is what openAPI has made for a model.
type document struct {
	model *orchestrator.Model
	raw   []byte
}

// describe adds the routes to a model's document. The components of its inputs and outputs stay as they are.
func describe(m *orchestrator.Model) ([]byte, error) {
	var doc object
	if err := json.Unmarshal(m.Schema.Raw(), &doc); err != nil {
		return nil, err
	}
	components, err := sub(doc, "components")
	if err != nil {
		return nil, err
	}
	schemas, err := sub(components, "schemas")
	if err != nil {
		return nil, err
	}
	paths, err := sub(doc, "paths")
	if err != nil {
		return nil, err
	}
	streaming := strings.Contains(string(paths["/predictions"]), `"x-cog-streaming":true`)
	for _, name := range []string{schema.Predict, schema.Train} {
		fill := fillerFor(name, schemas)
		if name == schema.Predict {
			err = errors.Join(
				mergeInto(paths, components, fill.Replace(ownOpenAPI), "paths", "components"),
				mergeInto(paths, components, fill.Replace(v1OpenAPI), "paths", "components"),
			)
		}
		if err == nil && m.Method(name) != nil {
			err = mergeInto(paths, components, fill.Replace(ownOpenAPI), "method", "methodComponents")
		}
		if err != nil {
			return nil, fmt.Errorf("own document: %w", err)
		}
	}
	if streaming {
		paths["/predictions"] = jsontext.Value(strings.Replace(string(paths["/predictions"]),
			`"operationId": "predict_predictions_post"`, `"x-cog-streaming": true, "operationId": "predict_predictions_post"`, 1))
	}
	for key, value := range map[string]object{"components": components, "paths": paths} {
		if doc[key], err = json.Marshal(value, json.Deterministic(true)); err != nil {
			return nil, err
		}
	}
	raw, err := json.Marshal(doc, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	compact := jsontext.Value(raw)
	return compact, compact.Compact()
}

// sub returns an object inside another one; one that is not there is empty.
func sub(of object, key string) (object, error) {
	found := object{}
	if of[key] == nil {
		return found, nil
	}
	if err := json.Unmarshal(of[key], &found); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return found, nil
}

// mergeInto adds the paths and the components that stand under these keys of a document of ours. Components are merged one
// level deeper: schemas, responses, parameters.
func mergeInto(paths, components object, document, pathsKey, componentsKey string) error {
	var from object
	var add object
	var kinds map[string]object
	err := json.Unmarshal([]byte(document), &from)
	if err == nil {
		err = errors.Join(json.Unmarshal(from[pathsKey], &add), json.Unmarshal(from[componentsKey], &kinds))
	}
	if err != nil {
		return err
	}
	maps.Copy(paths, add)
	for kind, parts := range kinds {
		all, err := sub(components, kind)
		if err != nil {
			return err
		}
		maps.Copy(all, parts)
		if components[kind], err = json.Marshal(all, json.Deterministic(true)); err != nil {
			return err
		}
	}
	return nil
}

// saysNothing reports whether an output is what Cog writes for Any: an object of which nothing is known.
func saysNothing(output jsontext.Value) bool {
	var declared map[string]jsontext.Value
	if json.Unmarshal(output, &declared) != nil {
		return false
	}
	delete(declared, "title")
	kind := string(declared["type"])
	delete(declared, "type")
	return len(declared) == 0 && (kind == "" || kind == `"object"`)
}

// fillerFor fills in the placeholders for a method.
func fillerFor(method string, schemas object) *strings.Replacer {
	noun, verb, prefix := "prediction", "predict", ""
	events := `, "text/event-stream": {"schema": {}}`
	if method == schema.Train {
		noun, verb, prefix, events = "training", "train", "Training", ""
	}
	input, output := prefix+"Input", prefix+"Output"
	if schemas[input] == nil {
		input = "CogletAnyObject"
	}
	if schemas[output] == nil || saysNothing(schemas[output]) {
		output = "CogletAnything"
	}
	required, bodyRequired := "", "false"
	var declared struct {
		Required []string `json:"required"`
	}
	if schemas[input] != nil && json.Unmarshal(schemas[input], &declared) == nil && len(declared.Required) > 0 {
		required, bodyRequired = `, "required": ["input"]`, "true"
	}
	return strings.NewReplacer(
		"{noun}", noun, "{Noun}", strings.ToUpper(noun[:1])+noun[1:], "{verb}", verb, "{Verb}", strings.ToUpper(verb[:1])+verb[1:],
		"{Input}", input, "{Output}", output, "{requiredInput}", required, "{bodyRequired}", bodyRequired,
		"{events}", events,
	)
}
