package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Workloads of the HTTP contract.
const (
	hookSync   = "completed webhook, one after another: predictions/s"
	hookAsync  = "completed webhook, async, 16 slots: predictions/s"
	megabyte   = "1 MB string in and out: predictions/s"
	megabytes  = "10 MB string in and out: predictions/s"
	uploadTime = "100 MB file output as upload, ms"
	firstEvent = "first SSE byte after the yield, median, ms"
)

const curlName = "curl -T"

// measureContract measures what only servers of Cog's API can do.
func (b *bench) measureContract(ctx context.Context, p peer) error {
	r, err := b.start(ctx, p, "echo", 1)
	if err != nil {
		return err
	}
	err = errors.Join(
		b.measureHooks(ctx, r, p, hookSync, 1),
		b.measureStrings(ctx, r, p, megabyte, 1_000_000),
		b.measureStrings(ctx, r, p, megabytes, 10_000_000),
	)
	r.stop()
	if err != nil {
		return err
	}
	if r, err = b.start(ctx, p, "echo_async", 16); err != nil {
		return err
	}
	err = b.measureHooks(ctx, r, p, hookAsync, 16)
	r.stop()
	if err != nil || p.name != ours {
		return err
	}
	return errors.Join(b.measureUpload(ctx, p), b.measureFirstEvent(ctx, p))
}

// measureHooks runs predictions whose webhook must have come before the next one is sent.
func (b *bench) measureHooks(ctx context.Context, r *running, p peer, workload string, conns int) error {
	var mu sync.Mutex
	waiting := map[string]chan string{}
	receiver, err := serve(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var body struct{ ID, Output string }
		if json.NewDecoder(req.Body).Decode(&body) != nil {
			return
		}
		mu.Lock()
		c := waiting[body.ID]
		mu.Unlock()
		if c != nil {
			c <- body.Output
		}
	}))
	if err != nil {
		return err
	}
	defer receiver.Close()
	ctx, cancel := context.WithTimeout(ctx, b.load)
	defer cancel()
	counts := make([]int, conns)
	errs := make([]error, conns)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range conns {
		wg.Go(func() {
			client := newClient(r.addr)
			defer client.close()
			for n := 0; ctx.Err() == nil; n++ {
				id, text := fmt.Sprintf("hook-%s-%d-%d", p.name, i, n), fmt.Sprintf("echo-%d-%d", i, n)
				came := make(chan string, 4)
				mu.Lock()
				waiting[id] = came
				mu.Unlock()
				status, answer, err := client.post(p.path, fmt.Sprintf(
					`{"id":%q,"input":{"s":%q},"webhook":"http://%s/","webhook_events_filter":["completed"]}`, id, text, receiver.Addr))
				if err != nil {
					errs[i] = err
					return
				}
				if status == http.StatusConflict {
					continue
				}
				if status != http.StatusOK || !strings.Contains(answer, `"`+text+`"`) {
					errs[i] = fmt.Errorf("webhook: %d %s", status, answer)
					return
				}
				select {
				case got := <-came:
					if got != text {
						errs[i] = fmt.Errorf("webhook says %q, want %q", got, text)
						return
					}
					counts[i]++
				case <-time.After(10 * time.Second):
					errs[i] = errors.New("the webhook never came")
					return
				}
				mu.Lock()
				delete(waiting, id)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	b.record(workload, p.name, float64(total)/time.Since(began).Seconds())
	return errors.Join(errs...)
}

func (b *bench) measureStrings(ctx context.Context, r *running, p peer, workload string, size int) error {
	text := bytes.Repeat([]byte("0123456789"), size/10)
	request := request(p.path, `{"input":{"s":"`+string(text)+`"}}`)
	client := newClient(r.addr)
	defer client.close()
	ctx, cancel := context.WithTimeout(ctx, b.load)
	defer cancel()
	accepted := 0
	began := time.Now()
	for ctx.Err() == nil {
		status, answer, err := client.do(request)
		if err != nil {
			return err
		}
		if status == http.StatusConflict {
			continue
		}
		if status != http.StatusOK || !bytes.Contains(answer, text) {
			return fmt.Errorf("string of %d: %d with %d bytes", size, status, len(answer))
		}
		accepted++
	}
	b.record(workload, p.name, float64(accepted)/time.Since(began).Seconds())
	return nil
}

// measureUpload compares an upload with curl's of the same file to the same receiver.
func (b *bench) measureUpload(ctx context.Context, p peer) error {
	var received int64
	receiver, err := serve(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		received, _ = io.Copy(io.Discard, req.Body)
	}))
	if err != nil {
		return err
	}
	defer receiver.Close()
	target := "http://" + receiver.Addr + "/"
	uploading := p
	uploading.command = func(b *bench, model string, slots, port int) *exec.Cmd {
		cmd := p.command(b, model, slots, port)
		cmd.Args = append(cmd.Args, "--upload-url", target)
		return cmd
	}
	r, err := b.start(ctx, uploading, "files", 1)
	if err != nil {
		return err
	}
	defer r.stop()
	client := newClient(r.addr)
	defer client.close()
	files, err := filepath.Glob(filepath.Join(os.TempDir(), "coglet-bench-*.bin"))
	if err != nil || len(files) == 0 {
		return errors.New("the model's file is not there")
	}
	file := files[len(files)-1]
	defer func() {
		for _, f := range files {
			os.Remove(f)
		}
	}()
	for range 3 {
		began := time.Now()
		status, answer, err := client.post(p.path, `{"input":{"s":""}}`)
		if err != nil || status != http.StatusOK || received != 100<<20 || !strings.Contains(answer, target) {
			return fmt.Errorf("upload: %d %s, %d bytes, %w", status, answer, received, err)
		}
		b.record(uploadTime, p.name, float64(time.Since(began).Microseconds())/1000)
		began = time.Now()
		if out, err := exec.CommandContext(ctx, "curl", "-sf", "-T", file, target).CombinedOutput(); err != nil {
			return fmt.Errorf("curl: %w: %s", err, out)
		}
		b.record(uploadTime, curlName, float64(time.Since(began).Microseconds())/1000)
	}
	return nil
}

// measureFirstEvent reads a stream whose items are the times at which they were yielded.
func (b *bench) measureFirstEvent(ctx context.Context, p peer) error {
	stamps := p
	stamps.command = func(b *bench, model string, slots, port int) *exec.Cmd {
		cmd := p.command(b, model, slots, port)
		cmd.Env = append(cmd.Env, "COG_PREDICT_TYPE_STUB=predict.py:Stamps")
		return cmd
	}
	r, err := b.start(ctx, stamps, "files", 1)
	if err != nil {
		return err
	}
	defer r.stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.addr+p.path, strings.NewReader(`{"input":{"s":""}}`))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var all []float64
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		_, rest, found := strings.Cut(lines.Text(), `{"chunk":"`)
		if !found {
			continue
		}
		now := time.Now().UnixNano()
		made, err := strconv.ParseInt(rest[:strings.IndexByte(rest, '"')], 10, 64)
		if err != nil {
			return err
		}
		all = append(all, float64(now-made)/1e6)
	}
	if len(all) != 200 {
		return fmt.Errorf("%d of 200 events", len(all))
	}
	slices.Sort(all)
	b.record(firstEvent, p.name, all[len(all)/2])
	return lines.Err()
}

// receiver is a local HTTP server.
type receiver struct {
	Addr string
	*http.Server
}

func serve(h http.Handler) (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }() // ended by Close
	return &receiver{l.Addr().String(), s}, nil
}

// client is one connection.
type client struct {
	addr   string
	conn   net.Conn
	in     *bufio.Reader
	answer []byte // reused
}

func newClient(addr string) *client { return &client{addr: addr} }

// request is what goes over the wire.
func request(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, len(body), body)
}

func (c *client) post(path, body string) (status int, answer string, err error) {
	status, raw, err := c.do(request(path, body))
	return status, string(raw), err
}

// do sends a request; the answer is valid until the next one.
func (c *client) do(request []byte) (status int, answer []byte, err error) {
	if c.conn == nil {
		if c.conn, err = net.Dial("tcp", c.addr); err != nil {
			return 0, nil, err
		}
		c.in = bufio.NewReaderSize(c.conn, 64<<10)
	}
	if _, err = c.conn.Write(request); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, nil, err
	}
	size := int(resp.ContentLength)
	if size < 0 {
		raw, err := io.ReadAll(resp.Body)
		return resp.StatusCode, raw, err
	}
	if cap(c.answer) < size {
		c.answer = make([]byte, size)
	}
	_, err = io.ReadFull(resp.Body, c.answer[:size])
	return resp.StatusCode, c.answer[:size], err
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
	}
}
