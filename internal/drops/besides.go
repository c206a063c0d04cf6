package drops

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/counter"
	"github.com/skb-tools/skb-tools/internal/netname"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

// A beside is a counter set beside the drops of a stream.
type beside struct {
	format.Counter
	*growth
	known *counter.Counter // nil: nothing is known of it
	parts []*beside        // counters in each of which a part of these is counted too
	socks []*beside        // at what sockets

	drops     uint64 // that it may have counted, at most
	certain   uint64 // that it counted for certain, and no other
	perhaps   uint64 // of which it is not known what counts them, at most
	unseen    uint64 // at least so many counts without a drop that was seen
	uncounted uint64 // at least so many drops of its kind that it did not count
}

// kind is what the counter counts: what is not known may be packets that were lost.
func (b *beside) kind() counter.Kind {
	if b.known == nil {
		return counter.Lost
	}
	return b.known.Kind
}

// A comparison is a ledger's counters beside its drops.
type comparison struct {
	*ledger
	compared  bool // the drops are those that the counters may have counted
	all       map[format.Counter]*beside
	edge      map[*class]uint64 // drops while the latest reading was made
	lost      []*beside
	signs     []*beside
	levels    []*beside
	uncounted uint64 // drops that no counter is known for
	elsewhere uint64 // drops in network namespaces whose counters were not read
}

// compare sets the counters that grew beside the drops. It returns nil if the stream has no readings.
func (l *ledger) compare() *comparison {
	if l == nil || l.at == l.first {
		return nil
	}
	c := &comparison{ledger: l, compared: !l.broken && !l.part, all: map[format.Counter]*beside{}, edge: l.atEdge()}
	for _, of := range l.classes {
		if of.netns != 0 && !l.netns[of.netns] {
			c.elsewhere += c.most(of)
		} else if len(of.counted) == 0 {
			c.uncounted += c.most(of)
		}
	}
	for key, g := range l.grown {
		c.add(key, g)
	}
	if c.compared {
		c.addOwed()
	}
	for _, key := range slices.SortedFunc(maps.Keys(c.all), counter.Compare) {
		b := c.all[key]
		if t := c.total(b); t != nil {
			t.parts = append(t.parts, b)
			continue
		}
		if t := c.totalOfSocket(key); t != nil {
			t.socks = append(t.socks, b)
			continue
		}
		switch b.kind() {
		case counter.Lost:
			c.lost = append(c.lost, b)
		case counter.Sign:
			c.signs = append(c.signs, b)
		case counter.Level:
			if b.limit != 0 {
				c.levels = append(c.levels, b)
			}
		}
	}
	return c
}

// most is how many drops of a class may have been counted.
func (c *comparison) most(of *class) uint64 { return of.count + of.edge + c.edge[of] }

// add takes a counter, with what the drops explain of its growth.
func (c *comparison) add(key format.Counter, g *growth) *beside {
	b := &beside{Counter: key, growth: g, known: counter.Lookup(key.Source, key.Name)}
	c.all[key] = b
	if c.compared {
		c.explain(b)
	}
	return b
}

// total is the counter that a counter is a part of; nil: none that is there.
func (c *comparison) total(b *beside) *beside {
	if b.known == nil || b.known.Of == "" {
		return nil
	}
	key := b.Counter
	key.Name = b.known.Of
	return c.all[key]
}

// totalOfSocket finds the counter in which the drops of a socket are counted too; nil: none grew.
func (c *comparison) totalOfSocket(sock format.Counter) *beside {
	in := func(source, name string) *beside {
		return c.all[format.Counter{Name: name, Source: source, Netns: sock.Netns}]
	}
	switch sock.Source {
	case "tcp":
		return in("netstat", "TcpExtListenDrops")
	case "udp":
		return cmp.Or(in("snmp", "UdpInErrors"), in("snmp6", "Udp6InErrors"))
	}
	return nil
}

// explain finds how much of a counter's growth the drops explain.
func (c *comparison) explain(b *beside) {
	for _, of := range c.classes {
		switch may, perhaps := of.counts(b.Counter); {
		case may:
			b.drops += c.most(of)
		case perhaps:
			b.perhaps += c.most(of)
		}
	}
	if b.known != nil && b.known.Unseen {
		b.perhaps = 0
	}
	switch {
	case b.fresh:
	case b.known != nil && b.known.Many:
		if b.drops+b.perhaps == 0 {
			b.unseen = b.by
		}
	case b.by > b.drops+b.perhaps:
		b.unseen = b.by - b.drops - b.perhaps
	}
}

// addOwed sets the drops that counters have to count beside them: how many a counter has not counted, and how many it
// counted for certain. Those stand with the total, if the counter is a part of one.
func (c *comparison) addOwed() {
	owed := c.owed()
	for key, n := range owed {
		b := c.all[key]
		if b == nil {
			b = c.add(key, &growth{})
		}
		b.uncounted = n - min(n, b.by)
	}
	for key, n := range owed { // now all totals are there
		b := c.all[key]
		if t := c.total(b); t != nil {
			b = t
		}
		b.certain += n
	}
}

// owed has how many drops a counter has to count, each of them: they came between the readings, and in which network
// namespace and what counts them is known. Counters of devices are by their drivers: what they count is not known so
// well.
func (c *comparison) owed() map[format.Counter]uint64 {
	sums := map[format.Counter]uint64{}
	for _, of := range c.classes {
		if !of.certain || of.netns == 0 || !c.netns[of.netns] || of.count == 0 {
			continue
		}
		name, ok := strings.CutPrefix(of.counted[0], "nstat ")
		if !ok {
			continue
		}
		for _, source := range [...]string{"snmp", "snmp6", "netstat"} {
			if known := counter.Lookup(source, name); known != nil && known.Each {
				sums[format.Counter{Name: name, Source: source, Netns: uint32(of.netns)}] += of.count
			}
		}
	}
	return sums
}

// sure says that all that the counter counted is drops that were seen.
func (b *beside) sure() bool {
	fewer := func(b *beside) bool { return b.uncounted > 0 }
	return b.by <= b.certain && !b.fresh && !fewer(b) && !slices.ContainsFunc(b.parts, fewer)
}

// whole says that no counter of lost packets that was read grew, but for drops that were seen.
func (c *comparison) whole() bool {
	if !c.compared || !c.ended || len(c.unread) > 0 || c.ledger.lost > 0 {
		return false
	}
	return !slices.ContainsFunc(c.lost, func(b *beside) bool { return !b.sure() })
}

// name is what a counter is called, with the device or the queueing discipline that it is of, and where its name alone
// tells too little with its source.
func (b *beside) name() string {
	name := b.Name
	if (b.Source == "conntrack" || b.Source == "softnet_stat") && b.limit == 0 {
		name = strings.TrimSuffix(b.Source, "_stat") + " " + name
	}
	for _, of := range [...]string{b.Sock, b.Qdisc, b.Dev} {
		if of != "" {
			name = of + " " + name
		}
	}
	return name
}

// words are what the counter counts, of which parts.
func (b *beside) words() string {
	if b.known == nil {
		return "its name is all that is known of it here"
	}
	words := b.known.Words
	for i, p := range b.parts {
		between := "; of these "
		if i > 0 {
			between = ", "
		}
		words += between + p.amount() + " " + p.known.Words + " (" + p.Name + ")"
	}
	for i, s := range b.socks {
		if i == maxSocks {
			words += ", ..."
			break
		}
		between := "; at "
		if i > 0 {
			between = ", "
		}
		words += between + s.Sock + " " + s.amount()
	}
	return words
}

// amount is by how much a part grew.
func (b *beside) amount() string {
	if b.fresh {
		return "at most " + strconv.FormatUint(b.level, 10)
	}
	return strconv.FormatUint(b.by, 10)
}

// maxSocks is how many sockets are named.
const maxSocks = 4

// look is the command that shows more, for the network namespace that own is not.
func (b *beside) look(names *netname.Names) string {
	var look string
	switch {
	case len(b.parts) > 0 && b.parts[0].known.Look != "":
		look = b.parts[0].known.Look
	case b.known != nil && b.known.Look != "":
		look = b.known.Look
	case kindOf(b.Source) == "nstat" && terminal.IsPlain([]byte(b.Name)):
		look = counters["nstat"] + " " + b.Name
	case b.Source == "xfrm_stat", b.Source == "softnet_stat":
		look = counters[kindOf(b.Source)]
	default:
		return ""
	}
	if strings.Contains(look, "{dev}") {
		word, ok := terminal.Word([]byte(b.Dev), 0)
		if !ok || b.Dev == "" {
			return ""
		}
		look = strings.ReplaceAll(look, "{dev}", string(word))
	}
	if own := names.Own(); b.Netns != 0 && own != 0 && uint64(b.Netns) != own {
		look = string(names.AppendEnter(nil, uint64(b.Netns))) + look
	}
	return look
}
