package integration

import (
	"strings"
	"testing"
)

const keeper = `
import time
from cog import BasePredictor, Secret
class Predictor(BasePredictor):
    def predict(self, key: Secret, seconds: float = 0) -> int:
        time.sleep(seconds)
        return len(key.get_secret_value())
`

// Inputs are shown to everybody who asks for a prediction.
func TestSecretsAreMaskedWhereInputsAreShown(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, keeper)})
	a := s.do("PUT", "/predictions/one", `{"input":{"key":"hush-hush"}}`)
	if s.succeeded(a) != float64(9) {
		t.Errorf("the model got another key: %s", a.raw)
	}
	s.do("PUT", "/predictions/two", `{"input":{"key":"hush-hush","seconds":60}}`, "Prefer", "respond-async")
	for _, shown := range []answer{
		s.do("GET", "/predictions/one", ""), s.do("GET", "/predictions", ""), s.do("GET", "/v1/predictions/one", ""),
		s.do("PUT", "/predictions/two", `{"input":{"key":"hush-hush"}}`),
	} {
		if strings.Contains(shown.raw, "hush") || !strings.Contains(shown.raw, `"key":"**********"`) {
			t.Errorf("%s", shown.raw)
		}
	}
	s.cancel("two")
	if strings.Contains(s.logs(), "hush") {
		t.Error("the key is in the server's log")
	}
}
