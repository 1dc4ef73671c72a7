package files

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"coglet/internal/protocol"
)

func TestReplace(t *testing.T) {
	list := []protocol.File{{Ref: "ref:0", Path: "/x/a"}, {Ref: "ref:1", Path: "/x/b"}}
	f := func(dst []byte, file protocol.File) ([]byte, error) { return append(dst, "<"+file.Path+">"...), nil }
	for body, want := range map[string]string{
		`["ref:1",{"k":"ref:0"},"ref:10"]`:    `[</x/b>,{"k":</x/a>},"ref:10"]`,
		`["ref:0x",{"ref:":"ref:0"},"ref:1"]`: `["ref:0x",{"ref:":</x/a>},</x/b>]`,
		`["ref:0"]`:                           "error: output file b stands nowhere in the output",
		`["ref:0","ref:1","ref:0"]`:           "error: output file a stands twice in the output",
	} {
		got, err := Replace(nil, []byte(body), list, f)
		text := string(got)
		if err != nil {
			text = "error: " + err.Error()
		}
		if text != want {
			t.Errorf("%s: %s, want %s", body, text, want)
		}
	}
}

func TestAppendDataURL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	for _, size := range []int{0, 1, 2, 3, 96<<10 - 1, 96 << 10, 96<<10 + 1, 200_001} {
		content := bytes.Repeat([]byte("ab\x00"), size/3+1)[:size]
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := AppendDataURL([]byte("x"), path, "", 0)
		want := `x"data:image/png;base64,` + base64.StdEncoding.EncodeToString(content) + `"`
		if err != nil || string(got) != want {
			t.Errorf("%d bytes: %d of %d, %v", size, len(got), len(want), err)
		}
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{filepath.Dir(path), "/nonexistent", fifo, "/dev/null"} {
		if _, err := AppendDataURL(nil, bad, "", 0); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestReplaceWithoutFilesCopies(t *testing.T) {
	got, err := Replace([]byte("x"), []byte(`{"a":"b"}`), nil, nil)
	if err != nil || string(got) != `x{"a":"b"}` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestFileThatChangesWhileItIsReadIsRefused(t *testing.T) {
	for content, ok := range map[string]bool{"abcd": true, "abc": false, "abcde": false} {
		if _, err := appendBase64(nil, strings.NewReader(content), 4); (err == nil) != ok {
			t.Errorf("%q read as 4 bytes: %v", content, err)
		}
	}
}
