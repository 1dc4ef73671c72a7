package integration

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// predictionFolders lists folders of predictions that the server has not removed.
func (s *server) predictionFolders() []string {
	s.t.Helper()
	names, err := filepath.Glob(filepath.Join(s.tmp, "coglet-*", "worker-*", "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return names
}

func dataURL(media, text string) string {
	return "data:" + media + ";base64," + base64.StdEncoding.EncodeToString([]byte(text))
}

func TestNobodyGetsAnotherPredictionsFile(t *testing.T) {
	s := ready(t, "files", launch{})
	for n := range 40 {
		text := fmt.Sprintf("prediction %d", n)
		path := fmt.Sprint("/predictions/same", n%2) // ids that have been used are no place for files of old
		out := s.succeeded(s.do("PUT", path, inputBody("how", "same_file", "text", text, "size", 100_000)))
		if want := dataURL("text/plain", strings.Repeat(text+"\n", 100_000)); out != want {
			t.Fatalf("prediction %d got %d bytes that are not its own", n, len(out.(string)))
		}
	}
}

func TestFilesInAndOut(t *testing.T) {
	s := ready(t, "files", launch{})
	if out := s.succeeded(s.predict("how", "read", "image", dataURL("image/png", "one"),
		"more", []string{dataURL("text/plain", "two"), "data:,three%20words"})); out != "one|two|three words" {
		t.Errorf("inputs: %v", out)
	}
	if out := s.succeeded(s.predict("how", "read")); out != "default" {
		t.Errorf("default: %v", out)
	}
	if out := s.succeeded(s.predict("how", "bytes_io", "text", "hello")); out != dataURL("application/octet-stream", "hello") {
		t.Errorf("open file: %v", out)
	}
	out := s.succeeded(s.predict("how", "nested", "image", dataURL("image/png", "pixels")))
	url := dataURL("image/png", "pixels")
	want := fmt.Sprintf("map[a:[%s map[b:%s]] names:[file.png] text:x]", url, url)
	if fmt.Sprint(out) != want {
		t.Errorf("nested: %v, want %s", out, want)
	}
	list := s.succeeded(s.predict("how", "yielded", "text", "item", "size", 5))
	for n, item := range list.([]any) {
		if want := dataURL("text/plain", fmt.Sprintf("item %d", n)); item != want {
			t.Errorf("item %d is %v, want %s", n, item, want)
		}
	}
	s.failed(s.predict("how", "missing"), "output: no such file: /nonexistent/out.png")
	if left := s.predictionFolders(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLogTellsThatAPredictionWithAFileBegins(t *testing.T) {
	s := ready(t, "files", launch{})
	for n, image := range []string{"plain,text", "text/plain;base64,dGV4dA=="} {
		a := s.predict("how", "read", "image", "data:"+image)
		s.succeeded(a)
		s.until("its end in the log", func() bool { // which is written behind the answer
			return strings.Count(s.logs(), "Prediction succeeded") == n+1
		})
		id := fmt.Sprintf(`"prediction_id":%q`, a.str("id"))
		inOrder(t, s.logs(), "Starting prediction", id, "Prediction succeeded", id)
	}
}

func TestFileInputsThatAreRefused(t *testing.T) {
	s := ready(t, "files", launch{})
	for _, value := range []string{"/etc/hostname", "file:///etc/hostname", "data:image/png;base64,!!!!", "data:nocomma"} {
		a := s.predict("how", "read", "image", value)
		if a.code == http.StatusOK && a.str("status") != "failed" || !strings.Contains(a.raw, "image") {
			t.Errorf("%s: %d %s", value, a.code, a.raw)
		}
	}
}
