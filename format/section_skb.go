package format

import (
	"math/bits"

	"github.com/skb-tools/skb-tools/format/wire"
)

// A SkbField is a number in the section `skb`: a member of struct sk_buff or of its
// skb_shared_info, or what identifies the buffer. include/linux/skbuff.h
type SkbField uint8

// The fields of `skb`, in the order in which they are written. Header offsets are in
// bytes from skb->head; lengths are in bytes; Protocol, VlanProto and VlanTCI are in host
// order.
const (
	SkbAddr SkbField = iota // of the sk_buff itself
	SkbHead                 // of its data buffer
	SkbID                   // identity of the data buffer, never used twice within a start
	SkbLen
	SkbDataLen
	SkbMacLen
	SkbProtocol
	SkbPktType
	SkbIPSummed
	SkbMark
	SkbPriority
	SkbHash
	SkbQueue
	SkbVlanTCI
	SkbVlanProto
	SkbNapiID
	SkbTstamp // ns
	SkbUsers
	SkbDataref
	SkbCloned // 1: a clone shares the data
	SkbNrFrags
	SkbMacHeader
	SkbNetworkHeader
	SkbTransportHeader
	skbFields
)

var skbKeys = keys("addr", "head", "id", "len", "data_len", "mac_len", "protocol", "pkt_type",
	"ip_summed", "mark", "priority", "hash", "queue", "vlan_tci", "vlan_proto", "napi_id",
	"tstamp", "users", "dataref", "cloned", "nr_frags", "mac_header", "network_header",
	"transport_header")

// Skb is the section `skb`.
type Skb struct {
	has    uint64
	values [skbFields]uint64
}

var skbSection = Section{"skb", []Key{
	{Name: "addr", Form: FormUint, Unit: UnitAddress,
		What:   "address of the sk_buff. It is used again for other packets",
		Absent: "there is none yet: the probe is an XDP program"},
	{Name: "head", Form: FormUint, Unit: UnitAddress, What: "address of its data buffer. It is used again, too"},
	{Name: "id", Form: FormUint,
		What:   "identity of the data buffer, used once within a `start`. Clones share it",
		Absent: "the buffer is not followed, or too many are"},
	{Name: "len", Form: FormUint, Unit: UnitBytes,
		What:   "bytes of the packet from `skb->data` on, paged ones included",
		Absent: "gone, and the tracepoint does not say"},
	{Name: "data_len", Form: FormUint, Unit: UnitBytes, What: "bytes in pages and fragments", Absent: "gone"},
	{Name: "mac_len", Form: FormUint, Unit: UnitBytes, What: "bytes of the link layer's header", Absent: "gone"},
	{Name: "protocol", Form: FormUint, What: "EtherType", Absent: "gone"},
	{Name: "pkt_type", Form: FormUint,
		What: "`PACKET_*` of linux/if_packet.h: 0 for us, 1 broadcast, 2 multicast, 3 for another host, 4 " +
			"outgoing",
		Absent: "gone"},
	{Name: "ip_summed", Form: FormUint,
		What: "`CHECKSUM_*`: 0 none, 1 unnecessary, 2 complete, 3 partial", Absent: "gone"},
	{Name: "mark", Form: FormUint, Unit: UnitMark, What: "the firewall mark", Absent: "gone"},
	{Name: "priority", Form: FormUint, What: "the class or band for queueing", Absent: "gone"},
	{Name: "hash", Form: FormUint, What: "of the flow", Absent: "the kernel computed none (0)"},
	{Name: "queue", Form: FormUint,
		What: "`queue_mapping`. For a received packet: the number of the queue plus 1; 0: not known", Absent: "gone"},
	{Name: "vlan_tci", Form: FormUint,
		What: "a VLAN tag that is not in the packet's bytes: priority and VLAN id", Absent: "no such tag"},
	{Name: "vlan_proto", Form: FormUint, What: "EtherType of that tag", Absent: "no such tag"},
	{Name: "napi_id", Form: FormUint,
		What: "of the receive queue; of a packet to be sent, the sender's CPU", Absent: "0"},
	{Name: "tstamp", Form: FormUint, Unit: UnitNS,
		What: "the packet's time stamp, ns; of which clock depends on the place", Absent: "there is none (0)"},
	{Name: "users", Form: FormUint, What: "references to the sk_buff", Absent: "gone"},
	{Name: "dataref", Form: FormUint, What: "references to the data buffer", Absent: "it could not be read"},
	{Name: "cloned", Form: FormBool, What: "whether a clone may share the data buffer", Absent: "gone"},
	{Name: "nr_frags", Form: FormUint, What: "page fragments", Absent: "it could not be read"},
	{Name: "mac_header", Form: FormUint, Unit: UnitBytes,
		What: "offset of the link layer's header", Absent: "not set"},
	{Name: "network_header", Form: FormUint, Unit: UnitBytes,
		What: "offset of the network layer's header", Absent: "not set"},
	{Name: "transport_header", Form: FormUint, Unit: UnitBytes,
		What: "offset of the transport layer's header", Absent: "not set"},
}}

// Set sets a field.
func (s *Skb) Set(f SkbField, v uint64) { s.has |= 1 << f; s.values[f] = v }

// Get returns a field, false when it is absent.
func (s *Skb) Get(f SkbField) (uint64, bool) { return s.values[f], s.has>>f&1 != 0 }

// Present reports whether the section is.
func (s *Skb) Present() bool { return s.has != 0 }

func (s *Skb) reset() { s.has = 0 }

func (s *Skb) append(dst []byte) []byte {
	dst = wire.AppendMap(dst, bits.OnesCount64(s.has))
	const before = 1<<SkbCloned - 1
	dst = skbKeys.append(dst, s.has&before, s.values[:])
	if v, ok := s.Get(SkbCloned); ok {
		dst = wire.AppendBool(append(dst, skbKeys[SkbCloned]...), v != 0)
	}
	return skbKeys.append(dst, s.has&^(before|1<<SkbCloned), s.values[:])
}

func (s *Skb) decode(key []byte, v wire.Value) {
	i := skbKeys.index(key)
	if i < 0 {
		return
	}
	if u, ok := v.Uint(); ok {
		s.Set(SkbField(i), u)
	} else if b, ok := v.Bool(); ok {
		if b {
			u = 1
		}
		s.Set(SkbField(i), u)
	}
}
