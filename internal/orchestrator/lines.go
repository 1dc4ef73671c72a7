package orchestrator

import (
	"sync"

	"coglet/internal/protocol"
)

// lines are what a prediction has printed that is not yet in the server's log: as long as more comes at once, one record
// after the other would cost more than all the rest. Whoever logs something else, or waits, writes them first.
type lines struct {
	log *userLogs

	mu     sync.Mutex // guards all below, and the order of the log
	id     string
	source protocol.Source
	text   []byte
}

// maxLines is how many bytes wait at the most.
const maxLines = 32 << 10

func (l *lines) add(id string, source protocol.Source, text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.text); n > 0 && (l.id != id || l.source != source || l.text[n-1] != '\n' || n+len(text) > maxLines) {
		l.write()
	}
	l.id, l.source, l.text = id, source, append(l.text, text...)
}

func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write()
}

// write needs mu.
func (l *lines) write() {
	if len(l.text) > 0 {
		l.log.prediction(l.id, l.source, l.text)
		l.text = l.text[:0]
		if cap(l.text) > 2*maxLines { // a huge text is not kept for the next
			l.text = nil
		}
	}
}
