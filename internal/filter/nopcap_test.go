//go:build linux && (amd64 || arm64) && (!cgo || nopcap)

package filter

import (
	"strings"
	"testing"
)

// TestWithoutLibpcap: -f says what is missing; --where needs no libpcap.
func TestWithoutLibpcap(t *testing.T) {
	for _, o := range []Options{{Filter: "udp"}, {InnerFilter: "udp"}} {
		_, err := New(o, nil)
		if err == nil || !strings.Contains(err.Error(), "'udp': this skb-collect was built without libpcap") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := New(Options{Where: []string{"skb->mark == 1"}}, kernelTypes(t, "6.12")); err != nil {
		t.Error(err)
	}
}
