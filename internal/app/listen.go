package app

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"coglet/internal/config"
)

// listen opens the server's socket.
func listen(cfg config.Config) (net.Listener, error) {
	address := net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is in use: choose another one with --port, or --port 0 for any", cfg.Port)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return listener, nil
}
