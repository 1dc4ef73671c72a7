package main

import "golang.org/x/sys/unix"

// memoryNeeded is what the temporary files of one server may take, in bytes.
const memoryNeeded = 8 << 30

// memoryFolder returns a folder whose files stay in memory, where it is one and has room, else nothing. Models write files:
// on a disk, what the one before has left to be written costs the next one more than all that its server does.
func memoryFolder(path string) string {
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) != nil || int64(fs.Type) != unix.TMPFS_MAGIC || int64(fs.Bavail)*int64(fs.Bsize) < memoryNeeded {
		return ""
	}
	return path
}
