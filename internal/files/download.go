package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"coglet/internal/outbound"
)

// A transfer is tried so often, with growing waits.
const (
	attempts     = 5
	transferBase = 100 * time.Millisecond
	defaultStall = 30 * time.Second
)

var errStalled = errors.New("stalled")

// permanent is a failure that another attempt does not mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// download streams what source names into a file. Its errors never hold the URL, which may be signed.
func (b *batch) download(ctx context.Context, source string) (string, error) {
	parsed, err := url.Parse(source)
	if err != nil || parsed.Host == "" {
		return "", errors.New("not a valid URL")
	}
	var local string
	err = b.retry(ctx, func() (resp *http.Response, err error) {
		local, resp, err = b.downloadOnce(ctx, parsed)
		return resp, err
	})
	if err != nil {
		return "", fmt.Errorf("download from %s: %w", parsed.Host, err)
	}
	return local, nil
}

// retry calls try until it succeeds, fails for good, or has been called often enough.
func (f *Fetcher) retry(ctx context.Context, try func() (*http.Response, error)) error {
	return retry(ctx, f.Sleep, try)
}

func retry(ctx context.Context, wait func(context.Context, time.Duration) error, try func() (*http.Response, error)) error {
	if wait == nil {
		wait = sleep
	}
	for attempt := 1; ; attempt++ {
		resp, err := try()
		var final permanent
		if err == nil || attempt == attempts || errors.As(err, &final) || ctx.Err() != nil {
			return err
		}
		if wait(ctx, outbound.Backoff(transferBase, attempt, resp, time.Now())) != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (b *batch) downloadOnce(ctx context.Context, source *url.URL) (string, *http.Response, error) {
	ctx, watch := newWatch(ctx, b.Stall)
	defer watch.stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source.String(), nil)
	if err != nil {
		return "", nil, permanent{errors.New("not a valid URL")}
	}
	if b.UserAgent != "" {
		req.Header.Set("User-Agent", b.UserAgent)
	}
	client := b.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		if errors.Is(err, outbound.ErrForbidden) {
			err = permanent{outbound.Bare(err)}
		}
		return "", nil, watch.explain(outbound.Bare(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return "", resp, answered(resp)
	}
	if b.MaxBytes > 0 && resp.ContentLength > b.MaxBytes-b.bytes.Load() {
		return "", resp, permanent{fmt.Errorf("%w of %d bytes (--max-download)", ErrTooLarge, b.MaxBytes)}
	}
	local, err := b.store(fileName(source), watch.reader(resp.Body))
	if errors.Is(err, ErrTooLarge) {
		err = permanent{err}
	}
	return local, resp, watch.explain(err)
}

// answered is the error of an answer that is no success.
func answered(resp *http.Response) error {
	err := errors.New(resp.Status)
	if outbound.Transient(resp.StatusCode) {
		return err
	}
	return permanent{err}
}

// watch ends a transfer on which nothing moves.
type watch struct {
	timer  *time.Timer
	limit  time.Duration
	ctx    context.Context // canceled with errStalled
	cancel context.CancelCauseFunc
}

func newWatch(ctx context.Context, limit time.Duration) (context.Context, *watch) {
	if limit == 0 {
		limit = defaultStall
	}
	w := &watch{limit: limit}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(limit, func() { w.cancel(fmt.Errorf("%w: nothing came for %s", errStalled, limit)) })
	return w.ctx, w
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// reader passes r on; each read that brings something is a sign of life.
func (w *watch) reader(r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		if n > 0 {
			w.timer.Reset(w.limit)
		}
		return n, err
	})
}

// explain puts the stall in the place of the error that it caused.
func (w *watch) explain(err error) error {
	if err != nil && errors.Is(context.Cause(w.ctx), errStalled) {
		return context.Cause(w.ctx)
	}
	return err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// maxName is how many bytes of a file's name are kept.
const maxName = 200

// fileName is the name that Cog gives a download: the last part of the URL's path, unquoted.
func fileName(u *url.URL) string {
	name, err := url.QueryUnescape(path.Base(u.EscapedPath()))
	if err != nil {
		name = path.Base(u.Path)
	}
	return safeName(name)
}

// safeName makes a name of a file of what others call it: no path, valid UTF-8, at most maxName bytes.
func safeName(name string) string {
	name = string([]rune(name)) // invalid UTF-8 becomes U+FFFD byte by byte, as in Python: it goes into JSON
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
