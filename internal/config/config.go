// Package config makes one checked Config of flags, environment and cog.yaml. It is the only place that reads the
// environment, and it starts nothing.
package config

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Config is everything that can be set, checked.
type Config struct {
	Dir string // the model's folder, absolute

	// What to run: Ref on Python, or Worker.
	Ref        string   // file.py:Name or file.py
	AlsoRef    string   // of the other mode; empty = it is looked for in Ref
	Worker     []string // command of a worker that is not Python; empty = Python
	Python     string   // interpreter, absolute
	PythonFrom string   // why this one, for people
	Requires   bool     // cog.yaml names packages that coglet install can make an environment of
	Env        []string // K=V of cog.yaml's environment that the server's own does not set
	Mode       string   // predict or train
	Slots      int      // predictions at once in a worker; 0 = the model decides
	CacheDir   string   // for the harness; empty = the user's

	Host    string
	Port    int
	Workers int
	Queue   int

	MaxBody, MaxLogs, MaxOutput, MaxBuffer int64 // bytes

	Keep      int
	KeepBytes int64
	KeepFor   time.Duration

	CancelGrace, ShutdownGrace   time.Duration
	PredictTimeout, SetupTimeout time.Duration // 0 = none

	UnixSocket        string        // path to listen on instead of Host and Port; empty = none
	UploadURL         string        // where output files go; empty = they become data: URLs
	MaxDownload       int64         // bytes of a prediction's input files
	DownloadTimeout   time.Duration // 0 = none
	PublicURLsOnly    bool
	WebhookInterval   time.Duration
	WebhookToken      string
	WebhookTokenHosts []string
	WebhookSecret     []byte
	WebhookKey        string // WebhookSecret as clients are told it
	Replay            int    // events for a reader that comes late; negative = the default
	ReadyFile         string // exists while the server is ready; empty = none

	AwaitExplicitShutdown bool // TERM is ignored
	NoPlayground          bool
	LocalFiles            []string
	UserAgent             string
	CABundle              string // PEM file with further certificate authorities; empty = none

	LogFormat string // json, or console; empty = console on a terminal
	LogLevel  slog.Level
	NoColor   bool

	Processors int // the most for the server's own work; 0 = as the Go runtime decides

	Warnings []string // what was set and could not be used
}

// processors is enough for a server whose work is done elsewhere. More of them cost a fifth to a quarter of the rate of
// small predictions, on two cores as on four: each wake-up looks for work on all, while the workers need them.
const processors = 2

// Error is a setting that cannot be used. Its text says what and where, in one line.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

func wrong(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Getenv looks up an environment variable; empty and unset are the same.
type Getenv func(name string) string

// Environment is the process's own.
func Environment(name string) string { return os.Getenv(name) }

// Load makes the Config of a model's folder.
func Load(dir string, f *Flags, getenv Getenv) (Config, error) {
	c := Config{
		Host: strings.Trim(f.host, "[]"), Port: f.port, Workers: f.workers, Queue: f.queue, Mode: f.mode,
		MaxBody: int64(f.maxBody), MaxLogs: int64(f.maxLogs), MaxOutput: int64(f.maxOutput),
		MaxBuffer: int64(f.maxBuffer), Keep: f.keep, KeepBytes: int64(f.keepBytes), KeepFor: f.keepFor,
		CancelGrace: f.cancelGrace, ShutdownGrace: f.shutdownGrace, PredictTimeout: f.predictTimeout,
		SetupTimeout: f.setupTimeout, AwaitExplicitShutdown: bool(f.awaitExplicitShutdown), LocalFiles: f.localFiles,
		UnixSocket: f.unixSocket, UploadURL: f.uploadURL, MaxDownload: int64(f.maxDownload),
		DownloadTimeout: f.downloadTimeout, PublicURLsOnly: f.publicURLsOnly, NoPlayground: f.noPlayground,
		WebhookToken: getenv("WEBHOOK_AUTH_TOKEN"), WebhookTokenHosts: f.tokenHosts,
		UserAgent: getenv("COG_USER_AGENT"), LogFormat: getenv("LOG_FORMAT"), NoColor: getenv("NO_COLOR") != "",
		CacheDir: getenv("XDG_CACHE_HOME"), CABundle: cmp.Or(getenv("REQUESTS_CA_BUNDLE"), getenv("CURL_CA_BUNDLE")),
	}
	if getenv("GOMAXPROCS") == "" {
		c.Processors = processors
	}
	if err := c.checkFlags(); err != nil {
		return c, err
	}
	var err error
	if c.Dir, err = modelDir(dir); err != nil {
		return c, err
	}
	yaml, err := readCogYAML(c.Dir)
	if err != nil {
		return c, err
	}
	if err := c.fromEnvironment(f, getenv); err != nil {
		return c, err
	}
	if err := c.findModel(f, yaml, getenv); err != nil {
		return c, err
	}
	c.findSlots(yaml, getenv)
	for _, setting := range yaml.environment {
		name, _, _ := strings.Cut(setting, "=")
		if getenv(name) == "" {
			c.Env = append(c.Env, setting)
		}
	}
	return c, nil
}

func modelDir(dir string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", wrong("%s: %v", dir, err)
	}
	info, err := os.Stat(absolute)
	switch {
	case os.IsNotExist(err):
		return "", wrong("%s: no such folder", dir)
	case err != nil:
		return "", wrong("%s: %v", dir, err)
	case !info.IsDir():
		return "", wrong("%s is a file: name the folder that holds the model", dir)
	}
	return absolute, nil
}

func (c *Config) checkFlags() error {
	if c.Mode != "predict" && c.Mode != "train" {
		return wrong("--x-mode is %q, want predict or train", c.Mode)
	}
	if c.Workers < 1 {
		return wrong("--workers is %d, want at least 1", c.Workers)
	}
	if c.Queue < 0 {
		return wrong("--queue is %d, want 0 or more", c.Queue)
	}
	if c.Keep < 0 {
		return wrong("--keep is %d, want 0 or more", c.Keep)
	}
	if err := checkUploadURL(c.UploadURL); err != nil {
		return err
	}
	if c.Port < -1 || c.Port > 65535 {
		return wrong("--port is %d, want 0 to 65535", c.Port)
	}
	return nil
}

func checkUploadURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(strings.ReplaceAll(text, "{prediction_id}", "id"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return wrong("--upload-url is %q, want an http or https URL", text)
	}
	return nil
}

// fromEnvironment fills in what flags have not set.
func (c *Config) fromEnvironment(f *Flags, getenv Getenv) error {
	if !f.changed("port") {
		if text := getenv("PORT"); text != "" {
			port, err := strconv.Atoi(text)
			if err != nil || port < 0 || port > 65535 {
				return wrong("PORT is %q, want a number from 0 to 65535", text)
			}
			c.Port = port
		}
	}
	if !f.changed("setup-timeout") {
		c.SetupTimeout = c.seconds("COG_SETUP_TIMEOUT", getenv)
	}
	if !f.changed("predict-timeout") {
		c.PredictTimeout = c.seconds("COG_PREDICT_TIMEOUT", getenv)
	}
	c.LogLevel = logLevel(getenv)
	c.WebhookInterval = c.throttle(getenv)
	c.Replay = c.replay(getenv)
	c.ReadyFile = getenv("COGLET_READY_FILE")
	if c.ReadyFile == "" && getenv("KUBERNETES_SERVICE_HOST") != "" {
		c.ReadyFile = "/var/run/cog/ready"
	}
	if text := getenv("WEBHOOK_SIGNING_SECRET"); text != "" {
		var err error
		if c.WebhookSecret, err = parseSecret(text); err != nil {
			return wrong("WEBHOOK_SIGNING_SECRET %v", err)
		}
		c.WebhookKey = "whsec_" + base64.StdEncoding.EncodeToString(c.WebhookSecret)
	}
	return nil
}

// throttle reads the time between two webhooks on progress. As in Cog, what is no number means the default and what is
// negative means none.
func (c *Config) throttle(getenv Getenv) time.Duration {
	const name, byDefault = "COG_THROTTLE_RESPONSE_INTERVAL", 500 * time.Millisecond
	text := getenv(name)
	if text == "" {
		return byDefault
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		c.warn("%s is %q, want a number of seconds: taking 0.5", name, text)
		return byDefault
	}
	if !(seconds > 0) { // not a number neither
		return 0
	}
	return time.Duration(min(seconds*1000, 1e9)) * time.Millisecond
}

// replay reads how many events are replayed.
func (c *Config) replay(getenv Getenv) int {
	const name = "COG_STREAM_HISTORY_CAPACITY"
	text := getenv(name)
	if text == "" {
		return -1
	}
	n, err := strconv.ParseUint(text, 10, 24)
	if err != nil {
		c.warn("%s is %q, want a whole number: taking 1024", name, text)
		return -1
	}
	return int(n)
}

// parseSecret reads a Standard Webhooks secret: whsec_ and base64, or any other text, whose bytes are taken.
func parseSecret(text string) ([]byte, error) {
	encoded, found := strings.CutPrefix(text, "whsec_")
	if !found {
		return []byte(text), nil
	}
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(secret) == 0 {
		return nil, errors.New("is no webhook secret: want whsec_ and base64")
	}
	return secret, nil
}

// seconds reads a time limit. As in Cog, what is no positive whole number means none, with a warning.
func (c *Config) seconds(name string, getenv Getenv) time.Duration {
	text := getenv(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		c.warn("%s is %q, want a whole number of seconds: there is no limit", name, text)
		return 0
	}
	return time.Duration(n) * time.Second
}

func (c *Config) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

// logLevel reads COG_LOG_LEVEL, or RUST_LOG where it is a plain level, which wins as in Cog.
func logLevel(getenv Getenv) slog.Level {
	for _, name := range []string{"RUST_LOG", "COG_LOG_LEVEL"} {
		switch strings.ToLower(getenv(name)) {
		case "debug", "trace":
			return slog.LevelDebug
		case "info":
			return slog.LevelInfo
		case "warn", "warning":
			return slog.LevelWarn
		case "error":
			return slog.LevelError
		}
	}
	return slog.LevelInfo
}

// findSlots: the environment wins over cog.yaml, which wins over the model's own @concurrent.
func (c *Config) findSlots(yaml cogYAML, getenv Getenv) {
	c.Slots = yaml.concurrency
	text := getenv("COG_MAX_CONCURRENCY")
	if text == "" {
		return
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		c.warn("COG_MAX_CONCURRENCY is %q, want a whole number from 1: taking 1", text)
		n = 1
	}
	c.Slots = int(n)
}
