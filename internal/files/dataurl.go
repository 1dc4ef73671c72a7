package files

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// IsURL reports whether a file input is to be fetched; Cog knows these three schemes, in lower case.
func IsURL(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") || isData(s)
}

func isData(s string) bool { return strings.HasPrefix(s, "data:") }

var errDataURL = errors.New("not a data: URL")

// openDataURL returns the content of a data: URL (RFC 2397) and the name that Cog gives such files.
func openDataURL(s string) (content io.Reader, name string, err error) {
	head, data, found := strings.Cut(strings.TrimPrefix(s, "data:"), ",")
	if !found {
		return nil, "", fmt.Errorf("%w: no comma in it", errDataURL)
	}
	head, isBase64 := strings.CutSuffix(head, ";base64")
	if strings.HasPrefix(head, ";") || head == "" {
		head = "text/plain" + head
	}
	media, _, err := mime.ParseMediaType(head)
	if err != nil {
		media, _, _ = strings.Cut(head, ";")
	}
	name = "file" + extension(media)
	if strings.ContainsRune(data, '%') {
		if data, err = url.PathUnescape(data); err != nil {
			return nil, "", fmt.Errorf("%w: %w", errDataURL, err)
		}
	}
	if !isBase64 {
		return strings.NewReader(data), name, nil
	}
	encoding := base64.StdEncoding
	if len(data)%4 != 0 && !strings.ContainsAny(data, "=\r\n") {
		encoding = base64.RawStdEncoding
	}
	return base64.NewDecoder(encoding, strings.NewReader(data)), name, nil
}

// AppendDataURL appends the file as a quoted JSON string that holds a data: URL. It is read straight into dst, which
// grows once. mime may be empty: then it is guessed from the name.
func AppendDataURL(dst []byte, path, media string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return dst, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return dst, err
	}
	if !info.Mode().IsRegular() {
		return dst, fmt.Errorf("%s is not a regular file", path)
	}
	if media == "" {
		media = MIME(path)
	}
	quoted, err := jsontext.AppendQuote(nil, "data:"+media+";base64,")
	if err != nil {
		return dst, fmt.Errorf("media type %q: %w", media, err)
	}
	size := base64.StdEncoding.EncodedLen(int(info.Size()))
	if need := len(dst) + len(quoted) + size; cap(dst) < need {
		dst = append(make([]byte, 0, need+need/16), dst...)
	}
	dst = append(dst, quoted[:len(quoted)-1]...)
	if dst, err = appendBase64(dst, f, info.Size()); err != nil {
		return dst, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return append(dst, '"'), nil
}

// appendBase64 encodes size bytes of r, a multiple of three at a time.
func appendBase64(dst []byte, r io.Reader, size int64) ([]byte, error) {
	buf := make([]byte, min(size, 48<<10)/3*3+3)
	for size > 0 {
		n, err := io.ReadFull(r, buf[:min(int64(len(buf)), size)])
		if err != nil {
			return dst, fmt.Errorf("it became shorter while it was read: %w", err)
		}
		dst = base64.StdEncoding.AppendEncode(dst, buf[:n])
		size -= int64(n)
	}
	return dst, nil
}
