package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// large marks what is too long for every run: make test-large sets the variable.
func large(t *testing.T) {
	t.Helper()
	if os.Getenv("COGLET_TEST_LARGE") == "" {
		t.Skip("runs in make test-large")
	}
}

// resident is a process's memory in KiB.
func resident(t *testing.T, pid int) (kib int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			return kib
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

func TestLargeNumberOfPredictionsKeepsMemoryFlat(t *testing.T) {
	large(t)
	s := ready(t, "rogue", launch{})
	run := func(n int) {
		for range n {
			s.succeeded(s.predict("do", "nothing"))
		}
	}
	run(10_000)
	parent, worker := resident(t, s.cmd.Process.Pid), resident(t, s.workers()[0])
	run(90_000)
	grownParent, grownWorker := resident(t, s.cmd.Process.Pid)-parent, resident(t, s.workers()[0])-worker
	t.Logf("after 90,000 more: parent %+d KiB of %d, worker %+d KiB of %d", grownParent, parent, grownWorker, worker)
	if grownParent > parent/2 || grownWorker > worker/4 {
		t.Error("memory grows with the number of predictions")
	}
}

func TestLargeOutputFile(t *testing.T) {
	large(t)
	s := ready(t, "files", launch{})
	out := s.succeeded(s.predict("how", "same_file", "text", strings.Repeat("x", 1023), "size", 600<<10)).(string)
	if want := (600<<20+2)/3*4 + len("data:text/plain;base64,"); len(out) != want {
		t.Errorf("%d characters, want %d", len(out), want)
	}
	s.failed(s.predict("how", "same_file", "text", strings.Repeat("x", 1023), "size", 1<<20), "is over --max-output")
	s.succeeded(s.predict("how", "read"))
}

func TestLargePauseEndsAnIdleConnection(t *testing.T) {
	large(t)
	s := ready(t, "rogue", launch{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(4 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") { // to its end
		t.Errorf("%q, %v", answer, err)
	}
}

func TestLargeUploadOfTwoGigabytes(t *testing.T) {
	large(t)
	r := newReceiver(t, nil)
	s := ready(t, "contract", launch{flags: []string{"--upload-url", r.URL}})
	s.succeeded(s.predict("do", "big", "n", 1))
	before := resident(t, s.cmd.Process.Pid)
	const size = 2 << 30
	s.succeeded(s.predict("do", "big", "n", size))
	if got := r.got(); got[len(got)-1].size != size {
		t.Errorf("uploaded %d bytes of %d", got[len(got)-1].size, size)
	}
	grown := resident(t, s.cmd.Process.Pid) - before
	t.Logf("the server has grown by %d KiB", grown)
	if grown > 20<<10 {
		t.Errorf("the server has grown by %d KiB for a file of %d KiB", grown, size>>10)
	}
}

// The real torch, in the environment that make test-large makes for it.
func TestLargeTorch(t *testing.T) {
	large(t)
	s := ready(t, "torch_model", launch{python: venv(t, "embed")})
	for do, want := range map[string]string{
		"tensor": `[0.0,0.5]`,
		"values": `{"scalar":1.5,"integer":3,"flag":true,"matrix":[[1,0],[0,1]],"half":[0.5],"nan":[null,1.0],"empty":[],` +
			`"needs_grad":[1.0],"size":[2,3],"one":[1.0],"numpy":[1.0],"list":[1.0,[2.0]]}`,
		"net_of":  `[1.0,1.0]`,
		"several": `[[0,0],[1,1]]`,
		"worker":  `[0,1]`,
		"spawn":   `4`,
	} {
		a := s.predict("do", do)
		s.succeeded(a)
		if !strings.Contains(a.raw, `"output":`+want+`,"`) {
			t.Errorf("%s: %s, want %s", do, a.raw, want)
		}
	}
	s.failed(s.predict("do", "complex"), "output.z[0]: cannot encode complex")
	s.failed(s.predict("do", "device"), "output: cannot encode torch.device")
	if a := s.predict("n", 0); a.code != http.StatusUnprocessableEntity { // seen through the decorator
		t.Errorf("%d %s", a.code, a.raw)
	}
}
