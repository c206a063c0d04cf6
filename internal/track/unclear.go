package track

import (
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/dissect"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// usedAsDrop tells whether the kernel frees what it used at a place as it frees drops, and how
// a packet that is freed there ended.
func (g *group) usedAsDrop(b *branch, location, reason []byte) (yes bool, end ending, u unclear) {
	if len(reason) > 0 && string(reason) != "NOT_SPECIFIED" {
		return false, dropped, plainEnd
	}
	function := kfunc.Function(location)
	switch string(function) {
	case kfunc.ICMPv6Rcv:
		// net/ipv6/icmp.c: it has reasons for most that it refuses since those of neighbour discovery are there
		// (net/ipv6/ndisc.c)
		if !g.ndisc || b.flags&discovery != 0 {
			return true, consumed, unclearICMP6
		}
	case kfunc.PsockBacklog: // net/core/skmsg.c
		if g.unreasoned {
			return true, consumed, unclearSockmap
		}
		return true, delivered, plainEnd
	}
	at := kfunc.Lookup(function)
	if at.Is(kfunc.Reads) && !at.Is(kfunc.OnlyReads) {
		u = unclearRead
	}
	return at.Is(kfunc.Reads), delivered, u
}

// A segment is what tells a SYN from others, in the direction of the SYN.
type segment struct {
	src, dst     [16]byte
	sport, dport uint16
	seq          uint32
}

// A synOf is the branch that a SYN is, which is another packet's later.
type synOf struct {
	branch uint32
	packet uint64
}

// maxSYNs bounds the SYNs whose answers are looked for.
const maxSYNs = 4096

// answers keeps a SYN for its answer, and notes at an answer that its SYN was taken: the
// kernel makes a SYN-ACK while it has the SYN (tcp_conn_request, net/ipv4/tcp_input.c).
func (t *tracker) answers(i uint32) {
	h := &t.parsed
	b := t.branches.at(i)
	if h.n == 0 || h.cut || h.layers[h.n-1].proto != dissect.ProtoTCP {
		return
	}
	l := &h.layers[h.n-1]
	switch {
	case h.syn:
		b.flags |= isSYN
		if len(t.syns) >= maxSYNs {
			t.syns = nil
		}
		if t.syns == nil {
			t.syns = map[segment]synOf{}
		}
		syn := synOf{i, t.journeys.at(b.journey).packet}
		t.syns[segment{l.src, l.dst, l.sport, l.dport, h.seq}] = syn
		if h.sent > 0 { // RFC 7413: the data may be acknowledged, too
			t.syns[segment{l.src, l.dst, l.sport, l.dport, h.seq + h.sent}] = syn
		}
	case h.synack:
		s, ok := t.syns[segment{l.dst, l.src, l.dport, l.sport, h.ack - 1}]
		if !ok || s.branch == i {
			return
		}
		b := t.branches.at(s.branch)
		if b.flags&(isSYN|ended) == isSYN && t.journeys.at(b.journey).packet == s.packet {
			b.flags |= answered
			b.unclear = plainEnd
		}
	default:
		b.flags &^= isSYN
	}
}

// unclearAt tells what a packet's end may have been that is consumed without passing
// another probe. probe is the number of this one's name.
func (t *tracker) unclearAt(b *branch, v *view, probe uint32, class kfunc.Class) unclear {
	switch {
	case string(v.probe) == kfunc.TraceNetDevXmit:
		return b.unclear // the driver is done; what went on has passed the device below
	case class == kfunc.Transmit && t.group.encapsulating[[2]uint32{b.netns, b.dev}]:
		return unclearSend
	case class == kfunc.Transmit || class == kfunc.Deliver || class == kfunc.Read || b.flags&answered != 0:
		return plainEnd
	case b.flags&isSYN != 0:
		return unclearSYN
	case class != kfunc.Handed:
		return plainEnd
	case t.names.is(probe, kfunc.Datagrams):
		return t.unclearDatagram()
	case t.names.is(probe, kfunc.Chunks):
		return unclearSCTP
	}
	return t.unclearSegment(probe)
}

// unclearSegment tells what the end of a packet that TCP has may have been.
func (t *tracker) unclearSegment(probe uint32) unclear {
	h := &t.parsed
	known := len(t.packed) > 0 && h.n > 0 && !(h.cut && !h.sealed())
	switch {
	case !known && !t.names.is(probe, kfunc.Established):
		return unclearSYN // or not a SYN: no bytes tell
	case h.mptcp:
		return unclearMPTCP
	case t.group.unreasoned:
		return unclearTCP
	}
	return plainEnd
}

// unclearDatagram tells what the end of a packet that UDP has may have been.
func (t *tracker) unclearDatagram() unclear {
	h := &t.parsed
	if h.n == 0 {
		return plainEnd
	}
	l := &h.layers[0]
	if l.proto == dissect.ProtoUDP && h.tunnels > 0 && h.tunnel[0].outside == 1 {
		if h.tunnel[0].kind != wireguard {
			return unclearInside
		}
		t.group.wireguard(l.dport)
		return unclearWireGuard
	}
	if t.group.isWireGuard(l.dport) {
		return unclearWireGuard
	}
	return plainEnd
}

// portWireGuard is the one that its documentation uses.
const portWireGuard = 51820

// maxEncapsulating bounds the devices that are known to put packets into others.
const maxEncapsulating = 1 << 12

// encapsulates notes that a packet which was given to a device went on in another. Such a device's
// driver sends nothing itself: what it is given goes on in the same sk_buff, or is discarded.
func (g *group) encapsulates(netns, dev uint32) {
	if g.encapsulating == nil {
		g.encapsulating = map[[2]uint32]bool{}
	}
	if len(g.encapsulating) < maxEncapsulating {
		g.encapsulating[[2]uint32{netns, dev}] = true
	}
}

// wireguard notes that WireGuard has a port: whatever else comes there it discards.
func (g *group) wireguard(port uint16) {
	if g.wireguardPorts == nil {
		g.wireguardPorts = new([1 << 16 / 64]uint64)
	}
	g.wireguardPorts[port/64] |= 1 << (port % 64)
}

func (g *group) isWireGuard(port uint16) bool {
	return port == portWireGuard || g.wireguardPorts != nil && g.wireguardPorts[port/64]&(1<<(port%64)) != 0
}

// reasons notes what a start record tells of the kernel's drop reasons. TCP came to tell of all that
// it drops when it got the first of its reasons, in Linux 5.18, ICMPv6 with those of neighbour discovery, in 6.3.
func (g *group) reasons(start format.Raw) {
	g.unreasoned = true
	reasons := start.Get("drop_reasons")
	if reasons.Kind() != wire.Map {
		return
	}
	_ = reasons.Each(func(_ []byte, name wire.Value) bool {
		s, _ := name.Str()
		switch string(s) {
		case "TCP_OLD_DATA":
			g.unreasoned = false
		case "IPV6_NDISC_BAD_CODE":
			g.ndisc = true
		}
		return g.unreasoned || !g.ndisc
	})
}
