package read

import (
	"testing"

	"github.com/skb-tools/skb-tools/internal/pcap/packet"
)

// Comments that are almost ours stay as they are.
func TestNumbersOfComments(t *testing.T) {
	for s, want := range map[string]packet.Opt{"850ns": {V: 850, OK: true}, "12.1us": {V: 12100, OK: true}, "1s": {V: 1e9, OK: true}, "1.000000001s": {V: 1e9 + 1, OK: true},
		"12.10us": {}, "1000ns": {}, "1": {}, "1.us": {}, "18446744073.709551615s": {V: 1<<64 - 1, OK: true}, "18446744074s": {}, "0ns": {V: 0, OK: true}, "-1ns": {}, "1h": {}} {
		got := duration([]byte(s))
		if !got.OK {
			got.V = 0
		}
		if got != want {
			t.Errorf("duration(%q) is %v, want %v", s, got, want)
		}
	}
	for s, ok := range map[string]bool{"0": true, "18446744073709551615": true, "18446744073709551616": false, "01": false, "": false, "1a": false, "+1": false} {
		if got := number([]byte(s)); got.OK != ok {
			t.Errorf("number(%q) is %v", s, got)
		}
	}
}
