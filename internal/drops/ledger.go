package drops

import (
	"slices"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/counter"
)

// A ledger sets the drops of a host's stream beside what its kernel counted itself, which counters records say. Drops
// of one kind, as far as counters tell them apart, are counted together: in a class.
type ledger struct {
	first, at period // the readings that it is between; at: the latest
	broken    bool   // a reading before is missing from the stream
	part      bool   // some drops may be missing from the stream
	lost      uint64 // events
	ended     bool   // the reading before the end is there
	netns     map[uint64]bool
	unread    []string
	grown     map[format.Counter]*growth // by what names a counter

	classes map[string]*class
	recent  []dropped // that the next reading may not have counted
	folded  uint64    // ns: the latest drop that is not in recent
	key     []byte
}

func newLedger() *ledger {
	return &ledger{netns: map[uint64]bool{}, grown: map[format.Counter]*growth{}, classes: map[string]*class{}}
}

// A period is in ns of the host's clock.
type period struct{ from, to uint64 }

// growth is how much a counter grew.
type growth struct {
	by    uint64
	fresh bool // it was not read at the start, and may have counted before
	level uint64
	limit uint64
}

// A class is the drops that the same counters may count.
type class struct {
	counted []string // each by kind and name, as the census has it
	certain bool     // the only one counts each of them
	silent  bool     // it is not known what counts them, or whether anything does
	netns   uint64   // 0: not known
	dev     string
	proto   string
	count   uint64 // between the readings
	edge    uint64 // while one was made: it may have counted them
}

type dropped struct {
	since, ts uint64 // ns: it came between these, or they did
	n         uint64
	of        *class
}

// Bounds of what is kept.
const (
	maxClasses = 4096
	maxRecent  = 1 << 16
	maxGrown   = 1 << 16
	maxUnread  = 64
)

// add takes a drop, which is judged.
func (l *ledger) add(f *facts, t *tables, since, ts, n uint64) {
	of := l.classOf(f, t)
	if of == nil {
		l.part = true
		return
	}
	if len(l.recent) >= maxRecent {
		half := l.recent[:maxRecent/2]
		for _, d := range half {
			l.settle(d)
		}
		l.recent = l.recent[:copy(l.recent, l.recent[len(half):])]
	}
	l.recent = append(l.recent, dropped{since, ts, n, of})
}

// settle counts drops that are taken to have come before the next reading.
func (l *ledger) settle(d dropped) {
	l.folded = max(l.folded, d.ts)
	switch {
	case d.ts < l.first.from:
	case d.since <= l.first.to:
		d.of.edge += d.n
	default:
		d.of.count += d.n
	}
}

// read takes a counters record.
func (l *ledger) read(c *format.Counters) {
	reading := period{c.TS, c.TS + c.Took}
	if !c.Since.OK {
		early := l.folded
		for _, d := range l.recent {
			early = max(early, d.ts)
		}
		part, lost := l.part || early >= reading.from, l.lost // part: what it counts stands in front of it
		*l = *newLedger()
		l.first, l.at, l.part, l.lost = reading, reading, part, lost
	} else if l.at.from != c.Since.V {
		l.broken = true
	}
	for _, n := range c.Netns {
		if len(l.netns) < maxGrown {
			l.netns[uint64(n)] = true
		}
	}
	for _, u := range c.Unread {
		if len(l.unread) < maxUnread && !slices.Contains(l.unread, u) {
			l.unread = append(l.unread, u)
		}
	}
	l.at, l.ended = reading, false
	if !c.Since.OK {
		return
	}
	l.part = l.part || !c.Drops || l.folded > c.TS
	l.recent = slices.DeleteFunc(l.recent, func(d dropped) bool {
		if d.ts >= reading.from {
			return false
		}
		l.settle(d)
		return true
	})
	for _, g := range c.Grew {
		key := format.Counter{Name: g.Name, Source: g.Source, Netns: g.Netns, Dev: g.Dev, Qdisc: g.Qdisc, Sock: g.Sock}
		sum := l.grown[key]
		if sum == nil {
			if len(l.grown) >= maxGrown {
				l.broken = true
				return
			}
			sum = &growth{}
			l.grown[key] = sum
		}
		sum.fresh = sum.fresh || !g.From.OK
		sum.level, sum.limit = g.To, g.Limit
		if g.To > g.From.V {
			sum.by += g.To - g.From.V
		}
	}
}

// atEdge is how many drops of each class came while the latest reading was made.
func (l *ledger) atEdge() map[*class]uint64 {
	edge := map[*class]uint64{}
	for _, d := range l.recent {
		if d.since <= l.at.to {
			edge[d.of] += d.n
		}
	}
	return edge
}

// classOf finds the class of a drop; nil if there are too many.
func (l *ledger) classOf(f *facts, t *tables) *class {
	var c class
	c.counted, c.certain, c.silent = t.counted(f)
	c.netns, _ = f.find.Uint(findNetnsInum)
	dev, _ := f.find.Str(findDevName)
	proto := f.protocol()
	if c.certain && strings.HasPrefix(c.counted[0], "nstat Udp") && string(proto) != "udp" {
		c.certain = false // UDP-Lite goes through the same functions, and has counters of its own
	}
	l.key = append(l.key[:0], dev...)
	l.key = append(append(l.key, 0), proto...)
	for i := range 4 {
		l.key = append(l.key, byte(c.netns>>(8*i)))
	}
	for _, name := range c.counted {
		l.key = append(append(l.key, 0), name...)
	}
	if c.silent {
		l.key = append(l.key, 1)
	}
	if c.certain {
		l.key = append(l.key, 2)
	}
	of := l.classes[string(l.key)]
	if of == nil && len(l.classes) < maxClasses {
		c.dev, c.proto, c.counted = string(dev), string(proto), slices.Clone(c.counted)
		of = &c
		l.classes[string(l.key)] = of
	}
	return of
}

// counted has the counters that may count a drop, by the census. certain: there is one, and it does. silent: some way
// to the place has none that is known. The names are valid until the next call.
func (t *tables) counted(f *facts) (names []string, certain, silent bool) {
	rule := f.verdict.rule
	tells := func(w *way) bool { return slices.Contains(w.rules, rule) }
	only := rule != nil && rule.final && slices.ContainsFunc(t.waysAt(f.function), tells)
	names = f.countedBy[:0]
	certain = true
	n := 0
	for _, w := range t.waysThatFit(f, f.hasReason()) {
		if only && !tells(w) || !w.possible(f) {
			continue
		}
		n++
		silent = silent || len(w.counted) == 0
		certain = certain && len(w.counted) == 1
		for _, name := range w.counted {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	f.countedBy = names
	return names, certain && len(names) == 1, silent || n == 0
}

// counts says whether a class may be counted by a counter, for certain or perhaps.
func (c *class) counts(name format.Counter) (may, perhaps bool) {
	kind := kindOf(name.Source)
	if name.Netns != 0 && c.netns != 0 && uint64(name.Netns) != c.netns {
		return false, false
	}
	if name.Dev != "" && c.dev != "" && name.Dev != c.dev {
		return false, false
	}
	may = slices.ContainsFunc(c.counted, func(counted string) bool {
		k, n, _ := strings.Cut(counted, " ")
		return k == kind && takes(name, n)
	})
	switch kind {
	case "ethtool":
		perhaps = true
	case "link", "qdisc":
		perhaps = c.silent || c.dev == ""
	case "nstat":
		perhaps = c.silent && protocolOf(name.Name, c.proto)
	case "socket":
		perhaps = true
	default:
		perhaps = c.silent
	}
	return may, perhaps && !may
}

// takes says that a counter counts what the census says that one of this name counts: it has the name, or that of a
// queue's, or the named one is a part of it.
func takes(c format.Counter, name string) bool {
	if name == c.Name || c.Source == "ethtool" && strings.HasSuffix(c.Name, "_"+name) {
		return true
	}
	of := counter.Lookup(c.Source, name)
	return of != nil && of.Of == c.Name
}

// kindOf is the census's word for a source.
func kindOf(source string) string {
	switch source {
	case "snmp", "snmp6", "netstat":
		return "nstat"
	case "xfrm_stat":
		return "xfrm"
	case "softnet_stat":
		return "softnet"
	case "tcp", "udp", "raw":
		return "socket"
	}
	return source
}

// protocolOf says whether a counter of nstat can be of packets of a protocol; "": it is not known.
func protocolOf(name, proto string) bool {
	switch {
	case proto == "":
		return true
	case strings.HasPrefix(name, "TcpExtIP"), strings.HasPrefix(name, "TcpExtArp"):
		return true
	case strings.HasPrefix(name, "Tcp"), strings.HasPrefix(name, "MPTcp"):
		return proto == "tcp"
	case strings.HasPrefix(name, "Udp"):
		return proto == "udp" || proto == "136"
	}
	return true
}

// protocol is the packet's, in words where it has some; nil: it is not known.
func (f *facts) protocol() []byte {
	switch v := f.header(fieldProto, f.headers()); v.kind() {
	case word:
		return v.s
	case number:
		return strconv.AppendInt(nil, v.n, 10)
	}
	return nil
}

// ledgers are those of the hosts of a stream.
type ledgers struct {
	of    map[*host]*ledger
	order []*host
	early uint64 // ns: the latest drop without a ledger, of any host
}

// partOf takes drops of a host of which nothing is known.
func (s *ledgers) partOf(h *host) {
	if l := s.of[h]; l != nil {
		l.part = true
	}
}

// add takes n drops of a host, which are judged. They came between two times, ns.
func (s *ledgers) add(f *facts, t *tables, h *host, since, ts, n uint64) {
	if l := s.of[h]; l != nil {
		l.add(f, t, since, ts, n)
		return
	}
	s.early = max(s.early, ts)
}

// read takes a counters record of a host.
func (s *ledgers) read(r format.Raw, h *host, part bool) error {
	var c format.Counters
	if err := c.Decode(r); err != nil {
		return err
	}
	l := s.of[h]
	if l == nil {
		if len(s.order) >= maxHosts {
			return nil
		}
		l = newLedger()
		l.folded, l.broken, l.part = s.early, c.Since.OK, part
		if s.of == nil {
			s.of = map[*host]*ledger{}
		}
		s.of[h] = l
		s.order = append(s.order, h)
	}
	l.read(&c)
	return nil
}
