package install

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Names beside the environments.
const (
	newPrefix  = ".new-"  // and the environment's name: one that is being made
	lockPrefix = ".lock-" // and the environment's name: held by who makes it
	linkPrefix = ".link-" // a link that is about to get its name
)

// linkAge is how old such a link is that nobody will rename any more.
const linkAge = time.Minute

// lockPoll is how often a lock that another process holds is asked for: waiting in the kernel could not be interrupted.
const lockPoll = 100 * time.Millisecond

// lock waits until nobody else makes this environment. The programs that make it inherit the lock, so that one which
// outlives a killed coglet is not disturbed, and does not disturb.
func (m *maker) lock(ctx context.Context, name string) (*os.File, error) {
	f, err := openLock(m.cfg.Recipe.Home, name)
	if err != nil {
		return nil, err
	}
	said := false
	for unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		if !said {
			said = true
			newProgress(m.cfg.Out, false).say("Waiting for another coglet install that makes the same environment")
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			f.Close()
			return nil, errStopped
		}
	}
	return f, nil
}

func openLock(home, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(home, lockPrefix+name), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
}

// removeStale removes what killed installs have left: half-made environments whose lock is free, or ours.
func removeStale(home, ours string) {
	entries, err := os.ReadDir(home)
	if err != nil {
		return // making one in it says why
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && strings.HasPrefix(entry.Name(), linkPrefix) && time.Since(info.ModTime()) > linkAge {
			_ = os.Remove(filepath.Join(home, entry.Name()))
		}
		rest, isNew := strings.CutPrefix(entry.Name(), newPrefix)
		name, _, _ := strings.Cut(rest, "-")
		if !isNew || !entry.IsDir() {
			continue
		}
		half := filepath.Join(home, entry.Name())
		if name == ours {
			_ = removeAll(half)
			continue
		}
		lock, err := openLock(home, name)
		if err != nil {
			continue
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = removeAll(half)
		}
		lock.Close()
	}
}
