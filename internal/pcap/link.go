package pcap

import (
	"bytes"
	"encoding/binary"

	"github.com/skb-tools/skb-tools/internal/dissect"
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
	e.at = atNetwork
	e.linkType = opt{uint64(p.Interface.LinkType), true}
	cut := 0
	switch p.Interface.LinkType {
	case pcapng.LinkTypeEthernet:
		e.linkType = opt{}
		e.at = atMAC
		if len(b) < dissect.EthernetLen {
			break
		}
		if t := dissect.EthernetHeader(b).Type(); s.comment.synthetic || !t.IsLength() {
			e.skb.protocol = opt{uint64(t), true}
		}
		if s.comment.synthetic {
			e.at, cut = atNetwork, dissect.EthernetLen
		}
	case pcapng.LinkTypeRaw, linkRaw, linkRawBSD, linkIPv4, linkIPv6:
		if len(b) > 0 {
			e.skb.protocol = opt{uint64(e.etherType(b)), true}
		}
	case linkNull, linkLoop:
		if cut = 4; len(b) > 4 {
			e.skb.protocol = opt{uint64(e.etherType(b[4:])), true}
		}
	case linkSLL:
		if cut = sllLen; len(b) >= cut {
			e.skb.pktType = opt{uint64(binary.BigEndian.Uint16(b)), true}
			e.devType = opt{uint64(binary.BigEndian.Uint16(b[2:])), true}
			e.skb.protocol = opt{uint64(binary.BigEndian.Uint16(b[14:])), true}
		}
	case pcapng.LinkTypeSLL2:
		if cut = sll2Len; len(b) >= cut {
			e.header = b[:sll2Len]
			e.skb.protocol = opt{uint64(binary.BigEndian.Uint16(b)), true}
			e.ifindex = opt{uint64(binary.BigEndian.Uint32(b[4:])), true}
			e.devType = opt{uint64(binary.BigEndian.Uint16(b[8:])), true}
			e.skb.pktType = opt{uint64(b[10]), true}
			t, tag := dissect.EtherType(e.skb.protocol.v), dissect.VLANTag(b[cut:])
			if (t == dissect.EtherVLAN || t == dissect.EtherQinQ) && len(tag) >= dissect.VLANLen {
				e.skb.vlanProto = e.skb.protocol
				e.skb.vlanTCI = opt{uint64(tag.TCI()), true}
				e.skb.protocol = opt{uint64(tag.Type()), true}
				cut += dissect.VLANLen
			}
		}
	default:
		return false
	}
	if len(b) < cut || len(b) == cut && p.Original <= uint32(cut) {
		return false
	}
	e.data = b[cut:]
	e.cut = uint64(cut)
	e.len = uint64(max(p.Original, uint32(len(b)))) - uint64(cut)
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
