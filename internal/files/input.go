package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/protocol"
)

// Fetcher makes local files of file inputs. The zero value fetches without limits.
type Fetcher struct {
	MaxBytes   int64    // of one file; 0 = no limit
	LocalFiles []string // folders whose files clients may name by path
	UserAgent  string
	Client     *http.Client // nil = http.DefaultClient
}

var (
	// ErrNotURL is returned for a file input that is neither a URL nor a path that may be named.
	ErrNotURL = errors.New("not a URL: want http://…, https://… or data:…")
	// ErrTooLarge is returned for a file over Fetcher.MaxBytes.
	ErrTooLarge = errors.New("file is over the size limit")
)

// Resolve returns the value of a file input (a string, or a list of strings) with local paths in the place of URLs.
// The files are put into dir, which is made when it is needed. Errors name what is wrong, never the file's content.
func (f *Fetcher) Resolve(
	ctx context.Context, dir string, raw jsontext.Value, field protocol.FileField,
) (jsontext.Value, error) {
	if raw.Kind() == '[' {
		var list []jsontext.Value
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
		for i, item := range list {
			local, err := f.Resolve(ctx, dir, item, field)
			if err != nil {
				return nil, fmt.Errorf("item %d: %w", i, err)
			}
			list[i] = local
		}
		return json.Marshal(list)
	}
	if raw.Kind() != '"' {
		return raw, nil // null, or the other side of a union: the worker knows what to do with it
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, err
	}
	local, err := f.local(ctx, dir, text, field)
	if err != nil {
		return nil, err
	}
	return jsontext.AppendQuote(nil, local)
}

// local returns the path of the file that text names.
func (f *Fetcher) local(ctx context.Context, dir, text string, field protocol.FileField) (string, error) {
	switch {
	case isData(text):
		content, name, err := openDataURL(text)
		if err != nil {
			return "", err
		}
		return f.store(dir, name, content)
	case IsURL(text):
		return f.download(ctx, dir, text)
	case field.Str:
		return text, nil
	}
	return f.named(text)
}

// named returns a path that the client names, if it lies in one of LocalFiles whatever links it leads over.
func (f *Fetcher) named(text string) (string, error) {
	for _, folder := range f.LocalFiles {
		inside, err := filepath.EvalSymlinks(folder)
		if err != nil {
			continue
		}
		file, err := filepath.EvalSymlinks(text)
		if err != nil {
			continue
		}
		if rel, err := filepath.Rel(inside, file); err == nil && filepath.IsLocal(rel) {
			return file, nil
		}
	}
	return "", ErrNotURL
}

func (f *Fetcher) download(ctx context.Context, dir, source string) (string, error) {
	parsed, err := url.Parse(source)
	if err != nil {
		return "", errors.New("not a valid URL")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return "", errors.New("not a valid URL")
	}
	if f.UserAgent != "" {
		req.Header.Set("User-Agent", f.UserAgent)
	}
	client := f.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("download from %s: %w", parsed.Host, unwrapURL(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return "", fmt.Errorf("download from %s: %s", parsed.Host, resp.Status)
	}
	local, err := f.store(dir, fileName(parsed), resp.Body)
	if err != nil {
		return "", fmt.Errorf("download from %s: %w", parsed.Host, err)
	}
	return local, nil
}

// unwrapURL takes the URL, which may hold a signature, out of an error.
func unwrapURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// store writes content to a file in dir whose name ends in name.
func (f *Fetcher) store(dir, name string, content io.Reader) (local string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	// a folder of its own for each file keeps the name as the user knows it
	own, err := os.MkdirTemp(dir, "input-")
	if err != nil {
		return "", err
	}
	out, err := os.OpenFile(filepath.Join(own, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	limited := content
	if f.MaxBytes > 0 {
		limited = io.LimitReader(content, f.MaxBytes+1)
	}
	n, err := io.Copy(out, limited)
	if err != nil {
		return "", err
	}
	if f.MaxBytes > 0 && n > f.MaxBytes {
		return "", fmt.Errorf("%w of %d bytes", ErrTooLarge, f.MaxBytes)
	}
	return out.Name(), nil
}

// maxName is how many bytes of a file's name are kept.
const maxName = 200

// fileName is the name that Cog gives a download: the last part of the URL's path, unquoted.
func fileName(u *url.URL) string {
	name, err := url.QueryUnescape(path.Base(u.EscapedPath()))
	if err != nil {
		name = path.Base(u.Path)
	}
	if len(name) > maxName {
		extension := path.Ext(name)
		if len(extension) > maxName/2 {
			extension = ""
		}
		name = name[:maxName-len(extension)-1]
		for !utf8.ValidString(name) && name != "" {
			name = name[:len(name)-1]
		}
		name += "~" + extension
	}
	name = strings.Map(func(c rune) rune {
		if c == '/' || c == 0 {
			return '_'
		}
		return c
	}, name)
	if name == "" || name == "." || name == ".." || name == "_" {
		return "file"
	}
	return name
}
