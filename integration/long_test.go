package integration

import (
	"fmt"
	"strings"
	"testing"
)

func TestLongStringsArriveAsTheyWereSent(t *testing.T) {
	for _, model := range []string{"long", "long_async"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			s := ready(t, model, launch{})
			// below and above the size that goes another way, and over the buffers
			for _, size := range []int{60_000, 70_000, 1_500_000} {
				for _, pattern := range []string{"x", "line\n", `"quoted" \`, "\x00\x1f\x7f", "größer", "😀\u2028<&>\ufffd"} {
					checkLong(t, s, strings.Repeat(pattern, size/len(pattern)+1))
				}
			}
		})
	}
}

func checkLong(t *testing.T, s *server, want string) {
	t.Helper()
	for _, how := range []string{"return", "list", "yield"} {
		got := s.succeeded(s.predict("s", want, "how", how))
		if how == "return" {
			got = []any{got, got}
		}
		items, _ := got.([]any)
		if len(items) != 2 || items[0] != want || items[1] != want {
			t.Errorf("%d bytes, by %s, came back as %.80q", len(want), how, fmt.Sprint(got))
		}
	}
}
