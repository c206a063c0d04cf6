package write

import (
	"testing"

	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// A probe says the direction where all its packets have the same; a packet that leaves
// says so itself; how it was received counts as the kernel has it.
func TestFlags(t *testing.T) {
	const in, out = pcapng.Inbound, pcapng.Outbound
	for _, c := range []struct {
		probe   string
		pktType int // -1: not known
		want    uint32
	}{
		{"ip_rcv", 0, in | pcapng.Unicast},
		{"ip_rcv", 1, in | pcapng.Broadcast},
		{"ip_rcv", 2, in | pcapng.Multicast},
		{"ip_rcv", 3, in | pcapng.Promiscuous},
		{"ip_rcv", -1, in},
		{"ret:ip_rcv", -1, in},
		{"ret:ip_output", 0, out},
		{"ip_list_rcv", -1, in},
		{"__netif_receive_skb_one_core", -1, in},
		{"__udp4_lib_rcv", -1, in},
		{"tcp_v4_do_rcv", -1, in},
		{"ip_queue_xmit", 0, out},
		{"net:net_dev_xmit", 2, out | pcapng.Multicast},
		{"skb:kfree_skb", -1, 0},
		{"skb:kfree_skb", 0, 0}, // also what a packet has that was made here
		{"skb:kfree_skb", 1, pcapng.Broadcast},
		{"skb:kfree_skb", 4, out},
		{"ip_rcv", 4, out},
		{"ret:ret:ip_rcv", -1, 0},
		{"nf_hook_slow", 7, 0},
	} {
		e := event{packet.Event{Probe: []byte(c.probe)}}
		if c.pktType >= 0 {
			e.Skb.PktType = packet.Some(uint64(c.pktType))
		}
		if got := e.EPBFlags(); got != c.want {
			t.Errorf("%s, pkt_type %d: flags %#x, want %#x", c.probe, c.pktType, got, c.want)
		}
	}
}
