package integration

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const constrained = `
from typing import List, Optional
from cog import BasePredictor, Input

class Predictor(BasePredictor):
    def predict(
        self,
        s: str = Input(min_length=1, max_length=20),
        n: int = Input(default=1, ge=0, le=10),
        f: float = Input(default=0.5, ge=0, le=1),
        b: bool = False,
        choice: str = Input(default="a", choices=["a", "b"]),
        maybe: Optional[str] = Input(default=None),
        items: List[int] = Input(default=[1]),
    ) -> List[str]:
        print(s)
        for k in range(n):
            yield f"{s}{k}"

    def train(self, n: int = Input(ge=0), name: Optional[str] = Input(default=None)) -> str:
        if n % 5 == 4:
            raise ValueError(name)
        return f"{name} {n}"
`

// TestSchemathesisFindsNoViolation lets a tool that none of us wrote compare the server with its own OpenAPI document.
func TestSchemathesisFindsNoViolation(t *testing.T) {
	st := filepath.Join(filepath.Dir(venv(t, "schemathesis")), "st")
	s := ready(t, "", launch{
		dir: model(t, constrained), flags: []string{"--shutdown-grace", "100ms"},
		// the tool invents webhooks: none of them may leave this machine
		env: []string{"HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "WEBHOOK_SIGNING_SECRET=secret"},
	})
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, st, "run", s.url+"/openapi.json", "--seed", "1", "--max-examples", "20", "--checks", "all",
		"--exclude-path", "/shutdown", "--no-color") // that one would end the server
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Tested: 35") {
		t.Errorf("%v\n%s", err, out)
	}
	s.succeeded(s.predict("s", "it still serves"))
}

func TestOpenAPIDescribesEveryRouteAndKeepsTheModelsOwnParts(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, constrained)})
	doc := s.do("GET", "/openapi.json", "")
	paths := doc.body["paths"].(map[string]any)
	for path, methods := range map[string]string{
		"/": "get", "/docs": "get", "/health-check": "get", "/readyz": "get", "/livez": "get", "/openapi.json": "get", "/shutdown": "post",
		"/predictions": "get post", "/predictions/{prediction_id}": "get put", "/predictions/{prediction_id}/stream": "get",
		"/predictions/{prediction_id}/cancel": "post", "/trainings": "get post", "/trainings/{training_id}": "get put",
		"/trainings/{training_id}/stream": "get", "/trainings/{training_id}/cancel": "post",
		"/v1/predictions": "get post", "/v1/predictions/{prediction_id}": "get", "/v1/predictions/{prediction_id}/cancel": "post",
		"/v1/predictions/{prediction_id}/stream": "get", "/v1/models/{model_owner}/{model_name}/predictions": "post",
		"/v1/deployments/{model_owner}/{model_name}/predictions": "post", "/v1/models/{model_owner}/{model_name}": "get",
		"/v1/models/{model_owner}/{model_name}/versions": "get", "/v1/models/{model_owner}/{model_name}/versions/{version_id}": "get",
		"/v1/account": "get", "/v1/hardware": "get", "/v1/webhooks/default/secret": "get", "/v1/files": "get post",
		"/v1/files/{file_id}": "delete get", "/v1/files/{file_id}/content": "get",
	} {
		item, _ := paths[path].(map[string]any)
		for _, method := range strings.Fields(methods) {
			if item[method] == nil {
				t.Errorf("%s %s is not described", method, path)
			}
		}
	}
	schemas := doc.body["components"].(map[string]any)["schemas"].(map[string]any)
	for _, name := range []string{"Input", "Output", "TrainingInput", "TrainingOutput", "PredictionRequest", "PredictionResponse"} {
		if schemas[name] == nil {
			t.Errorf("no component %s", name)
		}
	}
	if i, j := strings.Index(doc.raw, `"s":{`), strings.Index(doc.raw, `"maybe":{`); i < 0 || j < i {
		t.Error("the inputs have lost their order")
	}
	if strings.Contains(doc.raw, "{noun}") || strings.Contains(doc.raw, "{Noun}") {
		t.Error("placeholders are left")
	}
}
