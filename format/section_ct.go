package format

import (
	"math/bits"
	"net/netip"

	"github.com/skb-tools/skb-tools/format/wire"
)

// A Tuple is one direction of a connection. include/net/netfilter/nf_conntrack_tuple.h
type Tuple struct {
	Src, Dst     netip.Addr
	Sport, Dport uint16 // of protocols with ports
	Proto        uint8  // IPPROTO_*; 0 makes the tuple absent
	ICMP         bool   // ID, Type and Code instead of the ports
	ID           uint16
	Type, Code   uint8
}

var tupleSection = Section{"tuple", []Key{
	{Name: "src", Form: FormStr, What: "address of the sender", Absent: "it is not known"},
	{Name: "dst", Form: FormStr, What: "address of the receiver", Absent: "it is not known"},
	{Name: "sport", Form: FormUint, What: "port of the sender", Absent: "the protocol has no ports"},
	{Name: "dport", Form: FormUint, What: "port of the receiver", Absent: "the protocol has no ports"},
	{Name: "id", Form: FormUint, What: "identifier of an ICMP or ICMPv6 message", Absent: "of another protocol"},
	{Name: "type", Form: FormUint, What: "type of that message", Absent: "of another protocol"},
	{Name: "code", Form: FormUint, What: "code of that message", Absent: "of another protocol"},
	{Name: "proto", Form: FormUint, What: "number of the protocol", Absent: "it is not known"},
}}

func (t *Tuple) append(dst []byte) []byte {
	n := 5
	if t.ICMP {
		n = 6
	}
	dst = wire.AppendMap(dst, n)
	dst = appendAddr(append(dst, "\xa3src"...), t.Src)
	dst = appendAddr(append(dst, "\xa3dst"...), t.Dst)
	if t.ICMP {
		dst = wire.AppendUint(append(dst, "\xa2id"...), uint64(t.ID))
		dst = wire.AppendUint(append(dst, "\xa4type"...), uint64(t.Type))
		dst = wire.AppendUint(append(dst, "\xa4code"...), uint64(t.Code))
	} else {
		dst = wire.AppendUint(append(dst, "\xa5sport"...), uint64(t.Sport))
		dst = wire.AppendUint(append(dst, "\xa5dport"...), uint64(t.Dport))
	}
	return wire.AppendUint(append(dst, "\xa5proto"...), uint64(t.Proto))
}

func (t *Tuple) decode(v wire.Value) {
	_ = v.Each(func(key []byte, v wire.Value) bool {
		u, _ := v.Uint()
		switch string(key) {
		case "src":
			t.Src = addrOf(v)
		case "dst":
			t.Dst = addrOf(v)
		case "sport":
			t.Sport = uint16(u)
		case "dport":
			t.Dport = uint16(u)
		case "id":
			t.ICMP, t.ID = true, uint16(u)
		case "type":
			t.Type = uint8(u)
		case "code":
			t.Code = uint8(u)
		case "proto":
			t.Proto = uint8(u)
		}
		return true
	})
}

// ctStatus name the bits IPS_* of struct nf_conn.status,
// include/uapi/linux/netfilter/nf_conntrack_common.h.
var ctStatus = [...]string{"EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "SRC_NAT", "DST_NAT", "SEQ_ADJUST",
	"SRC_NAT_DONE", "DST_NAT_DONE", "DYING", "FIXED_TIMEOUT", "TEMPLATE", "UNTRACKED", "HELPER", "OFFLOAD", "HW_OFFLOAD"}

// Ct is the section `ct`: what connection tracking knows of the packet.
type Ct struct {
	State      string // NEW, ESTABLISHED, RELATED, UNTRACKED; "" makes the section absent
	Dir        string // original or reply; "" when untracked, as all that follows
	Addr       uint64 // of struct nf_conn
	Status     uint32 // bits of ctStatus
	ProtoState string // TCP_CONNTRACK_* or SCTP_CONNTRACK_* without the prefix; "": the protocol has none
	Orig       Tuple
	Reply      Tuple
	Zone       uint16
	Mark       uint32
	Labels     [16]byte // label N is bit N%8 of byte N/8
	Helper     string
	Parent     Tuple // original direction of the connection that this one is expected by
}

var ctSection = Section{"ct", []Key{
	{Name: "state", Form: FormStr,
		What: "`NEW`, `ESTABLISHED`, `RELATED`; `UNTRACKED`: by a rule, then nothing else is there"},
	{Name: "dir", Form: FormStr, What: "the packet's direction: `original`, `reply`", Absent: "untracked"},
	{Name: "addr", Form: FormUint, Unit: UnitAddress, What: "address of the `struct nf_conn`", Absent: "untracked"},
	{Name: "status", Form: FormStrs,
		What:   "bits `IPS_*` without the prefix: `SEEN_REPLY`, `ASSURED`, `CONFIRMED`, `SRC_NAT`, `DST_NAT`",
		Absent: "untracked"},
	{Name: "proto_state", Form: FormStr,
		What: "state of the protocol, `TCP_CONNTRACK_*` or `SCTP_CONNTRACK_*` without the prefix: `SYN_SENT`, " +
			"`ESTABLISHED`",
		Absent: "the protocol has none"},
	{Name: "orig", Form: FormMap, Of: &tupleSection, What: "addresses of the first direction", Absent: "untracked"},
	{Name: "reply", Form: FormMap, Of: &tupleSection, What: "addresses that a reply has", Absent: "untracked"},
	{Name: "zone", Form: FormUint, What: "conntrack zone", Absent: "0"},
	{Name: "mark", Form: FormUint, Unit: UnitMark, What: "the connection's mark", Absent: "0"},
	{Name: "labels", Form: FormUints, What: "numbers of the labels that are set, 0 to 127", Absent: "none is"},
	{Name: "helper", Form: FormStr, What: "name of the helper", Absent: "it has none"},
	{Name: "parent", Form: FormMap, Of: &tupleSection,
		What: "first direction of the connection that expected this one", Absent: "there is none"},
}}

// Present reports whether the section is.
func (c *Ct) Present() bool { return c.State != "" }

func (c *Ct) reset() { *c = Ct{} }

func (c *Ct) append(dst []byte) []byte {
	if c.Addr == 0 {
		return wire.AppendStr(append(dst, "\x81\xa5state"...), c.State)
	}
	n := 6
	for _, has := range [...]bool{c.ProtoState != "", c.Zone != 0, c.Mark != 0, c.Labels != [16]byte{}, c.Helper != "",
		c.Parent.Proto != 0} {
		if has {
			n++
		}
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendStr(append(dst, "\xa5state"...), c.State)
	dst = wire.AppendStr(append(dst, "\xa3dir"...), c.Dir)
	dst = wire.AppendUint(append(dst, "\xa4addr"...), c.Addr)
	dst = appendBits(append(dst, "\xa6status"...), c.Status, ctStatus[:])
	if c.ProtoState != "" {
		dst = wire.AppendStr(append(dst, "\xabproto_state"...), c.ProtoState)
	}
	dst = c.Orig.append(append(dst, "\xa4orig"...))
	dst = c.Reply.append(append(dst, "\xa5reply"...))
	dst = appendNonzero(dst, "zone", uint64(c.Zone))
	dst = appendNonzero(dst, "mark", uint64(c.Mark))
	if c.Labels != [16]byte{} {
		dst = c.appendLabels(append(dst, "\xa6labels"...))
	}
	if c.Helper != "" {
		dst = wire.AppendStr(append(dst, "\xa6helper"...), c.Helper)
	}
	if c.Parent.Proto != 0 {
		dst = c.Parent.append(append(dst, "\xa6parent"...))
	}
	return dst
}

// appendLabels appends the numbers of the bits that are set.
func (c *Ct) appendLabels(dst []byte) []byte {
	n := 0
	for _, b := range c.Labels {
		n += bits.OnesCount8(b)
	}
	dst = wire.AppendArray(dst, n)
	for i, b := range c.Labels {
		for ; b != 0; b &= b - 1 {
			dst = wire.AppendUint(dst, uint64(8*i+bits.TrailingZeros8(b)))
		}
	}
	return dst
}

// appendBits appends the names of the bits that are set, as an array.
func appendBits(dst []byte, set uint32, names []string) []byte {
	n := 0
	for i := range names {
		n += int(set >> i & 1)
	}
	dst = wire.AppendArray(dst, n)
	for i, name := range names {
		if set>>i&1 != 0 {
			dst = wire.AppendStr(dst, name)
		}
	}
	return dst
}

func bitsOf(v wire.Value, names []string) (set uint32) {
	_ = v.Elems(func(v wire.Value) bool {
		s, _ := v.Str()
		for i, name := range names {
			if name == string(s) {
				set |= 1 << i
			}
		}
		return true
	})
	return set
}

func (c *Ct) decode(key []byte, v wire.Value) {
	u, _ := v.Uint()
	switch string(key) {
	case "state":
		setString(&c.State, v)
	case "dir":
		setString(&c.Dir, v)
	case "addr":
		c.Addr = u
	case "status":
		c.Status = bitsOf(v, ctStatus[:])
	case "proto_state":
		setString(&c.ProtoState, v)
	case "orig":
		c.Orig.decode(v)
	case "reply":
		c.Reply.decode(v)
	case "zone":
		c.Zone = uint16(u)
	case "mark":
		c.Mark = uint32(u)
	case "labels":
		_ = v.Elems(func(v wire.Value) bool {
			if bit, ok := v.Uint(); ok && bit < 128 {
				c.Labels[bit/8] |= 1 << (bit % 8)
			}
			return true
		})
	case "helper":
		setString(&c.Helper, v)
	case "parent":
		c.Parent.decode(v)
	}
}
