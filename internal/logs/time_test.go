package logs

import (
	"testing"
	"time"
)

func TestTimeIsWrittenAsItsFormatSays(t *testing.T) {
	berlin := time.FixedZone("somewhere", 3600+1800)
	for _, at := range []time.Time{
		{},
		time.Unix(0, 0), time.Unix(1<<33, 999_999_999).In(berlin), time.Date(2024, 2, 29, 23, 59, 59, 1_999, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(7, 1, 2, 3, 4, 5, 6_000, berlin),
	} {
		want := "before" + at.UTC().Format(TimeFormat)
		if got := string(AppendTime([]byte("before"), at)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func BenchmarkTime(b *testing.B) {
	now := time.Now()
	dst := make([]byte, 0, 64)
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			dst = AppendTime(dst[:0], now)
		}
	})
	b.Run("time", func(b *testing.B) {
		for b.Loop() {
			dst = now.UTC().AppendFormat(dst[:0], TimeFormat)
		}
	})
}
