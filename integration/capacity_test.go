package integration

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// files, a sleep and a barrier, for an async model
const asyncFiles = `
import asyncio, os
from cog import BasePredictor, Path
count, all_in = 0, None
class Predictor(BasePredictor):
    async def predict(self, do: str, text: str = "", seconds: float = 0.0) -> object:
        global count, all_in
        if do == "file":
            path = os.path.join(os.environ["TMPDIR"], "out.txt")
            with open(path, "w") as out:
                out.write(text)
            return Path(path)
        if do == "meet":
            all_in = all_in or asyncio.Event()
            count += 1
            if count == 5:
                all_in.set()
            await asyncio.wait_for(all_in.wait(), 30)
        await asyncio.sleep(seconds)
        return text
`

func TestFolderThatCannotBeMadeCostsNoSlot(t *testing.T) {
	s := ready(t, "contract", launch{})
	folders, err := filepath.Glob(filepath.Join(s.tmp, "coglet-*", "worker-*"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("%v, %v", folders, err)
	}
	if err := os.RemoveAll(folders[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folders[0], nil, 0o600); err != nil { // as a full disk: nothing can be made in it
		t.Fatal(err)
	}
	for range 3 {
		s.failed(s.predict("do", "read", "image", "data:,x"), "input.image")
		s.succeeded(s.predict("do", "echo"))
	}
	s.untilHealth("READY")
}

func TestUploadThatHangsHoldsUpNobodyElse(t *testing.T) {
	hang := make(chan struct{})
	r := newReceiver(t, func(int, http.ResponseWriter) { <-hang })
	release := sync.OnceFunc(func() { close(hang) })
	t.Cleanup(release)
	s := ready(t, "", launch{dir: model(t, asyncFiles), env: []string{"COG_MAX_CONCURRENCY=2"}, flags: []string{"--upload-url", r.URL}})
	id := s.run("do", "file", "text", "slow")
	s.until("the upload is under way", func() bool { return len(r.got()) == 1 })
	for n := range 20 {
		if out := s.succeeded(s.predict("do", "echo", "text", fmt.Sprint(n))); out != fmt.Sprint(n) {
			t.Errorf("neighbour: %v", out)
		}
	}
	if a := s.do("GET", "/predictions/"+id, ""); a.str("status") != "processing" {
		t.Errorf("ended before its file was uploaded: %s", a.raw)
	}
	release()
	if out := s.succeeded(s.await(id)); out != r.URL+"/out.txt" {
		t.Errorf("%v", out)
	}
}

func TestFiveAtOnceAreFinishedAtShutdown(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, asyncFiles), env: []string{"COG_MAX_CONCURRENCY=5"}})
	var wg sync.WaitGroup
	answers := make([]answer, 5)
	for n := range answers { // each waits for all of them
		wg.Go(func() { answers[n] = s.predict("do", "meet", "text", fmt.Sprint(n), "seconds", 0.5) })
	}
	s.until("BUSY", func() bool { return s.health().str("status") == "BUSY" })
	if a := s.do("POST", "/shutdown", ""); a.raw != "{}" {
		t.Errorf("shutdown: %s", a.raw)
	}
	wg.Wait()
	for n, a := range answers {
		if out := s.succeeded(a); out != fmt.Sprint(n) {
			t.Errorf("%d: %v", n, out)
		}
	}
	<-s.ended
}

func TestShutdownWaitsForBackgroundUploadAndWebhook(t *testing.T) {
	uploads := newReceiver(t, func(int, http.ResponseWriter) { time.Sleep(300 * time.Millisecond) })
	hooks := newReceiver(t, nil)
	s := ready(t, "contract", launch{flags: []string{"--upload-url", uploads.URL}})
	s.do("POST", "/predictions", hooked(hooks.URL, []string{"completed"}, "p", "do", "file", "text", "x"), "Prefer", "respond-async")
	s.do("POST", "/shutdown", "")
	<-s.ended
	all := hooks.got()
	if len(all) != 1 || all[0].body["status"] != "succeeded" || all[0].body["output"] != uploads.URL+"/out%20file.txt" || len(uploads.got()) != 1 {
		t.Errorf("%d uploads, webhooks: %v", len(uploads.got()), all)
	}
}

// Nothing but the port can be connected to: neither a worker's channels nor anything of the server's own.
func TestOnlyThePortListens(t *testing.T) {
	s := ready(t, "contract", launch{flags: []string{"--workers", "2"}})
	s.until("two workers", func() bool { return len(s.workers()) == 2 })
	ours := map[string]bool{}
	for _, pid := range append(s.workers(), s.cmd.Process.Pid) {
		links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links {
			if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, "socket:[") {
				ours[strings.Trim(strings.TrimPrefix(to, "socket:"), "[]")] = true
			}
		}
	}
	listening := 0
	for file, is := range map[string]func(f []string) (inode string, listens bool){
		"/proc/net/unix": func(f []string) (string, bool) { return f[6], f[3] == "00010000" },
		"/proc/net/tcp":  func(f []string) (string, bool) { return f[9], f[3] == "0A" },
		"/proc/net/tcp6": func(f []string) (string, bool) { return f[9], f[3] == "0A" },
	} {
		table, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue // no IPv6 here
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(string(table)), "\n")[1:] {
			if inode, listens := is(strings.Fields(line)); listens && ours[inode] {
				listening++
			}
		}
	}
	if listening != 1 {
		t.Errorf("%d sockets listen, want the port alone", listening)
	}
}

// An answer of many megabytes used to be cut off a second after the signal.
func TestShutdownWaitsForAnswersThatAreStillRead(t *testing.T) {
	s := ready(t, "contract", launch{})
	text := strings.Repeat("0123456789", 3<<20)
	body := inputBody("do", "echo", "text", text)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := errors.Join(conn.(*net.TCPConn).SetReadBuffer(64<<10), conn.SetDeadline(time.Now().Add(patience))); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.until("the workers have ended", func() bool { return len(s.workers()) == 0 })
	time.Sleep(1500 * time.Millisecond) // longer than it is waited for what nobody reads
	whole, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(whole), text) {
		t.Errorf("%d bytes, %v", len(whole), err)
	}
	<-s.ended
}
