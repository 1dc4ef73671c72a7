package files

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// storeOf is a store with small limits.
func storeOf(t *testing.T, bytes int64, files int) *Store {
	s := NewStore(filepath.Join(t.TempDir(), "uploads"))
	s.limit, s.limitFiles = bytes, files
	return s
}

// inStore lists what is on disk.
func (s *Store) inStore(t *testing.T) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return entries
}

// TestKeptFilesAreGoneAfterAnHour, from the disk too, though nobody asks for them: once they stayed until somebody did.
func TestKeptFilesAreGoneAfterAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storeOf(t, 10, 10)
		k, err := s.Keep("a.txt", "", strings.NewReader("0123456789"))
		if err != nil || k.Size != 10 || !k.Expires.Equal(k.Created.Add(time.Hour)) || k.MIME != "text/plain; charset=utf-8" && k.MIME != "text/plain" {
			t.Fatalf("%+v %v", k, err)
		}
		if _, err := s.Keep("b.txt", "", strings.NewReader("x")); !errors.Is(err, ErrNoRoom) {
			t.Errorf("no room: %v", err)
		}
		time.Sleep(time.Hour - time.Second)
		synctest.Wait()
		if _, known := s.Find(k.ID); !known || len(s.Kept()) != 1 {
			t.Error("gone before its hour is over")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if left := s.inStore(t); len(left) > 0 {
			t.Errorf("left on disk: %v", left)
		}
		if _, known := s.Find(k.ID); known || len(s.Kept()) > 0 {
			t.Error("it is still known")
		}
		if k, err := s.Keep("c.txt", "", strings.NewReader("9876543210")); err != nil {
			t.Errorf("its room is not free again: %v", err)
		} else {
			s.Forget(k.ID)
		}
		time.Sleep(time.Hour) // the timer of what was forgotten
	})
}

// TestKeptFilesShareOneLimit: uploads at the same time once had the whole limit each.
func TestKeptFilesShareOneLimit(t *testing.T) {
	s := storeOf(t, 100, 1000)
	begun, release := make(chan struct{}, 10), make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	kept, refused := 0, 0
	for range 10 {
		wg.Go(func() {
			first := true
			content := readerFunc(func(p []byte) (int, error) {
				if !first {
					return 0, io.EOF
				}
				first = false
				begun <- struct{}{}
				<-release
				return copy(p, strings.Repeat("x", 30)), nil
			})
			_, err := s.Keep("x", "text/plain", content)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				kept++
			} else if errors.Is(err, ErrNoRoom) {
				refused++
			} else {
				t.Error(err)
			}
		})
	}
	for range 10 {
		<-begun
	}
	close(release)
	wg.Wait()
	if kept > 3 || kept+refused != 10 || len(s.inStore(t)) != kept {
		t.Errorf("kept %d, refused %d, on disk %v", kept, refused, s.inStore(t))
	}
	for _, k := range s.Kept() {
		s.Forget(k.ID)
	}
	if s.keptBytes != 0 || s.keeping != 0 || len(s.inStore(t)) > 0 {
		t.Errorf("%d bytes and %d files are still counted, on disk %v", s.keptBytes, s.keeping, s.inStore(t))
	}
}

func TestKeptFilesAreOnlySoMany(t *testing.T) {
	s := storeOf(t, 100, 2)
	for range 2 {
		if _, err := s.Keep("x", "", strings.NewReader("")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Keep("x", "", strings.NewReader("")); !errors.Is(err, ErrNoRoom) {
		t.Errorf("a third: %v", err)
	}
	if _, err := s.Keep("x", "", readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF })); err == nil {
		t.Error("broken off, and kept")
	}
	s.Forget(s.Kept()[0].ID)
	if _, err := s.Keep("x", "", strings.NewReader("")); err != nil {
		t.Errorf("after one was removed: %v", err)
	}
}
