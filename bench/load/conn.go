package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// conn is one connection that is kept alive. It speaks just enough HTTP/1.1: the driver shares the processors with what
// it measures, and net/http's client would cost as much as some of the servers.
type conn struct {
	addr string
	net  net.Conn
	in   *bufio.Reader
	body []byte // of the last answer

	until time.Time // the deadline
}

// patience is how long an answer may take: far more than the slowest peer's.
const patience = 30 * time.Second

// post makes a request; head, if not empty, is more header lines.
func post(to []byte, path, head string, body []byte) []byte {
	to = append(to, "POST "...)
	to = append(to, path...)
	to = append(to, " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"...)
	to = append(to, head...)
	to = append(to, "Content-Length: "...)
	to = strconv.AppendInt(to, int64(len(body)), 10)
	to = append(to, "\r\n\r\n"...)
	return append(to, body...)
}

// do sends a request and reads the whole answer; the body is valid until the next one.
func (c *conn) do(request []byte) (status int, body []byte, err error) {
	if c.net == nil {
		if c.net, err = net.Dial("tcp", c.addr); err != nil {
			return 0, nil, err
		}
		c.until = time.Time{}
		c.in = bufio.NewReaderSize(c.net, 64<<10)
	}
	if now := time.Now(); c.until.Sub(now) < patience { // set one time of many
		c.until = now.Add(2 * patience)
		if err := c.net.SetDeadline(c.until); err != nil {
			return 0, nil, err
		}
	}
	if _, err = c.net.Write(request); err != nil {
		return 0, nil, err
	}
	status, size, last, err := c.head()
	if err != nil {
		return 0, nil, err
	}
	c.body = c.body[:0]
	if size >= 0 {
		err = c.fill(size)
	} else {
		err = c.chunks()
	}
	if last {
		c.close()
	}
	return status, c.body, err
}

// head reads the status line and the header lines. A size of -1 means chunks; last, that the server closes.
func (c *conn) head() (status, size int, last bool, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, false, err
	}
	if len(line) < 12 {
		return 0, 0, false, fmt.Errorf("status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, false, err
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, 0, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return status, size, last, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case len(name) == len("content-length") && bytes.EqualFold(name, []byte("content-length")):
			if size, err = strconv.Atoi(string(value)); err != nil {
				return 0, 0, false, err
			}
		case len(name) == len("transfer-encoding") && bytes.EqualFold(name, []byte("transfer-encoding")):
			size = -1
		case len(name) == len("connection") && bytes.EqualFold(name, []byte("connection")):
			last = bytes.EqualFold(value, []byte("close"))
		}
	}
}

// fill reads so many bytes more of the body.
func (c *conn) fill(size int) error {
	have := len(c.body)
	if cap(c.body) < have+size {
		c.body = append(make([]byte, 0, 2*(have+size)), c.body...)
	}
	c.body = c.body[:have+size]
	_, err := io.ReadFull(c.in, c.body[have:])
	return err
}

func (c *conn) chunks() error {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(bytes.TrimRight(line, "\r\n")), 16, 31)
		if err != nil {
			return err
		}
		if err := c.fill(int(size)); err != nil {
			return err
		}
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return err
		}
		if len(line) > 2 {
			return errors.New("a chunk that does not end")
		}
		if size == 0 {
			return nil
		}
	}
}

func (c *conn) close() {
	if c.net != nil {
		c.net.Close()
		c.net = nil
	}
}
