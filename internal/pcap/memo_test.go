package pcap

import (
	"bytes"
	"testing"
)

// TestMemo: names and numbers that fall on the same place of the table are told apart.
func TestMemo(t *testing.T) {
	var m memos
	numbers := [3]opt{{1, true}, {2, true}, {3, true}}
	// known tells whether nothing was written anew.
	known := func(name string, numbers [3]opt) bool {
		written := false
		got := m.append([]byte("before "), []byte(name), numbers, func(dst []byte) []byte {
			written = true
			return append(dst, name...)
		})
		if string(got) != "before "+name {
			t.Errorf("%s: %q", name, got)
		}
		return !written
	}
	if known("ip_rcv", numbers) {
		t.Fatal("known before it was written")
	}
	if !known("ip_rcv", numbers) {
		t.Error("not known again")
	}
	absent := [3]opt{{1, true}, {2, false}, {3, true}}
	for _, other := range []struct {
		name    string
		numbers [3]opt
	}{{"ix_rcv", numbers}, {"ip_rcv", absent}} {
		if known(other.name, other.numbers) {
			t.Errorf("%s %v: known", other.name, other.numbers)
		}
		if known("ip_rcv", numbers) {
			t.Errorf("%s %v has a place of its own: the test shows nothing", other.name, other.numbers)
		}
	}
	long := string(bytes.Repeat([]byte("x"), maxMemo+1))
	for range 2 {
		if known(long, numbers) {
			t.Error("a name of any length is kept")
		}
	}
}
