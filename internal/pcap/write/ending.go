package write

import (
	"bytes"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
)

// An ending is how a packet's journey ended, as comments. It is known where the journey
// record comes before the event: from skb-sort by journey, and with --once last.
type ending struct {
	key      packetKey
	comments []byte
}

// ended notes the journey record r of the packet k.
func (w *writer) ended(k packetKey, r format.Raw) {
	dst := w.ending.comments[:0]
	how, _ := r.Get("end", "how").Str()
	dst = appendFilled(dst, "journey.end=", how)
	unclear, _ := r.Get("end", "unclear").Str()
	dst = appendFilled(dst, "journey.unclear=", unclear)
	total, ok := r.Get("total").Uint()
	dst = appendTime(dst, "journey.total=", packet.Opt{V: total, OK: ok})
	hops, ok := r.Get("hops").Uint()
	dst = appendNumber(dst, "journey.hops=", packet.Opt{V: hops, OK: ok})
	w.ending = ending{k, dst}
	w.lasts.over(k, dst)
}

// of returns the comments for an event of e's packet, nil if its end is not known.
func (d *ending) of(e *event, o *origin) []byte {
	if e.Packet.OK && d.key.number == e.Packet.V && d.key.origin == o {
		return d.comments
	}
	return nil
}

// over says that nothing more comes of k, with comments on how it ended.
func (l *lasts) over(k packetKey, ending []byte) {
	if at := l.by[k]; at != nil {
		h := at.Value.(*held)
		h.over, h.ending = true, bytes.Clone(ending)
	}
}
