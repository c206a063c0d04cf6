// Package packet has what both directions of skb-pcap share: what of an event goes into a capture, and
// how a capture's comments say it.
package packet

import (
	"math"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/dissect"
	"github.com/skb-tools/skb-tools/internal/kfunc"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// An Event is what of an event goes into a capture. Byte slices alias the record.
type Event struct {
	TS       uint64
	CPU      Opt
	Probe    []byte
	PID      Opt
	Comm     []byte
	Skb      Skb
	Dev      []byte
	Ifindex  Opt
	DevType  Opt
	Netns    Opt
	Len      uint64
	At       []byte
	Data     []byte
	Dropped  bool
	Reason   []byte
	Location []byte
	Packet   Opt
	Hop      Opt
	Since    Opt
	Changed  wire.Cursor // at the map track.changed
	Changes  bool
	Why      []byte // words for people
	Meaning  []byte // of the reason, where why is the cause
	Branch   Opt
	Total    Opt
	TGID     Opt
	Cookie   Opt // of the network namespace
	RX       Opt // ifindex
	Stack    Opt
	// Of a section that --read made: what of a capture has no place elsewhere.
	Flags     Opt
	Header    []byte // of the link layer, taken off
	Cut       uint64 // how many bytes were taken off
	LinkType  Opt
	Others    wire.Cursor // at comments that are no key=value of ours
	OthersLen int
}

// Skb is what of an event's section `skb` goes into a capture.
type Skb struct {
	ID            Opt
	MacLen        Opt
	Protocol      Opt
	PktType       Opt
	Mark          Opt
	Queue         Opt
	VLANTCI       Opt
	VLANProto     Opt
	MacHeader     Opt
	NetworkHeader Opt
	Hash          Opt
	Priority      Opt
	Summed        Opt
}

// Opt is a number that may be absent.
type Opt = format.Opt[uint64]

// Some is a number that is there.
func Some(v uint64) Opt { return format.Some(v) }

// SLL2Len is the length of a cooked header, in bytes.
const SLL2Len = 20

// Outgoing is skb->pkt_type of what leaves, include/uapi/linux/if_packet.h.
const Outgoing = 4

// MacHeaderLen is the length of a header that is not Ethernet's, which a tunnel's device
// may not have at all.
func (e *Event) MacHeaderLen() int {
	s := &e.Skb
	if s.MacHeader.OK && s.NetworkHeader.OK && s.NetworkHeader.V >= s.MacHeader.V {
		return int(min(s.NetworkHeader.V-s.MacHeader.V, math.MaxInt32))
	}
	return int(min(s.MacLen.V, math.MaxInt32))
}

// EtherType is skb->protocol, or, while that is not set yet, what the IP version says.
func (e *Event) EtherType(l3 []byte) dissect.EtherType {
	if e.Skb.Protocol.V == 0 {
		return dissect.OfVersion(l3)
	}
	return dissect.EtherType(e.Skb.Protocol.V)
}

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

// EPBFlags are direction and kind of reception, from the probe and from skb->pkt_type,
// whose 0 (to this host) is also what a packet has that was made here: it counts where a
// packet comes in.
func (e *Event) EPBFlags() uint32 {
	if e.Flags.OK {
		return uint32(e.Flags.V)
	}
	flags := direction(e.Probe)
	if !e.Skb.PktType.OK {
		return flags
	}
	switch e.Skb.PktType.V {
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
	case Outgoing:
		flags = pcapng.Outbound
	}
	return flags
}
