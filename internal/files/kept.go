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
func (s *Store) Keep(name, media string, content io.Reader) (k Kept, err error) {
	if !s.begin() {
		return k, ErrNoRoom
	}
	sum := sha256.New()
	room := &reservation{store: s, content: content}
	value, err := s.Put(name, io.TeeReader(room, sum))
	if err != nil {
		s.mu.Lock()
		s.keeping--
		s.keptBytes -= room.taken
		s.mu.Unlock()
		return k, err
	}
	if media == "" {
		media = MIME(name)
	}
	id, now := storedID(value), time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k = Kept{
		ID: id, Name: safeName(name), MIME: media, Path: s.files[id], Size: room.taken, Created: now, Expires: now.Add(keepFilesFor),
	}
	copy(k.SHA256[:], sum.Sum(nil))
	delete(s.files, id) // it is not taken away by the prediction that uses it
	s.keeping--
	s.kept[id] = k
	time.AfterFunc(keepFilesFor, func() { s.Forget(id) })
	return k, nil
}

// begin makes room for one more file, if there is any.
func (s *Store) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keptBytes >= s.limit || len(s.kept)+s.keeping >= s.limitFiles {
		return false
	}
	s.keeping++
	return true
}

// reservation takes room for what it reads, so that uploads at the same time share one limit.
type reservation struct {
	store   *Store
	content io.Reader
	taken   int64
}

func (r *reservation) Read(p []byte) (int, error) {
	n, err := r.content.Read(p)
	r.taken += int64(n)
	r.store.mu.Lock()
	r.store.keptBytes += int64(n)
	over := r.store.keptBytes > r.store.limit
	r.store.mu.Unlock()
	if over {
		return n, ErrNoRoom
	}
	return n, err
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
	s.mu.Lock()
	defer s.mu.Unlock()
	k, known := s.kept[id]
	return k, known
}

// Kept returns all files, the newest first.
func (s *Store) Kept() []Kept {
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
