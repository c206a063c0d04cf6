package skbpcap

import "github.com/skb-tools/skb-tools/format"

// event is what of an event goes into a capture. Byte slices alias the record.
type event struct {
	ts       uint64
	probe    []byte
	dev      []byte
	netns    uint64
	len      uint64
	at       []byte
	data     []byte
	protocol uint64
	pktType  uint64
	queue    uint64
	hasQueue bool
	vlanTCI  uint64
	vlanTPID uint64 // 0: no tag was taken off
	reason   []byte
	location []byte
	packet   uint64
	hop      uint64
	tracked  bool
}

// decode reads r in one walk.
func (e *event) decode(r format.Raw) {
	*e = event{}
	_ = r.Each(func(key []byte, v format.Value) bool {
		switch string(key) {
		case "ts":
			e.ts, _ = v.Uint()
		case "probe":
			e.probe, _ = v.Str()
		case "skb":
			_ = v.Each(e.skb)
		case "dev":
			e.dev, _ = v.Get("name").Str()
		case "netns":
			e.netns, _ = v.Get("inum").Uint()
		case "packet":
			_ = v.Each(e.bytes)
		case "drop":
			e.reason, _ = v.Get("name").Str()
			e.location, _ = v.Get("location").Str()
		case "track":
			e.packet, e.tracked = v.Get("packet").Uint()
			e.hop, _ = v.Get("hop").Uint()
		}
		return true
	})
}

func (e *event) skb(key []byte, v format.Value) bool {
	switch string(key) {
	case "protocol":
		e.protocol, _ = v.Uint()
	case "pkt_type":
		e.pktType, _ = v.Uint()
	case "queue":
		e.queue, e.hasQueue = v.Uint()
	case "vlan_tci":
		e.vlanTCI, _ = v.Uint()
	case "vlan_proto":
		e.vlanTPID, _ = v.Uint()
	}
	return true
}

func (e *event) bytes(key []byte, v format.Value) bool {
	switch string(key) {
	case "len":
		e.len, _ = v.Uint()
	case "at":
		e.at, _ = v.Str()
	case "data":
		e.data, _ = v.Bin()
	}
	return true
}
