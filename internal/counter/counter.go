// Package counter knows the kernel's own counters of loss and trouble: what each counts, in words, and the command
// that shows more. skb-collect reads those that it knows, skb-drops explains them.
package counter

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/skb-tools/skb-tools/format"
)

// A Kind is what a counter counts.
type Kind uint8

// The kinds of counters.
const (
	Lost  Kind = iota // each count is a packet that was lost or refused
	Sign              // what goes with trouble, but is no packet lost here: a retransmission, a queue that was full
	Level             // how much there is now
)

// A Counter is what is known of one.
type Counter struct {
	Source, Name string
	Kind         Kind
	Words        string // what it counts, as behind its name and growth
	Look         string // a command, to be run in the counter's network namespace; {dev} is its device
	Of           string // another counter of the source, in which each count of this one is counted too
	// No drop event tells of what it counts: the packet ends as if it were used, or there is no sk_buff.
	Unseen bool
	Each   bool // each drop that it counts is one count: there can't be fewer counts than drops
	Many   bool // one count is of several packets, or none
}

var byName = sync.OnceValue(func() map[string]*Counter {
	all := make(map[string]*Counter, len(table))
	for i := range table {
		c := &table[i]
		all[c.Source+" "+c.Name] = c
	}
	return all
})

// Lookup returns what is known of a counter; nil: nothing.
func Lookup(source, name string) *Counter {
	if source != "ethtool" {
		return byName()[source+" "+name]
	}
	if strings.Contains(name, "xdp_drop") {
		return &xdpDrops
	}
	return &ofDriver
}

// Drivers give names of their own to what they count.
var (
	xdpDrops = Counter{Source: "ethtool", Words: "packets that an XDP program dropped", Look: "ethtool -S {dev}"}
	ofDriver = Counter{Source: "ethtool", Words: "the driver's own counter", Look: "ethtool -S {dev}"}
)

// Compare orders counters by what names them: those of one place stand together, and in it those of one source.
func Compare(a, b format.Counter) int {
	return cmp.Or(cmp.Compare(a.Netns, b.Netns), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Dev, b.Dev),
		cmp.Compare(a.Qdisc, b.Qdisc), cmp.Compare(a.Sock, b.Sock), cmp.Compare(a.Name, b.Name))
}

// troubled are parts of the names of counters that have to do with loss or trouble, in small letters.
// Sums that drivers have checked or not ("rx_csum_none") are no trouble: those that were wrong are errors or bad.
var troubled = []string{"drop", "err", "fail", "discard", "overflow", "overrun", "underrun", "full", "prune", "abort",
	"lost", "miss", "no_buf", "nobuf", "out_of_buf", "no_dma", "nodesc", "no_desc", "no_skb", "bad", "crc", "fcs",
	"oversize", "undersize", "jabber", "too_long", "too_short", "invalid"}

// Kept says whether a counter has to do with loss or trouble: by what is known of it, else by its name.
func Kept(source, name string) bool {
	if source != "ethtool" && Lookup(source, name) != nil {
		return true
	}
	name = strings.ToLower(name)
	return slices.ContainsFunc(troubled, func(part string) bool { return strings.Contains(name, part) })
}
