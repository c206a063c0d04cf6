package read

import (
	"bytes"
	"math"

	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// A key is one of comments, as package write writes them: key=value. One whose name ends with a dot
// is that of a section, and the path in it follows.
type key struct {
	name    string
	repeats bool // it may come several times
	// take reads a value back, and says whether it did. It does not where package write would write the
	// value otherwise, or not write it at all: then the comment is none of ours.
	take func(c *comments, value []byte) bool
}

// keys are in the order in which package write writes them.
var keys = func() []key {
	keys := []key{
		{"probe", false, text(func(c *comments) *[]byte { return &c.e.Probe })},
		{"host", false, (*comments).isHost},
		{"dev", false, filled(func(c *comments) *[]byte { return &c.e.Dev })},
		{"dev.rx_ifindex", false, decimal(func(c *comments) *packet.Opt { return &c.e.RX })},
		{"netns", false, decimal(func(c *comments) *packet.Opt { return &c.e.Netns })},
		{"netns.cookie", false, decimal(func(c *comments) *packet.Opt { return &c.e.Cookie })},
		{"netns.name", false, (*comments).takeNetnsName},
		{"packet", false, decimal(func(c *comments) *packet.Opt { return &c.e.Packet })},
		{"packet.missing", true, (*comments).takeMissing},
		{"track.branch", false, tracked(decimal(func(c *comments) *packet.Opt { return &c.e.Branch }))},
		{"hop", false, decimal(func(c *comments) *packet.Opt { return &c.e.Hop })},
		{"since", false, elapsed(func(c *comments) *packet.Opt { return &c.e.Since })},
		{"track.total", false, elapsed(func(c *comments) *packet.Opt { return &c.e.Total })},
		{"changed", true, (*comments).takeChanged},
		{"track.from.", true, tracked(func(c *comments, v []byte) bool { return c.leaf(&c.from, v) })},
		{"track.by", false, tracked(filled(func(c *comments) *[]byte { return &c.by }))},
		{"track.uncertain", false, tracked(yes(func(c *comments) *bool { return &c.uncertain }))},
		{"track.inferred", false, tracked(yes(func(c *comments) *bool { return &c.inferred }))},
		{"track.resent", false, tracked(decimal(func(c *comments) *packet.Opt { return &c.resent }))},
		{"drop", false, (*comments).takeDrop},
		{"why", false, filled(func(c *comments) *[]byte { return &c.e.Why })},
		{"why.meaning", false, (*comments).takeMeaning},
		{"why.where", false, filled(func(c *comments) *[]byte { return &c.where })},
		{"why.look", true, (*comments).takeLook},
		{"why.severity", false, filled(func(c *comments) *[]byte { return &c.severity })},
		{"why.confidence", false, filled(func(c *comments) *[]byte { return &c.confidence })},
		{"location", false, (*comments).takeLocation},
		{"cpu", false, decimal(func(c *comments) *packet.Opt { return &c.e.CPU })},
		{"pid", false, decimal(func(c *comments) *packet.Opt { return &c.e.PID })},
		{"process.tgid", false, decimal(func(c *comments) *packet.Opt { return &c.e.TGID })},
		{"comm", false, filled(func(c *comments) *[]byte { return &c.e.Comm })},
		{"mark", false, func(c *comments, v []byte) bool { return take(&c.e.Skb.Mark, hexadecimal(v)) }},
		{"skb.priority", false, (*comments).takePriority},
		{"skb.hash", false, func(c *comments, v []byte) bool { return take(&c.e.Skb.Hash, hexadecimal(v)) }},
		{"skb.ip_summed", false, (*comments).takeSummed},
		{"id", false, decimal(func(c *comments) *packet.Opt { return &c.e.Skb.ID })},
		{"l2", false, (*comments).takeSynthetic},
		{"caller", false, filled(func(c *comments) *[]byte { return &c.caller })},
		{"stack", false, (*comments).takeStack},
	}
	for i, s := range packet.Sections {
		keys = append(keys, key{s + ".", true, func(c *comments, v []byte) bool { return c.leaf(&c.sections[i], v) }})
	}
	return keys
}()

// text takes any text.
func text(to func(*comments) *[]byte) func(*comments, []byte) bool {
	return func(c *comments, value []byte) (ok bool) {
		*to(c), ok = c.unescape(value)
		return ok
	}
}

// filled takes text that is absent when empty.
func filled(to func(*comments) *[]byte) func(*comments, []byte) bool {
	return func(c *comments, value []byte) (ok bool) {
		*to(c), ok = c.filled(value)
		return ok
	}
}

func decimal(to func(*comments) *packet.Opt) func(*comments, []byte) bool {
	return func(c *comments, value []byte) bool { return take(to(c), number(value)) }
}

func elapsed(to func(*comments) *packet.Opt) func(*comments, []byte) bool {
	return func(c *comments, value []byte) bool { return take(to(c), duration(value)) }
}

// yes takes what is there only when it is true.
func yes(to func(*comments) *bool) func(*comments, []byte) bool {
	return func(c *comments, value []byte) bool {
		*to(c) = string(value) == "true"
		return *to(c)
	}
}

// tracked takes what only a packet of skb-track has.
func tracked(take func(*comments, []byte) bool) func(*comments, []byte) bool {
	return func(c *comments, value []byte) bool { return c.e.Packet.OK && take(c, value) }
}

// isHost takes the host that the interface has too: it is known from there.
func (c *comments) isHost(value []byte) bool {
	plain, ok := c.unescape(value)
	return ok && string(plain) == comment(c.p.Interface.Comments, "host=")
}

func (c *comments) takeMissing(value []byte) bool {
	begin, length, _ := bytes.Cut(value, []byte("+"))
	from, n := number(begin), number(length)
	if !from.OK || !n.OK || n.V == 0 || from.V > pcapng.SnapLen || n.V > pcapng.SnapLen {
		return false
	}
	c.missing = append(c.missing, [2]uint64{from.V, n.V})
	return true
}

func (c *comments) takeChanged(value []byte) bool {
	plain, ok := c.unescape(value)
	if !ok || c.twice(plain) {
		return false
	}
	c.changed = append(c.changed, plain)
	return true
}

// takeDrop takes the reason of a drop; ? is that there was none.
func (c *comments) takeDrop(value []byte) (ok bool) {
	if string(value) == "?" {
		c.e.Dropped = true
		return true
	}
	c.e.Reason, ok = c.filled(value)
	c.e.Dropped = ok
	return ok
}

// takeNetnsName takes the name of a network namespace, behind its number.
func (c *comments) takeNetnsName(value []byte) (ok bool) {
	if c.e.Netns.OK && c.e.Netns.V <= math.MaxUint32 {
		c.netnsName, ok = c.filled(value)
	}
	return ok
}

// takeMeaning takes the meaning of a reason, behind the cause.
func (c *comments) takeMeaning(value []byte) (ok bool) {
	if c.e.Why != nil {
		c.e.Meaning, ok = c.filled(value)
	}
	return ok
}

func (c *comments) takeLook(value []byte) bool {
	plain, ok := c.unescape(value)
	if ok {
		c.look = append(c.look, plain)
	}
	return ok
}

func (c *comments) takeLocation(value []byte) (ok bool) {
	if c.e.Dropped {
		c.e.Location, ok = c.filled(value)
	}
	return ok
}

func (c *comments) takePriority(value []byte) bool {
	n := number(value)
	return n.V != 0 && take(&c.e.Skb.Priority, n)
}

func (c *comments) takeSummed(value []byte) bool {
	for i, name := range packet.SummedNames {
		if i > 0 && string(value) == name {
			c.e.Skb.Summed = packet.Some(uint64(i))
			return true
		}
	}
	return false
}

// takeSynthetic takes it that the Ethernet header was made up, if the frame has such a one.
func (c *comments) takeSynthetic(value []byte) bool {
	c.synthetic = string(value) == "synthetic" && c.p.Interface.LinkType == pcapng.LinkTypeEthernet &&
		isSynthetic(c.p.Data)
	return c.synthetic
}

func (c *comments) takeStack(value []byte) (ok bool) {
	if packet.IsStack(value) {
		c.stack, ok = c.unescape(value)
	}
	return ok
}
