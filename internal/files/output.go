package files

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"coglet/internal/protocol"
)

// Replace appends body to dst with the quoted reference of each file replaced by what f appends for it: left to right,
// each exactly once. A reference that is missing or occurs twice is an error. body is read once, however many files
// there are.
func Replace(
	dst, body []byte, list []protocol.File, f func(dst []byte, file protocol.File) ([]byte, error),
) ([]byte, error) {
	index := make(map[string]int, len(list))
	for i, file := range list {
		index[file.Ref] = i
	}
	seen := make([]bool, len(list))
	start := []byte(`"` + commonPrefix(list))
	for {
		at := bytes.Index(body, start)
		if at < 0 || len(list) == 0 {
			break
		}
		ref, after, closed := bytes.Cut(body[at+1:], []byte{'"'})
		i, known := index[string(ref)]
		if !known || !closed {
			dst, body = append(dst, body[:at+1]...), body[at+1:]
			continue
		}
		if seen[i] {
			return dst, fmt.Errorf("output file %s stands twice in the output", filepath.Base(list[i].Path))
		}
		seen[i] = true
		var err error
		if dst, err = f(append(dst, body[:at]...), list[i]); err != nil {
			return dst, err
		}
		body = after
	}
	for i, found := range seen {
		if !found {
			return dst, fmt.Errorf("output file %s stands nowhere in the output", filepath.Base(list[i].Path))
		}
	}
	return append(dst, body...), nil
}

// commonPrefix is what all references begin with: random, so that it is found nowhere else in an output.
func commonPrefix(list []protocol.File) string {
	if len(list) == 0 {
		return ""
	}
	prefix := list[0].Ref
	for _, file := range list[1:] {
		for !strings.HasPrefix(file.Ref, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return prefix
}
