//go:build unix

// Command go-worker is a model written in Go: it counts words, and yields the most frequent ones.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"coglet/worker"
)

//go:embed schema.json
var schema []byte

func main() { worker.Main(counter{}) }

type counter struct{}

// Schema describes the inputs, which the server checks, and the output.
func (counter) Schema() []byte { return schema }

// Slots says how many texts are counted at once.
func (counter) Slots() int { return 4 }

// Setup runs once; what it prints is in the setup logs.
func (counter) Setup(context.Context) error {
	fmt.Println("ready to count")
	return nil
}

// word is one output.
type word struct {
	Word  string `json:"word"`
	Count int    `json:"count"`
}

// Predict yields the words of a text, the most frequent first.
func (counter) Predict(_ context.Context, p *worker.Prediction) (any, error) {
	in := struct {
		Text string `json:"text"`
		Top  int    `json:"top"`
	}{Top: 3}
	if err := p.Decode(&in); err != nil {
		return nil, err
	}
	words := count(in.Text)
	fmt.Printf("%d different words\n", len(words))
	if err := p.Metric("words", "replace", len(words)); err != nil {
		return nil, err
	}
	for _, w := range words[:min(in.Top, len(words))] {
		if err := p.Yield(w); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func count(text string) []word {
	counts := make(map[string]int)
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
		counts[w]++
	}
	words := make([]word, 0, len(counts))
	for w, n := range counts {
		words = append(words, word{w, n})
	}
	slices.SortFunc(words, func(a, b word) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Word, b.Word))
	})
	return words
}
