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
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"coglet/internal/outbound"
	"coglet/internal/protocol"
)

// Session is the output files of one prediction, which come in one or many outputs. One goroutine uses it.
type Session struct {
	ID    string // of the prediction
	names map[string]bool
}

// name is under which a file is uploaded: its own, with a number where another file of the prediction has that.
func (s *Session) name(local string) string {
	if s.names == nil {
		s.names = make(map[string]bool)
	}
	name := safeName(filepath.Base(local))
	extension := path.Ext(name)
	for n := 1; s.names[name]; n++ {
		name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(safeName(filepath.Base(local)), extension), n, extension)
	}
	s.names[name] = true
	return name
}

// DataURLs puts files into outputs as data: URLs.
type DataURLs struct {
	Max int64 // bytes of a prediction's outputs; 0 = no limit
}

// Replace returns body with each file that it refers to as a data: URL.
func (d DataURLs) Replace(ctx context.Context, _ *Session, body []byte, list []protocol.File) ([]byte, error) {
	return Replace(nil, body, list, func(dst []byte, f protocol.File) ([]byte, error) {
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		return AppendDataURL(dst, f.Path, f.MIME, d.Max)
	})
}

// PlaceholderID stands in an upload URL for the prediction's id.
const PlaceholderID = "{prediction_id}"

// Uploader puts files into outputs as URLs to which it has uploaded them.
type Uploader struct {
	URL       string // where to; the file's name is appended to its path
	Client    *http.Client
	UserAgent string
	Stall     time.Duration                                    // how long an upload may take nothing; 0 = 30 s
	Sleep     func(ctx context.Context, d time.Duration) error // between attempts; nil = really
}

// parallelUploads is how many files of one output are uploaded at the same time.
const parallelUploads = 4

// Replace uploads the files and returns body with their URLs. Its errors name the file and the host.
func (u *Uploader) Replace(ctx context.Context, s *Session, body []byte, list []protocol.File) ([]byte, error) {
	urls := make(map[string]string, len(list))
	found := make([]string, len(list))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelUploads)
	for i, file := range list {
		target := u.target(s.ID, s.name(file.Path))
		group.Go(func() (err error) {
			found[i], err = u.upload(groupCtx, target, s.ID, file)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, file := range list {
		urls[file.Ref] = found[i]
	}
	return Replace(nil, body, list, func(dst []byte, f protocol.File) ([]byte, error) {
		return jsontext.AppendQuote(dst, urls[f.Ref])
	})
}

// target is the URL of a file.
func (u *Uploader) target(id, name string) string {
	base, query, hasQuery := strings.Cut(strings.ReplaceAll(u.URL, PlaceholderID, url.PathEscape(id)), "?")
	target := strings.TrimSuffix(base, "/") + "/" + url.PathEscape(name)
	if hasQuery {
		target += "?" + query
	}
	return target
}

func (u *Uploader) upload(ctx context.Context, target, id string, file protocol.File) (string, error) {
	var result string
	err := retry(ctx, u.Sleep, func() (resp *http.Response, err error) {
		result, resp, err = u.uploadOnce(ctx, target, id, file)
		return resp, err
	})
	name := filepath.Base(file.Path)
	var local *os.PathError
	switch {
	case err == nil:
		return result, nil
	case errors.As(err, &local):
		return "", fmt.Errorf("output file %s: %w", name, local.Err)
	}
	host := "the upload URL"
	if parsed, bad := url.Parse(target); bad == nil {
		host = parsed.Host
	}
	return "", fmt.Errorf("output file %s: upload to %s: %w", name, host, err)
}

// uploadOnce streams the file from disk.
func (u *Uploader) uploadOnce(ctx context.Context, target, id string, file protocol.File) (string, *http.Response, error) {
	content, size, err := openRegular(file.Path)
	if err != nil {
		return "", nil, permanent{err}
	}
	defer content.Close()
	ctx, watch := newWatch(ctx, u.Stall)
	defer watch.stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, target, nil)
	if err != nil {
		return "", nil, permanent{outbound.Bare(err)}
	}
	req.ContentLength = size
	req.GetBody = func() (io.ReadCloser, error) {
		again, _, err := openRegular(file.Path) // a redirect asks for it from the start
		return struct {
			io.Reader
			io.Closer
		}{watch.reader(io.LimitReader(again, size)), again}, err
	}
	req.Body = io.NopCloser(watch.reader(io.LimitReader(content, size)))
	if size == 0 {
		req.Body, req.GetBody = http.NoBody, nil
	}
	media := file.MIME
	if media == "" {
		media = MIME(file.Path)
	}
	req.Header.Set("Content-Type", media)
	if id != "" {
		req.Header.Set("X-Prediction-Id", headerSafe(id))
	}
	if u.UserAgent != "" {
		req.Header.Set("User-Agent", u.UserAgent)
	}
	resp, err := u.Client.Do(req)
	if err != nil {
		return "", nil, watch.explain(outbound.Bare(err))
	}
	outbound.Drain(resp, watch.stop)
	if resp.StatusCode/100 != 2 {
		return "", resp, answered(resp)
	}
	return resultURL(resp), resp, nil
}

// openRegular opens a file that can be read as often as it takes.
func openRegular(name string) (*os.File, int64, error) {
	f, size, err := openPlain(name)
	if err != nil {
		return nil, 0, err
	}
	return os.NewFile(uintptr(f), name), size, nil
}

// headerSafe makes an id fit for a header.
func headerSafe(id string) string {
	for _, c := range id {
		if c < ' ' || c > '~' {
			return url.PathEscape(id)
		}
	}
	return id
}

// resultURL is where the file is now: Location where the answer has one, else where the upload went; without the query,
// which may be a signature.
func resultURL(resp *http.Response) string {
	location := resp.Header.Get("Location")
	if location == "" {
		final := *resp.Request.URL
		final.RawQuery, final.ForceQuery = "", false
		return final.String()
	}
	parsed, err := url.Parse(location)
	if err != nil || !parsed.IsAbs() {
		return location
	}
	parsed.RawQuery, parsed.ForceQuery = "", false
	return parsed.String()
}
