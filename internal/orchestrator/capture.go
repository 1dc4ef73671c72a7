package orchestrator

import (
	"os"
	"time"

	"coglet/fdredirect"
	"coglet/internal/logs"
	"coglet/internal/protocol"
)

// capture is one captured stream of a worker: raw bytes of C code and child processes, of Python before the harness,
// and the last words of a crash.
type capture struct {
	inst   *instance
	source protocol.Source
	pipe   *fdredirect.Capture

	// Guarded by the pipe's own mutex, under which append runs.
	repair logs.Repair
	text   []byte // reused

	words    []byte // the last bytes, for the error of a death; stderr only
	wordTime time.Time
}

// lastWords is how many bytes of stderr a death's error may quote.
const lastWords = 2 << 10

func (i *instance) startCapture() error {
	for n, end := range []*os.File{i.launch.Stdout, i.launch.Stderr} {
		if end == nil {
			continue
		}
		c := &capture{inst: i, source: protocol.Stdout}
		if n == 1 {
			c.source = protocol.Stderr
		}
		pipe, err := fdredirect.NewOrderedCapture(end, c.append, i.order.turn)
		if err != nil {
			return err
		}
		c.pipe = pipe
		if i.ring.memory != nil {
			pipe.Show(protocol.ReadWord(i.launch.Memory, n))
		}
		i.capture[n] = c
	}
	return nil
}

// append is called with the pipe's mutex held for each read, in order.
func (c *capture) append(p []byte) {
	c.text = c.repair.Append(c.text[:0], p)
	if c.source == protocol.Stderr {
		c.remember(p)
	}
	c.give(c.inst.sole())
}

// give hands the text on: to the only prediction that runs, otherwise to setup or the server's log.
func (c *capture) give(r *Run) {
	if len(c.text) == 0 {
		return
	}
	if r != nil {
		c.inst.claimed(r, c.source, c.text)
		c.inst.lines.flush() // nobody else may come for long
		return
	}
	c.inst.unclaimed(c.source, c.text)
}

func (c *capture) remember(p []byte) {
	c.wordTime = time.Now()
	if len(p) >= lastWords {
		c.words = append(c.words[:0], p[len(p)-lastWords:]...)
		return
	}
	if over := len(c.words) + len(p) - lastWords; over > 0 {
		c.words = append(c.words[:0], c.words[over:]...)
	}
	c.words = append(c.words, p...)
}

// drainCapture takes in what the pipes hold at this moment.
func (i *instance) drainCapture() {
	for _, c := range i.capture {
		if c != nil {
			c.pipe.Drain()
		}
	}
}

// takeRaw takes in what the pipes held when a text was printed, so that it comes before the text.
func (i *instance) takeRaw(m *protocol.Log) {
	if i.ring.memory == nil { // nobody can tell
		i.drainCapture()
		return
	}
	for n, c := range i.capture {
		if c != nil && m.Raw[n] > 0 {
			c.pipe.TakeUntil(m.Raw[n])
		}
	}
}

// hideCapture is called before the shared memory is given back: processes that outlive their worker write on.
func (i *instance) hideCapture() {
	for _, c := range i.capture {
		if c != nil {
			c.pipe.Show(nil)
		}
	}
}

// endText ends the text of a prediction: a character that is cut at its end is not completed by the next one's, and no
// later death quotes it.
func (i *instance) endText(r *Run) {
	if i.sole() != r {
		return
	}
	for _, c := range i.capture {
		if c != nil {
			c.pipe.Do(func() {
				c.text = c.repair.Flush(c.text[:0])
				c.words = c.words[:0]
				c.give(r)
			})
		}
	}
}

// claimed appends text to a prediction's logs, and to the server's.
func (i *instance) claimed(r *Run, source protocol.Source, text []byte) {
	r.pred.Log(source, text)
	i.lines.add(r.pred.ID, source, text)
}

// unclaimed takes text that no prediction printed.
func (i *instance) unclaimed(source protocol.Source, text []byte) {
	i.lines.flush()
	i.pool.mu.Lock()
	setup := i.setup
	i.pool.mu.Unlock()
	if setup {
		i.worker.setup.write(source, text)
	}
	i.pool.log.user(setup, source, text)
}

// recent is how old the last words may be that a death's error quotes.
const recent = 2 * time.Second

// words returns the lines that the worker wrote to stderr right before its end.
func (i *instance) words() string {
	c := i.capture[1]
	if c == nil {
		return ""
	}
	var words []byte
	c.pipe.Do(func() {
		if time.Since(c.wordTime) < recent {
			words = append(words, c.words...)
		}
	})
	return lastLines(words)
}

// maxOrphans is how many pipes of ended workers are still read: processes that outlive their worker write to them.
const maxOrphans = 64

// orphans are captures whose worker has ended, oldest first. Guarded by Pool.mu.
type orphans struct {
	pipes []*fdredirect.Capture
}

// abandonCapture leaves the pipes to the pool, which reads them until their end.
func (i *instance) abandonCapture() {
	p := i.pool
	var old []*fdredirect.Capture
	p.mu.Lock()
	for _, c := range i.capture {
		if c != nil {
			old = append(old, p.orphans.add(c.pipe)...)
		}
	}
	p.mu.Unlock()
	closeAll(old)
}

// add needs Pool.mu. It returns the pipes to close.
func (o *orphans) add(c *fdredirect.Capture) (old []*fdredirect.Capture) {
	alive := o.pipes[:0]
	for _, pipe := range append(o.pipes, c) {
		select {
		case <-pipe.Done():
			old = append(old, pipe)
		default:
			alive = append(alive, pipe)
		}
	}
	o.pipes = alive
	if len(o.pipes) > maxOrphans {
		old = append(old, o.pipes[0])
		o.pipes = append([]*fdredirect.Capture(nil), o.pipes[1:]...)
	}
	return old
}

// take needs Pool.mu.
func (o *orphans) take() []*fdredirect.Capture {
	pipes := o.pipes
	o.pipes = nil
	return pipes
}

func closeAll(pipes []*fdredirect.Capture) {
	for _, pipe := range pipes {
		pipe.Close()
	}
}
