package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coglet/internal/arguments"
	"coglet/internal/files"
	"coglet/internal/protocol"
)

// screen is where a prediction in the terminal is shown: what it outputs to stdout or a file, its logs to stderr, the
// files in its output to the disk.
type screen struct {
	out, err io.Writer
	to       string // -o
	format   arguments.Output

	file    *os.File // -o, opened for text
	shown   int      // shown one by one
	newline bool     // what was shown ends a line

	mu       sync.Mutex // guards saved and inStdout: files are saved by the pool's goroutines
	saved    []string
	inStdout bool // a file was written to stdout

	errMu sync.Mutex // guards err and the two below
	spoke bool       // there were logs
	open  bool       // the last line of stderr has not ended: a progress bar
}

func newScreen(ask Ask) *screen {
	return &screen{out: ask.Stdout, err: ask.Stderr, to: ask.Output, newline: true}
}

// log shows a piece of the logs as it was printed, progress bars included.
func (s *screen) log(text []byte) {
	if len(text) == 0 {
		return
	}
	s.errMu.Lock()
	defer s.errMu.Unlock()
	s.spoke, s.open = true, text[len(text)-1] != '\n'
	_, _ = s.err.Write(text) // nobody is left to be told
}

// say tells of what coglet itself does.
func (s *screen) say(format string, args ...any) {
	s.endLine()
	s.errMu.Lock()
	defer s.errMu.Unlock()
	fmt.Fprintf(s.err, "coglet: "+format+"\n", args...)
}

// endLine ends a line of the logs that the model has left open.
func (s *screen) endLine() {
	s.errMu.Lock()
	defer s.errMu.Unlock()
	if s.open {
		s.open = false
		fmt.Fprintln(s.err)
	}
}

// hasLogs reports whether logs were shown.
func (s *screen) hasLogs() bool {
	s.errMu.Lock()
	defer s.errMu.Unlock()
	return s.spoke
}

func newDecoder(text []byte) *jsontext.Decoder { return jsontext.NewDecoder(bytes.NewReader(text)) }

// items shows one output, or a list of count of them, where they come one by one.
func (s *screen) items(chunk jsontext.Value, count int) error {
	if !s.format.Iterator && !s.format.Concatenate {
		return nil
	}
	if count < 0 {
		return s.item(chunk)
	}
	var list []jsontext.Value
	if err := json.Unmarshal(chunk, &list); err != nil {
		return err
	}
	for _, item := range list {
		if err := s.item(item); err != nil {
			return err
		}
	}
	return nil
}

func (s *screen) item(value jsontext.Value) error {
	s.shown++
	text := plain(value, false)
	if !s.format.Concatenate {
		text = append(text, '\n')
	}
	return s.write(text)
}

// end shows an output that was not shown item by item, and ends the last line.
func (s *screen) end(output jsontext.Value, succeeded bool) (err error) {
	if succeeded && s.shown == 0 && !s.format.Iterator && !s.format.Concatenate && output != nil {
		text := plain(output, true)
		if !bytes.HasSuffix(text, []byte{'\n'}) {
			text = append(text, '\n')
		}
		err = s.write(text)
	}
	if err == nil && !s.newline && s.file == nil {
		err = s.write([]byte{'\n'})
	}
	if s.file != nil {
		err = errors.Join(err, s.file.Close())
		s.say("saved %s", s.file.Name())
	}
	return err
}

// plain is text as it is, and anything else as JSON.
func plain(value jsontext.Value, indent bool) []byte {
	if value.Kind() == '"' {
		var text string
		if json.Unmarshal(value, &text) == nil {
			return []byte(text)
		}
	}
	value = value.Clone()
	if kind := value.Kind(); indent && (kind == '{' || kind == '[') {
		_ = value.Indent(jsontext.WithIndent("  ")) // it is valid
	} else {
		_ = value.Compact()
	}
	return value
}

// write writes to stdout, or to the file that -o names where no file of the output has gone there.
func (s *screen) write(text []byte) error {
	s.mu.Lock()
	files := len(s.saved)
	inStdout := s.inStdout
	s.mu.Unlock()
	if inStdout || len(text) == 0 {
		return nil // stdout has the file itself
	}
	out := s.out
	if s.to != "" && s.to != "-" && files == 0 {
		if s.file == nil {
			var err error
			if s.file, err = s.create(); err != nil {
				return err
			}
		}
		out = s.file
	}
	_, err := out.Write(text)
	s.newline = text[len(text)-1] == '\n'
	return err
}

// create opens the file that -o names for text.
func (s *screen) create() (*os.File, error) {
	if isFolder(s.to) {
		return newFile(s.to, "output.txt")
	}
	return os.Create(s.to)
}

// isFolder reports whether a path is a folder's, or is written like one.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return strings.HasSuffix(path, "/") || err == nil && info.IsDir()
}

// Replace saves the files in an output and puts their paths into it. It is called by the pool.
func (s *screen) Replace(ctx context.Context, _ *files.Session, body []byte, list []protocol.File) ([]byte, error) {
	return files.Replace(nil, body, list, func(dst []byte, f protocol.File) ([]byte, error) {
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		content, err := os.Open(f.Path)
		if err != nil {
			return dst, err
		}
		defer content.Close()
		path, err := s.save(filepath.Base(f.Path), content)
		if err != nil {
			return dst, err
		}
		return jsontext.AppendQuote(dst, path)
	})
}

// save writes a file of the output and returns its path.
func (s *screen) save(name string, content io.Reader) (path string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.saved)
	if s.to == "-" {
		if n > 0 {
			return "", errors.New("the output has several files, and -o - takes one: name a folder with -o")
		}
		s.saved, s.inStdout = append(s.saved, "-"), true
		_, err = io.Copy(s.out, content)
		return "-", err
	}
	f, err := s.place(name, n)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	s.saved = append(s.saved, f.Name())
	s.say("saved %s", f.Name())
	return f.Name(), nil
}

// place opens the file for the nth file of the output. Only what -o names by itself is overwritten.
func (s *screen) place(name string, n int) (*os.File, error) {
	switch {
	case s.to == "":
		return newFile("", name)
	case isFolder(s.to):
		return newFile(s.to, name)
	case n == 0:
		return os.Create(s.to)
	}
	stem, extension := split(s.to)
	return os.Create(stem + "-" + strconv.Itoa(n) + extension)
}

// maxSame is how many files of one name are kept beside each other.
const maxSame = 100_000

// newFile makes a file that was not there: name, name-1, name-2 and so on. A name that hides its file loses the dot.
func newFile(dir, name string) (*os.File, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if name = strings.TrimLeft(name, "."); name == "" || name == "/" {
		name = "output"
	}
	stem, extension := split(name)
	for n := range maxSame {
		try := name
		if n > 0 {
			try = stem + "-" + strconv.Itoa(n) + extension
		}
		f, err := os.OpenFile(filepath.Join(dir, try), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if !errors.Is(err, os.ErrExist) {
			return f, err
		}
	}
	return nil, fmt.Errorf("%s: there are too many of that name", filepath.Join(dir, name))
}

func split(path string) (stem, extension string) {
	extension = filepath.Ext(path)
	return strings.TrimSuffix(path, extension), extension
}
