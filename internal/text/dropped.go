package text

import "github.com/skb-tools/skb-tools/format"

// dropped are the sk_buffs whose drop an event has told of late, by address; 0 is none. The free record of such a drop
// comes right behind its event, but other CPUs' records may come in between.
type dropped struct {
	addr [64]uint64
	next int
}

// told takes the sk_buff of an event with a drop.
func (d *dropped) told(addr number) {
	if addr.OK {
		d.addr[d.next] = addr.V
		d.next = (d.next + 1) % len(d.addr)
	}
}

// untold reports whether a free record is the only one that tells of a drop. That is so where skb:kfree_skb is not
// probed.
func (d *dropped) untold(r format.Raw) bool {
	if how, _ := r.Get("how").Str(); string(how) != "dropped" {
		return false
	}
	if counted, _ := r.Get("counted").Bool(); counted { // in a held record
		return false
	}
	addr, known := r.Get("skb", "addr").Uint()
	for i, a := range d.addr {
		if known && a == addr && a != 0 {
			d.addr[i] = 0 // the address is free for another one
			return false
		}
	}
	return true
}
