package dissect

import "encoding/binary"

// A BPDU is a bridge's message, with which bridges agree on a spanning tree (IEEE 802.1D, 9.3).
type BPDU []byte

// BPDULeast is how long a message of a changed topology is, BPDULen the least length of the others, in bytes.
const (
	BPDULeast = 4
	BPDULen   = 35
)

// Types of BPDUs.
const (
	BPDUConfig         = 0x00
	BPDURapid          = 0x02
	BPDUTopologyChange = 0x80
)

// Version is 0 for STP, 2 for RSTP, 3 for MSTP.
func (h BPDU) Version() uint8 { return h[2] }
func (h BPDU) Type() uint8    { return h[3] }

// Flags are those of the topology: changed is the lowest bit, acknowledged the highest; the others are of RSTP (IEEE
// 802.1D, 9.3.3).
func (h BPDU) Flags() uint8 { return h[4] }

// Root and Bridge are the tree's root and the sender.
func (h BPDU) Root() BridgeID   { return BridgeID(h[5:13:13]) }
func (h BPDU) Bridge() BridgeID { return BridgeID(h[17:25:25]) }

// Port is the sender's port, its priority included.
func (h BPDU) Port() uint16 { return binary.BigEndian.Uint16(h[25:]) }

// A BridgeID is a bridge's priority and address, 8 bytes.
type BridgeID []byte

// Priority has the number of a VLAN in its lower 12 bits (IEEE 802.1D, 9.2.5).
func (id BridgeID) Priority() uint16 { return binary.BigEndian.Uint16(id) }
func (id BridgeID) Address() []byte  { return id[2:8:8] }

// Types of LLDP's parts (IEEE 802.1AB, 8.5).
const (
	LLDPEnd             = 0
	LLDPPortDescription = 4
	LLDPSystemName      = 5
)

// LLDPParts are the parts of an LLDP message: 7 bits of type, 9 of length, and the value (IEEE 802.1AB, 8.4).
type LLDPParts []byte

// Next takes the first of the parts. It is false at the end, and at a part that is not all there, which is then
// left in o. What is behind LLDPEnd is padding.
func (o *LLDPParts) Next() (kind uint8, value []byte, ok bool) {
	b := *o
	if len(b) < 2 {
		return 0, nil, false
	}
	head := binary.BigEndian.Uint16(b)
	n := 2 + int(head&0x1ff)
	if len(b) < n {
		return 0, nil, false
	}
	*o = b[n:]
	return uint8(head >> 9), b[2:n:n], true
}
