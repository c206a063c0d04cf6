//go:build linux && (amd64 || arm64)

package kernel

import "testing"

// TestCounted: an error of reading what was counted names the option that it is of.
func TestCounted(t *testing.T) {
	for want, s := range map[string]Settings{"--limit held back": {Limit: 5}, "--count-drops counted": {Counts: true}} {
		if got := s.counted(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
