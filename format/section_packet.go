package format

import "github.com/skb-tools/skb-tools/format/wire"

// Packet is the section `packet`: the packet's bytes.
type Packet struct {
	Len uint32 // bytes of the packet from where Data starts, whether captured or not
	// where Data starts: "mac", "network", or "data" (skb->data, no header is set); "" makes the section absent
	At   string
	Data []byte
	// Missing are stretches of Data that could not be read: offset and length in bytes.
	Missing [][2]uint32
}

var packetSection = Section{"packet", []Key{
	{Name: "len", Form: FormUint, Unit: UnitBytes, What: "bytes of the packet from where `data` begins, kept or not"},
	{Name: "at", Form: FormStr,
		What: "where `data` begins: `mac`, the link layer's header; `network`, the network layer's; `data`, " +
			"`skb->data`, where no header is set"},
	{Name: "data", Form: FormBin,
		What: "the first of them, up to the snaplen of the `start`. Less if the packet is in more than 256 pieces " +
			"of memory; before Linux 5.17: in more than 64, or in more than `snaplen` / 64"},
	{Name: "missing", Form: FormPairs, Unit: UnitBytes,
		What:   "stretches of `data` that could not be read and are 0 there: offset and length, bytes",
		Absent: "all was read"},
}}

// Present reports whether the section is.
func (p *Packet) Present() bool { return p.At != "" }

func (p *Packet) reset() { *p = Packet{Missing: p.Missing[:0]} }

func (p *Packet) append(dst []byte) []byte {
	n := 3
	if len(p.Missing) > 0 {
		n++
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendUint(append(dst, "\xa3len"...), uint64(p.Len))
	dst = wire.AppendStr(append(dst, "\xa2at"...), p.At)
	dst = wire.AppendBin(append(dst, "\xa4data"...), p.Data)
	if len(p.Missing) > 0 {
		dst = wire.AppendArray(append(dst, "\xa7missing"...), len(p.Missing))
		for _, m := range p.Missing {
			dst = wire.AppendUint(append(dst, 0x92), uint64(m[0]))
			dst = wire.AppendUint(dst, uint64(m[1]))
		}
	}
	return dst
}

func (p *Packet) decode(key []byte, v wire.Value) {
	switch string(key) {
	case "len":
		u, _ := v.Uint()
		p.Len = uint32(u)
	case "at":
		setString(&p.At, v)
	case "data":
		p.Data, _ = v.Bin()
	case "missing":
		_ = v.Elems(func(v wire.Value) bool {
			var m [2]uint32
			i := 0
			_ = v.Elems(func(v wire.Value) bool {
				u, _ := v.Uint()
				m[i] = uint32(u)
				i++
				return i < 2
			})
			p.Missing = append(p.Missing, m)
			return true
		})
	}
}

// HasEthernet tells whether the bytes of a packet that begin at "mac" begin with an Ethernet header.
// devType is `dev.type` (ARPHRD_* of include/uapi/linux/if_arp.h), 0 where that is not known;
// protocol is `skb.protocol`, an EtherType in host byte order.
//
// On a device that has none, as an xfrm interface, there may be that of the device below, to which
// the kernel moved the header (net/xfrm/xfrm_input.c, net/ipv4/xfrm4_input.c): its EtherType tells.
func HasEthernet(data []byte, devType, protocol uint16) bool {
	const unknown, ether, loopback = 0, 1, 772
	switch devType {
	case unknown, ether, loopback:
		return true
	}
	return len(data) >= 14 && protocol != 0 && uint16(data[12])<<8|uint16(data[13]) == protocol
}
