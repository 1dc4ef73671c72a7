package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/arguments"
	"coglet/internal/files"
	"coglet/internal/schema"
)

// Limits of requests to a server that are answered at once.
const quickAnswer = 30 * time.Second

// PredictAt runs one prediction on a server, a coglet or another one that speaks Cog's API. The first signal cancels it,
// the second gives up waiting for that. Errors are as those of Predict.
func PredictAt(address string, ask Ask, signals <-chan os.Signal) error {
	base, err := serverURL(address)
	if err != nil {
		return err
	}
	var id [12]byte
	rand.Read(id[:]) // never fails
	r := &remote{base: base, ask: ask, screen: newScreen(ask), id: "cli_" + hex.EncodeToString(id[:])}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	over := make(chan struct{})
	defer close(over)
	go func() { // ended by over
		for n := 0; ; n++ {
			select {
			case <-signals:
				if n > 0 {
					cancel(ErrInterrupted)
					return
				}
				go func() { // it may wait for the server longer than the user does
					if !r.cancel() {
						cancel(ErrInterrupted)
					}
				}()
			case <-over:
				return
			}
		}
	}()
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx) }() // may be left behind in a write that nobody takes
	select {
	case err = <-ended:
	case <-ctx.Done():
		return ErrInterrupted
	}
	r.screen.endLine()
	if errors.Is(context.Cause(ctx), ErrInterrupted) {
		return ErrInterrupted
	}
	return err
}

func serverURL(address string) (string, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", &InputError{fmt.Sprintf("--url is %q: want the address of a server, such as http://localhost:5000", address)}
	}
	return strings.TrimRight(address, "/"), nil
}

// remote is a prediction on a server.
type remote struct {
	base   string
	ask    Ask
	screen *screen
	id     string
}

func (r *remote) path() string { return "/" + noun(r.ask.Method) + "s" }

// cancel asks the server to stop and reports whether it will.
func (r *remote) cancel() bool {
	r.screen.say("canceling; once more gives up")
	ctx, cancel := context.WithTimeout(context.Background(), quickAnswer)
	defer cancel()
	resp, err := r.send(ctx, http.MethodPost, r.path()+"/"+r.id+"/cancel", nil, "application/json")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (r *remote) send(ctx context.Context, method, path string, body []byte, accept string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	var of *url.Error
	if errors.As(err, &of) {
		return nil, fmt.Errorf("no answer from %s: %w; is a server there? coglet serve starts one", r.base, of.Err)
	}
	return resp, err
}

func (r *remote) run(ctx context.Context) error {
	signature, err := r.signature(ctx)
	if err != nil {
		return err
	}
	input := r.ask.JSON
	if input == nil {
		if input, err = signature.Object(r.ask.Args, asDataURL); err != nil {
			return &InputError{err.Error()}
		}
	}
	body := append([]byte(`{"id":"`+r.id+`","input":`), input...)
	body = append(body, '}')
	accept := "text/event-stream"
	if r.ask.Method == schema.Train {
		accept = "application/json"
	}
	resp, err := r.send(ctx, http.MethodPost, r.path(), body, accept)
	if err == nil && resp.StatusCode == http.StatusNotAcceptable { // it streams only what is declared so
		resp.Body.Close()
		resp, err = r.send(ctx, http.MethodPost, r.path(), body, "application/json")
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return r.events(resp.Body)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s: the answer ends early: %w", r.base, err)
	}
	if resp.StatusCode >= 300 {
		return refused(resp.StatusCode, answer)
	}
	return r.completed(answer, true)
}

// signature asks for the server's schema; one without has none.
func (r *remote) signature(ctx context.Context) (*arguments.Signature, error) {
	ctx, cancel := context.WithTimeout(ctx, quickAnswer)
	defer cancel()
	resp, err := r.send(ctx, http.MethodGet, "/openapi.json", nil, "application/json")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	document, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, err
	}
	signature, err := arguments.Read(document, r.ask.Method)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.base, err)
	}
	r.screen.format = signature.Output
	return signature, nil
}

func asDataURL(path string) (jsontext.Value, error) {
	f, err := openInput(path)
	if err != nil {
		return nil, err
	}
	f.Close()
	return files.AppendDataURL(nil, path, "", 0)
}

// refused makes an error of an answer that is no prediction.
func refused(code int, body []byte) error {
	var answer struct {
		Error  string         `json:"error"`
		Detail jsontext.Value `json:"detail"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return fmt.Errorf("the server answered %d %s", code, http.StatusText(code))
	}
	var fields []struct {
		Loc []string `json:"loc"`
		Msg string   `json:"msg"`
	}
	if answer.Detail.Kind() == '[' && json.Unmarshal(answer.Detail, &fields) == nil {
		var lines []string
		for _, f := range fields {
			name := "input"
			if len(f.Loc) > 0 {
				name = f.Loc[len(f.Loc)-1]
			}
			lines = append(lines, fmt.Sprintf("input %q: %s", name, f.Msg))
		}
		return &InputError{strings.Join(lines, "\n")}
	}
	text := answer.Error
	if answer.Detail.Kind() == '"' {
		text = string(plain(answer.Detail, false))
	}
	if code == http.StatusConflict {
		text += ": the server runs as many predictions as it can; try again, or start it with --queue"
	}
	return fmt.Errorf("the server answered %d: %s", code, text)
}

// events shows a stream of server-sent events until the prediction has ended.
func (r *remote) events(body io.Reader) error {
	lines := bufio.NewReader(body)
	var name string
	var data []byte
	whole := true // no output was missed
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("the server went away before the %s ended", noun(r.ask.Method))
		}
		line = bytes.TrimRight(line, "\r\n")
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(line) == 0:
			switch name {
			case "completed":
				return r.completed(data, whole)
			case "error":
				whole = false
			default:
				if err := r.event(name, data); err != nil {
					r.cancel()
					return err
				}
			}
			name, data = "", nil
		case string(field) == "event":
			name = string(value)
		case string(field) == "data":
			data = append(data, value...)
		}
	}
}

func (r *remote) event(name string, data []byte) error {
	switch name {
	case "log":
		var log struct {
			Data string `json:"data"`
		}
		if err := json.Unmarshal(data, &log); err != nil {
			return fmt.Errorf("event %q: %w", name, err)
		}
		r.screen.log([]byte(log.Data))
	case "output":
		var output struct {
			Chunk jsontext.Value `json:"chunk"`
		}
		if err := json.Unmarshal(data, &output); err != nil {
			return fmt.Errorf("event %q: %w", name, err)
		}
		if !r.screen.format.Iterator {
			return nil
		}
		chunk, err := r.local(output.Chunk)
		if err != nil {
			return err
		}
		return r.screen.items(chunk, -1)
	}
	return nil
}

// answered is a prediction as the server tells it at its end.
type answered struct {
	Status string         `json:"status"`
	Output jsontext.Value `json:"output"`
	Error  string         `json:"error"`
	Logs   string         `json:"logs"`
}

// completed shows what was not shown yet, and returns how the prediction ended.
func (r *remote) completed(body []byte, whole bool) (err error) {
	var p answered
	if err := json.Unmarshal(body, &p, jsontext.AllowDuplicateNames(true)); err != nil {
		return fmt.Errorf("%s: the answer is no %s: %w", r.base, noun(r.ask.Method), err)
	}
	succeeded := p.Status == "succeeded"
	if !r.screen.hasLogs() {
		r.screen.log([]byte(p.Logs))
	}
	if !whole {
		r.screen.say("some of the output was missed; all of it follows")
		r.screen.shown = 0
	}
	if r.screen.shown == 0 {
		if p.Output, err = r.local(p.Output); err != nil {
			return err
		}
		if r.screen.format.Iterator && p.Output.Kind() == '[' {
			if err := r.screen.items(p.Output, 0); err != nil {
				return err
			}
		}
	}
	if err := r.screen.end(p.Output, succeeded); err != nil {
		return err
	}
	switch p.Status {
	case "succeeded":
		return nil
	case "canceled":
		return ErrInterrupted
	}
	return &FailedError{noun(r.ask.Method) + " failed: " + p.Error}
}

// local saves the files that are data: URLs in an output, and puts their paths into it.
func (r *remote) local(output jsontext.Value) (jsontext.Value, error) {
	if !r.screen.format.Files || !bytes.Contains(output, []byte(`"data:`)) {
		return output, nil
	}
	var out bytes.Buffer
	dec, enc := newDecoder(output), jsontext.NewEncoder(&out)
	for {
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return bytes.TrimSpace(out.Bytes()), nil
		}
		if err != nil {
			return nil, err
		}
		kind, length := dec.StackIndex(dec.StackDepth())
		isName := kind == '{' && length%2 == 1
		if text := token.String(); token.Kind() == '"' && !isName && strings.HasPrefix(text, "data:") {
			content, name, err := files.OpenDataURL(text)
			if err != nil {
				return nil, fmt.Errorf("file in the output: %w", err)
			}
			path, err := r.screen.save(strings.Replace(name, "file", "output", 1), content)
			if err != nil {
				return nil, err
			}
			token = jsontext.String(path)
		}
		if err := enc.WriteToken(token); err != nil {
			return nil, err
		}
	}
}
