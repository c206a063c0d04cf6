package spell

import "testing"

// TestNearest: what people mistype is found, and what is like nothing is not.
func TestNearest(t *testing.T) {
	known := []string{"cpu", "dev", "mark", "nat", "netns", "outer.ttl", "vxlan"}
	for name, want := range map[string]string{
		"nta": "nat", "nat": "nat", "net": "nat", "makr": "mark", "vxaln": "vxlan", "outer.tll": "outer.ttl", "outr.tl": "outer.ttl",
		"": "", "speed": "", "x": "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
