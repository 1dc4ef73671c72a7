package integration

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What Replicate's clients stumble over without a word, seen on the wire. That the clients themselves are content is shown
// by the tests that run them.

// trapModel waits for a file where a test must see it in between.
const trapModel = `import os
import time
from typing import Iterator

from tqdm import tqdm


class Predictor:
    def predict(self, do: str, gate: str = "") -> Iterator[str]:
        if do == "bar":
            for _ in tqdm(range(4), mininterval=0):
                pass
            print("\rtwo\r\nlines")
        yield "part\nof it"
        while gate and not os.path.exists(gate):
            time.sleep(0.005)
        yield " end"
`

func (s *server) v1(input map[string]any, header ...string) answer {
	s.t.Helper()
	return s.do("POST", "/v1/predictions", asJSON(s.t, map[string]any{"version": "v", "input": input}), header...)
}

// TestReplicateTakesAnyStatusButStartingForTheEnd: with processing and what there is so far, run() would return that.
func TestReplicateTakesAnyStatusButStartingForTheEnd(t *testing.T) {
	t.Parallel()
	s := ready(t, "", launch{dir: model(t, trapModel)})
	gates := t.TempDir()
	input := map[string]any{"do": "wait", "gate": filepath.Join(gates, "go")}
	for _, header := range [][]string{nil, {"Prefer", "wait=1"}} {
		a := s.v1(input, header...)
		id := a.str("id")
		if a.code != http.StatusCreated || a.str("status") != "starting" || a.body["output"] != nil {
			t.Errorf("%q: %d %s", header, a.code, a.raw)
		}
		// it is known at once, whatever runs when: cancel right after create finds it
		a = s.do("POST", "/v1/predictions/"+id+"/cancel", "")
		if a.code != http.StatusOK || a.str("id") != id || a.str("version") == "" || a.str("model") == "" || a.str("status") != "canceled" {
			t.Errorf("cancel: %d %s", a.code, a.raw)
		}
		s.untilHealth("READY")
	}
	open(t, gates, "go")
	if a := s.v1(input, "Prefer", "wait"); a.str("status") != "succeeded" || asJSON(t, a.body["output"]) != `["part\nof it"," end"]` {
		t.Errorf("wait without a number: %s", a.raw)
	}
}

// rawEvents reads a stream of /v1 as it is on the wire.
func (s *server) rawEvents(address string) string {
	s.t.Helper()
	cmd := exec.Command("curl", "-sN", "--max-time", "30", "-H", "Accept: text/event-stream", address) // no Authorization
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestReplicateDropsEventsWithoutIds, wants texts and not JSON, knows four names, and takes /v1/files/ for files.
func TestReplicateDropsEventsWithoutIds(t *testing.T) {
	t.Parallel()
	s := ready(t, "", launch{dir: model(t, trapModel)})
	a := s.v1(map[string]any{"do": "bar"}, "Prefer", "wait")
	urls, _ := a.body["urls"].(map[string]any)
	stream, _ := urls["stream"].(string)
	if !strings.HasPrefix(stream, s.url+"/v1/") || strings.HasPrefix(stream, s.url+"/v1/files/") {
		t.Fatalf("stream at %q", stream)
	}
	raw := s.rawEvents(stream)
	blocks := strings.Split(strings.TrimSuffix(raw, "\n\n"), "\n\n")
	for _, block := range blocks {
		lines := strings.Split(block, "\n")
		name := strings.TrimPrefix(lines[min(1, len(lines)-1)], "event: ")
		if !strings.HasPrefix(lines[0], "id: ") || !strings.Contains(" output logs error done ", " "+name+" ") || strings.Contains(block, "\r") {
			t.Errorf("event %q", block)
		}
	}
	if !strings.Contains(raw, "event: output\ndata: part\ndata: of it\n\n") || !strings.HasSuffix(raw, "event: done\ndata: {}\n\n") {
		t.Errorf("stream:\n%s", raw)
	}
}

// TestReplicateGivesUpASilentStream: its Python client reads for 30 s at most.
func TestReplicateGivesUpASilentStream(t *testing.T) {
	t.Parallel()
	s := ready(t, "", launch{dir: model(t, trapModel)})
	gates := t.TempDir()
	a := s.v1(map[string]any{"do": "wait", "gate": filepath.Join(gates, "go")})
	resp, err := http.Get(s.url + "/v1/predictions/" + a.str("id") + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	beats := 0
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), ":") {
			beats++
			open(t, gates, "go") // the prediction ends only now, so without a beat this test does not end well
		}
	}
	if err := lines.Err(); err != nil || beats == 0 {
		t.Errorf("%d comments, %v", beats, err)
	}
}

// TestReplicateReadsProgressLineByLine: a bar that is drawn over and over is one line to it, and its beginning is all that
// it sees.
func TestReplicateReadsProgressLineByLine(t *testing.T) {
	t.Parallel()
	s := ready(t, "", launch{dir: model(t, trapModel)})
	a := s.v1(map[string]any{"do": "bar"}, "Prefer", "wait")
	logs := a.str("logs")
	if strings.Contains(logs, "\r") || !strings.Contains(logs, "\n 25%|") || !strings.HasSuffix(logs, "\ntwo\nlines\n") {
		t.Errorf("logs of /v1: %q", logs)
	}
	for _, path := range []string{"/v1/predictions/" + a.str("id"), "/v1/predictions"} {
		got := s.do("GET", path, "")
		if strings.Contains(got.raw, `\r`) {
			t.Errorf("%s: %s", path, got.raw)
		}
	}
	if own := s.do("GET", "/predictions/"+a.str("id"), ""); !strings.Contains(own.str("logs"), "\r") {
		t.Errorf("Cog's route has changed the logs: %q", own.str("logs"))
	}
	program := `import sys
from replicate.prediction import Prediction
progress = Prediction.Progress.parse(sys.stdin.read())
print(progress.percentage, progress.current, progress.total)`
	read := exec.Command(venv(t, "replicate"), "-c", program)
	read.Stdin = strings.NewReader(logs)
	if out, err := read.CombinedOutput(); err != nil || string(out) != "1.0 4 4\n" {
		t.Errorf("the client reads %s %v", out, err)
	}
}

// TestReplicateWantsASecretWithOneUnderscore: a key in the other kind of base64 would have more.
func TestReplicateWantsASecretWithOneUnderscore(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"whsec_-_-_-_-_", "whsec_+/+/+/+/", "any other text_with_more"} {
		cmd := exec.Command(binary, "serve", example("hello"), "--host", "127.0.0.1", "--port", "0", "--python", venv(t, "bundled"))
		cmd.Env = append(cmd.Environ(), "WEBHOOK_SIGNING_SECRET="+secret)
		if strings.Contains(secret, "-") { // it is refused when the server starts, not when a webhook comes
			if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "is no webhook secret") {
				t.Errorf("%s: %s %v", secret, out, err)
			}
			continue
		}
		s := startCommand(t, cmd, "")
		if key := s.do("GET", "/v1/webhooks/default/secret", "").str("key"); strings.Count(key, "_") != 1 || !strings.HasPrefix(key, "whsec_") {
			t.Errorf("%s: the key is %q", secret, key)
		}
	}
}

// TestReplicateFilesHaveAllThatItNeeds: its Python client refuses a file that lacks any of these.
func TestReplicateFilesHaveAllThatItNeeds(t *testing.T) {
	t.Parallel()
	s := ready(t, "", launch{dir: example("hello")})
	body, contentType := multipartBody(t, [3]string{"content", "a b.txt", "content"}, [3]string{"metadata", "", `{"k":1}`})
	a := s.do("POST", "/v1/files", body, "Content-Type", contentType)
	for _, key := range []string{"id", "name", "content_type", "size", "etag", "checksums", "metadata", "created_at", "expires_at", "urls"} {
		if a.body[key] == nil {
			t.Errorf("no %s in %s", key, a.raw)
		}
	}
	if a.code != http.StatusCreated || asJSON(t, a.body["metadata"]) != `{"k":1}` {
		t.Errorf("%d %s", a.code, a.raw)
	}
	req, err := http.NewRequest(http.MethodDelete, s.url+"/v1/files/"+a.str("id"), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("delete: %d", resp.StatusCode)
	}
	var problem map[string]any
	if err := json.Unmarshal([]byte(s.do("GET", "/v1/files/"+a.str("id"), "").raw), &problem); err != nil || problem["status"] != 404.0 {
		t.Errorf("after it is deleted: %v %v", problem, err)
	}
}
