package format

import (
	"slices"

	"github.com/skb-tools/skb-tools/format/wire"
)

// gsoTypes name the bits SKB_GSO_* of skb_shared_info.gso_type, include/linux/skbuff.h. In
// Linux 7.1 TCP_FIXEDID is another bit than here.
var gsoTypes = [...]string{"TCPV4", "DODGY", "TCP_ECN", "TCP_FIXEDID", "TCPV6", "FCOE", "GRE",
	"GRE_CSUM", "IPXIP4", "IPXIP6", "UDP_TUNNEL", "UDP_TUNNEL_CSUM", "PARTIAL",
	"TUNNEL_REMCSUM", "SCTP", "ESP", "UDP", "UDP_L4", "FRAGLIST", "TCP_ACCECN", "TCP_FIXEDID_INNER"}

// GSOType returns the bit of GSO.Type that stands for SKB_GSO_name, 0 if there is none.
func GSOType(name string) uint32 {
	if i := slices.Index(gsoTypes[:], name); i >= 0 {
		return 1 << i
	}
	return 0
}

// GSO is the section `gso`: a packet that will be cut into segments.
type GSO struct {
	Size uint16 // payload bytes of a segment; 0 makes the section absent
	Segs uint16
	Type uint32 // bits of gsoTypes
}

var gsoSection = Section{"gso", []Key{
	{Name: "size", Form: FormUint, Unit: UnitBytes, What: "payload of a segment, bytes"},
	{Name: "segs", Form: FormUint, What: "number of segments, 0 if not computed"},
	{Name: "type", Form: FormStrs,
		What: "`SKB_GSO_*` of include/linux/skbuff.h without the prefix: `TCPV4`, `UDP_L4`"},
}}

// Present reports whether the section is.
func (g *GSO) Present() bool { return g.Size != 0 }

func (g *GSO) reset() { *g = GSO{} }

func (g *GSO) append(dst []byte) []byte {
	dst = wire.AppendUint(append(dst, "\x83\xa4size"...), uint64(g.Size))
	dst = wire.AppendUint(append(dst, "\xa4segs"...), uint64(g.Segs))
	return appendBits(append(dst, "\xa4type"...), g.Type, gsoTypes[:])
}

func (g *GSO) decode(key []byte, v wire.Value) {
	u, _ := v.Uint()
	switch string(key) {
	case "size":
		g.Size = uint16(u)
	case "segs":
		g.Segs = uint16(u)
	case "type":
		g.Type = bitsOf(v, gsoTypes[:])
	}
}

// csumNames name the values CHECKSUM_* of skb->ip_summed.
var csumNames = [...]string{"NONE", "UNNECESSARY", "COMPLETE", "PARTIAL"}

// Csum is the section `csum`: what the kernel knows of the packet's checksum.
type Csum struct {
	Has    bool
	Summed uint8  // index of csumNames
	Sum    uint32 // COMPLETE: of the packet
	Start  uint16 // PARTIAL: bytes from skb->head where summing starts
	Offset uint16 // PARTIAL: bytes from there where the sum goes
}

var csumSection = Section{"csum", []Key{
	{Name: "summed", Form: FormStr,
		What: "`CHECKSUM_*` without the prefix: `NONE`, `UNNECESSARY`, `COMPLETE`, `PARTIAL`"},
	{Name: "sum", Form: FormUint, What: "the sum that the device computed", Absent: "not `COMPLETE`"},
	{Name: "start", Form: FormUint, Unit: UnitBytes,
		What: "where summing begins, bytes from `skb->head`", Absent: "not `PARTIAL`"},
	{Name: "offset", Form: FormUint, Unit: UnitBytes,
		What: "where the sum goes, bytes behind `start`", Absent: "not `PARTIAL`"},
}}

// Present reports whether the section is.
func (c *Csum) Present() bool { return c.Has }

func (c *Csum) reset() { *c = Csum{} }

func (c *Csum) append(dst []byte) []byte {
	n := 1
	switch c.Summed {
	case 2:
		n = 2
	case 3:
		n = 3
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendStr(append(dst, "\xa6summed"...), csumNames[c.Summed&3])
	switch c.Summed {
	case 2:
		dst = wire.AppendUint(append(dst, "\xa3sum"...), uint64(c.Sum))
	case 3:
		dst = wire.AppendUint(append(dst, "\xa5start"...), uint64(c.Start))
		dst = wire.AppendUint(append(dst, "\xa6offset"...), uint64(c.Offset))
	}
	return dst
}

func (c *Csum) decode(key []byte, v wire.Value) {
	c.Has = true
	u, _ := v.Uint()
	switch string(key) {
	case "summed":
		s, _ := v.Str()
		for i, name := range csumNames {
			if name == string(s) {
				c.Summed = uint8(i)
			}
		}
	case "sum":
		c.Sum = uint32(u)
	case "start":
		c.Start = uint16(u)
	case "offset":
		c.Offset = uint16(u)
	}
}
