package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// ringWorker is the writing end of a ring, as the Python half has it.
type ringWorker struct {
	memory []byte
	put    uint64
}

func (w *ringWorker) add(frame []byte) bool {
	size := uint64(len(w.memory) - RingFront)
	taken := binary.NativeEndian.Uint64(w.memory[8:])
	if w.put+uint64(len(frame))-taken > size {
		return false
	}
	for i, c := range frame {
		w.memory[RingFront+(w.put+uint64(i))%size] = c
	}
	w.put += uint64(len(frame))
	binary.NativeEndian.PutUint64(w.memory, w.put)
	return true
}

func TestRingGivesWholeFramesInOrder(t *testing.T) {
	w := ringWorker{memory: make([]byte, RingFront+1000)}
	ring := NewRing(w.memory)
	r := NewReader(ring)
	var put, taken []string
	take := func() {
		to := ring.Put()
		if err := ring.Allow(to); err != nil {
			t.Fatal(err)
		}
		for {
			f, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			taken = append(taken, string(f.Body()))
		}
		if ring.Has(to) {
			t.Fatal("something is left")
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		body := bytes.Repeat([]byte{byte('a' + len(put)%26)}, random.IntN(300))
		f := frame(t, &Log{Type: TypeLog, Slot: ptr(0), Source: Stdout}, string(body))
		if !w.add(f) {
			take()
			if !w.add(f) {
				t.Fatal("no room in an empty ring")
			}
		}
		put = append(put, string(body))
		if random.IntN(10) == 0 {
			take()
		}
	}
	take()
	if len(taken) != len(put) {
		t.Fatalf("%d frames put, %d taken", len(put), len(taken))
	}
	for i := range put {
		if put[i] != taken[i] {
			t.Fatalf("frame %d: %q, want %q", i, taken[i], put[i])
		}
	}
}

func TestRingThatWasOverwritten(t *testing.T) {
	w := ringWorker{memory: make([]byte, RingFront+100)}
	ring := NewRing(w.memory)
	if err := ring.Allow(1); !errors.Is(err, ErrMalformed) {
		t.Errorf("more than was put: %v", err)
	}
	binary.NativeEndian.PutUint64(w.memory, 101)
	if err := ring.Allow(ring.Put()); !errors.Is(err, ErrMalformed) {
		t.Errorf("more than fits: %v", err)
	}
	binary.NativeEndian.PutUint64(w.memory, 50)
	if err := ring.Allow(50); err != nil {
		t.Fatal(err)
	}
	if _, err := NewReader(ring).Next(); !errors.Is(err, ErrMalformed) {
		t.Errorf("no frame: %v", err)
	}
}

func TestReadWordsStandBehindTheCountersOfTheRing(t *testing.T) {
	memory := make([]byte, 1000)
	*ReadWord(memory, 0), *ReadWord(memory, 1) = 3, 4
	for at, want := range map[int]uint64{0: 0, 8: 0, 16: 3, 24: 4, 32: 0} { // as docs/protocol.md says
		if got := binary.NativeEndian.Uint64(memory[at:]); got != want {
			t.Errorf("at %d: %d, want %d", at, got, want)
		}
	}
}
