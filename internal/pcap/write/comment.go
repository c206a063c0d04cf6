package write

import (
	"encoding/binary"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// comments appends what e says besides its packet, which is in fr, one option for each
// key=value, so that a filter on a whole comment matches exactly. docs/pcapng.md is their
// specification, and package read reads them back. What most events do not have is
// looked up in f, which has found e. ending is how its journey ends, as comments.
func (e *event) comments(dst []byte, o *origin, fr *frame, f *format.Finder, t *tree, m *written,
	ending []byte) []byte {
	dst = m.probe.append(dst, e.Probe, [3]packet.Opt{}, func(dst []byte) []byte {
		return appendText(dst, "probe=", e.Probe)
	})
	if o.foreign {
		dst = appendText(dst, "host=", []byte(o.start.Host))
	}
	dst = m.dev.append(dst, e.Dev, [3]packet.Opt{e.RX, e.Netns, e.Cookie}, func(dst []byte) []byte {
		dst = appendFilled(dst, "dev=", e.Dev)
		dst = appendNumber(dst, "dev.rx_ifindex=", e.RX)
		dst = appendNumber(dst, "netns=", e.Netns)
		return appendNumber(dst, "netns.cookie=", e.Cookie)
	})
	if e.Netns.OK {
		dst = appendFilled(dst, "netns.name=", []byte(o.names.Name(e.Netns.V)))
	}
	dst = appendNumber(dst, "packet=", e.Packet)
	if f.Has(findMissing) {
		dst = appendMissing(dst, f.Cursor(findMissing), fr)
	}
	if e.Packet.OK {
		dst = appendNumber(dst, "track.branch=", e.Branch)
	}
	dst = appendNumber(dst, "hop=", e.Hop)
	dst = appendTime(dst, "since=", e.Since)
	dst = appendTime(dst, "track.total=", e.Total)
	if e.Changes {
		dst = appendChanges(dst, e.Changed)
	}
	if e.Packet.OK {
		dst = trackComments(dst, f, t)
	}
	if e.Dropped {
		if reason := e.Reason; len(reason) > 0 {
			dst = appendText(dst, "drop=", reason)
		} else {
			dst = append(dst, unknownDrop...)
		}
	}
	dst = appendFilled(dst, "why=", e.Why)
	if f.Has(findWhy) {
		dst = e.whyComments(dst, f.Value(findWhy))
	}
	dst = appendFilled(dst, "location=", e.Location)
	dst = m.process.append(dst, e.Comm, [3]packet.Opt{e.CPU, e.PID, e.TGID}, func(dst []byte) []byte {
		dst = appendNumber(dst, "cpu=", e.CPU)
		dst = appendNumber(dst, "pid=", e.PID)
		dst = appendNumber(dst, "process.tgid=", e.TGID)
		return appendFilled(dst, "comm=", e.Comm)
	})
	dst = appendHex(dst, "mark=0x", e.Skb.Mark)
	if e.Skb.Priority.V != 0 {
		dst = appendNumber(dst, "skb.priority=", e.Skb.Priority)
	}
	dst = appendHex(dst, "skb.hash=0x", e.Skb.Hash)
	if s := e.Skb.Summed; s.V != 0 && s.V < uint64(len(summed)) {
		dst = append(dst, summed[s.V]...)
	}
	dst = appendNumber(dst, "id=", e.Skb.ID)
	if fr.synthetic {
		dst = append(dst, syntheticComment...)
	}
	if f.Has(findCaller) {
		caller, _ := f.Str(findCaller)
		dst = appendFilled(dst, "caller=", caller)
	}
	if e.Stack.OK {
		dst = append(dst, o.stacks[e.Stack.V]...)
	}
	for i, name := range packet.Sections {
		if f.Has(findSections + i) {
			c := f.Cursor(findSections + i)
			dst = t.section(dst, name, &c)
		}
	}
	dst = o.flowComments(dst, f, e.TS)
	dst = append(dst, ending...)
	for c, n := e.Others, e.OthersLen; n > 0; n-- {
		if s, ok := c.Str(); ok {
			dst = appendComment(dst, s)
		}
	}
	return dst
}

// trackComments appends what skb-track is not sure of, and from where the packet came.
func trackComments(dst []byte, f *format.Finder, t *tree) []byte {
	if f.Has(findFrom) {
		c := f.Cursor(findFrom)
		dst = t.section(dst, "track.from", &c)
	}
	if f.Has(findBy) {
		by, _ := f.Str(findBy)
		dst = appendFilled(dst, "track.by=", by)
	}
	if yes, _ := f.Value(findUncertain).Bool(); yes {
		dst = append(dst, uncertainComment...)
	}
	if yes, _ := f.Value(findInferred).Bool(); yes {
		dst = append(dst, inferredComment...)
	}
	return appendNumber(dst, "track.resent=", optUint(f, findResent))
}

// whyComments appends what skb-drops says in a section besides the cause.
func (e *event) whyComments(dst []byte, why wire.Value) []byte {
	dst = appendFilled(dst, "why.meaning=", e.Meaning)
	where, _ := why.Get("where").Str()
	dst = appendFilled(dst, "why.where=", where)
	look := format.Raw(why.Get("look")).Cursor()
	for n := look.Array(); n > 0; n-- {
		if s, ok := look.Str(); ok {
			dst = appendText(dst, "why.look=", s)
		}
	}
	dst = appendRuleComments(dst, "why.rule=", why.Get("rules"))
	by, _ := why.Get("rules_by").Str()
	dst = appendFilled(dst, "why.rules_by=", by)
	severity, _ := why.Get("severity").Str()
	dst = appendFilled(dst, "why.severity=", severity)
	confidence, _ := why.Get("confidence").Str()
	return appendFilled(dst, "why.confidence=", confidence)
}

// summed are comments by skb->ip_summed; none of NONE, which says that nothing was computed.
var summed = func() (s [len(packet.SummedNames)][]byte) {
	for i, name := range packet.SummedNames[1:] {
		s[i+1] = appendComment(nil, []byte("skb.ip_summed="+name))
	}
	return s
}()

var (
	unknownDrop      = appendComment(nil, []byte("drop=?"))
	syntheticComment = appendComment(nil, []byte("l2=synthetic"))
	uncertainComment = appendComment(nil, []byte("track.uncertain=true"))
	inferredComment  = appendComment(nil, []byte("track.inferred=true"))
)

// appendChanges appends a comment for each pair of track.changed: what, before, after.
func appendChanges(dst []byte, c wire.Cursor) []byte {
	for n := c.Map(); n > 0; n-- {
		b := beginComment(&dst, "changed=")
		dst = packet.AppendEscaped(dst, c.Key())
		sep := byte(' ')
		for m := c.Array(); m > 0; m-- {
			dst = appendPlain(append(dst, sep), c.Value())
			sep = '>'
		}
		dst = endComment(dst, b)
	}
	return dst
}

// appendPlain appends a number or text; nothing for what has no plain form.
func appendPlain(dst []byte, v wire.Value) []byte {
	if s, ok := v.Str(); ok {
		return packet.AppendEscaped(dst, s)
	}
	if u, ok := v.Uint(); ok {
		return strconv.AppendUint(dst, u, 10)
	}
	if i, ok := v.Int(); ok {
		return strconv.AppendInt(dst, i, 10)
	}
	if b, ok := v.Bool(); ok {
		return strconv.AppendBool(dst, b)
	}
	return dst
}

func appendText(dst []byte, key string, value []byte) []byte {
	b := beginComment(&dst, key)
	return endComment(packet.AppendEscaped(dst, value), b)
}

// appendFilled is appendText for what is absent when empty.
func appendFilled(dst []byte, key string, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	return appendText(dst, key, value)
}

// appendHex appends a number unless it is 0. key ends with 0x.
func appendHex(dst []byte, key string, n packet.Opt) []byte {
	if n.V == 0 {
		return dst
	}
	b := beginComment(&dst, key)
	return endComment(strconv.AppendUint(dst, n.V, 16), b)
}

func appendTime(dst []byte, key string, ns packet.Opt) []byte {
	if !ns.OK {
		return dst
	}
	b := beginComment(&dst, key)
	return endComment(packet.AppendDuration(dst, ns.V), b)
}

func appendNumber(dst []byte, key string, n packet.Opt) []byte {
	if !n.OK {
		return dst
	}
	at := len(dst)
	dst = append(append(dst, pcapng.OptComment, 0, 0, 0), key...)
	return endShort(strconv.AppendUint(dst, n.V, 10), at)
}

// endShort is endComment for what is surely shorter.
func endShort(dst []byte, began int) []byte {
	n := len(dst) - began - 4
	dst[began+2], dst[began+3] = byte(n), byte(n>>8)
	return append(dst, padding[:-n&3]...)
}

var padding [3]byte

func appendComment(dst, text []byte) []byte {
	b := beginComment(&dst, "")
	return endComment(append(dst, text...), b)
}

// beginComment appends a comment's head and returns where it is.
func beginComment(dst *[]byte, key string) int {
	at := len(*dst)
	*dst = append(append(*dst, pcapng.OptComment, 0, 0, 0), key...)
	return at
}

// endComment cuts the comment that began at what its length can say, and pads it.
func endComment(dst []byte, began int) []byte {
	n := min(len(dst)-began-4, 1<<16-1)
	binary.LittleEndian.PutUint16(dst[began+2:], uint16(n))
	return append(dst[:began+4+n], padding[:-n&3]...)
}
