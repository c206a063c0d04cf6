package skbpcap

import "github.com/skb-tools/skb-tools/format"

// event is what of an event goes into a capture. Byte slices alias the record.
type event struct {
	ts       uint64
	cpu      opt
	probe    []byte
	pid      opt
	comm     []byte
	skb      skb
	dev      []byte
	ifindex  opt
	devType  opt
	netns    opt
	len      uint64
	at       []byte
	data     []byte
	dropped  bool
	reason   []byte
	location []byte
	packet   opt
	hop      opt
	since    opt
	changed  format.Cursor // at the map track.changed
	changes  bool
	why      []byte // words for people
	// Of a section that --read made: what of a capture has no place elsewhere.
	flags     opt
	header    []byte // of the link layer, taken off
	linkType  opt
	others    format.Cursor // at comments that are no key=value of ours
	othersLen int
}

// skb is what of an event's section `skb` goes into a capture.
type skb struct {
	id            opt
	macLen        opt
	protocol      opt
	pktType       opt
	mark          opt
	hash          opt
	queue         opt
	vlanTCI       opt
	vlanProto     opt
	macHeader     opt
	networkHeader opt
}

// opt is a number that may be absent.
type opt struct {
	v  uint64
	ok bool
}

func optUint(c *format.Cursor) opt {
	v, ok := c.Uint()
	return opt{v, ok}
}

func str(c *format.Cursor) []byte {
	s, _ := c.Str()
	return s
}

// decode reads r in one walk; false when r is damaged.
func (e *event) decode(r format.Raw) bool {
	*e = event{}
	c := r.Cursor()
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "ts":
			e.ts, _ = c.Uint()
		case "cpu":
			e.cpu = optUint(&c)
		case "probe":
			e.probe = str(&c)
		case "process":
			for n := c.Map(); n > 0; n-- {
				switch string(c.Key()) {
				case "pid":
					e.pid = optUint(&c)
				case "comm":
					e.comm = str(&c)
				default:
					c.Skip()
				}
			}
		case "skb":
			e.skb.decode(&c)
		case "dev":
			for n := c.Map(); n > 0; n-- {
				switch string(c.Key()) {
				case "name":
					e.dev = str(&c)
				case "ifindex":
					e.ifindex = optUint(&c)
				case "type":
					e.devType = optUint(&c)
				default:
					c.Skip()
				}
			}
		case "netns":
			for n := c.Map(); n > 0; n-- {
				switch string(c.Key()) {
				case "inum":
					e.netns = optUint(&c)
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
					e.at = str(&c)
				case "data":
					e.data, _ = c.Bin()
				default:
					c.Skip()
				}
			}
		case "drop":
			e.dropped = true
			for n := c.Map(); n > 0; n-- {
				switch string(c.Key()) {
				case "name":
					e.reason = str(&c)
				case "location":
					e.location = str(&c)
				default:
					c.Skip()
				}
			}
		case "track":
			for n := c.Map(); n > 0; n-- {
				switch string(c.Key()) {
				case "packet":
					e.packet = optUint(&c)
				case "hop":
					e.hop = optUint(&c)
				case "since":
					e.since = optUint(&c)
				case "changed":
					e.changed, e.changes = c, true
					c.Skip()
				default:
					c.Skip()
				}
			}
		case "why":
			var reason, meaning, cause []byte
			for n := c.Map(); n > 0; n-- {
				switch string(c.Key()) {
				case "reason":
					reason = str(&c)
				case "meaning":
					meaning = str(&c)
				case "cause":
					cause = str(&c)
				default:
					c.Skip()
				}
			}
			if e.reason == nil {
				e.reason = reason
			}
			if e.why = cause; cause == nil {
				e.why = meaning
			}
		case "pcapng":
			for n := c.Map(); n > 0; n-- {
				switch string(c.Key()) {
				case "flags":
					e.flags = optUint(&c)
				case "header":
					e.header, _ = c.Bin()
				case "linktype":
					e.linkType = optUint(&c)
				case "comments":
					e.othersLen = c.Array()
					e.others = c
					for range e.othersLen {
						c.Skip()
					}
				default:
					c.Skip()
				}
			}
		default:
			c.Skip()
		}
	}
	return c.Whole()
}

func (s *skb) decode(c *format.Cursor) {
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "id":
			s.id = optUint(c)
		case "mac_len":
			s.macLen = optUint(c)
		case "protocol":
			s.protocol = optUint(c)
		case "pkt_type":
			s.pktType = optUint(c)
		case "mark":
			s.mark = optUint(c)
		case "hash":
			s.hash = optUint(c)
		case "queue":
			s.queue = optUint(c)
		case "vlan_tci":
			s.vlanTCI = optUint(c)
		case "vlan_proto":
			s.vlanProto = optUint(c)
		case "mac_header":
			s.macHeader = optUint(c)
		case "network_header":
			s.networkHeader = optUint(c)
		default:
			c.Skip()
		}
	}
}
