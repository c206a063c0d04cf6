package format

import "testing"

// A device that has no Ethernet header may have that of the one below.
func TestHasEthernet(t *testing.T) {
	const ether, none, ipv4 = 1, 0xfffe, 0x0800
	frame := []byte{0x46, 0xc7, 0xba, 0xb3, 0xb6, 0x9e, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0}
	packet := []byte{0x45, 0, 0, 20, 0, 7, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	for _, c := range []struct {
		data              []byte
		devType, protocol uint16
		want              bool
	}{
		{frame, ether, ipv4, true}, {frame, 0, ipv4, true}, {frame, 772, ipv4, true}, {frame[:5], ether, ipv4, true},
		{frame, none, ipv4, true}, {packet, none, ipv4, false}, {frame[:13], none, ipv4, false}, {make([]byte, 14), none, 0, false},
	} {
		if got := HasEthernet(c.data, c.devType, c.protocol); got != c.want {
			t.Errorf("% x on a device of type %d: %v", c.data, c.devType, got)
		}
	}
}
