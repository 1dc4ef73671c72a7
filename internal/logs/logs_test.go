package logs

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func repairAll(pieces ...[]byte) string {
	var r Repair
	var out []byte
	for _, p := range pieces {
		out = r.Append(out, p)
	}
	return string(r.Flush(out))
}

func TestCharactersCutAtEveryBoundaryArriveWhole(t *testing.T) {
	text := []byte("a é € 😀 z")
	for i := range len(text) + 1 {
		for j := i; j <= len(text); j++ {
			if got := repairAll(text[:i], text[i:j], text[j:]); got != string(text) {
				t.Fatalf("cut at %d and %d: %q", i, j, got)
			}
		}
	}
}

func TestInvalidBytesBecomeReplacements(t *testing.T) {
	for in, want := range map[string]string{
		"\xff":             "\uFFFD",
		"a\xffb":           "a\uFFFDb",
		"\xf0\x9f":         "\uFFFD\uFFFD",
		"\xf0\x9fa":        "\uFFFD\uFFFDa",
		"\xc3\xc3\xa9":     "\uFFFDé",
		"\xe2\x82\xe2\x82": "\uFFFD\uFFFD\uFFFD\uFFFD",
		"\xed\xa0\x80":     "\uFFFD\uFFFD\uFFFD",
	} {
		if got := repairAll([]byte(in)); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func FuzzRepairDoesNotDependOnTheCuts(f *testing.F) {
	f.Add([]byte("a é € 😀"), 3, 5)
	f.Add([]byte("\xf0\x9f\xe2\x82"), 1, 3)
	f.Fuzz(func(t *testing.T, in []byte, i, j int) {
		if i < 0 || j < i || j > len(in) {
			return
		}
		whole, cut := repairAll(in), repairAll(in[:i], in[i:j], in[j:])
		if whole != cut || !utf8.ValidString(cut) {
			t.Fatalf("%q: whole %q, cut at %d and %d %q", in, whole, i, j, cut)
		}
		if utf8.Valid(in) && whole != string(in) {
			t.Fatalf("valid %q became %q", in, whole)
		}
	})
}

func TestTailKeepsTheEndAndSaysWhatWasDropped(t *testing.T) {
	for _, lines := range []int{0, 10, 200_000} {
		tail := Tail{Max: 1 << 20}
		var all bytes.Buffer
		for n := range lines {
			line := fmt.Sprintf("line number %d é\n", n)
			all.WriteString(line)
			tail.Append([]byte(line))
		}
		got := tail.String()
		if all.Len() <= tail.Max {
			if got != all.String() {
				t.Errorf("%d lines were changed", lines)
			}
			continue
		}
		notice, rest, _ := strings.Cut(got, "\n")
		var dropped int
		if _, err := fmt.Sscanf(notice, "[coglet: %d bytes of earlier logs dropped]", &dropped); err != nil {
			t.Fatalf("notice %q: %v", notice, err)
		}
		if dropped+len(rest) != all.Len() || !strings.HasSuffix(all.String(), rest) || !strings.HasPrefix(rest, "line") {
			t.Errorf("%d dropped, %d kept of %d, begins %q", dropped, len(rest), all.Len(), rest[:20])
		}
		if len(rest) > tail.Max || tail.Len() > tail.Max+chunkSize {
			t.Errorf("%d given out, %d held, max is %d", len(rest), tail.Len(), tail.Max)
		}
	}
}

func TestTailCutsLongLinesAtACharacter(t *testing.T) {
	tail := Tail{Max: 1<<20 + 1}
	tail.Append([]byte(strings.Repeat("😀", 1<<20)))
	if got := tail.String(); !utf8.ValidString(got) {
		t.Error("a character was cut")
	}
}

func TestCapCutsOnlyLongLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	for name, tc := range map[string]struct{ in, want string }{
		"at the limit": {long + "\nb\n", long + "\nb\n"},
		"one past":     {long + "y\nb\n", long + cutNotice + "\nb\n"},
		"two lines":    {"a\n" + long + "yy\nb", "a\n" + long + cutNotice + "\nb"},
	} {
		for _, piece := range []int{1 << 30, 1 << 20, 4096, 1023} {
			var c Cap
			tail := Tail{Max: 64 << 20}
			for in := tc.in; len(in) > 0; {
				n := min(piece, len(in))
				c.WriteTo(&tail, []byte(in[:n]))
				in = in[n:]
			}
			if got := tail.String(); got != tc.want {
				t.Errorf("%s in pieces of %d: %d bytes, want %d", name, piece, len(got), len(tc.want))
			}
		}
	}
}

func TestCapCutsAtACharacter(t *testing.T) {
	var c Cap
	var tail Tail
	c.WriteTo(&tail, []byte("x"+strings.Repeat("é", MaxLine)))
	if got := tail.String(); !utf8.ValidString(got) || !strings.HasSuffix(got, "é"+cutNotice) {
		t.Errorf("cut line ends %q", got[len(got)-40:])
	}
}
