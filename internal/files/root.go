// Package files is what the server keeps on disk and how files travel in JSON: its temp root, inputs that are URLs, and
// outputs that are files.
package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Names in the system's temp folder. A root is made under newPrefix and renamed once its lock is held, so that another
// server that starts meanwhile never sees it unlocked.
const (
	rootPrefix = "coglet-"
	newPrefix  = ".new-coglet-"
	lockName   = "lock"
)

// Root is the temp folder of one running server. A locked file in it says that the server lives: the kernel lets the
// lock go however it dies, and the next start removes what is left.
type Root struct {
	dir  string
	lock *os.File
	once sync.Once
	err  error

	closing  atomic.Bool
	cleaning sync.WaitGroup
}

// OpenRoot makes a root in parent (the system's temp folder when empty). Those of dead servers are removed meanwhile: the
// folder may hold many thousands of entries, and what is left much.
func OpenRoot(parent string) (*Root, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	made, err := os.MkdirTemp(parent, newPrefix)
	if err != nil {
		return nil, fmt.Errorf("make temp folder: %w", err)
	}
	r := &Root{dir: filepath.Join(parent, rootPrefix+strings.TrimPrefix(filepath.Base(made), newPrefix))}
	r.lock, err = takeLock(filepath.Join(made, lockName), os.O_CREATE)
	if err == nil {
		err = os.Rename(made, r.dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make temp folder in %s: %w", parent, err), os.RemoveAll(made))
	}
	r.cleaning.Go(func() { r.removeStale(parent) })
	return r, nil
}

// takeLock opens and locks a file without waiting.
func takeLock(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|flag, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// removeStale removes the roots of servers that are dead: folders of ours, no links, whose lock is free. What cannot be
// removed is left to the next start.
func (r *Root) removeStale(parent string) {
	folder, err := os.Open(parent)
	if err != nil {
		return
	}
	defer folder.Close()
	for !r.closing.Load() {
		entries, err := folder.ReadDir(entriesAtATime)
		if err != nil {
			return
		}
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), rootPrefix) && entry.IsDir() && !r.closing.Load() { // of a link: the link itself
				removeIfStale(parent, entry)
			}
		}
	}
}

const entriesAtATime = 512

func removeIfStale(parent string, entry os.DirEntry) {
	if info, err := entry.Info(); err != nil || !isOurs(info) {
		return
	}
	dir := filepath.Join(parent, entry.Name())
	lock, err := takeLock(filepath.Join(dir, lockName), 0)
	if err != nil {
		return // alive, or no root
	}
	_ = removeAll(dir)
	lock.Close()
}

func isOurs(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// Dir is the root's path.
func (r *Root) Dir() string { return r.dir }

// WorkerDir makes the private folder of a worker.
func (r *Root) WorkerDir(name string) (string, error) {
	dir := filepath.Join(r.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("make worker folder: %w", err)
	}
	return dir, nil
}

// Close removes the root with all that is in it. Safe twice.
func (r *Root) Close() error {
	r.once.Do(func() {
		r.closing.Store(true)
		r.cleaning.Wait()
		r.err = removeAll(r.dir)
		r.lock.Close()
	})
	return r.err
}

// removeAll also removes what user code has made read-only.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
