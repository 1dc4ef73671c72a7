package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestPageStreams(t *testing.T) {
	s := ready(t, "playground_stream", launch{})
	p := browse(t, s, "/")
	p.untilForm()
	p.enter(within("pause", "input[type=number]"), "0.1")
	p.enter(within("tokens", "input"), "20")
	p.enter(within("lines", "input"), "2")
	p.click("#run")
	p.until(`document.querySelector("#result .output pre")?.textContent.startsWith("token0 token1 ")`)
	if status := p.text("#result .badge"); status != "Running" {
		t.Errorf("the first tokens are shown when the prediction is %q", status)
	}
	p.until(`document.querySelector("#result .logs pre").textContent === "line 0\nline 1\n"`)
	p.untilStatus("succeeded")
	if text := p.text("#result .output pre"); !strings.HasSuffix(text, "token18 token19 ") || strings.Count(text, "token") != 20 {
		t.Errorf("output %q", text)
	}
	if facts := p.text("#result .facts"); !strings.Contains(facts, "predict_time") || !strings.Contains(facts, "completed") {
		t.Errorf("metrics and times: %q", facts)
	}

	// the same in the background, asked for again and again
	p.how("background")
	p.click("#run")
	p.untilStatus("processing")
	p.untilStatus("succeeded")
	if text := p.text("#result .output pre"); strings.Count(text, "token") != 20 {
		t.Errorf("output in the background %q", text)
	}
	p.until(`document.querySelectorAll("#history .pastrow").length === 2`)
}

func TestPageShowsOutputsAsWhatTheyAre(t *testing.T) {
	p := playground(t)
	p.choose(within("do", "select"), "media")
	p.enter(within("text", "textarea"), "<i>plain</i>")
	p.run("succeeded")
	p.until(`(() => { const i = document.querySelector("#result .output img"); return i && i.complete && i.naturalWidth === 48; })()`)
	p.until(`document.querySelector("#result .output audio")?.duration > 0.05`)
	p.until(`[...document.querySelectorAll("#result .output pre")].some((e) => e.textContent === "<i>plain</i>")`)
	p.until(`[...document.querySelectorAll("#result .output button")].some((e) => e.textContent.startsWith("Save output.bin"))`)

	// a film is given to the browser's player; this one is too short to play
	p.choose(within("do", "select"), "echo")
	p.paste(within("text", "textarea"), "data:video/webm;base64,GkXfow==")
	p.run("succeeded")
	p.until(`document.querySelector("#result .output video")?.controls && document.querySelector("#result video").src.startsWith("blob:")`)

	p.choose(within("do", "select"), "table")
	p.run("succeeded")
	p.until(`document.querySelector("#result .output pre").textContent.includes('"big": 9007199254740993')`)

	p.choose(within("do", "select"), "empty")
	p.run("succeeded")
	p.until(`document.querySelector("#result .output").textContent === "The model returned nothing."`)
}

func TestPageShowsFailures(t *testing.T) {
	p := playground(t)
	p.choose(within("do", "select"), "fail")
	p.enter(within("text", "textarea"), "what a pity")
	for _, how := range []string{"stream", "wait", "background"} {
		p.how(how)
		p.run("failed")
		p.until(`document.querySelector("#result .failure").textContent === "ValueError: what a pity"`)
		if logs := p.text("#result .logs pre"); !strings.HasPrefix(logs, "so far so good\nnot any more\n") || !strings.Contains(logs, "Traceback") {
			t.Errorf("%s: logs %q", how, logs)
		}
	}
}

func TestPageCancels(t *testing.T) {
	p := playground(t)
	p.choose(within("do", "select"), "sleep")
	p.enter(within("n", "input[type=number]"), "600")
	for _, how := range []string{"stream", "wait", "background"} {
		p.how(how)
		p.click("#run")
		p.s.untilHealth("BUSY")
		p.until(`!document.querySelector("#result .cancel").hidden`)
		p.click("#result .cancel")
		p.untilStatus("canceled")
		if a := p.shown(); a.str("status") != "canceled" {
			t.Errorf("%s: %s", how, a.raw)
		}
		p.s.untilHealth("READY")
	}
}

func TestPageSaysThatTheModelIsBusy(t *testing.T) {
	p := playground(t)
	id := p.s.run("do", "sleep", "n", 600)
	p.s.untilHealth("BUSY")
	p.click("#run")
	p.until(`document.querySelector("#refusal").textContent.includes("At capacity")`)
	p.s.do("POST", "/predictions/"+id+"/cancel", "")
	p.s.untilHealth("READY")
	p.run("succeeded")
}

func TestPageReloadsIntoARunningPrediction(t *testing.T) {
	s := ready(t, "playground_stream", launch{})
	p := browse(t, s, "/")
	p.untilForm()
	p.enter(within("pause", "input[type=number]"), "0.2")
	p.enter(within("tokens", "input"), "25")
	p.click("#run")
	p.until(`document.querySelector("#result .output pre")?.textContent.includes("token3 ")`)
	id := p.text("#result .id")
	p.do(chromedp.Reload())
	p.until(`document.querySelector("#result .output pre")?.textContent.startsWith("token0 token1 token2 token3 ")`)
	p.until(`document.querySelector('[data-name="tokens"] input')?.value === "25"`)
	p.untilStatus("succeeded")
	if text := p.text("#result .output pre"); strings.Count(text, "token") != 25 || p.text("#result .id") != id {
		t.Errorf("after the reload %q of %q", text, p.text("#result .id"))
	}

	// and into one that has ended, from the list
	p.enter(within("tokens", "input"), "2")
	p.run("succeeded")
	p.do(chromedp.Reload())
	p.untilStatus("succeeded")
	p.until(`document.querySelectorAll("#history .pastrow").length === 2`)
	p.click("#history li:last-child .pastrow")
	p.until(fmt.Sprintf(`document.querySelector("#result .id").textContent === %q`, id))
	p.until(`document.querySelector('[data-name="tokens"] input')?.value === "25"`)
	p.until(`document.querySelectorAll('#history [aria-current="true"]').length === 1`)
}

// withoutSchema puts something before the server that holds its schema back until learn is called.
func (s *server) withoutSchema() (address string, learn func()) {
	s.t.Helper()
	target, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	through, known := httputil.NewSingleHostReverseProxy(target), make(chan struct{})
	through.FlushInterval = -1 // streams pass as they come
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/openapi.json" {
			<-known
		}
		through.ServeHTTP(w, r)
	}))
	learn = sync.OnceFunc(func() { close(known) })
	s.t.Cleanup(func() {
		learn()
		slow.CloseClientConnections()
		slow.Close()
	})
	return slow.URL, learn
}

// TestPageShowsAPredictionBeforeItKnowsTheModel: a reload that had the prediction sooner than the schema showed each token
// of a text as an output of its own.
func TestPageShowsAPredictionBeforeItKnowsTheModel(t *testing.T) {
	const texts = `[...document.querySelectorAll("#result .output pre")].map((e) => e.textContent)`
	for status, input := range map[string][]any{
		"succeeded": {"tokens", 4}, "processing": {"tokens", 300, "pause", 0.1},
	} {
		t.Run(status, func(t *testing.T) {
			s := ready(t, "playground_stream", launch{})
			id := s.run(input...)
			if status == "succeeded" {
				s.await(id)
			}
			address, learn := s.withoutSchema()
			s.url = address
			p := browse(t, s, "/#"+id)
			p.until(texts + `.length > 0`)
			learn()
			p.untilForm()
			p.until(texts + `.length === 1`)
			p.until(texts + `[0].startsWith("token0 token1 token2 token3 ")`)
			p.untilStatus(status)
			s.do("POST", "/predictions/"+id+"/cancel", "") // nobody waits for its end
		})
	}
}

func TestPageSurvivesTheServersDeath(t *testing.T) {
	p := playground(t)
	p.choose(within("do", "select"), "sleep")
	p.enter(within("n", "input[type=number]"), "600")
	p.click("#run")
	p.s.untilHealth("BUSY")
	p.until(`document.querySelector("#result .badge").dataset.status === "processing"`)
	if err := p.s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.untilStatus("lost")
	p.until(`document.querySelector("#result .failure").textContent.includes("lost")`)
	p.click("#run")
	p.until(`document.querySelector("#result .failure").textContent.includes("cannot be reached")`)
	p.until(`document.querySelector("#health").dataset.status === "OFFLINE"`)
}

func TestPageShowsSetupLive(t *testing.T) {
	gate := t.TempDir()
	s := start(t, "playground", launch{env: []string{"SETUP_GATE=" + filepath.Join(gate, "open")}})
	p := browse(t, s, "/")
	p.until(`document.querySelector("#setup pre")?.textContent.includes("loading the weights")`)
	if health, logs := p.text("#health"), p.text("#setup pre"); health != "Starting" || strings.Contains(logs, "are loaded") {
		t.Errorf("during setup: %q with %q", health, logs)
	}
	open(t, gate, "open")
	p.untilForm()
	p.until(`document.querySelector("#health").textContent === "Ready"`)
	p.until(`document.querySelector("#setup pre").textContent.includes("the weights are loaded")`)
}

func TestPageShowsASetupThatFailed(t *testing.T) {
	dir := model(t, "raise RuntimeError('<b>no weights</b>')\n")
	p := browse(t, start(t, "", launch{dir: dir}), "/")
	p.until(`document.querySelector("#health").textContent === "Setup failed"`)
	p.until(`document.querySelector("#setup pre").textContent.includes("RuntimeError: <b>no weights</b>")`)
	p.until(`document.querySelector("#setup details").open`)
}
