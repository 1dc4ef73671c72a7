package fdredirect

// Source names a captured stream.
type Source string

// The two streams.
const (
	Stdout Source = "stdout"
	Stderr Source = "stderr"
)

// Log is a piece of captured text. It is valid UTF-8, and never a part of a character.
type Log struct {
	Source Source
	Data   string
}
