package read

import (
	"bytes"
	"encoding/binary"

	"github.com/skb-tools/skb-tools/internal/dissect"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// Link types besides those that skb-pcap writes. https://www.tcpdump.org/linktypes.html
const (
	linkNull   = 0
	linkRaw    = 101
	linkRawBSD = 14
	linkLoop   = 108
	linkSLL    = 113
	linkIPv4   = 228
	linkIPv6   = 229
)

const sllLen = 16

// link takes off what goes before the network layer's header where a packet has no
// Ethernet header, and fills what it says into e; false for a packet that is no event.
func (s *streamer) link(e *event, p *pcapng.Captured) bool {
	b := p.Data
	e.At = atNetwork
	e.LinkType = packet.Some(uint64(p.Interface.LinkType))
	cut := 0
	switch p.Interface.LinkType {
	case pcapng.LinkTypeEthernet:
		e.LinkType = packet.Opt{}
		e.At = atMAC
		if len(b) < dissect.EthernetLen {
			break
		}
		if t := dissect.EthernetHeader(b).Type(); s.comment.synthetic || !t.IsLength() {
			e.Skb.Protocol = packet.Some(uint64(t))
		}
		if s.comment.synthetic {
			e.At, cut = atNetwork, dissect.EthernetLen
		}
	case pcapng.LinkTypeRaw, linkRaw, linkRawBSD, linkIPv4, linkIPv6:
		if len(b) > 0 {
			e.Skb.Protocol = packet.Some(uint64(e.EtherType(b)))
		}
	case linkNull, linkLoop:
		if cut = 4; len(b) > 4 {
			e.Skb.Protocol = packet.Some(uint64(e.EtherType(b[4:])))
		}
	case linkSLL:
		if cut = sllLen; len(b) >= cut {
			e.Skb.PktType = packet.Some(uint64(binary.BigEndian.Uint16(b)))
			e.DevType = packet.Some(uint64(binary.BigEndian.Uint16(b[2:])))
			e.Skb.Protocol = packet.Some(uint64(binary.BigEndian.Uint16(b[14:])))
		}
	case pcapng.LinkTypeSLL2:
		if cut = packet.SLL2Len; len(b) >= cut {
			e.Header = b[:packet.SLL2Len]
			e.Skb.Protocol = packet.Some(uint64(binary.BigEndian.Uint16(b)))
			e.Ifindex = packet.Some(uint64(binary.BigEndian.Uint32(b[4:])))
			e.DevType = packet.Some(uint64(binary.BigEndian.Uint16(b[8:])))
			e.Skb.PktType = packet.Some(uint64(b[10]))
			t, tag := dissect.EtherType(e.Skb.Protocol.V), dissect.VLANTag(b[cut:])
			if (t == dissect.EtherVLAN || t == dissect.EtherQinQ) && len(tag) >= dissect.VLANLen {
				e.Skb.VLANProto = e.Skb.Protocol
				e.Skb.VLANTCI = packet.Some(uint64(tag.TCI()))
				e.Skb.Protocol = packet.Some(uint64(tag.Type()))
				cut += dissect.VLANLen
			}
		}
	default:
		return false
	}
	if len(b) < cut || len(b) == cut && p.Original <= uint32(cut) {
		return false
	}
	e.Data = b[cut:]
	e.Cut = uint64(cut)
	e.Len = uint64(max(p.Original, uint32(len(b)))) - uint64(cut)
	return true
}

var (
	atMAC, atNetwork = []byte("mac"), []byte("network")
	zeroAddresses    [12]byte
)

// isSynthetic reports whether b begins with an Ethernet header as skb-pcap makes it up.
func isSynthetic(b []byte) bool {
	return len(b) >= dissect.EthernetLen && bytes.Equal(b[:12], zeroAddresses[:])
}
