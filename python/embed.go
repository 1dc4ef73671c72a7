// Package python carries the Python half of coglet: the harness that runs in every Python worker, and the bundled cog
// SDK. It unpacks them to where an interpreter can read them, and knows nothing of what they do.
package python

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

//go:embed all:coglet all:cog
var embedded embed.FS

// Harness is where the Python files are.
type Harness struct {
	Lib string // folder with the package coglet
	SDK string // folder with the package cog

	temporary string // folder to remove at the end; empty = it is kept for the next start
}

// Close removes the files where they are only for this run.
func (h Harness) Close() error {
	if h.temporary == "" {
		return nil
	}
	return os.RemoveAll(h.temporary)
}

// file is one embedded file, at the path where it is unpacked.
type file struct {
	path string
	data []byte
}

// Unpack puts the files into cacheDir (the user's cache folder when empty), under the hash of their content: a second
// start finds them there, compiled. Every file is checked before it is used, and a damaged folder is replaced. Where
// the cache cannot be written, or others can write to it, a private temp folder serves.
func Unpack(cacheDir string) (Harness, error) {
	all, hash, err := content()
	if err != nil {
		return Harness{}, err
	}
	if cacheDir == "" {
		cacheDir, err = os.UserCacheDir()
	}
	if err == nil {
		root := filepath.Join(cacheDir, "coglet", "harness-"+hash)
		if err = ensure(root, all); err == nil {
			return at(root), nil
		}
	}
	temp, tempErr := os.MkdirTemp("", "coglet-harness-")
	if tempErr != nil {
		return Harness{}, errors.Join(err, tempErr)
	}
	h := at(temp)
	h.temporary = temp
	if err := write(temp, all); err != nil {
		return Harness{}, errors.Join(err, h.Close())
	}
	return h, nil
}

func at(root string) Harness {
	return Harness{Lib: filepath.Join(root, "lib"), SDK: filepath.Join(root, "sdk")}
}

// content returns the embedded Python files and the hash of them all.
func content() (all []file, hash string, err error) {
	sum := sha256.New()
	err = fs.WalkDir(embedded, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "__pycache__" {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".py" {
			return nil
		}
		data, err := embedded.ReadFile(name)
		if err != nil {
			return err
		}
		target := path.Join("lib", name)
		if strings.HasPrefix(name, "cog/") {
			target = path.Join("sdk", name)
		}
		fmt.Fprintf(sum, "%s %d\n", target, len(data))
		sum.Write(data)
		all = append(all, file{target, data})
		return nil
	})
	return all, hex.EncodeToString(sum.Sum(nil))[:16], err
}

// ensure makes root hold the files, whoever else does the same at this moment.
func ensure(root string, all []file) error {
	parent := filepath.Dir(root)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	if err := private(parent); err != nil {
		return err
	}
	if intact(root, all) {
		return nil
	}
	temp, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := write(temp, all); err != nil {
		return err
	}
	// Nothing is moved away before a rename has failed and what stands there is looked at again: it may be the work of
	// another start, whose interpreter reads it by now.
	if os.Rename(temp, root) == nil || intact(root, all) {
		return nil
	}
	if err := os.Rename(root, filepath.Join(temp, "damaged")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(temp, root); err != nil && !intact(root, all) {
		return err
	}
	return os.RemoveAll(filepath.Join(root, "damaged"))
}

// private refuses a folder that others could put Python files into: they would run as us.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || info.Mode().Perm()&0o022 != 0 || stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("cache folder %s: others than its user may write to it", dir)
	}
	return nil
}

// intact reports whether every file is there with its content.
func intact(root string, all []file) bool {
	for _, f := range all {
		data, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil || string(data) != string(f.data) {
			return false
		}
	}
	return true
}

func write(root string, all []file) error {
	for _, f := range all {
		target := filepath.Join(root, f.path)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(target, f.data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
