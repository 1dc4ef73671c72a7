//go:build unix && !linux

package fdredirect

const fionread = 0x4004667f // FIONREAD of the BSDs
