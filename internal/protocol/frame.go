// Package protocol is the wire format between the server and its workers: frames, the messages in their headers,
// their limits and the version. docs/protocol.md is the same in prose. It owns no connection and no process.
//
//	parent ──init, cancel, healthcheck, shutdown──────────────────────────────▶ worker   control
//	parent ◀──ready | setup_failed, log, worker_log, healthcheck_result, fatal── worker   control
//	parent ──predict + input──────────────────────────────────────────────────▶ worker   data
//	parent ◀──(log | output | metric)*, done──────────────────────────────────── worker   data
package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
)

// Version is checked in init and ready; halves of different versions do not work together.
const Version = 1

// Limits of one frame, in bytes. A sender never exceeds them; a receiver treats more as a broken channel.
const (
	MaxHeader = 1 << 20
	MaxBody   = 1 << 30

	minHeader  = 2 // {}
	prefixSize = 12
)

const magic = "CGL1"

var (
	// ErrMalformed is returned for bytes that are no frame. The channel cannot be used after it.
	ErrMalformed = errors.New("malformed frame")
	// ErrTooLarge is returned by AppendHeader for a header or a body over its limit; nothing was written.
	ErrTooLarge = errors.New("frame over the limit")
)

// AppendHeader appends the prefix and the header of a frame whose body has bodyLen bytes. The caller sends the body
// right behind it.
func AppendHeader(dst []byte, msg any, bodyLen int) ([]byte, error) {
	out := append(append(dst, magic...), "........"...) // the sizes, once they are known
	start := len(out)
	ok := false
	if p, is := msg.(*Predict); is {
		out, ok = p.plain(out)
	}
	if !ok {
		header, err := json.Marshal(msg, json.Deterministic(true))
		if err != nil {
			return dst, fmt.Errorf("encode frame header: %w", err)
		}
		out = append(out[:start], header...)
	}
	size := len(out) - start
	if size > MaxHeader {
		return dst, fmt.Errorf("%w: header of %d bytes, at most %d", ErrTooLarge, size, MaxHeader)
	}
	if bodyLen > MaxBody {
		return dst, fmt.Errorf("%w: body of %d bytes, at most %d", ErrTooLarge, bodyLen, MaxBody)
	}
	binary.BigEndian.PutUint32(out[start-8:], uint32(size))
	binary.BigEndian.PutUint32(out[start-4:], uint32(bodyLen))
	return out, nil
}

// parsePrefix checks the first 12 bytes of a frame.
func parsePrefix(p []byte) (header, body int, err error) {
	if string(p[:4]) != magic {
		return 0, 0, fmt.Errorf("%w: starts with %q, not %q", ErrMalformed, p[:4], magic)
	}
	h, b := binary.BigEndian.Uint32(p[4:8]), binary.BigEndian.Uint32(p[8:12])
	if h < minHeader || h > MaxHeader {
		return 0, 0, fmt.Errorf("%w: header of %d bytes, want %d to %d", ErrMalformed, h, minHeader, MaxHeader)
	}
	if b > MaxBody {
		return 0, 0, fmt.Errorf("%w: body of %d bytes, at most %d", ErrMalformed, b, MaxBody)
	}
	return int(h), int(b), nil
}
