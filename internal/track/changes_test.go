package track

import (
	"strings"
	"testing"
)

// TestChangedNames: a name that nothing has is refused with the nearest, and status 2.
func TestChangedNames(t *testing.T) {
	for name, want := range map[string]string{
		"nat": "", "mark": "", "outer.ttl": "", "outer3.src": "", "esp": "", "encap": "", "spi": "", "outer.vni": "", "ip-proto-97": "",
		"ip-proto-udp": "what does is nat, ", "ip-proto-256": "what does is nat, ",
		"nta":       "--changed nta: nothing of that name changes; the nearest is nat",
		"outer.tll": "the nearest is outer.ttl",
		"speed":     "what does is nat, encap, ",
		"":          "what does is nat, ",
	} {
		err := (&Selection{Changed: []string{name}}).check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
		if s, ok := err.(interface{ ExitStatus() int }); err != nil && (!ok || s.ExitStatus() != 2) {
			t.Errorf("%q: status is not 2", name)
		}
	}
}
