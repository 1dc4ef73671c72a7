package schema

import (
	"regexp"
	"strings"
)

// classes are the shorthand classes as Python and Cog's engine understand them: of all of Unicode, where Go's are ASCII.
var classes = map[byte]string{
	'w': `\p{L}\p{M}\p{Nd}\p{Pc}`,
	'd': `\p{Nd}`,
	's': `\s\x{0b}\x{85}\p{Z}`,
}

// translate makes a Go expression of a pattern written for Python. nil means that Go cannot do it: the worker checks it.
func translate(pattern string) *regexp.Regexp {
	var out strings.Builder
	inClass := false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '[' && !inClass:
			inClass = true
			out.WriteByte(c)
			if strings.HasPrefix(pattern[i+1:], "^") {
				out.WriteByte('^')
				i++
			}
			if strings.HasPrefix(pattern[i+1:], "]") { // a bracket that comes first is itself
				out.WriteString(`\]`)
				i++
			}
		case c == ']':
			inClass = false
			out.WriteByte(c)
		case c == '\\' && i+1 < len(pattern):
			i++
			class, shorthand := classes[pattern[i]]
			negated, isNegated := classes[pattern[i]|0x20]
			switch {
			case shorthand && inClass:
				out.WriteString(class)
			case shorthand:
				out.WriteString("[" + class + "]")
			case isNegated && inClass, pattern[i] == 'b' && !inClass, pattern[i] == 'B', pattern[i] == 'Z':
				return nil
			case isNegated:
				out.WriteString("[^" + negated + "]")
			default:
				out.WriteByte('\\')
				out.WriteByte(pattern[i])
			}
		default:
			out.WriteByte(c)
		}
	}
	re, err := regexp.Compile(out.String())
	if err != nil {
		return nil
	}
	return re
}
