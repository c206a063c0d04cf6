package skbpcap

import (
	"encoding/binary"
	"math"

	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// etherLen and tagLen are the lengths of an Ethernet header and of an 802.1Q tag, in bytes.
const (
	etherLen = 14
	tagLen   = 4
)

// A frame is an event's packet as tcpdump would have captured it: with an Ethernet
// header, and with the VLAN tag that the device took off, or will put on, back in place.
type frame struct {
	header    [etherLen + tagLen]byte // what goes before rest
	headerLen int
	rest      []byte
	original  uint32 // bytes of the whole frame
	synthetic bool   // the Ethernet header is made up, its addresses are zero
}

// frame makes e's frame; false when there are no bytes, or none with a header to read
// them by.
func (e *event) frame(f *frame) bool {
	*f = frame{}
	switch {
	case len(e.data) == 0:
		return false
	case string(e.at) == "network":
		binary.BigEndian.PutUint16(f.header[12:], e.etherType())
		f.headerLen, f.rest, f.synthetic = etherLen, e.data, true
		f.original = clamp(e.len + etherLen)
	case string(e.at) == "mac":
		f.rest = e.data
		f.original = clamp(e.len)
		if e.vlanTPID != 0 && len(e.data) >= 12 {
			copy(f.header[:12], e.data)
			binary.BigEndian.PutUint16(f.header[12:], uint16(e.vlanTPID))
			binary.BigEndian.PutUint16(f.header[14:], uint16(e.vlanTCI))
			f.headerLen, f.rest = 12+tagLen, e.data[12:]
			f.original = clamp(e.len + tagLen)
		}
	default:
		return false
	}
	f.original = max(f.original, uint32(f.captured()))
	// Readers refuse a file with a longer packet.
	f.rest = f.rest[:min(len(f.rest), pcapng.SnapLen-f.headerLen)]
	return true
}

func (f *frame) captured() int { return f.headerLen + len(f.rest) }

// etherType is skb->protocol, or, while that is not set yet, what the IP version says.
func (e *event) etherType() uint16 {
	if e.protocol == 0 {
		switch e.data[0] >> 4 {
		case 4:
			return 0x0800
		case 6:
			return 0x86dd
		}
	}
	return uint16(e.protocol)
}

func clamp(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }
