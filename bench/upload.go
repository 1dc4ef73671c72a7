package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const uploadSize = 100 << 20

// upload compares an upload with curl's of the same file to the same receiver.
func upload(ctx context.Context, s *session) error {
	file := filepath.Join(s.work, "upload.bin")
	if err := os.WriteFile(file, make([]byte, uploadSize), 0o644); err != nil {
		return err
	}
	var received int64
	to, err := receive(func(body io.Reader) { received, _ = io.Copy(io.Discard, body) }) // its size is compared
	if err != nil {
		return err
	}
	defer to.Close()
	server, err := s.start(ctx, s.peer, scene{model: "upload", slots: 1, workers: 1}, variable("BENCH_FILE", file),
		func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--upload-url", to.url) })
	if err != nil {
		return err
	}
	defer server.stop()
	for range 3 {
		received = 0
		began := time.Now()
		status, body, err := post(ctx, server, `{"input":{}}`)
		took := time.Since(began)
		if err != nil || status != http.StatusOK || received != uploadSize || !strings.Contains(body, to.url) {
			return fmt.Errorf("upload: %d %s, %d bytes, %w", status, body, received, err)
		}
		s.record(uploadTime, millis(took))
		began = time.Now()
		if out, err := exec.CommandContext(ctx, "curl", "-sSf", "-T", file, to.url).CombinedOutput(); err != nil {
			return fmt.Errorf("curl: %w: %s", err, out)
		}
		s.record(curlTime, millis(time.Since(began)))
	}
	return nil
}

// receiver is a local HTTP server that takes bodies.
type receiver struct {
	url string
	*http.Server
}

func receive(take func(body io.Reader)) (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { take(req.Body) }),
		ReadHeaderTimeout: time.Minute,
	}
	go func() { _ = server.Serve(listener) }() // until Close
	return &receiver{"http://" + listener.Addr().String() + "/", server}, nil
}
