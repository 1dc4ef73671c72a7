package main

import (
	"io"
	"net"
	"net/http"
	"time"
)

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
