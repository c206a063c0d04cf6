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
	c := r.Cursor()
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "ts":
			e.ts, _ = c.Uint()
		case "probe":
			e.probe, _ = c.Str()
		case "skb":
			e.skb(&c)
		case "dev":
			for n := c.Map(); n > 0; n-- {
				switch string(c.Key()) {
				case "name":
					e.dev, _ = c.Str()
				default:
					c.Skip()
				}
			}
		case "netns":
			for n := c.Map(); n > 0; n-- {
				switch string(c.Key()) {
				case "inum":
					e.netns, _ = c.Uint()
				default:
					c.Skip()
				}
			}
		case "packet":
			for n := c.Map(); n > 0; n-- {
				switch string(c.Key()) {
				case "len":
					e.len, _ = c.Uint()
				case "at":
					e.at, _ = c.Str()
				case "data":
					e.data, _ = c.Bin()
				default:
					c.Skip()
				}
			}
		case "drop":
			for n := c.Map(); n > 0; n-- {
				switch string(c.Key()) {
				case "name":
					e.reason, _ = c.Str()
				case "location":
					e.location, _ = c.Str()
				default:
					c.Skip()
				}
			}
		case "track":
			for n := c.Map(); n > 0; n-- {
				switch string(c.Key()) {
				case "packet":
					e.packet, e.tracked = c.Uint()
				case "hop":
					e.hop, _ = c.Uint()
				default:
					c.Skip()
				}
			}
		default:
			c.Skip()
		}
	}
}

func (e *event) skb(c *format.Cursor) {
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "protocol":
			e.protocol, _ = c.Uint()
		case "pkt_type":
			e.pktType, _ = c.Uint()
		case "queue":
			e.queue, e.hasQueue = c.Uint()
		case "vlan_tci":
			e.vlanTCI, _ = c.Uint()
		case "vlan_proto":
			e.vlanTPID, _ = c.Uint()
		default:
			c.Skip()
		}
	}
}
