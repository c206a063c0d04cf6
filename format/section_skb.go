package format

import "math/bits"

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

// Set sets a field.
func (s *Skb) Set(f SkbField, v uint64) { s.has |= 1 << f; s.values[f] = v }

// Get returns a field, false when it is absent.
func (s *Skb) Get(f SkbField) (uint64, bool) { return s.values[f], s.has>>f&1 != 0 }

// Present reports whether the section is.
func (s *Skb) Present() bool { return s.has != 0 }

func (s *Skb) reset() { s.has = 0 }

func (s *Skb) append(dst []byte) []byte {
	dst = AppendMap(dst, bits.OnesCount64(s.has))
	const before = 1<<SkbCloned - 1
	dst = skbKeys.append(dst, s.has&before, s.values[:])
	if v, ok := s.Get(SkbCloned); ok {
		dst = AppendBool(append(dst, skbKeys[SkbCloned]...), v != 0)
	}
	return skbKeys.append(dst, s.has&^(before|1<<SkbCloned), s.values[:])
}

func (s *Skb) decode(key []byte, v Value) {
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
