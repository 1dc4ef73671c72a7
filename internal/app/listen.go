package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"coglet/internal/config"
)

// listen opens the server's socket.
func listen(cfg config.Config) (net.Listener, error) {
	if cfg.UnixSocket != "" {
		return listenUnix(cfg.UnixSocket)
	}
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

// listenUnix opens a Unix socket. The socket file of a server that is dead is replaced, anything else is left alone. The
// file is removed when the listener is closed.
func listenUnix(path string) (net.Listener, error) {
	listener, err := net.Listen("unix", path)
	if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
		return listener, err
	}
	info, statErr := os.Lstat(path)
	if statErr != nil || info.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf("--unix-socket %s exists and is no socket", path)
	}
	if conn, dialErr := net.Dial("unix", path); dialErr == nil {
		conn.Close()
		return nil, fmt.Errorf("--unix-socket %s is in use by another server", path)
	}
	if err := os.Remove(path); err != nil {
		return nil, fmt.Errorf("--unix-socket %s: %w", path, err)
	}
	return net.Listen("unix", path)
}
