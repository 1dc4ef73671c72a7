package files

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// storedScheme begins the values that stand for files that came with a request.
const storedScheme = "coglet-upload:"

// idLength is how many characters the id of a file has.
const idLength = 32

// Store keeps files that came with requests until the prediction takes them. Its methods may be called by many
// goroutines.
type Store struct {
	dir string

	mu    sync.Mutex
	files map[string]string // id → path

	kept      map[string]Kept // by id
	keptBytes int64           // of these, and of those that are on their way
	keeping   int             // files that are on their way

	limit      int64 // of keptBytes
	limitFiles int   // of kept and keeping
}

// NewStore returns a store in a folder that is made when the first file comes.
func NewStore(dir string) *Store {
	return &Store{
		dir: dir, files: make(map[string]string), kept: make(map[string]Kept), limit: maxKept, limitFiles: maxKeptFiles,
	}
}

// Put stores content and returns the value that stands for it as an input: nobody can guess another one's. A failure
// leaves nothing.
func (s *Store) Put(name string, content io.Reader) (value string, err error) {
	var random [idLength / 2]byte
	rand.Read(random[:]) // never fails
	id := hex.EncodeToString(random[:])
	own := filepath.Join(s.dir, id)
	if err := os.MkdirAll(own, 0o700); err != nil {
		return "", err
	}
	name = safeName(name)
	out, err := os.OpenFile(filepath.Join(own, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = io.Copy(out, content)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(own))
	}
	s.mu.Lock()
	s.files[id] = out.Name()
	s.mu.Unlock()
	return storedScheme + id + "/" + url.PathEscape(name), nil
}

// Remove forgets a file that nobody took. Safe for values that are unknown.
func (s *Store) Remove(value string) error {
	id := storedID(value)
	s.mu.Lock()
	path, known := s.files[id]
	delete(s.files, id)
	s.mu.Unlock()
	if !known {
		return nil
	}
	return os.RemoveAll(filepath.Dir(path))
}

// owns reports whether a value stands for a file of the store. A nil store has none.
func (s *Store) owns(value string) bool {
	return s != nil && strings.HasPrefix(value, storedScheme)
}

// take moves a file into dir.
func (s *Store) take(value, dir string) (string, error) {
	id := storedID(value)
	s.mu.Lock()
	path, known := s.files[id]
	delete(s.files, id)
	s.mu.Unlock()
	if !known {
		return "", errors.New("this uploaded file is not there any more")
	}
	own, err := ownFolder(dir)
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(filepath.Dir(path)))
	}
	local := filepath.Join(own, filepath.Base(path))
	if err := os.Rename(path, local); err != nil {
		return "", fmt.Errorf("uploaded file: %w", err)
	}
	return local, os.RemoveAll(filepath.Dir(path))
}

func storedID(value string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(value, storedScheme), "/")
	return id
}
