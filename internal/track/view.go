package track

import (
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// A view is what of an event matters here. Its slices alias the record. format.Event is
// not used as it decodes twice as much.
type view struct {
	ts    uint64
	probe []byte
	cpu   uint32
	track uint64 // the packet that an earlier skb-track gave it

	has                uint8 // of the fields below
	addr, id           uint64
	length             uint64 // of the sk_buff
	mark               uint32
	users              uint32
	protocol           uint16
	vlanTCI, vlanProto uint16
	dev                []byte
	devType            uint16
	netns              uint32
	at, data           []byte
	packetLength       uint64 // from where data begins
	dropped            bool
	reason, location   []byte
	comm               []byte
	tgid               uint32
	sock               uint64 // inode
	held               bool   // events of the packet were held back before this one
	frame              bool   // the packet has no sk_buff yet: the probe is an XDP program
	verdict            []byte // that program's
	target             uint64 // the device that it redirects to
}

const (
	hasCPU = 1 << iota
	hasAddr
	hasID
	hasMark
	hasUsers
	hasLen
	hasDev
)

func (v *view) decode(r format.Raw) {
	*v = view{}
	c := r.Cursor()
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "ts":
			v.ts, _ = c.Uint()
		case "cpu":
			u, ok := c.Uint()
			v.cpu = uint32(u)
			v.set(hasCPU, ok)
		case "probe":
			v.probe, _ = c.Str()
		case "skb":
			v.skb(&c)
		case "dev":
			v.device(&c)
		case "netns":
			for n := c.Map(); n > 0; n-- {
				if string(c.Key()) == "inum" {
					u, _ := c.Uint()
					v.netns = uint32(u)
				} else {
					c.Skip()
				}
			}
		case "packet":
			v.packet(&c)
		case "process":
			v.process(&c)
		case "drop":
			v.drop(&c)
		case "held":
			v.held = true
			c.Skip()
		case "sock":
			for n := c.Map(); n > 0; n-- {
				if string(c.Key()) == "inode" {
					v.sock, _ = c.Uint()
				} else {
					c.Skip()
				}
			}
		case "bpf":
			v.program(&c)
		case "track":
			for n := c.Map(); n > 0; n-- {
				if string(c.Key()) == "packet" {
					v.track, _ = c.Uint()
				} else {
					c.Skip()
				}
			}
		default:
			c.Skip()
		}
	}
}

func (v *view) set(bit uint8, ok bool) {
	if ok {
		v.has |= bit
	}
}

func (v *view) skb(c *wire.Cursor) {
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "addr":
			u, ok := c.Uint()
			v.addr = u
			v.set(hasAddr, ok && u != 0)
		case "id":
			u, ok := c.Uint()
			v.id = u
			v.set(hasID, ok && u != 0)
		case "len":
			u, ok := c.Uint()
			v.length = u
			v.set(hasLen, ok)
		case "protocol":
			u, _ := c.Uint()
			v.protocol = uint16(u)
		case "mark":
			u, ok := c.Uint()
			v.mark = uint32(u)
			v.set(hasMark, ok)
		case "vlan_tci":
			u, _ := c.Uint()
			v.vlanTCI = uint16(u)
		case "vlan_proto":
			u, _ := c.Uint()
			v.vlanProto = uint16(u)
		case "users":
			u, ok := c.Uint()
			v.users = uint32(u)
			v.set(hasUsers, ok)
		default:
			c.Skip()
		}
	}
}

// handedOver tells whether the sk_buff was somebody else's already: nothing of it is there. That
// is so at net:net_dev_xmit and qdisc:qdisc_enqueue.
func (v *view) handedOver() bool {
	if v.has&(hasUsers|hasID) != hasID || v.at != nil {
		return false
	}
	return kfunc.Lookup(v.probe).Is(kfunc.HandsOver)
}

// fromDevice tells whether what is read is all of the packet, from its link-layer header on: a
// packet socket's copy (net/packet/af_packet.c), or what a program behind a tun device takes (drivers/net/tun.c).
// From the IP header on it may also be a raw socket's, unless a device was sending it.
func (v *view) fromDevice(sent bool) bool {
	if kfunc.Lookup(v.probe).Is(kfunc.Whole) {
		return v.has&hasLen != 0 && v.length > 0 && v.length == v.packetLength &&
			(string(v.at) == "mac" || string(v.at) == "network" && sent)
	}
	return false
}

func (v *view) device(c *wire.Cursor) {
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "name":
			v.dev, _ = c.Str()
			v.has |= hasDev
		case "type":
			u, _ := c.Uint()
			v.devType = uint16(u)
		default:
			c.Skip()
		}
	}
}

func (v *view) packet(c *wire.Cursor) {
	var missing wire.Value
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "at":
			v.at, _ = c.Str()
		case "len":
			v.packetLength, _ = c.Uint()
		case "data":
			v.data, _ = c.Bin()
		case "missing":
			missing = c.Value()
		default:
			c.Skip()
		}
	}
	if missing == nil {
		return
	}
	// What is missing reads as zeros: the bytes before it are all that is known.
	_ = missing.Elems(func(m wire.Value) bool {
		_ = m.Elems(func(off wire.Value) bool {
			if u, ok := off.Uint(); ok && u < uint64(len(v.data)) {
				v.data = v.data[:u]
			}
			return false
		})
		return false
	})
}

func (v *view) process(c *wire.Cursor) {
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "comm":
			v.comm, _ = c.Str()
		case "tgid":
			u, _ := c.Uint()
			v.tgid = uint32(u)
		default:
			c.Skip()
		}
	}
}

func (v *view) program(c *wire.Cursor) {
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "kind":
			kind, _ := c.Str()
			v.frame = string(kind) == "xdp"
		case "verdict":
			v.verdict, _ = c.Str()
		case "ifindex":
			v.target, _ = c.Uint()
		default:
			c.Skip()
		}
	}
}

// decided tells what an XDP program's verdict makes of the packet. The kernel drops what it does not
// know, too (include/uapi/linux/bpf.h, enum xdp_action).
func (v *view) decided() (dropped bool, class kfunc.Class) {
	switch string(v.verdict) {
	case "XDP_PASS":
		return false, kfunc.Neutral
	case "XDP_TX":
		return false, kfunc.Transmit
	case "XDP_REDIRECT":
		if v.target != 0 {
			return false, kfunc.Transmit
		}
		return false, kfunc.Neutral // to a device or to a cpu, which a map has
	}
	return true, kfunc.Neutral
}

func (v *view) drop(c *wire.Cursor) {
	v.dropped = true
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "name":
			v.reason, _ = c.Str()
		case "location":
			v.location, _ = c.Str()
		default:
			c.Skip()
		}
	}
}

// headers reads the packet's headers; false when there are no bytes that begin with one.
func (v *view) headers(h *headers) bool {
	*h = headers{}
	switch string(v.at) {
	case "mac":
		if v.has&hasDev == 0 || format.HasEthernet(v.data, v.devType, v.protocol) {
			h.parseMAC(v.data)
		} else {
			h.parseNetwork(v.data, v.protocol)
		}
	case "network":
		h.parseNetwork(v.data, v.protocol)
	default:
		return false
	}
	if v.vlanProto != 0 {
		h.outerTag(v.vlanTCI)
	}
	return len(v.data) > 0
}
