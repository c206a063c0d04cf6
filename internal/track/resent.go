package track

import (
	"github.com/skb-tools/skb-tools/internal/dissect"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// TCP keeps what it sent until it is acknowledged, in an sk_buff of its own, and sends clones
// of it, or copies where a clone is still on its way: __tcp_transmit_skb and
// __tcp_retransmit_skb, net/ipv4/tcp_output.c. So a retransmission is another branch of the
// same packet, from an sk_buff that was at one of these functions; or, where those are not
// probed, from one that no probe ever saw, though its data had been seen.

// sentAgain notes at b, which is new, whether it is sent for another time.
func (t *tracker) sentAgain(b, from *branch, how string) {
	if how != "clone" && how != "copy" && how != "pskb_copy" {
		return
	}
	switch {
	case t.names.sends(from.probe):
		from.flags |= cloned
		b.resent = from.sends
	case from.flags&(holder|seen) == holder && t.isTCP(from):
		from.sends = min(from.sends, 254) + 1
		b.resent = from.sends
		t.journeys.at(b.journey).resent++
	}
}

// sentAt tells at an event of b how often TCP had sent it before: at its functions it is about
// to take another clone.
func (t *tracker) sentAt(b *branch, probe uint32) (resent uint8) {
	if !t.names.sends(probe) {
		return b.resent
	}
	again := b.flags&cloned != 0
	if b.sends == 0 && t.names.is(probe, kfunc.SendsAgain) {
		again = true // the first time was not seen
	}
	if again {
		b.sends = min(b.sends, 254) + 1
		b.flags &^= cloned
		t.journeys.at(b.journey).resent++
	}
	b.resent = b.sends
	return b.resent
}

func (t *tracker) isTCP(b *branch) bool {
	var h headers
	h.unpack(t.headers.get(b.headers))
	return h.sealed() || h.n > 0 && !h.cut && h.layers[h.n-1].proto == dissect.ProtoTCP
}
