// Package telemetry is how the server's own log looks: JSON lines in Cog's shape, or text for people. Handlers are safe
// for use by many goroutines and write each record in one piece.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"math"
	"strconv"
	"sync"

	"coglet/internal/logs"

	"github.com/go-json-experiment/json"
)

// targetKey is the attribute that names who speaks, such as coglet::user.
const targetKey = "target"

// defaultTarget is who speaks when nobody is named.
const defaultTarget = "coglet::server"

// Target is the attribute that sets a logger's target: log.With(telemetry.Target("coglet::user")).
func Target(name string) slog.Attr { return slog.String(targetKey, name) }

// New returns a logger of records at level and above to w: text, with colours, for people at a terminal, or JSON lines.
// What the model prints is written whatever the level.
func New(w io.Writer, format string, level slog.Level, colours bool) *slog.Logger {
	var next slog.Handler
	if format == "console" {
		next = &consoleHandler{out: &output{w: w}, colours: colours}
	} else {
		next = &jsonHandler{out: &output{w: w}}
	}
	return slog.New(&filter{next: next, level: level})
}

// filter drops what is below the level, but for what the model prints.
type filter struct {
	next  slog.Handler
	level slog.Level
	user  bool
}

func (f *filter) Enabled(_ context.Context, level slog.Level) bool {
	return level >= f.level || f.user && level >= slog.LevelInfo
}

func (f *filter) Handle(ctx context.Context, r slog.Record) error { return f.next.Handle(ctx, r) }

func (f *filter) WithAttrs(attrs []slog.Attr) slog.Handler {
	g := &filter{next: f.next.WithAttrs(attrs), level: f.level, user: f.user}
	for _, a := range attrs {
		if a.Key == targetKey {
			g.user = a.Value.String() == "coglet::user" || a.Value.String() == "coglet::setup"
		}
	}
	return g
}

func (f *filter) WithGroup(name string) slog.Handler {
	return &filter{next: f.next.WithGroup(name), level: f.level, user: f.user}
}

// output is where all handlers of one logger write.
type output struct {
	mu sync.Mutex // one record at a time
	w  io.Writer
}

// write writes one record. From a warning on it does not wait.
func (o *output) write(record []byte, r *slog.Record) error {
	if b, ok := o.w.(*Burst); ok {
		_, err := b.write(record, r.Level >= slog.LevelWarn, r.Time)
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := o.w.Write(record)
	return err
}

// jsonHandler writes {"timestamp","level","fields":{"message",…},"target"}.
type jsonHandler struct {
	out    *output
	target string
	fields []byte // of WithAttrs, each with a comma before it
	group  string // prefix of keys
}

// Enabled is decided by filter.
func (h *jsonHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *jsonHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	g := *h
	g.fields = append([]byte(nil), h.fields...)
	for _, a := range attrs {
		if a.Key == targetKey && h.group == "" {
			g.target = a.Value.String()
			continue
		}
		g.fields = appendAttr(g.fields, h.group, a)
	}
	return &g
}

func (h *jsonHandler) WithGroup(name string) slog.Handler {
	g := *h
	g.group = h.group + name + "."
	return &g
}

func (h *jsonHandler) Handle(_ context.Context, r slog.Record) error { return handle(h, &r) }

func (h *jsonHandler) output() *output { return h.out }

func (h *jsonHandler) head(b []byte, r *slog.Record) []byte {
	b = logs.AppendTime(append(b, `{"timestamp":"`...), r.Time)
	return append(append(append(b, `","level":"`...), levelName(r.Level)...), `","fields":{"message":`...)
}

func (h *jsonHandler) message(b []byte, text string) []byte {
	return logs.AppendQuote(b, text)
}

func (h *jsonHandler) tail(b []byte, r *slog.Record) []byte {
	b = append(b, h.fields...)
	r.Attrs(func(a slog.Attr) bool {
		b = appendAttr(b, h.group, a)
		return true
	})
	return append(append(append(b, `},"target":"`...), orDefault(h.target)...), "\"}\n"...)
}

// orDefault is who speaks.
func orDefault(target string) string {
	if target == "" {
		return defaultTarget
	}
	return target
}

func levelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "ERROR"
	case l >= slog.LevelWarn:
		return "WARN"
	case l >= slog.LevelInfo:
		return "INFO"
	}
	return "DEBUG"
}

// appendAttr appends ,"key":value.
func appendAttr(b []byte, group string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, inner := range v.Group() {
			b = appendAttr(b, group, inner)
		}
		return b
	}
	if a.Equal(slog.Attr{}) {
		return b
	}
	b = append(b, ',')
	b = logs.AppendQuote(b, group+a.Key)
	b = append(b, ':')
	switch v.Kind() {
	case slog.KindFloat64:
		if f := v.Float64(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return strconv.AppendFloat(b, f, 'g', -1, 64)
		}
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10)
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case slog.KindString, slog.KindDuration, slog.KindTime:
		return logs.AppendQuote(b, v.String())
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return logs.AppendQuote(b, err.Error())
		}
	}
	raw, err := json.Marshal(v.Any())
	if err != nil {
		raw = logs.AppendQuote(nil, v.String())
	}
	return append(b, raw...)
}
