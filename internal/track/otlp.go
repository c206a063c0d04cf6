package track

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/otlp"
	"github.com/skb-tools/skb-tools/internal/recent"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// otlpRate is how many journeys are sent at most for each second of the stream's time, unless --otlp-rate says it.
const otlpRate = 10

var otlpTimes = otlp.Usual

// A sender sends journeys to a receiver of OpenTelemetry: those of --otlp, some in each second.
type sender struct {
	to       *otlp.Exporter
	rate     int
	sent     *recent.Map[hostSecond, int] // journeys
	timeless uint64                       // those that were not sent, as their start does not tell the time
}

// A hostSecond is a second of Unix time by the clock of a host. Streams of several hosts, or of several days, may come
// one behind the other or mixed.
type hostSecond struct {
	host   string
	second uint64
}

// maxSeconds bounds the seconds whose journeys are counted, and maxHost the bytes of a host's name there.
const (
	maxSeconds = 1000
	maxHost    = 64
)

func newSender(o *Options) (*sender, error) {
	to, err := otlp.New(o.OTLP, otlpTimes)
	if err != nil {
		return nil, err
	}
	t := &sender{to: to, rate: otlpRate, sent: recent.New[hostSecond, int](maxSeconds)}
	if o.OTLPRate != nil {
		t.rate = *o.OTLPRate
	}
	return t, nil
}

// take sends a journey, unless enough of its host's second were sent, or its start does not tell the time.
func (t *sender) take(g *gathered) {
	if !g.from.clock {
		t.timeless++
		return
	}
	at := secondOf(g)
	n, _ := t.sent.Get(at)
	if n >= t.rate {
		return
	}
	t.sent.Set(at, n+1)
	t.to.Send(traceOf(g))
}

// secondOf is the second in which a journey ended.
func secondOf(g *gathered) hostSecond {
	at := hostSecond{g.from.host, (g.j.Last + uint64(g.from.offset)) / 1e9}
	if len(at.host) > maxHost {
		at.host = strings.Clone(at.host[:maxHost])
	}
	return at
}

// Close sends what waits. The error tells of journeys that were not sent.
func (t *sender) Close() error {
	err := t.to.Close()
	if t.timeless == 0 {
		return err
	}
	said := fmt.Sprintf("%s not sent, as the stream does not tell the time (clock_offset in its start)",
		spell.Count(t.timeless, "journey"))
	if err != nil {
		return fmt.Errorf("%w; %s", err, said)
	}
	return errors.New("--otlp: " + said)
}

// traceOf makes a span of a journey, and one of each hop below it. A hop lasts until the next one on its branch; the
// last one of the branch that decides lasts until the journey's end. Times are from the first event's on: the clocks of
// other hosts are their own.
func traceOf(g *gathered) *otlp.Trace {
	j := &g.j
	t := &otlp.Trace{Host: g.from.host}
	sum := sha256.New()
	sum.Write([]byte(g.from.host))
	for _, n := range [...]uint64{uint64(g.from.offset), j.First, j.Packet} {
		sum.Write(binary.BigEndian.AppendUint64(nil, n))
	}
	copy(t.ID[:], sum.Sum(nil))
	start := j.First + uint64(g.from.offset)
	end := start + j.Total()
	for i := range g.hops {
		end = max(end, start+g.hops[i].total)
	}
	t.Spans = append(t.Spans, journeySpan(g, start, end))
	for i := range g.hops {
		h := &g.hops[i]
		s := otlp.Span{Name: h.probe, Parent: spanID(t.ID, 0), Start: start + h.total}
		s.End = s.Start
		if next := g.next(i); next != nil {
			s.End = max(s.Start, start+next.total)
		} else if h.branch == j.End.Branch {
			s.End = end
		}
		s.Attributes = []otlp.Attribute{otlp.Number("skb.hop", uint64(h.number)), otlp.Number("skb.branch", uint64(h.branch)),
			otlp.Number("skb.cpu", uint64(h.cpu))}
		if h.dev != "" {
			s.Attributes = append(s.Attributes, otlp.Text("skb.dev", h.dev))
		}
		if h.netns != 0 {
			s.Attributes = append(s.Attributes, otlp.Number("skb.netns", uint64(h.netns)))
		}
		if h.space != "" {
			s.Attributes = append(s.Attributes, otlp.Text("skb.netns.name", h.space))
		}
		if h.changed != "" {
			s.Attributes = append(s.Attributes, otlp.Text("skb.changed", strings.TrimSpace(h.changed)))
		}
		if h.unsure {
			s.Attributes = append(s.Attributes, otlp.Text("skb.certainty", "uncertain or inferred"))
		}
		if h.drop != "" {
			s.Error = "dropped: " + h.drop
		}
		t.Spans = append(t.Spans, s)
	}
	for i := range t.Spans {
		t.Spans[i].ID = spanID(t.ID, i)
	}
	return t
}

// next is the hop behind hop i on the same branch, nil if it is the last one.
func (g *gathered) next(i int) *drawnHop {
	for k := i + 1; k < len(g.hops); k++ {
		if g.hops[k].branch == g.hops[i].branch {
			return &g.hops[k]
		}
	}
	return nil
}

func spanID(trace [16]byte, i int) (id [8]byte) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(trace[:], uint64(i)))
	copy(id[:], sum[:])
	return id
}

// journeySpan is the span of the journey itself.
func journeySpan(g *gathered, start, end uint64) otlp.Span {
	j := &g.j
	s := otlp.Span{Name: "packet " + j.End.How, Start: start, End: end, Attributes: []otlp.Attribute{
		otlp.Number("skb.packet", j.Packet), otlp.Text("skb.how", j.End.How), otlp.Number("skb.hops", uint64(j.Hops)),
		otlp.Number("skb.branches", uint64(j.Branches))}}
	text := func(key, value string) {
		if value != "" {
			s.Attributes = append(s.Attributes, otlp.Text(key, value))
		}
	}
	if j.End.How == "dropped" {
		s.Error = "dropped: " + dropWords(&format.Drop{Name: j.End.Reason, Location: j.End.Location})
		text("skb.reason", j.End.Reason)
		text("skb.location", j.End.Location)
	}
	text("skb.unclear", j.End.Unclear)
	text("skb.uncertain", strings.Join(j.Uncertain, ","))
	text("skb.note", j.Note)
	if j.Inferred {
		text("skb.inferred", "true")
	}
	if g.left > 0 {
		s.Attributes = append(s.Attributes, otlp.Number("skb.hops_left_out", uint64(g.left)))
	}
	if f := j.From; f.Src.IsValid() {
		text("source.address", f.Src.String())
		text("destination.address", f.Dst.String())
		s.Attributes = append(s.Attributes, otlp.Number("skb.proto", uint64(f.Proto)))
		if f.Sport != 0 || f.Dport != 0 {
			s.Attributes = append(s.Attributes, otlp.Number("source.port", uint64(f.Sport)),
				otlp.Number("destination.port", uint64(f.Dport)))
		}
	}
	return s
}
