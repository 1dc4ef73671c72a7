package integration

import (
	"encoding/json"
	"testing"
)

const recorder = `
import cog
from typing import Any
from cog import BasePredictor, current_scope
first = []
class Predictor(BasePredictor):
    def predict(self, do: str) -> Any:
        scope = current_scope()
        first.append(scope)
        names = {"self": self, "cog": cog, "scope": scope, "m": scope.metrics, "first": first[0]}
        try:
            if do.startswith("="):
                return eval(do[1:], names)
            exec(do, names)
        except Exception as error:
            return type(error).__name__ + ": " + str(error)
`

func TestMetricsAreCogs(t *testing.T) {
	const kinds = "Expected bool, int, float, str, list, or dict."
	rows := []struct{ do, metrics, output string }{
		{"m['b'] = True; m['i'] = 1; m['f'] = 1.5; m['s'] = 'x'; m['l'] = [1, None]; m['d'] = {'k': {'n': 2.5}}", `{"b":true,"d":{"k":{"n":2.5}},"f":1.5,"i":1,"l":[1,null],"s":"x"}`, "null"},
		{"self.record_metric('a', 1); self.scope.record_metric('b', 2); m.record('c', 3, mode='replace'); cog.emit_metric('d', 4)", `{"a":1,"b":2,"c":3,"d":4}`, "null"},
		// modes
		{"m.record('a.n', 1, 'incr'); m.record('a.n', 2, mode='increment')", `{"a":{"n":3}}`, "null"},
		{"m.record('n', 1, 'incr'); m.record('n', 1.5, 'incr')", `{"n":2.5}`, "null"}, // Cog raises
		{"m.record('l', 'x', 'append'); m.record('l', 'y', 'append')", `{"l":["x","y"]}`, "null"},
		{"m.record('l', 'x'); m.record('l', 'y', 'append')", `{"l":["x","y"]}`, "null"},
		{"m.record('x', 1); m.record('x.y.w', 2)", `{"x":{"y":{"w":2}}}`, "null"},
		{"m.record('x.y', 1); m.record('x', 2)", `{"x":2}`, "null"},
		{"m.record('', object(), 'foo')", `{}`, `"TypeError: Invalid metric mode: 'foo'. Expected 'replace', 'incr', or 'append'."`},
		// what deletes
		{"m['a'] = 1; m['a'] = None; m['b'] = 1; del m['b']; m['c'] = 1; m.delete('c'); m['d'] = 1; m.record('d', None)", `{}`, "null"}, // Cog raises for the last
		{"m['a'] = float('nan'); m['b'] = 1.5; m['b'] = float('inf'); m['b'] = 'x'", `{"b":"x"}`, "null"},
		{"m['a'] = 1; del m['a']; m['a'] = 'x'", `{"a":"x"}`, "null"},
		{"m.delete('predict_time'); m.delete('cog.x')", `{}`, "null"}, // only the structure of the name is looked at
		// types
		{"m['t'] = (1,)", `{}`, `"TypeError: Unsupported metric value type: tuple. ` + kinds + `"`},
		{"m.record('t', None, 'incr')", `{}`, `"TypeError: Unsupported metric value type: NoneType. ` + kinds + `"`},
		{"m['i'] = 1; m['i'] = 'x'", `{"i":1}`, `"TypeError: Metric 'i' has type int, cannot set to str without deleting first"`},
		{"m['i'] = 1; m['i'] = True", `{"i":1}`, `"TypeError: Metric 'i' has type int, cannot set to bool without deleting first"`},
		{"m['i'] = 1; m['i'] = 1.5", `{"i":1.5}`, "null"}, // Cog tells int from float
		{"m.record('l', 'x', 'append'); m.record('l', 1, 'append')", `{"l":["x"]}`, `"TypeError: Metric 'l' has type str, cannot set to int without deleting first"`},
		{"m.record('b', True, 'incr')", `{}`, `"TypeError: Increment mode requires int or float, got bool"`},
		{"m.record('s', 'x', 'incr')", `{}`, `"TypeError: Increment mode requires int or float, got str"`},
		{"m['l'] = [object()]", `{}`, `"TypeError: metric 'l': Object of type object is not JSON serializable"`},
		// names
		{"m[''] = 1", `{}`, `"ValueError: metric name must not be empty"`},
		{"m['x' * 129] = 1", `{}`, `"ValueError: metric name must be 128 characters or fewer (got 129 characters)"`},
		{"m['a.b.c.d.e'] = 1", `{}`, `"ValueError: metric name must have at most 4 dot-separated segments (got 5)"`},
		{"m['.a'] = 1", `{}`, `"ValueError: metric name must not start with a dot"`},
		{"m['a.'] = 1", `{}`, `"ValueError: metric name must not end with a dot"`},
		{"del m['a..b']", `{}`, `"ValueError: metric name must not contain empty segments (consecutive dots)"`},
		{"m['1a'] = 1", `{}`, `"ValueError: metric name segment '1a' must start with a letter"`},
		{"m['é'] = 1", `{}`, `"ValueError: metric name segment 'é' must start with a letter"`},
		{"m['a-b'] = 1", `{}`, `"ValueError: metric name segment 'a-b' contains invalid character '-'"`},
		{"m['a__b'] = 1", `{}`, `"ValueError: metric name segment 'a__b' must not contain consecutive underscores"`},
		{"m['a_'] = 1", `{}`, `"ValueError: metric name segment 'a_' must end with a letter or digit"`},
		{"m['predict_time'] = 1", `{}`, `"ValueError: 'predict_time' is reserved by the runtime"`},
		{"m['cog.x'] = 1", `{}`, `"ValueError: the 'cog.' prefix is reserved for system metrics"`},
		{"m['cog'] = 1", `{"cog":1}`, "null"},
		{"m[1] = 1", `{}`, `"TypeError: metric name must be a string, got int"`},
		// what they are
		{"=[repr(scope), repr(m)]", `{}`, `["Scope(MetricRecorder(keys=0))","MetricRecorder(keys=0)"]`},
		{"=[m.record('a', 1), repr(self.scope)]", `{"a":1}`, `[null,"Scope(MetricRecorder(keys=1))"]`},
		{"=m['a']", `{}`, `"TypeError: 'MetricRecorder' object is not subscriptable"`},
		{"=len(m)", `{}`, `"TypeError: object of type 'MetricRecorder' has no len()"`},
		{"scope.x = 1", `{}`, `"AttributeError: 'Scope' object has no attribute 'x'*"`},
		{"m.x = 1", `{}`, `"AttributeError: 'MetricRecorder' object has no attribute 'x'*"`},
		{"=[first.record_metric('late', 1), repr(first)]", `{}`, `[null,"Scope(MetricRecorder(inactive))"]`},
	}
	for _, env := range environments(t) {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			s := ready(t, "", launch{dir: model(t, recorder), python: venv(t, env)})
			for _, row := range rows {
				a := s.predict("do", row.do)
				s.succeeded(a)
				metrics, _ := a.body["metrics"].(map[string]any)
				delete(metrics, "predict_time")
				got, err := json.Marshal(metrics)
				if err != nil || string(got) != row.metrics {
					t.Errorf("%s: metrics %s, want %s", row.do, got, row.metrics)
				}
				output, _ := json.Marshal(a.body["output"])
				if !matches(string(output), row.output) {
					t.Errorf("%s: %s, want %s", row.do, output, row.output)
				}
			}
		})
	}
}
