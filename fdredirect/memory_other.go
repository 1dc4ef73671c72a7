//go:build unix && !linux

package fdredirect

import "os"

// memory makes none: there is no memory without a name in a file system.
func (l *Launch) memory(int) (*os.File, error) { return nil, nil }

func unmap([]byte) error { return nil }
