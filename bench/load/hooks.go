package load

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// hooks are predictions whose "completed" webhook must have come before the next one is sent.
type hooks struct {
	job    Job
	server *http.Server
	addr   string

	mu      sync.Mutex
	waiting map[string]chan json.RawMessage // output of the prediction with this id
}

func newHooks(job Job) (*hooks, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &hooks{job: job, addr: listener.Addr().String(), waiting: make(map[string]chan json.RawMessage)}
	h.server = &http.Server{Handler: h, ReadHeaderTimeout: patience}
	go func() { _ = h.server.Serve(listener) }() // until close
	return h, nil
}

func (h *hooks) close() { h.server.Close() }

func (h *hooks) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	var body struct {
		ID     string
		Output json.RawMessage
	}
	if json.NewDecoder(req.Body).Decode(&body) != nil {
		return // whoever waits for it says so
	}
	h.mu.Lock()
	came := h.waiting[body.ID]
	delete(h.waiting, body.ID) // of two, the second is nobody's
	h.mu.Unlock()
	if came != nil {
		came <- body.Output
	}
}

func (h *hooks) connection(number int) stream {
	return &hook{hooks: h, echo: echo{prefix: fmt.Sprintf(`"echo-%d-`, number)}, number: number, run: time.Now().UnixNano()}
}

// hook is one connection of them.
type hook struct {
	*hooks
	echo   echo
	number int
	run    int64 // makes the ids of two loads differ
	came   chan json.RawMessage
	bytes  []byte
}

func (h *hook) request(n int) []byte {
	id := fmt.Sprintf("hook-%d-%d-%d", h.run, h.number, n)
	h.came = make(chan json.RawMessage, 1)
	h.mu.Lock()
	h.waiting[id] = h.came
	h.mu.Unlock()
	input := fmt.Sprintf(`{"n":%d}`, h.job.Size)
	if h.job.Kind == Hook {
		h.echo.request(n)
		input = `{"s":` + string(h.echo.want) + `}`
	}
	body := fmt.Appendf(nil, `{"id":%q,"input":%s,"webhook":"http://%s/",%s}`, id, input, h.addr, onlyAtEnd)
	h.bytes = post(h.bytes[:0], h.job.Path, "", body)
	return h.bytes
}

func (h *hook) check(answer []byte) (why string) {
	if why := h.right(answer); why != "" {
		return why
	}
	select {
	case output := <-h.came:
		if why := h.right([]byte(`{"output":` + string(output) + "}")); why != "" {
			return "webhook: " + why
		}
		return ""
	case <-time.After(patience):
		return "the webhook never came"
	}
}

func (h *hook) right(answer []byte) (why string) {
	if h.job.Kind == Hook {
		return outputIs(answer, h.echo.want)
	}
	return itemsAre(answer, h.job.Size)
}
