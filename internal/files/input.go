package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"coglet/internal/protocol"
)

// parallel is how many files of one prediction are fetched at the same time.
const parallel = 8

// Fetcher makes local files of file inputs. The zero value fetches without limits.
type Fetcher struct {
	Client     *http.Client // nil = http.DefaultClient
	MaxBytes   int64        // of all files of a prediction together; 0 = no limit
	Timeout    time.Duration
	Stall      time.Duration // how long a download may bring nothing; 0 = 30 s
	LocalFiles []string      // folders whose files clients may name by path
	UserAgent  string
	Store      *Store                                           // files that came with requests; nil = none
	Sleep      func(ctx context.Context, d time.Duration) error // between attempts; nil = really
}

// Input is an input that is a file, or a list of files.
type Input struct {
	Name  string
	Value jsontext.Value // a string, or a list of strings
	Field protocol.FileField
}

var (
	// ErrNotURL is returned for a file input that is neither a URL nor a path that may be named.
	ErrNotURL = errors.New("not a URL: want http://…, https://… or data:…")
	// ErrTooLarge is returned when the files are over Fetcher.MaxBytes.
	ErrTooLarge = errors.New("files are over the size limit")
)

// Resolve returns the values with local paths in the place of URLs. The files are put into dir, which is made when it is
// needed; all are fetched at the same time, and the first failure ends the others. Errors name the input and what is
// wrong, never a file's content or a URL's query.
func (f *Fetcher) Resolve(ctx context.Context, dir string, inputs []Input) ([]jsontext.Value, error) {
	if f.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.Timeout,
			fmt.Errorf("inputs not fetched within %s (--download-timeout)", f.Timeout))
		defer cancel()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	batch := &batch{Fetcher: f, dir: dir}
	values := make([]jsontext.Value, len(inputs))
	lists := make(map[int][]jsontext.Value)
	for i, in := range inputs {
		if in.Value.Kind() != '[' {
			batch.start(ctx, group, "input."+in.Name, in.Value, in.Field, &values[i])
			continue
		}
		var list []jsontext.Value
		if err := json.Unmarshal(in.Value, &list); err != nil {
			return nil, errors.Join(fmt.Errorf("input.%s: %w", in.Name, err), group.Wait())
		}
		lists[i] = list
		for n, item := range list {
			batch.start(ctx, group, fmt.Sprintf("input.%s[%d]", in.Name, n), item, in.Field, &list[n])
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, list := range lists {
		var err error
		if values[i], err = json.Marshal(list); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// Check reports whether Resolve would take a value, as far as that can be told without fetching anything: a plain string
// is ErrNotURL where only files may stand.
func (f *Fetcher) Check(value jsontext.Value, field protocol.FileField) error {
	if field.Str {
		return nil
	}
	if value.Kind() == '[' {
		var list []jsontext.Value
		if err := json.Unmarshal(value, &list); err != nil {
			return err
		}
		for _, item := range list {
			if err := f.Check(item, protocol.FileField{}); err != nil {
				return err
			}
		}
		return nil
	}
	if value.Kind() != '"' {
		return nil
	}
	if IsURL(string(value[1:min(len(value), 16)])) {
		return nil // a data: URL may be long
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return err
	}
	if IsURL(text) || f.Store.owns(text) {
		return nil
	}
	_, err := f.named(text)
	return err
}

// batch is the files of one prediction.
type batch struct {
	*Fetcher
	dir   string
	bytes atomic.Int64 // that were stored
}

// start makes one value local. What is a file is fetched in the group; the rest is there at once.
func (b *batch) start(ctx context.Context, group *errgroup.Group, name string, raw jsontext.Value, field protocol.FileField,
	to *jsontext.Value,
) {
	*to = raw
	if raw.Kind() != '"' {
		return // null, or the other side of a union: the worker knows what to do with it
	}
	group.Go(func() error {
		var text string
		err := json.Unmarshal(raw, &text)
		local := ""
		if err == nil {
			local, err = b.local(ctx, text, field)
		}
		if err == nil {
			*to, err = jsontext.AppendQuote(nil, local)
		}
		if err == nil {
			return nil
		}
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errStalled) {
			return cause // another one failed before, or the prediction is to end
		}
		return fmt.Errorf("%s: %w", name, err)
	})
}

// local returns the path of the file that text names.
func (b *batch) local(ctx context.Context, text string, field protocol.FileField) (string, error) {
	switch {
	case isData(text):
		content, name, err := openDataURL(text)
		if err != nil {
			return "", err
		}
		local, err := b.store(name, content)
		if err != nil {
			return "", fmt.Errorf("data: URL: %w", err)
		}
		return local, nil
	case IsURL(text):
		if kept, ours := b.Store.keptFile(text); ours {
			return copyKept(kept, b.dir)
		}
		return b.download(ctx, text)
	case b.Store.owns(text):
		return b.Store.take(text, b.dir)
	case field.Str:
		return text, nil
	}
	return b.named(text)
}

// named returns a path that the client names, if it lies in one of LocalFiles whatever links it leads over.
func (f *Fetcher) named(text string) (string, error) {
	for _, folder := range f.LocalFiles {
		absolute, err := filepath.Abs(folder)
		if err != nil {
			continue
		}
		inside, err := filepath.EvalSymlinks(absolute)
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

// store writes content to a file whose name is name. When that fails nothing is left of it.
func (b *batch) store(name string, content io.Reader) (local string, err error) {
	own, err := ownFolder(b.dir)
	if err != nil {
		return "", err
	}
	out, err := os.OpenFile(filepath.Join(own, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", errors.Join(err, os.Remove(own))
	}
	n, err := io.Copy(&limited{out, b}, content)
	if err = errors.Join(err, out.Close()); err != nil {
		b.bytes.Add(-n)
		return "", errors.Join(err, os.RemoveAll(own))
	}
	return out.Name(), nil
}

// ownFolder makes a folder in dir for one file, so that the file keeps its name as the user knows it.
func ownFolder(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return os.MkdirTemp(dir, "input-")
}

// limited counts what is written against the prediction's limit.
type limited struct {
	out   io.Writer
	batch *batch
}

func (l *limited) Write(p []byte) (int, error) {
	if total := l.batch.bytes.Add(int64(len(p))); l.batch.MaxBytes > 0 && total > l.batch.MaxBytes {
		l.batch.bytes.Add(-int64(len(p)))
		return 0, fmt.Errorf("%w of %d bytes (--max-download)", ErrTooLarge, l.batch.MaxBytes)
	}
	return l.out.Write(p)
}
