package config

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// load makes a Config of a folder with these files.
func load(t *testing.T, files map[string]string, env map[string]string, args ...string) (Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f := NewFlags()
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.BindServe(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	if env["COGLET_PYTHON"] == "" && env["VIRTUAL_ENV"] == "" && env["no python"] == "" {
		args = append(args, "--python", "/bin/sh")
		if err := set.Parse(args); err != nil {
			t.Fatal(err)
		}
	}
	return Load(dir, f, func(name string) string { return env[name] })
}

func TestPredictorIsFound(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		env   map[string]string
		want  string
	}{
		"by name":     {map[string]string{"predict.py": ""}, nil, "predict.py"},
		"run.py":      {map[string]string{"run.py": ""}, nil, "run.py"},
		"cog.yaml":    {map[string]string{"cog.yaml": "predict: a/b.py:P\n", "a/b.py": ""}, nil, "a/b.py:P"},
		"run key":     {map[string]string{"cog.yaml": "build: {gpu: true}\nrun: \"b.py:R\"", "b.py": ""}, nil, "b.py:R"},
		"environment": {map[string]string{"cog.yaml": "predict: a.py:P", "a.py": "", "b.py": ""}, map[string]string{"COG_PREDICT_TYPE_STUB": "b.py:Q"}, "b.py:Q"},
		"empty yaml":  {map[string]string{"cog.yaml": "# nothing\n", "predict.py": ""}, nil, "predict.py"},
	} {
		c, err := load(t, tc.files, tc.env)
		if err != nil || c.Ref != tc.want {
			t.Errorf("%s: %q, %v; want %q", name, c.Ref, err, tc.want)
		}
	}
}

func TestErrorsNameFileLineAndColumn(t *testing.T) {
	for text, want := range map[string]string{
		"predict: [\n":                         "cog.yaml:1:",
		"a: 1\npredict: {b: c}\n":              "cog.yaml:2:",
		"predict: gone.py:P\n":                 `cog.yaml:1:10: predict: no such file "gone.py"`,
		"predict: predict.py\nrun: predict.py": "cog.yaml:1:10: only one of run or predict can be set",
		"concurrency: {max: 0}\n":              "concurrency.max: want a whole number from 1",
		"environment: A=B\n":                   "environment: want a list of strings",
		"x-coglet: {wroker: [a]}\n":            `x-coglet has no field "wroker"`,
		"x-coglet: {worker: []}\n":             "x-coglet.worker: want a command",
		"- a\n":                                "want a mapping",
	} {
		_, err := load(t, map[string]string{"cog.yaml": text, "predict.py": ""}, nil)
		var own *Error
		if !errors.As(err, &own) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestFlagsWinOverTheEnvironment(t *testing.T) {
	model := map[string]string{"predict.py": "", "cog.yaml": "concurrency:\n  max: 3\nenvironment: [A=1, B=2]\n"}
	env := map[string]string{
		"PORT": "7000", "COG_SETUP_TIMEOUT": "9", "COG_PREDICT_TIMEOUT": "soon", "A": "mine", "COG_LOG_LEVEL": "warning",
	}
	c, err := load(t, model, env)
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 7000 || c.SetupTimeout != 9*time.Second || c.PredictTimeout != 0 || c.Slots != 3 {
		t.Errorf("%+v", c)
	}
	if diff := cmp.Diff([]string{"B=2"}, c.Env); diff != "" {
		t.Error(diff)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "COG_PREDICT_TIMEOUT") {
		t.Errorf("warnings: %v", c.Warnings)
	}
	env["COG_MAX_CONCURRENCY"] = "5"
	c, err = load(t, model, env, "--port", "0", "--setup-timeout", "1m", "--max-logs", "2MiB")
	if err != nil || c.Port != 0 || c.SetupTimeout != time.Minute || c.Slots != 5 || c.MaxLogs != 2<<20 {
		t.Errorf("%+v, %v", c, err)
	}
	env["COG_MAX_CONCURRENCY"] = "0"
	if c, err = load(t, model, env); err != nil || c.Slots != 1 || len(c.Warnings) != 2 {
		t.Errorf("slots %d, warnings %v, %v", c.Slots, c.Warnings, err)
	}
	env["PORT"] = "http"
	if _, err = load(t, model, env); err == nil || !strings.Contains(err.Error(), `PORT is "http"`) {
		t.Errorf("bad PORT: %v", err)
	}
}

func TestPlainSettingsOfTheEnvironment(t *testing.T) {
	model := map[string]string{"predict.py": ""}
	for name, get := range map[string]func(Config) string{
		"WEBHOOK_AUTH_TOKEN": func(c Config) string { return c.WebhookToken },
		"COG_USER_AGENT":     func(c Config) string { return c.UserAgent },
		"LOG_FORMAT":         func(c Config) string { return c.LogFormat },
		"REQUESTS_CA_BUNDLE": func(c Config) string { return c.CABundle },
		"CURL_CA_BUNDLE":     func(c Config) string { return c.CABundle },
		"XDG_CACHE_HOME":     func(c Config) string { return c.CacheDir },
	} {
		if c, err := load(t, model, map[string]string{name: "value"}); err != nil || get(c) != "value" {
			t.Errorf("%s: %q, %v", name, get(c), err)
		}
		if c, err := load(t, model, nil); err != nil || get(c) != "" {
			t.Errorf("without %s: %q, %v", name, get(c), err)
		}
	}
	if c, err := load(t, model, map[string]string{"NO_COLOR": "1"}); err != nil || !c.NoColor {
		t.Error("NO_COLOR")
	}
}

func TestLogLevels(t *testing.T) {
	for _, tc := range []struct {
		cog, rust string
		want      slog.Level
	}{
		{"", "", slog.LevelInfo},
		{"debug", "", slog.LevelDebug},
		{"info", "", slog.LevelInfo},
		{"warn", "", slog.LevelWarn},
		{"WARNING", "", slog.LevelWarn},
		{"error", "", slog.LevelError},
		{"loud", "", slog.LevelInfo},
		{"debug", "error", slog.LevelError},
		{"error", "trace", slog.LevelDebug},
		{"error", "coglet=debug", slog.LevelError}, // no plain level: it does not count
	} {
		c, err := load(t, map[string]string{"predict.py": ""}, map[string]string{"COG_LOG_LEVEL": tc.cog, "RUST_LOG": tc.rust})
		if err != nil || c.LogLevel != tc.want {
			t.Errorf("%q, %q: %v, %v", tc.cog, tc.rust, c.LogLevel, err)
		}
	}
}

func TestEveryFlagOfServeIsTaken(t *testing.T) {
	f := NewFlags()
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.BindServe(set)
	model := map[string]string{"predict.py": ""}
	before, err := load(t, model, nil)
	if err != nil {
		t.Fatal(err)
	}
	before.Dir = ""
	set.VisitAll(func(flag *pflag.Flag) {
		if flag.Name == "python" || flag.Name == "threads" { // load sets the one, the other has no effect
			return
		}
		value := map[string]string{
			"x-mode": "train", "upload-url": "http://h/", "worker": "/bin/true", "host": "::1",
			"true|false": "true", "bool": "true", "int": "7", "duration": "7s", "size": "7MiB", "stringSlice": "a,b", "string": "x",
		}
		text, found := value[flag.Name]
		if !found {
			text = value[flag.Value.Type()]
		}
		c, err := load(t, model, nil, "--"+flag.Name+"="+text)
		if c.Dir = ""; err != nil || cmp.Equal(c, before, cmp.AllowUnexported(Config{})) {
			t.Errorf("--%s=%s changes nothing, %v", flag.Name, text, err)
		}
	})
	for flag, want := range map[string]string{
		"--x-mode=both": "want predict or train", "--workers=0": "at least 1", "--queue=-1": "0 or more", "--keep=-1": "0 or more",
		"--port=65536": "0 to 65535",
	} {
		if _, err := load(t, model, nil, flag); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestInterpreterIsFound(t *testing.T) {
	venv := t.TempDir()
	python := filepath.Join(venv, "bin", "python")
	if err := os.MkdirAll(filepath.Dir(python), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/bin/sh", python); err != nil {
		t.Fatal(err)
	}
	model := map[string]string{"predict.py": ""}
	if c, err := load(t, model, map[string]string{"VIRTUAL_ENV": venv}); err != nil || c.Python != python {
		t.Errorf("active environment: %q, %v; links are kept", c.Python, err)
	}
	if c, err := load(t, model, map[string]string{"COGLET_PYTHON": python}); err != nil || c.PythonFrom != "COGLET_PYTHON" {
		t.Errorf("named: %q from %q, %v", c.Python, c.PythonFrom, err)
	}
	own := map[string]string{"predict.py": "", ".venv/bin/python": "#!/bin/sh\n"}
	if c, err := load(t, own, map[string]string{"no python": "yes"}); err != nil || c.PythonFrom != "the model's .venv" {
		t.Errorf("own: %q from %q, %v", c.Python, c.PythonFrom, err)
	}
	if _, err := load(t, model, map[string]string{"COGLET_PYTHON": "/nonexistent"}); err == nil {
		t.Error("an interpreter that does not exist was taken")
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"1048576": 1 << 20, "16MiB": 16 << 20, "1GB": 1e9, "1.5k": 1536, " 2 gib ": 2 << 30, "7b": 7,
	} {
		var s size
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%q: %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "much", "-1", "0", "NaN", "1e30GB"} {
		var s size
		if err := s.Set(text); err == nil {
			t.Errorf("%q was taken as %d", text, s)
		}
	}
}

func FuzzCogYAML(f *testing.F) {
	f.Add("predict: a.py:P\nconcurrency: {max: 2}\nenvironment: [A=1]\n")
	f.Add("x-coglet: {worker: [a]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "cog.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readCogYAML(dir)
		var own *Error
		if err != nil && !errors.As(err, &own) {
			t.Fatalf("%q: %T %v", text, err, err)
		}
	})
}

func TestSettingsOfWebhooksStreamsAndProbes(t *testing.T) {
	model := map[string]string{"predict.py": ""}
	for _, tc := range []struct {
		env      map[string]string
		interval time.Duration
		replay   int
		ready    string
		secret   string
		warnings int
	}{
		{nil, 500 * time.Millisecond, -1, "", "", 0},
		{map[string]string{"COG_THROTTLE_RESPONSE_INTERVAL": "0.0129"}, 12 * time.Millisecond, -1, "", "", 0},
		{map[string]string{"COG_THROTTLE_RESPONSE_INTERVAL": "-1"}, 0, -1, "", "", 0},
		{map[string]string{"COG_THROTTLE_RESPONSE_INTERVAL": "NaN"}, 0, -1, "", "", 0},
		{map[string]string{"COG_THROTTLE_RESPONSE_INTERVAL": "often"}, 500 * time.Millisecond, -1, "", "", 1},
		{map[string]string{"COG_STREAM_HISTORY_CAPACITY": "0"}, 500 * time.Millisecond, 0, "", "", 0},
		{map[string]string{"COG_STREAM_HISTORY_CAPACITY": "all"}, 500 * time.Millisecond, -1, "", "", 1},
		{map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, 500 * time.Millisecond, -1, "/var/run/cog/ready", "", 0},
		{map[string]string{"KUBERNETES_SERVICE_HOST": "x", "COGLET_READY_FILE": "/r"}, 500 * time.Millisecond, -1, "/r", "", 0},
		{map[string]string{"WEBHOOK_SIGNING_SECRET": "whsec_a2V5"}, 500 * time.Millisecond, -1, "", "key", 0},
		{map[string]string{"WEBHOOK_SIGNING_SECRET": "plain"}, 500 * time.Millisecond, -1, "", "plain", 0},
	} {
		c, err := load(t, model, tc.env)
		if err != nil {
			t.Errorf("%v: %v", tc.env, err)
			continue
		}
		if c.WebhookInterval != tc.interval || c.Replay != tc.replay || c.ReadyFile != tc.ready || string(c.WebhookSecret) != tc.secret ||
			len(c.Warnings) != tc.warnings {
			t.Errorf("%v: %s, %d, %q, %q, %v", tc.env, c.WebhookInterval, c.Replay, c.ReadyFile, c.WebhookSecret, c.Warnings)
		}
	}
	for _, env := range []map[string]string{{"WEBHOOK_SIGNING_SECRET": "whsec_!"}, {"WEBHOOK_SIGNING_SECRET": "whsec_"}} {
		if _, err := load(t, model, env); err == nil || !strings.Contains(err.Error(), "WEBHOOK_SIGNING_SECRET") {
			t.Errorf("%v: %v", env, err)
		}
	}
	for _, url := range []string{"nowhere", "ftp://h/", "http://", "/path"} {
		if _, err := load(t, model, nil, "--upload-url", url); err == nil || !strings.Contains(err.Error(), "--upload-url") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if c, err := load(t, model, nil, "--upload-url", "http://h/{prediction_id}/"); err != nil || c.UploadURL == "" {
		t.Error(err)
	}
}
