package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"time"
	"unsafe"
)

// form is how a handler of this package writes a record: what comes before the message, the message, what comes after.
type form interface {
	head(b []byte, r *slog.Record) []byte
	message(b []byte, text string) []byte
	tail(b []byte, r *slog.Record) []byte
	output() *output
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// maxBuffer is how large a buffer may be, in bytes, that is kept for the next record.
const maxBuffer = 256 << 10

// render calls fill with a buffer to fill and to write from.
func render(fill func(b []byte) []byte) {
	buf := buffers.Get().(*[]byte)
	if b := fill((*buf)[:0]); cap(b) <= maxBuffer {
		*buf = b
	}
	buffers.Put(buf)
}

func handle(f form, r *slog.Record) (err error) {
	render(func(b []byte) []byte {
		b = f.tail(f.message(f.head(b, r), r.Message), r)
		err = f.output().write(b, r)
		return b
	})
	return err
}

// records are used again: a record is large, and a form keeps nothing of it.
var records = sync.Pool{New: func() any { return new(slog.Record) }}

// Log is Logger.LogAttrs without the caller's place in the source, which no handler here writes and which costs a walk of
// the stack, and without a copy of the record for each handler: some lines are on the path of every prediction.
func Log(log *slog.Logger, level slog.Level, message string, attrs ...slog.Attr) {
	handler := log.Handler()
	if !handler.Enabled(context.Background(), level) {
		return
	}
	r := records.Get().(*slog.Record)
	*r = slog.NewRecord(time.Now(), level, message, 0)
	r.AddAttrs(attrs...)
	if f, ok := formOf(handler); ok {
		_ = handle(f, r) // as Logger does
	} else {
		_ = handler.Handle(context.Background(), r.Clone())
	}
	*r = slog.Record{}
	records.Put(r)
}

// formOf returns the form behind a handler of this package.
func formOf(handler slog.Handler) (form, bool) {
	if f, ok := handler.(*filter); ok {
		handler = f.next
	}
	f, ok := handler.(form)
	return f, ok
}

const (
	maxRecord = 64 << 10 // bytes of text without a newline that become one record
	maxWrite  = 64 << 10 // bytes from which records are written
)

// Lines logs each line of a text, at level info, as a record of its own. The handlers of this package are asked once for
// all of them: models, and what they start, may print gigabytes.
func Lines(log *slog.Logger, text []byte, attrs ...slog.Attr) {
	ctx := context.Background()
	handler := log.Handler()
	if !handler.Enabled(ctx, slog.LevelInfo) {
		return
	}
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "", 0)
	r.AddAttrs(attrs...)
	f, ok := formOf(handler)
	if !ok {
		eachLine(text, func(line []byte) {
			r := r.Clone()
			r.Message = string(line)
			_ = handler.Handle(ctx, r) // as Logger does
		})
		return
	}
	render(func(b []byte) []byte {
		head, tail := f.head(nil, &r), f.tail(nil, &r)
		eachLine(text, func(line []byte) {
			b = append(b, head...)
			b = f.message(b, unsafe.String(unsafe.SliceData(line), len(line))) // which keeps nothing of it
			if b = append(b, tail...); len(b) >= maxWrite {
				_ = f.output().write(b, &r)
				b = b[:0]
			}
		})
		if len(b) > 0 {
			_ = f.output().write(b, &r)
		}
		return b
	})
}

// eachLine calls use with each line that is not empty, without its end.
func eachLine(text []byte, use func(line []byte)) {
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		if len(line) > maxRecord {
			line, rest = text[:maxRecord], text[maxRecord:]
		}
		if line = bytes.TrimRight(line, "\r"); len(line) > 0 {
			use(line)
		}
		text = rest
	}
}
