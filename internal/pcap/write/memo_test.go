package write

import (
	"bytes"
	"testing"

	"github.com/skb-tools/skb-tools/internal/pcap/packet"
)

// TestMemo: names and numbers that fall on the same place of the table are told apart.
func TestMemo(t *testing.T) {
	var m memos
	numbers := [3]packet.Opt{packet.Some(1), packet.Some(2), packet.Some(3)}
	// known tells whether nothing was written anew.
	known := func(name string, numbers [3]packet.Opt) bool {
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
	absent := [3]packet.Opt{packet.Some(1), {V: 2}, packet.Some(3)}
	for _, other := range []struct {
		name    string
		numbers [3]packet.Opt
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
