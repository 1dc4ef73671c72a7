//go:build unix

package worker

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"coglet/internal/protocol"
)

// File is an output that is a file: the server puts a data: URL, or the URL of its upload, where it stands. It may
// stand anywhere in an output.
type File struct {
	Path string // read when the prediction has ended, or right after Yield
	MIME string // empty = guessed from the name
}

// encoder encodes one output and collects the files in it.
type encoder struct {
	files []protocol.File
}

// encoding is the encoder of the output that is being encoded: json.Marshaler gives File no other way to it.
var encoding struct {
	sync.Mutex // held while one output is encoded
	*encoder
}

func (e *encoder) encode(v any) ([]byte, error) {
	encoding.Lock()
	defer encoding.Unlock()
	encoding.encoder = e
	defer func() { encoding.encoder = nil }()
	return json.Marshal(v)
}

// MarshalJSON writes the reference that the server replaces. It works only inside of an output.
func (f File) MarshalJSON() ([]byte, error) {
	e := encoding.encoder
	if e == nil {
		return nil, fmt.Errorf("file %s is encoded outside of an output", f.Path)
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", f.Path)
	}
	path, err := filepath.Abs(f.Path)
	if err != nil {
		return nil, err
	}
	var random [16]byte
	rand.Read(random[:]) // never fails
	ref := fmt.Sprintf("coglet-file:%s:%d", hex.EncodeToString(random[:]), len(e.files))
	e.files = append(e.files, protocol.File{Ref: ref, Path: path, MIME: f.MIME})
	return json.Marshal(ref)
}
