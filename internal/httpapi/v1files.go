package httpapi

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/files"
)

func (s *server) v1FileRoutes() []route {
	return []route{
		{"/v1/files", map[string]http.HandlerFunc{http.MethodPost: s.v1PutFile, http.MethodGet: s.v1ListFiles}},
		{"/v1/files/{id}", map[string]http.HandlerFunc{http.MethodGet: s.v1GetFile, http.MethodDelete: s.v1DeleteFile}},
		{"/v1/files/{id}/content", map[string]http.HandlerFunc{http.MethodGet: s.v1FileContent}},
	}
}

// v1File is a kept file as clients see it.
type v1File struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	ContentType string            `json:"content_type"`
	Size        int64             `json:"size"`
	ETag        string            `json:"etag"`
	Checksums   map[string]string `json:"checksums"`
	Metadata    jsontext.Value    `json:"metadata"`
	CreatedAt   string            `json:"created_at"`
	ExpiresAt   string            `json:"expires_at"`
	URLs        map[string]string `json:"urls"`
}

func v1FileOf(r *http.Request, f files.Kept) v1File {
	sum := hex.EncodeToString(f.SHA256[:])
	meta := jsontext.Value(f.Metadata)
	if len(meta) == 0 {
		meta = jsontext.Value("{}")
	}
	// the content stands under the file's own URL: that is what clients pass on as an input
	return v1File{
		f.ID, f.Name, f.MIME, f.Size, sum,
		map[string]string{"sha256": sum},
		meta, stamp(f.Created), stamp(f.Expires),
		map[string]string{"get": baseURL(r) + "/v1/files/" + f.ID},
	}
}

// v1PutFile answers POST /v1/files: the part content is the file, the part metadata an object that is kept with it.
func (s *server) v1PutFile(w http.ResponseWriter, r *http.Request) {
	boundary, is, err := multipartBoundary(r.Header.Get("Content-Type"))
	if !is || err != nil {
		v1Problem(w, http.StatusBadRequest, "A multipart/form-data body with a part content is needed.")
		return
	}
	in, done := s.patient(w, r, s.cfg.Uploads.MaxKept())
	defer done()
	kept, err := s.v1ReadFile(multipart.NewReader(in, boundary))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over), errors.Is(err, files.ErrNoRoom):
		v1Problem(w, http.StatusRequestEntityTooLarge, "There is no room for this file.")
	case errors.Is(err, os.ErrDeadlineExceeded):
		v1Problem(w, http.StatusRequestTimeout, "The client stopped sending.")
	case err != nil:
		v1Problem(w, http.StatusBadRequest, err.Error())
	default:
		writeJSON(w, http.StatusCreated, v1FileOf(r, kept))
	}
}

func (s *server) v1ReadFile(parts *multipart.Reader) (kept files.Kept, err error) {
	var metadata jsontext.Value
	found := false
	defer func() {
		if err != nil && found {
			s.cfg.Uploads.Forget(kept.ID)
		}
	}()
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return kept, err
		}
		switch part.FormName() {
		case "content":
			if found {
				return kept, errors.New("the part content stands twice")
			}
			name := part.FileName()
			if name == "" {
				name = "file"
			}
			if kept, err = s.cfg.Uploads.Keep(name, part.Header.Get("Content-Type"), part); err != nil {
				return kept, err
			}
			found = true
		case "metadata":
			if metadata, err = v1Metadata(part); err != nil {
				return kept, err
			}
		default:
			return kept, fmt.Errorf("unknown part %q: want content and metadata", part.FormName())
		}
	}
	if !found {
		return kept, errors.New("a part content is needed")
	}
	if len(metadata) > 0 {
		kept.Metadata = metadata
		s.cfg.Uploads.Describe(kept.ID, metadata)
	}
	return kept, nil
}

// v1Metadata reads what is to be kept with a file.
func v1Metadata(part io.Reader) (jsontext.Value, error) {
	raw, err := io.ReadAll(io.LimitReader(part, 64<<10))
	if value := jsontext.Value(raw); err == nil && (!value.IsValid() || value.Kind() != '{') {
		err = errors.New("the part metadata must be a JSON object")
	}
	return raw, err
}

func (s *server) v1ListFiles(w http.ResponseWriter, r *http.Request) {
	all := []v1File{}
	for _, f := range s.cfg.Uploads.Kept() {
		all = append(all, v1FileOf(r, f))
	}
	writeJSON(w, http.StatusOK, map[string]any{"previous": nil, "next": nil, "results": all})
}

// v1GetFile answers with the description; who fetches the file as an input of another server gets its content by asking
// for anything but JSON.
func (s *server) v1GetFile(w http.ResponseWriter, r *http.Request) {
	f, known := s.cfg.Uploads.Find(r.PathValue("id"))
	if !known {
		v1NotFound(w, r)
		return
	}
	raw, err := json.Marshal(v1FileOf(r, f))
	if err != nil {
		v1Problem(w, http.StatusInternalServerError, err.Error())
		return
	}
	writeBody(w, http.StatusOK, [][]byte{raw})
}

func (s *server) v1FileContent(w http.ResponseWriter, r *http.Request) {
	f, known := s.cfg.Uploads.Find(r.PathValue("id"))
	if !known {
		v1NotFound(w, r)
		return
	}
	// it is somebody's upload: a browser must not run it
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(f.Name))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeFile(w, r, f.Path)
}

func (s *server) v1DeleteFile(w http.ResponseWriter, r *http.Request) {
	if !s.cfg.Uploads.Forget(r.PathValue("id")) {
		v1NotFound(w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// baseURL is under which scheme and host the client has called.
func baseURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func pathEscape(id string) string { return url.PathEscape(id) }
