package files

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	fast64 "github.com/segmentio/asm/base64"
)

// IsURL reports whether a file input is to be fetched; Cog knows these three schemes, in lower case.
func IsURL(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") || isData(s)
}

func isData(s string) bool { return strings.HasPrefix(s, "data:") }

var errDataURL = errors.New("not a data: URL")

// openDataURL returns the content of a data: URL (RFC 2397) and the name that Cog gives such files. Like Cog it takes a
// percent sign that begins no escape for itself, and base64 with white space in it; padding may be missing.
func openDataURL(s string) (content io.Reader, name string, err error) {
	head, data, found := strings.Cut(strings.TrimPrefix(s, "data:"), ",")
	if !found {
		return nil, "", fmt.Errorf("%w: no comma in it", errDataURL)
	}
	head, isBase64 := cutBase64(head)
	if strings.HasPrefix(head, ";") || head == "" {
		head = "text/plain" + head
	}
	media, _, err := mime.ParseMediaType(head)
	if err != nil {
		media, _, _ = strings.Cut(head, ";")
	}
	name = "file" + extension(media)
	data = unescape(data)
	if !isBase64 {
		return strings.NewReader(data), name, nil
	}
	if strings.ContainsAny(data, " \t\r\n") {
		data = strings.Join(strings.Fields(data), "")
	}
	return base64.NewDecoder(base64.RawStdEncoding, strings.NewReader(strings.TrimRight(data, "="))), name, nil
}

// cutBase64 takes the marker of base64 off the end, in any case.
func cutBase64(head string) (rest string, found bool) {
	const marker = ";base64"
	if n := len(head) - len(marker); n >= 0 && strings.EqualFold(head[n:], marker) {
		return head[:n], true
	}
	return head, false
}

// unescape replaces percent escapes, and leaves what is none.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	for {
		plain, rest, found := strings.Cut(s, "%")
		out.WriteString(plain)
		if !found {
			return out.String()
		}
		var b [1]byte
		if len(rest) >= 2 {
			if _, err := hex.Decode(b[:], []byte(rest[:2])); err == nil {
				out.WriteByte(b[0])
				s = rest[2:]
				continue
			}
		}
		out.WriteByte('%')
		s = rest
	}
}

// AppendDataURL appends the file as a quoted JSON string that holds a data: URL. It is read straight into dst, which
// grows once. media may be empty: then it is guessed from the name. A file that is written to meanwhile is an error, and one
// that would be longer than max, in bytes of base64; 0 = any length.
func AppendDataURL(dst []byte, path, media string, max int64) ([]byte, error) {
	f, bytes, err := openPlain(path)
	if err != nil {
		return dst, err
	}
	defer f.Close()
	if max > 0 && bytes/3*4 > max {
		return dst, fmt.Errorf("output file %s of %d bytes is over --max-output", filepath.Base(path), bytes)
	}
	if media == "" {
		media = MIME(path)
	}
	quoted, err := jsontext.AppendQuote(nil, "data:"+media+";base64,")
	if err != nil {
		return dst, fmt.Errorf("media type %q: %w", media, err)
	}
	size := fast64.StdEncoding.EncodedLen(int(bytes))
	if need := len(dst) + len(quoted) + size; cap(dst) < need {
		dst = append(make([]byte, 0, need+need/16), dst...)
	}
	dst = append(dst, quoted[:len(quoted)-1]...)
	if dst, err = appendBase64(dst, f, bytes); err != nil {
		return dst, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return append(dst, '"'), nil
}

// blocks are what files are read into, a multiple of three bytes.
var blocks = sync.Pool{New: func() any {
	b := make([]byte, 96<<10)
	return &b
}}

// appendBase64 encodes size bytes of r, a multiple of three at a time.
func appendBase64(dst []byte, r io.Reader, size int64) ([]byte, error) {
	buf := *blocks.Get().(*[]byte)
	defer blocks.Put(&buf)
	dst = slices.Grow(dst, fast64.StdEncoding.EncodedLen(int(size)))
	for size > 0 {
		n, err := io.ReadFull(r, buf[:min(int64(len(buf)), size)])
		if err != nil {
			return dst, fmt.Errorf("it became shorter while it was read: %w", err)
		}
		end := len(dst) + fast64.StdEncoding.EncodedLen(n)
		fast64.StdEncoding.Encode(dst[len(dst):end], buf[:n])
		dst = dst[:end]
		size -= int64(n)
	}
	if n, _ := r.Read(buf[:1]); n > 0 {
		return dst, errors.New("it became longer while it was read")
	}
	return dst, nil
}
