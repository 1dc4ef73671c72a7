package logs

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func checkQuote(t *testing.T, text string) {
	t.Helper()
	want, _ := jsontext.AppendQuote(nil, text)
	if got := string(AppendQuote([]byte("before"), text)); got != "before"+string(want) {
		t.Errorf("%q became %s, want %s", text, got, want)
	}
	if got := IsEscaped(text); got != (string(want) == `"`+text+`"`) {
		t.Errorf("%q is escaped: %t, and becomes %s", text, got, want)
	}
}

func TestQuoteIsThatOfJSON(t *testing.T) {
	for c := range 256 { // each byte at each place of a word
		for at := range 17 {
			text := []byte(strings.Repeat("x", 17))
			text[at] = byte(c)
			checkQuote(t, string(text))
		}
	}
	for _, text := range []string{"", "é", "\u2028<&>", "a\xffb", "\xed\xa0\x80", "\xf0\x9f\x98", "😀 and\n\"quoted\"\\", "\x7f\u0080"} {
		checkQuote(t, text)
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("a line of text\n")
	f.Add("\xf0\x9f\x98\x80\"\\\x00")
	f.Fuzz(func(t *testing.T, text string) { checkQuote(t, text) })
}

func BenchmarkQuote(b *testing.B) {
	for name, text := range map[string]string{
		"lines": strings.Repeat(strings.Repeat("x", 99)+"\n", 1000), "short lines": strings.Repeat("line 12\n", 10_000),
		"umlauts": strings.Repeat("größer als äußerst üblich\n", 1000),
	} {
		for how, quote := range map[string]func([]byte, string) []byte{
			"ours": AppendQuote, "jsontext": func(dst []byte, s string) []byte {
				dst, _ = jsontext.AppendQuote(dst, s)
				return dst
			},
		} {
			b.Run(name+"/"+how, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				dst := make([]byte, 0, 2*len(text))
				for b.Loop() {
					dst = quote(dst[:0], text)
				}
			})
		}
	}
}
