package pcap

import (
	"github.com/skb-tools/skb-tools/internal/kfunc"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// direction is what a probe says of a packet's; 0 where packets of both pass.
func direction(probe []byte) uint32 {
	switch kfunc.WayOf(probe) {
	case kfunc.In:
		return pcapng.Inbound
	case kfunc.Out:
		return pcapng.Outbound
	}
	return 0
}

// epbFlags are direction and kind of reception, from the probe and from skb->pkt_type,
// whose 0 (to this host) is also what a packet has that was made here: it counts where a
// packet comes in.
func (e *event) epbFlags() uint32 {
	if e.flags.ok {
		return uint32(e.flags.v)
	}
	flags := direction(e.probe)
	if !e.skb.pktType.ok {
		return flags
	}
	switch e.skb.pktType.v {
	case 0:
		if flags == pcapng.Inbound {
			flags |= pcapng.Unicast
		}
	case 1:
		flags |= pcapng.Broadcast
	case 2:
		flags |= pcapng.Multicast
	case 3:
		flags |= pcapng.Promiscuous
	case packetOutgoing:
		flags = pcapng.Outbound
	}
	return flags
}
