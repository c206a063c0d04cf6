package pipe

import (
	"strings"
	"testing"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "4096": 4096, "4096B": 4096, "64k": 64 << 10, "64K": 64 << 10, "64KiB": 64 << 10, "64kB": 64_000,
		"100MB": 100_000_000, "1.5G": 3 << 29, "2gb": 2_000_000_000,
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %d %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "k", "-1", "1x", "1KK", "1iB1", "1e400", "9999999999G", "nan"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "is not a size") {
			t.Errorf("%q: %d %v", text, got, err)
		}
	}
}
