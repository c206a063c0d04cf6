package read

import (
	"github.com/skb-tools/skb-tools/internal/kfunc"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// event appends p, of a source, as an event; false if it is none.
func (s *streamer) event(dst []byte, src *source, p *pcapng.Captured) ([]byte, bool, error) {
	e := &s.read
	*e = event{packet.Event{TS: p.Time}}
	s.comment.parse(e, p)
	if !s.link(e, p) {
		return dst, false, nil
	}
	ours := s.ours || e.Probe != nil || isOurs(p.Interface) // of a section, a packet, an interface
	if ours {
		if e.Probe == nil {
			e.Probe = []byte(p.Interface.Name)
			if plain, ok := unescape(nil, e.Probe); ok {
				e.Probe = plain
			}
		}
	} else {
		s.tap(e, p)
	}
	s.fromOptions(e, p, ours)
	if s.comment.stack != nil {
		id, err := s.stack(src, s.comment.stack)
		if err != nil {
			return dst, false, err
		}
		e.Stack = packet.Some(id)
	}
	if err := s.named(src, e, s.comment.netnsName); err != nil {
		return dst, false, err
	}
	return e.append(dst, &s.comment), true, nil
}

// tap fills in what is known of the place where others capture: a device, where packets
// come in or leave. Each packet is a buffer of its own, so that skb-track can follow it.
func (s *streamer) tap(e *event, p *pcapng.Captured) {
	s.count++
	if !e.Skb.ID.OK {
		e.Skb.ID = packet.Some(s.count)
	}
	if e.Dev == nil && len(p.Interface.Name) > 0 && !e.Ifindex.OK {
		e.Dev = []byte(p.Interface.Name)
	}
	if e.Probe != nil {
		return
	}
	direction := p.Flags & pcapng.DirectionMask
	if e.Skb.PktType.OK { // of a cooked header
		direction = pcapng.Inbound
		if e.Skb.PktType.V == packet.Outgoing {
			direction = pcapng.Outbound
		}
	}
	switch {
	case direction == pcapng.Inbound:
		e.Probe = tapIn
	case direction == pcapng.Outbound:
		e.Probe = tapOut
	case len(p.Interface.Name) > 0:
		e.Probe = []byte(p.Interface.Name)
	default:
		e.Probe = tapUnknown
	}
}

// Where AF_PACKET sees packets: net/core/dev.c, __netif_receive_skb_core and xmit_one.
var (
	tapIn      = []byte(kfunc.TraceNetifReceiveSkb)
	tapOut     = []byte(kfunc.TraceNetDevStartXmit)
	tapUnknown = []byte("capture")
)

// fromOptions fills in what pcapng says of a packet.
func (s *streamer) fromOptions(e *event, p *pcapng.Captured, ours bool) {
	if p.HasID && ours && !e.Packet.OK {
		e.Packet = packet.Some(p.ID)
	}
	if p.HasFlags && !e.Skb.PktType.OK {
		switch p.Flags & pcapng.ReceptionMask {
		case pcapng.Unicast:
			e.Skb.PktType = packet.Some(0)
		case pcapng.Broadcast:
			e.Skb.PktType = packet.Some(1)
		case pcapng.Multicast:
			e.Skb.PktType = packet.Some(2)
		case pcapng.Promiscuous:
			e.Skb.PktType = packet.Some(3)
		case 0:
			if p.Flags&pcapng.DirectionMask == pcapng.Outbound {
				e.Skb.PktType = packet.Some(packet.Outgoing)
			}
		}
	}
	if (p.HasFlags || ours) && e.EPBFlags() != p.Flags {
		e.Flags = packet.Some(uint64(p.Flags))
	}
	if p.HasQueue {
		switch p.Flags & pcapng.DirectionMask {
		case pcapng.Inbound:
			e.Skb.Queue = packet.Some(uint64(p.Queue) + 1)
		case pcapng.Outbound:
			e.Skb.Queue = packet.Some(uint64(p.Queue))
		}
	}
}
