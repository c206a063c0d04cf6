//go:build linux && (amd64 || arm64)

package collect

import "testing"

func TestSampleRate(t *testing.T) {
	for text, want := range map[string]sampleRate{
		"1/100": 100, "1/1": 1, "1/262144": 262144, "1/262145": 0, "1/0": 0, "100": 0, "2/100": 0, "1/": 0, "1/-5": 0, "1/1.5": 0,
	} {
		var n sampleRate
		if err := n.UnmarshalText([]byte(text)); n != want || (err == nil) != (want != 0) {
			t.Errorf("--sample %s: %d, %v", text, n, err)
		}
	}
}

// TestCheckSample: --sample is refused where packets can't be chosen.
func TestCheckSample(t *testing.T) {
	for _, c := range []struct {
		o    Options
		fine bool
	}{
		{Options{Sample: 100, SampleBy: "packet"}, true},
		{Options{Sample: 100, SampleBy: "flow"}, true},
		{Options{SampleBy: "packet"}, true},
		{Options{SampleBy: "flow"}, false},
		{Options{Sample: 100, SampleBy: "packet", NoFollow: true}, false},
		{Options{Sample: 100, SampleBy: "flow", NoFollow: true}, true},
		{Options{Sample: 100, SampleBy: "packet", First: 3}, false},
		{Options{Sample: 100, SampleBy: "packet", CountDrops: true}, false},
	} {
		c.o.StackDepth = 32
		if err := c.o.Check(); (err == nil) != c.fine {
			t.Errorf("--sample %d --sample-by %s, --no-follow %v: %v", c.o.Sample, c.o.SampleBy, c.o.NoFollow, err)
		}
	}
}
