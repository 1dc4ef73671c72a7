package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Limits of the files that clients keep here for later predictions.
const (
	keepFilesFor = time.Hour
	maxKept      = 10 << 30 // bytes, all together
	maxKeptFiles = 10_000
)

// ErrNoRoom is returned by Keep when the files that are kept are too many or too large.
var ErrNoRoom = errors.New("no room for more files")

// Kept is a file that was uploaded to be an input, perhaps more than once.
type Kept struct {
	ID, Name, MIME   string
	Path             string
	Size             int64
	SHA256           [sha256.Size]byte
	Metadata         []byte // JSON; nil = none
	Created, Expires time.Time
}

// MaxKept is how many bytes can be kept.
func (s *Store) MaxKept() int64 { return maxKept }

// Keep stores content for an hour. A failure leaves nothing.
func (s *Store) Keep(name, media string, content io.Reader) (Kept, error) {
	s.expire()
	s.mu.Lock()
	left, count := maxKept-s.keptBytes, len(s.kept)
	s.mu.Unlock()
	if left <= 0 || count >= maxKeptFiles {
		return Kept{}, ErrNoRoom
	}
	sum := sha256.New()
	counted := &countingReader{r: io.LimitReader(content, left+1)}
	value, err := s.Put(name, io.TeeReader(counted, sum))
	if err != nil {
		return Kept{}, err
	}
	if counted.n > left {
		return Kept{}, errors.Join(ErrNoRoom, s.Remove(value))
	}
	if media == "" {
		media = MIME(name)
	}
	id := storedID(value)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	k := Kept{
		ID: id, Name: safeName(name), MIME: media, Path: s.files[id], Size: counted.n, Created: now, Expires: now.Add(keepFilesFor),
	}
	copy(k.SHA256[:], sum.Sum(nil))
	delete(s.files, id) // it is not taken away by the prediction that uses it
	s.kept[id] = k
	s.keptBytes += k.Size
	return k, nil
}

// Describe sets what is kept with a file.
func (s *Store) Describe(id string, metadata []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, known := s.kept[id]; known {
		k.Metadata = metadata
		s.kept[id] = k
	}
}

// Find returns a file that is kept.
func (s *Store) Find(id string) (Kept, bool) {
	s.expire()
	s.mu.Lock()
	defer s.mu.Unlock()
	k, known := s.kept[id]
	return k, known
}

// Kept returns all files, the newest first.
func (s *Store) Kept() []Kept {
	s.expire()
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Kept, 0, len(s.kept))
	for _, k := range s.kept {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b Kept) int { return b.Created.Compare(a.Created) })
	return all
}

// Forget removes a file that is kept, and reports whether there was one.
func (s *Store) Forget(id string) bool {
	s.mu.Lock()
	k, known := s.kept[id]
	if known {
		delete(s.kept, id)
		s.keptBytes -= k.Size
	}
	s.mu.Unlock()
	if known {
		_ = os.RemoveAll(filepath.Dir(k.Path)) // what cannot be removed goes with the server's folder
	}
	return known
}

// expire forgets what has been kept long enough.
func (s *Store) expire() {
	var old []string
	s.mu.Lock()
	now := time.Now()
	for id, k := range s.kept {
		if now.After(k.Expires) {
			old = append(old, id)
		}
	}
	s.mu.Unlock()
	for _, id := range old {
		s.Forget(id)
	}
}

// keptPath marks the URL of a kept file, whatever host the client has called.
const keptPath = "/v1/files/"

// keptFile returns the kept file that a URL names. Its id, which nobody can guess, is what gives the right to it.
func (s *Store) keptFile(text string) (Kept, bool) {
	if s == nil {
		return Kept{}, false
	}
	_, rest, found := strings.Cut(text, keptPath)
	if !found || len(rest) < idLength {
		return Kept{}, false
	}
	return s.Find(rest[:idLength])
}

// copyKept puts a copy of a kept file into dir. No link: user code may write to its inputs.
func copyKept(k Kept, dir string) (string, error) {
	own, err := ownFolder(dir)
	if err != nil {
		return "", err
	}
	local := filepath.Join(own, k.Name)
	in, err := os.Open(k.Path)
	if err != nil {
		return "", fmt.Errorf("uploaded file: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(local, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, in)
	return local, errors.Join(err, out.Close())
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
