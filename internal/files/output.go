package files

import (
	"bytes"
	"fmt"
	"path/filepath"

	"coglet/internal/protocol"
)

// Replace appends body to dst with the quoted reference of each file replaced by what f appends for it: left to right,
// each exactly once. A reference that is missing or occurs twice is an error.
func Replace(
	dst, body []byte, list []protocol.File, f func(dst []byte, file protocol.File) ([]byte, error),
) ([]byte, error) {
	rest := body
	byRef := make(map[string]protocol.File, len(list))
	for _, file := range list {
		byRef[file.Ref] = file
	}
	for range list {
		at, file := first(rest, byRef)
		if at < 0 {
			for _, missing := range byRef {
				return dst, fmt.Errorf("output file %s stands nowhere in the output", filepath.Base(missing.Path))
			}
			return dst, fmt.Errorf("output has two files with one reference")
		}
		dst = append(dst, rest[:at]...)
		var err error
		if dst, err = f(dst, file); err != nil {
			return dst, err
		}
		rest = rest[at+len(file.Ref)+2:]
		delete(byRef, file.Ref)
	}
	for _, file := range list {
		if bytes.Contains(rest, quoted(file.Ref)) {
			return dst, fmt.Errorf("output file %s stands twice in the output", filepath.Base(file.Path))
		}
	}
	return append(dst, rest...), nil
}

// first finds the leftmost reference.
func first(body []byte, byRef map[string]protocol.File) (at int, file protocol.File) {
	at = -1
	for ref, candidate := range byRef {
		if i := bytes.Index(body, quoted(ref)); i >= 0 && (at < 0 || i < at) {
			at, file = i, candidate
		}
	}
	return at, file
}

func quoted(ref string) []byte { return []byte(`"` + ref + `"`) }
