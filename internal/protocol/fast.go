package protocol

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// The headers that come with every prediction, item or line are read and written here without reflection, in the one
// form in which both halves write them. Any other form goes the general way: this decides speed, never meaning.

// plain is the header in its usual form, if that is known of its type. It needs no error: what it cannot write, a
// context for one, json.Marshal writes.
func (m *Predict) plain(dst []byte) (header []byte, ok bool) {
	if m.Type != TypePredict || len(m.Context) > 0 {
		return dst, false
	}
	dst = strconv.AppendInt(append(dst, `{"type":"predict","slot":`...), int64(m.Slot), 10)
	dst = strconv.AppendUint(append(dst, `,"seq":`...), m.Seq, 10)
	dst, err := jsontext.AppendQuote(append(dst, `,"id":`...), m.ID)
	if err != nil {
		return dst, false
	}
	if m.Method != "" {
		if dst, err = jsontext.AppendQuote(append(dst, `,"method":`...), m.Method); err != nil {
			return dst, false
		}
	}
	return append(dst, '}'), true
}

// decodePlain decodes a header that has the usual form of its type.
func decodePlain(header []byte, msg any) bool {
	s := scanner{header, true}
	switch m := msg.(type) {
	case *Output:
		s.text(`{"type":"output","slot":`)
		slot := s.integer()
		s.text(`,"index":`)
		index := s.integer()
		s.text(`}`)
		if s.ended() {
			*m = Output{Type: TypeOutput, Slot: int(slot), Index: int(index)}
			return true
		}
	case *Done:
		s.text(`{"type":"done","slot":`)
		slot := s.integer()
		s.text(`,"seq":`)
		seq := s.integer()
		s.text(`,"status":"succeeded","predict_time":`)
		seconds := s.seconds()
		stream := s.optional(`,"is_stream":true`)
		s.text(`}`)
		if s.ended() {
			*m = Done{
				Type: TypeDone, Slot: int(slot), Seq: seq, Status: StatusSucceeded, PredictTime: seconds, IsStream: stream,
			}
			return true
		}
	case *Log:
		s.text(`{"type":"log","slot":`)
		slot := int(s.integer())
		source := Stdout
		if s.optional(`,"source":"stderr"`) {
			source = Stderr
		} else {
			s.text(`,"source":"stdout"`)
		}
		s.text(`}`)
		if s.ended() {
			*m = Log{Type: TypeLog, Slot: &slot, Source: source}
			return true
		}
	}
	return false
}

// scanner reads one header from left to right. Once something was not as expected it stays that way.
type scanner struct {
	rest []byte
	ok   bool
}

func (s *scanner) optional(want string) bool {
	if !s.ok || len(s.rest) < len(want) || string(s.rest[:len(want)]) != want {
		return false
	}
	s.rest = s.rest[len(want):]
	return true
}

func (s *scanner) text(want string) { s.ok = s.optional(want) }

// integer reads a number of at most 18 digits.
func (s *scanner) integer() (n uint64) {
	i := 0
	for ; i < len(s.rest) && i < 18 && s.rest[i]-'0' < 10; i++ {
		n = n*10 + uint64(s.rest[i]-'0')
	}
	s.ok = s.ok && i > 0 && (i == 1 || s.rest[0] != '0')
	s.rest = s.rest[i:]
	return n
}

// seconds reads a number as JSON writes it, without a sign; whole nanoseconds, as our worker writes them, without a detour.
func (s *scanner) seconds() float64 {
	whole := scanner{s.rest, true}
	n := whole.integer()
	whole.text("e-9")
	if whole.ok && n < 1<<53 && len(whole.rest) > 0 && (whole.rest[0] == ',' || whole.rest[0] == '}') {
		s.rest = whole.rest
		return float64(n) / 1e9 // both are exact, so this is the nearest there is
	}
	i := bytes.IndexAny(s.rest, ",}")
	if i < 1 || s.rest[0] == '-' || !jsontext.Value(s.rest[:i]).IsValid() {
		s.ok = false
		return 0
	}
	f, err := strconv.ParseFloat(string(s.rest[:i]), 64)
	s.ok = s.ok && err == nil
	s.rest = s.rest[i:]
	return f
}

func (s *scanner) ended() bool { return s.ok && len(s.rest) == 0 }
