package telemetry

import (
	"context"
	"log/slog"
	"strconv"
	"strings"

	"coglet/internal/logs"
)

// consoleHandler writes records for people, in Cog's order: time, level, target, message, then key=value.
type consoleHandler struct {
	out     *output
	colours bool
	target  string
	fields  []byte // of WithAttrs, each with a space before it
	group   string // prefix of keys
}

// Colours, as terminals know them.
const (
	dim   = "\x1b[2m"
	reset = "\x1b[0m"
)

// Enabled is decided by filter.
func (h *consoleHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *consoleHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	g := *h
	g.fields = append([]byte(nil), h.fields...)
	for _, a := range attrs {
		if a.Key == targetKey && h.group == "" {
			g.target = a.Value.String()
			continue
		}
		g.fields = g.append(g.fields, h.group, a)
	}
	return &g
}

func (h *consoleHandler) WithGroup(name string) slog.Handler {
	g := *h
	g.group = h.group + name + "."
	return &g
}

func (h *consoleHandler) Handle(_ context.Context, r slog.Record) error { return handle(h, &r) }

func (h *consoleHandler) output() *output { return h.out }

func (h *consoleHandler) head(b []byte, r *slog.Record) []byte {
	b = h.paint(b, dim, r.Time.UTC().Format(logs.TimeFormat))
	b = h.paint(append(b, ' '), levelColour(r.Level), pad(levelName(r.Level)))
	return append(h.paint(append(b, ' '), dim, orDefault(h.target)+":"), ' ')
}

func (h *consoleHandler) message(b []byte, text string) []byte { return append(b, text...) }

func (h *consoleHandler) tail(b []byte, r *slog.Record) []byte {
	b = append(b, h.fields...)
	r.Attrs(func(a slog.Attr) bool {
		b = h.append(b, h.group, a)
		return true
	})
	return append(b, '\n')
}

// pad makes all levels equally wide.
func pad(level string) string { return strings.Repeat(" ", 5-len(level)) + level }

func levelColour(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "\x1b[31m"
	case l >= slog.LevelWarn:
		return "\x1b[33m"
	case l >= slog.LevelInfo:
		return "\x1b[32m"
	}
	return "\x1b[34m"
}

func (h *consoleHandler) paint(b []byte, colour, text string) []byte {
	if !h.colours {
		return append(b, text...)
	}
	return append(append(append(b, colour...), text...), reset...)
}

// append appends " key=value", quoted where it must be.
func (h *consoleHandler) append(b []byte, group string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, inner := range v.Group() {
			b = h.append(b, group, inner)
		}
		return b
	}
	if a.Equal(slog.Attr{}) {
		return b
	}
	b = h.paint(append(b, ' '), dim, group+a.Key+"=")
	text := v.String()
	if text == "" || strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == '"' || c == '=' || c == 0x7f }) {
		return strconv.AppendQuote(b, text)
	}
	return append(b, text...)
}
