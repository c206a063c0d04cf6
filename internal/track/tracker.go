package track

import (
	"bytes"
	"crypto/sha256"
	"time"

	"github.com/skb-tools/skb-tools/format"
)

// A tracker puts the events of a stream, which come in order, together to packets.
type tracker struct {
	limits limits
	out    func(format.Raw) error
	err    error // of out

	stores
	streams
	conclusions
	scratch
}

// stores are the packets that are on their way.
type stores struct {
	journeys slab[journey]
	branches slab[branch]
	headers  hold
	table    table
	names    *names
	joined   map[uint32][]uint64 // packets that went into a journey
	packets  uint64              // numbers given
}

// streams are the streams that are merged in the input.
type streams struct {
	groups  map[[sha256.Size]byte]*group
	order   []*group // as they began
	group   *group   // that of the last start
	numbers uint32   // of groups
	recent  format.Starts[[sha256.Size]byte]
}

// conclusions are what is known of packets beyond what records say.
type conclusions struct {
	infer *inference        // nil: only what records say
	syns  map[segment]synOf // whose answer may come
	note  string            // of the journey that is ended now
}

// scratch is memory for the record at hand.
type scratch struct {
	view    view
	parsed  headers
	packed  []byte
	merged  []byte
	diff    differ
	changed []byte
	section []byte
	record  []byte
}

// limits bound what a tracker keeps.
type limits struct {
	open   int           // journeys
	memory int           // bytes
	idle   time.Duration // without a record about it a journey is let go of
	linger time.Duration // a journey that ended is kept for what is still to come
}

// A group is what follows one start record. Identities and times are its own.
type group struct {
	key            [sha256.Size]byte
	number         uint32
	now            uint64 // ns
	oldest, newest uint32 // open journeys, by their last record
	first, last    uint32 // queue of branches that ended
	queued         int
	losses         [len(format.LossKinds)]intervals
	lossy          bool
	heldBack       intervals   // in which events were held back
	freedUnseen    [256]uint64 // identities that ended last, and of which there was no event
	nextUnseen     int         // the next place there
	host           host
	start          []byte                // the record, unless it is very long
	unreasoned     bool                  // the kernel's TCP drops without a word
	ndisc          bool                  // its ICMPv6 frees what it uses otherwise than what it drops
	encapsulating  map[[2]uint32]bool    // devices that put packets into others: netns, name
	wireguardPorts *[1 << 16 / 64]uint64 // a bit for each
}

// Spaces of the table.
func (g *group) ids() uint32       { return 4 * g.number }
func (g *group) addresses() uint32 { return 4*g.number + 1 }
func (g *group) sent() uint32      { return 4*g.number + 2 } // by what is in the packet
func (g *group) read() uint32      { return 4*g.number + 3 } // by its reader and payload

func newTracker(l limits, out func(format.Raw) error) *tracker {
	t := &tracker{limits: l, out: out,
		stores:  stores{names: newNames(), joined: map[uint32][]uint64{}},
		streams: streams{groups: map[[sha256.Size]byte]*group{}},
		scratch: scratch{merged: make([]byte, 0, 2*maxPacked)},
	}
	t.enter([sha256.Size]byte{})
	return t
}

// maxGroups bounds how many streams can be open at once.
const maxGroups = 1024

func (t *tracker) enter(key [sha256.Size]byte) {
	t.group = t.groups[key]
	if t.group != nil {
		return
	}
	if len(t.order) >= maxGroups {
		t.leave(t.order[0], noRecord, 0, "too many streams at once")
	}
	t.group = &group{key: key, number: t.numbers}
	t.numbers++
	t.groups[key] = t.group
	t.order = append(t.order, t.group)
}

// start makes what follows belong to a start record. A merged stream goes from one to the
// other with nearly every record, so the latest are known by their bytes.
func (t *tracker) start(r format.Raw) {
	const latest, longest = 8, 64 << 10
	for _, g := range t.order[max(0, len(t.order)-latest):] {
		if bytes.Equal(g.start, r) {
			t.group = g
			t.recent.Set(r, g.key)
			return
		}
	}
	t.enter(sha256.Sum256(r))
	t.recent.Set(r, t.group.key)
	if len(r) <= longest {
		t.group.start = bytes.Clone(r)
	}
	t.group.reasons(r)
	if t.infer != nil {
		t.group.host.decode(r)
	}
}

// leave ends all that is open in g.
func (t *tracker) leave(g *group, record recordKind, ts uint64, note string) {
	for g.oldest != 0 {
		t.letGo(g, g.oldest, record, ts, note)
	}
	delete(t.groups, g.key)
	for i, o := range t.order {
		if o == g {
			t.order = append(t.order[:i], t.order[i+1:]...)
			break
		}
	}
}

// Record takes the next record.
func (t *tracker) Record(r format.Raw) error {
	switch r.Type() {
	case format.TypeEvent:
		t.event(r)
	case format.TypeLink:
		t.link(r)
		t.write(r)
	case format.TypeFree:
		t.write(r)
		t.free(r)
	case format.TypeStart:
		t.start(r)
		t.write(r)
	case format.TypeResume:
		if key, ok := t.recent.Resume(r); ok {
			t.enter(key)
		}
		t.write(r)
	case format.TypeLoss:
		t.loss(r)
		t.write(r)
	case format.TypeHeld:
		t.held(r)
		t.write(r)
	case format.TypeEnd:
		ts, _ := r.Time()
		t.group.advance(ts)
		key := t.group.key
		t.leave(t.group, endRecord, ts, "")
		t.write(r)
		t.enter(key)
	default:
		t.write(r)
	}
	return t.err
}

func (t *tracker) write(r format.Raw) {
	if t.err == nil {
		t.err = t.out(r)
	}
}

// Finish ends all that is open: the input has ended.
func (t *tracker) Finish() error {
	for len(t.order) > 0 {
		t.leave(t.order[0], noRecord, 0, "the stream is cut off")
	}
	if t.infer != nil {
		t.reportWires()
	}
	return t.err
}

// Tick tells that the input has been silent for a while.
func (t *tracker) Tick(silence time.Duration) error {
	t.expire(t.group, t.group.now+uint64(silence))
	return t.err
}

func (g *group) advance(ts uint64) { g.now = max(g.now, ts) }

// advance is called before each record of a time.
func (t *tracker) advance(ts uint64) {
	g := t.group
	if ts > g.now {
		g.now = ts
		t.expire(g, ts)
	}
}
