package dissect

import "encoding/binary"

// Types of IGMP messages (RFC 1112, RFC 2236, RFC 3376).
const (
	IGMPQuery   = 0x11
	IGMPReport1 = 0x12 // of version 1
	IGMPReport2 = 0x16
	IGMPLeave   = 0x17
	IGMPReport3 = 0x22
)

// An IGMPHeader is one of 8 bytes.
type IGMPHeader []byte

func (h IGMPHeader) Type() uint8 { return h[0] }

// MaxResponse is the time that a query leaves for answers, as a code; 0 in version 1.
func (h IGMPHeader) MaxResponse() uint8 { return h[1] }

// Group is an address of four bytes; a report of version 3 has other things there.
func (h IGMPHeader) Group() []byte { return h[4:8:8] }

// Records is how many groups a report of version 3 has.
func (h IGMPHeader) Records() int { return int(binary.BigEndian.Uint16(h[6:])) }

// IGMPv3QueryLen is how long a query of version 3 is without its sources, in bytes: those of other versions are
// shorter (RFC 3376, 7.1).
const IGMPv3QueryLen = 12

// GroupRecords are the groups of a report of IGMPv3 (RFC 3376, 4.2.4) or of MLDv2 (RFC 3810, 5.2.4).
type GroupRecords struct {
	rest []byte
	size int // of an address, in bytes
}

// IGMPRecords are those in b, the bytes behind a report's header.
func IGMPRecords(b []byte) GroupRecords { return GroupRecords{b, 4} }

// MLDRecords are those in b, the bytes behind a report's header.
func MLDRecords(b []byte) GroupRecords { return GroupRecords{b, 16} }

// Next takes the first of the records and returns its group's address. Of the last one the sources may not have
// been captured. It is false where there is no other address.
func (r *GroupRecords) Next() (group []byte, ok bool) {
	b := r.rest
	if len(b) < 4+r.size {
		return nil, false
	}
	group = b[4 : 4+r.size : 4+r.size]
	n := 4 + r.size + int(binary.BigEndian.Uint16(b[2:]))*r.size + int(b[1])*4
	r.rest = b[min(n, len(b)):]
	return group, true
}

// A GroupRecord is one of a report, with its sources as far as they were captured.
type GroupRecord struct {
	Type    uint8 // RFC 3376, 4.2.12
	Group   []byte
	Count   int    // of the sources, as the record says
	Sources []byte // one behind the other
}

// Record is Next with what else the record has.
func (r *GroupRecords) Record() (g GroupRecord, ok bool) {
	b := r.rest
	if g.Group, ok = r.Next(); !ok {
		return g, false
	}
	g.Type, g.Count = b[0], int(binary.BigEndian.Uint16(b[2:]))
	sources := b[4+r.size:]
	g.Sources = sources[:min(g.Count*r.size, len(sources)/r.size*r.size)]
	return g, true
}
