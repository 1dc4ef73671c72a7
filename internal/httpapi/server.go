// Package httpapi is Cog's HTTP API: the route table, the handlers and their status codes. It holds no state of its
// own; what it answers it asks the service for.
package httpapi

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"coglet/internal/api"
	"coglet/internal/files"
	"coglet/internal/playground"
	"coglet/internal/schema"
	"coglet/internal/service"
)

// Config is what the handlers need; all fields are required but those that say what stands for nothing.
type Config struct {
	Service   *service.Service
	Uploads   *files.Store  // files that come with multipart requests
	MaxBody   int64         // bytes
	BodyStall time.Duration // how long a request's body may bring nothing; 0 = 30 s
	KeepAlive time.Duration // between the comments on a stream without events; 0 = 15 s
	// WebhookKey is what webhooks are signed with, as clients are told it; empty = they are not signed.
	WebhookKey string
	Shutdown   func() // called by POST /shutdown, any number of times
	Version    api.Version
	Log        *slog.Logger
	Page       http.Handler // what browsers get of /, /docs and /playground/; nil = nothing
}

type server struct {
	cfg Config
	svc *service.Service

	document atomic.Pointer[document] // of /openapi.json, made when it is first asked for
}

// route is one path and what answers its methods.
type route struct {
	path    string
	methods map[string]http.HandlerFunc
}

// New returns the handler of all routes.
func New(cfg Config) http.Handler {
	s := &server{cfg: cfg, svc: cfg.Service}
	get, post, put := http.MethodGet, http.MethodPost, http.MethodPut
	routes := []route{
		{"/{$}", map[string]http.HandlerFunc{get: s.root}},
		{"/health-check", map[string]http.HandlerFunc{get: s.healthCheck}},
		{"/readyz", map[string]http.HandlerFunc{get: s.readyz}},
		{"/livez", map[string]http.HandlerFunc{get: s.livez}},
		{"/openapi.json", map[string]http.HandlerFunc{get: s.openAPI}},
		{"/shutdown", map[string]http.HandlerFunc{post: s.shutdown}},
	}
	for path, method := range map[string]string{"/predictions": schema.Predict, "/trainings": schema.Train} {
		of := func(handle func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { handle(w, r, method) }
		}
		routes = append(routes,
			route{path, map[string]http.HandlerFunc{get: of(s.list), post: of(s.create)}},
			route{path + "/{id}", map[string]http.HandlerFunc{get: of(s.get), put: of(s.create)}},
			route{path + "/{id}/stream", map[string]http.HandlerFunc{get: of(s.resume)}},
			route{path + "/{id}/cancel", map[string]http.HandlerFunc{post: s.cancel}},
		)
	}
	routes = append(routes, s.v1Routes()...)
	if cfg.Page != nil {
		routes = append(routes,
			route{"/docs", map[string]http.HandlerFunc{get: cfg.Page.ServeHTTP}},
			route{playground.Prefix, map[string]http.HandlerFunc{get: cfg.Page.ServeHTTP}},
		)
	}
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.HandleFunc(r.path, r.serve)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeDetail(w, http.StatusNotFound, "Not Found")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !clean(cmp.Or(r.URL.RawPath, r.URL.Path)) { // the mux would answer with a redirect to another path
			writeDetail(w, http.StatusNotFound, "Not Found")
			return
		}
		if r.ContentLength != 0 {
			if err := s.awaitBody(w); err != nil {
				return // the connection is gone
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// Plain reports whether a request, of which the body is not known, is answered all at once with a body.
func Plain(r *http.Request) bool {
	if wantsEvents(r.Header["Accept"]) {
		return false
	}
	id, is := strings.CutPrefix(r.URL.Path, "/predictions")
	if r.Method == http.MethodPost {
		return is && id == ""
	}
	return r.Method == http.MethodPut && is && strings.HasPrefix(id, "/") && !strings.Contains(id[1:], "/")
}

// clean reports whether a path has neither empty nor dot segments, but for a slash at its end.
func clean(path string) bool {
	return !strings.Contains(path, "//") && (!strings.Contains(path, "/.") ||
		!strings.Contains(path+"/", "/./") && !strings.Contains(path+"/", "/../"))
}

func (r route) serve(w http.ResponseWriter, req *http.Request) {
	method := req.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if handle := r.methods[method]; handle != nil {
		handle(w, req)
		return
	}
	var allow []string
	for m := range r.methods {
		allow = append(allow, m)
		if m == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	w.Header().Set("Allow", strings.Join(allow, ", "))
	writeDetail(w, http.StatusMethodNotAllowed, "Method Not Allowed")
}

// gone reports whether the client has closed its connection.
func gone(ctx context.Context) bool { return ctx.Err() != nil }
