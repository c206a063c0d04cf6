package format

import (
	"github.com/vmihailenco/msgpack/v5"

	"github.com/skb-tools/skb-tools/format/wire"
)

// Counters says which of the kernel's own counters of loss and trouble grew between two readings.
type Counters struct {
	TS     uint64      // ns, when this reading began
	Took   uint64      // ns, how long it took: a counter was read at any time in it
	Since  Opt[uint64] // ns, when the reading before began. Absent: this is the first one, nothing is compared
	Before uint64      // ns, how long the reading before took
	Drops  bool        // every drop since then is an event of this stream, or counted by a loss
	Netns  []uint32    // the network namespaces that were read, by their numbers
	Unread []string    // sources that exist and could not be read
	Grew   []Counter
}

// A Counter is one that grew, or one near its limit.
type Counter struct {
	Name, Source string
	Netns        uint32 // 0: it is of the whole machine
	Dev          string
	Qdisc        string      // kind and handle, as "fq_codel 8001:"
	Sock         string      // protocol and own address, as "tcp 10.0.0.2:80"
	From         Opt[uint64] // absent: it was not read before, and may have counted then
	To           uint64
	Limit        uint64 // of what is a level; 0: it counts
}

var counterSection = Section{"counter", []Key{
	{Name: "name", Form: FormStr, What: "its name in `source`"},
	{Name: "source", Form: FormStr, What: "where it was read: see below"},
	{Name: "netns", Form: FormUint, What: "network namespace, by its number", Absent: "it is of the whole machine"},
	{Name: "dev", Form: FormStr, What: "device", Absent: "it is of none"},
	{Name: "qdisc", Form: FormStr, What: "queueing discipline: kind and handle, `fq_codel 8001:`",
		Absent: "it is of none"},
	{Name: "sock", Form: FormStr, What: "socket: protocol and its own address and port, `tcp 10.0.0.2:80`",
		Absent: "it is of none"},
	{Name: "from", Form: FormUint, What: "its value when it was last read before, at most at the reading before",
		Absent: "it was not read before, and may have counted then"},
	{Name: "to", Form: FormUint, What: "its value at this reading"},
	{Name: "limit", Form: FormUint, What: "the value that it can't exceed", Absent: "it counts, and is no level"},
}}

var countersSection = Section{"counters", []Key{
	{Name: "type", Form: FormStr, What: "`counters`"},
	{Name: "ts", Form: FormUint, Unit: UnitNS, What: "when this reading began, ns"},
	{Name: "took", Form: FormUint, Unit: UnitNS, What: "how long it took, ns. Each counter was read at some time in it"},
	{Name: "since", Form: FormUint, Unit: UnitNS, What: "when the reading before began, ns",
		Absent: "this is the first: it marks from when on is counted"},
	{Name: "before", Form: FormUint, Unit: UnitNS, What: "how long that one took, ns", Absent: "as `since`"},
	{Name: "drops", Form: FormBool,
		What: "whether each drop between the readings is an event of this stream or part of a `loss`: " +
			"`skb:kfree_skb` was probed, and no filter left any out"},
	{Name: "netns", Form: FormUints, What: "the network namespaces that were read, by their numbers"},
	{Name: "unread", Form: FormStrs, What: "sources that could not be read, or not all of them, each with its reason",
		Absent: "there are none"},
	{Name: "grew", Form: FormMaps, Of: &counterSection,
		What: "counters that grew, and levels at nine tenths of their limit or more", Absent: "there are none"},
}}

// AppendMsgpack appends the record.
func (c *Counters) AppendMsgpack(dst []byte) []byte { return appendEncoded(dst, c.encode) }

// EncodeMsgpack writes the record.
func (c *Counters) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, c) }

func (c *Counters) encode(e *msgpack.Encoder) error {
	return encodeMap(e, []entry{
		{"type", true, TypeCounters}, {"ts", true, c.TS}, {"took", true, c.Took},
		{"since", c.Since.OK, c.Since.V}, {"before", c.Since.OK, c.Before}, {"drops", true, c.Drops},
		{"netns", true, c.Netns}, {"unread", len(c.Unread) > 0, c.Unread}, {"grew", len(c.Grew) > 0, c.Grew},
	})
}

func (c *Counter) encode(e *msgpack.Encoder) error {
	return encodeMap(e, []entry{
		{"name", true, c.Name}, {"source", true, c.Source}, {"netns", c.Netns != 0, uint64(c.Netns)},
		{"dev", c.Dev != "", c.Dev}, {"qdisc", c.Qdisc != "", c.Qdisc}, {"sock", c.Sock != "", c.Sock},
		{"from", c.From.OK, c.From.V}, {"to", true, c.To}, {"limit", c.Limit != 0, c.Limit},
	})
}

// Decode reads r, which must be a counters record.
func (c *Counters) Decode(r Raw) error {
	if r.Type() != TypeCounters {
		return errType(r, TypeCounters)
	}
	*c = Counters{Unread: namesOf(r.Get("unread"))}
	c.TS, _ = r.Time()
	c.Took, _ = r.Get("took").Uint()
	c.Since.V, c.Since.OK = r.Get("since").Uint()
	c.Before, _ = r.Get("before").Uint()
	c.Drops, _ = r.Get("drops").Bool()
	_ = r.Get("netns").Elems(func(v wire.Value) bool {
		if n, ok := v.Uint(); ok {
			c.Netns = append(c.Netns, uint32(n))
		}
		return true
	})
	_ = r.Get("grew").Elems(func(v wire.Value) bool {
		c.Grew = append(c.Grew, counterOf(v))
		return true
	})
	return nil
}

func counterOf(m wire.Value) (c Counter) {
	_ = m.Each(func(key []byte, v wire.Value) bool {
		u, ok := v.Uint()
		switch string(key) {
		case "name":
			setString(&c.Name, v)
		case "source":
			setString(&c.Source, v)
		case "netns":
			c.Netns = uint32(u)
		case "dev":
			setString(&c.Dev, v)
		case "qdisc":
			setString(&c.Qdisc, v)
		case "sock":
			setString(&c.Sock, v)
		case "from":
			c.From = Opt[uint64]{u, ok}
		case "to":
			c.To = u
		case "limit":
			c.Limit = u
		}
		return true
	})
	return c
}
