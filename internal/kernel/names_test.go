//go:build linux && (amd64 || arm64)

package kernel

import (
	"strings"
	"testing"
)

// A name is found wherever it stands, however short, and nothing else is.
func TestNameSet(t *testing.T) {
	s := newNameSet("", "a", "ab", "abc", "ip_rcv", strings.Repeat("x", 300))
	for text, want := range map[string]bool{
		"\x00": true, "a\x00": true, "ab\x00": true, "abc\x00": true, "ip_rcv\x00": true, strings.Repeat("x", 300) + "\x00": true,
		"a\x00bc\x00": true, "\x00abc\x00": true, "ab\x00c\x00": true, "ip_rcv\x00ip_rcv_core\x00": true,
		"abcd\x00": false, "ip_rcv_core\x00": false, "ip_rc\x00v": false, "b\x00": false, "ip_rcv": false, "": false,
	} {
		if s.has([]byte(text)) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
