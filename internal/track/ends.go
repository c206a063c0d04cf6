package track

import (
	"cmp"
	"slices"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/page"
	"github.com/skb-tools/skb-tools/internal/recent"
)

// A branchEnds is a stage that notes how branches end, for pictures: a journey record tells
// of one branch alone. It stands before a selector, which hands on no free records.
type branchEnds struct {
	next stage
	host int // number of the start in force
	came format.Starts[int]
	at   *recent.Map[bufferAt, branchAt] // of each sk_buff that an event was of
	ends *recent.Map[uint64, []branchEnd]
}

type bufferAt struct {
	host int
	addr uint64
}

type branchAt struct {
	spot
	id uint64 // of the buffer; 0: not known
}

// A branchEnd says how a branch ended.
type branchEnd struct {
	branch uint32
	ts     uint64 // ns
	how    string // as in free
	drop   string // as in drawnHop
}

func (e *branchEnd) good() bool { return e.how == "delivered" || e.how == "transmitted" }

// What is kept of it at most: sk_buffs, packets, and ends of a packet.
const (
	maxBuffers   = 1 << 17
	maxEndsOf    = 1 << 16
	maxEndsOfOne = 256
)

func newBranchEnds(next stage) *branchEnds {
	return &branchEnds{next: next, at: recent.New[bufferAt, branchAt](maxBuffers),
		ends: recent.New[uint64, []branchEnd](maxEndsOf)}
}

func (b *branchEnds) Flush() error { return b.next.Flush() }

func (b *branchEnds) Write(r format.Raw) error {
	switch r.Type() {
	case format.TypeStart:
		b.host++
		b.came.Set(r, b.host)
	case format.TypeResume:
		if host, ok := b.came.Resume(r); ok {
			b.host = host
		}
	case format.TypeEvent:
		skb, track := r.Get("skb"), r.Get("track")
		addr, ok := skb.Get("addr").Uint()
		packet, tracked := track.Get("packet").Uint()
		if !ok || !tracked {
			break
		}
		id, _ := skb.Get("id").Uint()
		branch, _ := track.Get("branch").Uint()
		key := bufferAt{b.host, addr}
		b.at.Delete(key) // so that it is the youngest
		b.at.Set(key, branchAt{spot{packet, uint32(branch)}, id})
	case format.TypeFree:
		b.free(r)
	case format.TypeJourney:
		err := b.next.Write(r)
		if packet, ok := r.Get("packet").Uint(); ok {
			b.ends.Delete(packet)
		}
		return err
	}
	return b.next.Write(r)
}

func (b *branchEnds) free(r format.Raw) {
	var f format.Free
	if f.Decode(r) != nil {
		return
	}
	key := bufferAt{b.host, f.Skb.Addr}
	at, ok := b.at.Get(key)
	if !ok || at.id != 0 && f.Skb.ID != 0 && at.id != f.Skb.ID {
		return
	}
	b.at.Delete(key)
	end := branchEnd{branch: at.branch, ts: f.TS, how: page.Short(f.How)}
	if f.Drop.Present() {
		end.drop = page.Short(dropWords(&f.Drop))
	}
	if ends, _ := b.ends.Get(at.packet); len(ends) < maxEndsOfOne {
		b.ends.Set(at.packet, append(ends, end))
	}
}

// of returns how the branches of a journey ended, as far as it is known.
func (b *branchEnds) of(j *format.Journey) []branchEnd {
	ends, _ := b.ends.Get(j.Packet)
	e := &j.End
	if i := slices.IndexFunc(ends, func(x branchEnd) bool { return x.branch == e.Branch }); i >= 0 {
		if ends[i].ts == e.TS && e.How != "dropped" {
			ends[i].how = e.How // freed because it was delivered
		}
	} else if e.TS != 0 {
		end := branchEnd{branch: e.Branch, ts: e.TS, how: e.How}
		if e.How == "dropped" {
			end.drop = dropWords(&format.Drop{Name: e.Reason, Location: e.Location})
		}
		ends = append(ends, end)
	}
	return ends
}

// sort puts hops and ends in order of time. A branch that an event says was dropped has that
// event as its end.
func (g *gathered) sort() {
	slices.SortStableFunc(g.hops, func(a, b drawnHop) int { return cmp.Compare(a.ts, b.ts) })
	slices.SortStableFunc(g.ends, func(a, b branchEnd) int { return cmp.Compare(a.ts, b.ts) })
	last := map[uint32]*drawnHop{}
	for i := range g.hops {
		last[g.hops[i].branch] = &g.hops[i]
	}
	g.ends = slices.DeleteFunc(g.ends, func(e branchEnd) bool {
		h := last[e.branch]
		return h == nil || h.drop != "" && h.ts <= e.ts
	})
}
