package protocol

import (
	"fmt"
	"io"
	"sync/atomic"
	"unsafe"
)

// Ring is the reading end of memory that a worker shares with its parent: frames that it puts there cost it no system
// call, and what it has put outlives it. One goroutine at a time uses it.
//
// The memory begins with counters of 64 bits in the machine's own byte order: how many bytes the worker has put and how
// many the parent has taken, both ever, and then those of ReadWord. From byte 64 on it is the ring. Only whole frames are
// counted.
type Ring struct {
	put, taken *uint64
	data       []byte
	pos, limit uint64 // what was taken, and up to where it may be
}

// RingFront is how many bytes stand before the ring.
const RingFront = 64

// NewRing returns a Ring in memory that is aligned to 8 bytes and longer than 64.
func NewRing(memory []byte) *Ring {
	return &Ring{
		put:   (*uint64)(unsafe.Pointer(&memory[0])),
		taken: (*uint64)(unsafe.Pointer(&memory[8])),
		data:  memory[RingFront:],
	}
}

// ReadWord returns the word of such memory in which the parent shows what it has read of a capture pipe: 0 is that of
// stdout, 1 of stderr.
func ReadWord(memory []byte, pipe int) *uint64 {
	return (*uint64)(unsafe.Pointer(&memory[16+8*pipe]))
}

// Put returns up to where the worker has put frames.
func (r *Ring) Put() uint64 { return atomic.LoadUint64(r.put) }

// Has reports whether anything before there has not been taken.
func (r *Ring) Has(to uint64) bool { return to > r.pos }

// Allow lets Read go up to there. What was allowed before stays so. Its error wraps ErrMalformed.
func (r *Ring) Allow(to uint64) error {
	if to > r.Put() || to > r.pos+uint64(len(r.data)) {
		return fmt.Errorf("%w: ring: %d bytes put, %d taken, of %d", ErrMalformed, to, r.pos, len(r.data))
	}
	r.limit = max(r.limit, to)
	return nil
}

// Read implements io.Reader. It ends with io.EOF at what is allowed, and goes on when more is.
func (r *Ring) Read(p []byte) (int, error) {
	if r.pos == r.limit {
		return 0, io.EOF
	}
	p = p[:min(uint64(len(p)), r.limit-r.pos)]
	n := copy(p, r.data[r.pos%uint64(len(r.data)):])
	n += copy(p[n:], r.data)
	r.pos += uint64(n)
	atomic.StoreUint64(r.taken, r.pos)
	return n, nil
}
