package write

import (
	"encoding/binary"
	"math"

	"github.com/skb-tools/skb-tools/internal/dissect"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// Types of devices whose packets begin with an Ethernet header,
// include/uapi/linux/if_arp.h.
const (
	arphrdEther    = 1
	arphrdLoopback = 772
)

// A frame is an event's packet as tcpdump would have captured it on a device of the link
// type, with the VLAN tag that the device took off, or will put on, back in place.
type frame struct {
	header    [packet.SLL2Len + dissect.VLANLen]byte // what goes before rest
	headerLen int
	rest      []byte
	original  uint32 // bytes of the whole frame
	synthetic bool   // the Ethernet header is made up, its addresses are zero
	shift     int    // from the place of a byte in the event to its place here
}

func (f *frame) captured() int { return f.headerLen + len(f.rest) }

// frame makes e's frame; false when nothing is known of it, or the link type has no place
// for it. One whose length is known has no bytes, as if it had been captured so.
func (e *event) frame(f *frame, linkType uint16) bool {
	*f = frame{}
	if len(e.Data) == 0 && e.Len == 0 {
		return false
	}
	length, ether := max(e.Len, uint64(len(e.Data))), false
	switch string(e.At) {
	case "network":
		f.rest = e.Data
	case "mac":
		l2 := 0
		ether = !e.DevType.OK || e.DevType.V == arphrdEther || e.DevType.V == arphrdLoopback
		if !ether {
			l2 = e.MacHeaderLen()
		}
		if uint64(l2) >= length || len(e.Data) > 0 && l2 >= len(e.Data) {
			return false
		}
		f.rest = e.Data[min(l2, len(e.Data)):]
		length -= uint64(l2)
	default:
		return false
	}
	if len(f.rest) == 0 && ether && linkType != pcapng.LinkTypeEthernet {
		if length <= dissect.EthernetLen {
			return false
		}
		length, ether = length-dissect.EthernetLen, false
	}
	whole := len(f.rest)
	ok := false
	switch linkType {
	case pcapng.LinkTypeRaw:
		ok = e.raw(f, ether)
	case pcapng.LinkTypeSLL2:
		ok = e.cooked(f, ether)
	default:
		ok = e.ethernet(f, ether)
	}
	f.original = uint32(min(length+uint64(f.captured())-uint64(whole), math.MaxUint32))
	f.shift = f.headerLen - (len(e.Data) - len(f.rest))
	// Readers refuse a file with a longer packet.
	f.rest = f.rest[:min(len(f.rest), pcapng.SnapLen-f.headerLen)]
	return ok
}

// ethernet makes f a frame with an Ethernet header.
func (e *event) ethernet(f *frame, ether bool) bool {
	switch {
	case !ether:
		binary.BigEndian.PutUint16(f.header[12:], uint16(e.EtherType(f.rest)))
		f.headerLen, f.synthetic = dissect.EthernetLen, true
	case e.Skb.VLANProto.V != 0 && len(f.rest) >= 12:
		copy(f.header[:12], f.rest)
		binary.BigEndian.PutUint16(f.header[12:], uint16(e.Skb.VLANProto.V))
		binary.BigEndian.PutUint16(f.header[14:], uint16(e.Skb.VLANTCI.V))
		f.headerLen, f.rest = 12+dissect.VLANLen, f.rest[12:]
	}
	return true
}

// raw makes f a frame that begins with the IP header, behind Ethernet's and the tags that stand in the frame.
func (e *event) raw(f *frame, ether bool) bool {
	t := dissect.EtherType(0)
	if ether {
		w := dissect.Frame(f.rest, len(f.rest))
		for w.Step(); w.Type == uint16(dissect.EtherVLAN) || w.Type == uint16(dissect.EtherQinQ); {
			w.Step()
		}
		if w.Fault != dissect.Whole || len(w.Rest) == 0 {
			return false
		}
		t, f.rest = dissect.EtherType(w.Type), w.Rest
	} else {
		t = e.EtherType(f.rest)
	}
	if len(f.rest) == 0 {
		return t == dissect.EtherIPv4 || t == dissect.EtherIPv6 || t == 0
	}
	return t != 0 && t == dissect.OfVersion(f.rest) // by the version a reader knows which it is
}

// cooked makes f a frame with a LINKTYPE_LINUX_SLL2 header,
// https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
func (e *event) cooked(f *frame, ether bool) bool {
	h := &f.header
	proto := uint16(0)
	if ether {
		if len(f.rest) <= dissect.EthernetLen {
			return false
		}
		frame := dissect.EthernetHeader(f.rest)
		proto = uint16(frame.Type())
		h[11] = 6
		copy(h[12:18], frame.Src())
		f.rest = f.rest[dissect.EthernetLen:]
	} else {
		proto = uint16(e.EtherType(f.rest))
	}
	f.headerLen = packet.SLL2Len
	if e.Skb.VLANProto.V != 0 {
		binary.BigEndian.PutUint16(h[packet.SLL2Len:], uint16(e.Skb.VLANTCI.V))
		binary.BigEndian.PutUint16(h[packet.SLL2Len+2:], proto)
		proto = uint16(e.Skb.VLANProto.V)
		f.headerLen += dissect.VLANLen
	}
	if e.LinkType.V == pcapng.LinkTypeSLL2 && len(e.Header) == packet.SLL2Len {
		copy(h[:], e.Header) // read from a capture: as it was there
		return true
	}
	binary.BigEndian.PutUint16(h[0:], proto)
	binary.BigEndian.PutUint32(h[4:], uint32(e.Ifindex.V))
	binary.BigEndian.PutUint16(h[8:], uint16(e.DevType.V))
	h[10] = byte(e.Skb.PktType.V)
	if e.EPBFlags()&pcapng.DirectionMask == pcapng.Outbound {
		h[10] = packet.Outgoing
	}
	return true
}
