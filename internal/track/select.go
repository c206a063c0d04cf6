package track

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/recent"
)

// Selection says which journeys are wanted: those that are all that is asked for.
type Selection struct {
	SlowerThan time.Duration `group:"packets" placeholder:"TIME" help:"Only journeys that took at least this long, in all or between two hops. With several of these options a journey must match all."`
	Ended      []string      `group:"packets" placeholder:"HOW" enum:"delivered,transmitted,dropped,consumed,merged,lost,open" help:"Only journeys that ended in one of these ways: delivered, transmitted, dropped, consumed, merged, lost, open. For dropped and lost, one branch is enough."`
	Through    []string      `group:"packets" placeholder:"GLOB" help:"Only journeys with an event at a probe or device that matches."`
	Changed    []string      `group:"packets" placeholder:"WHAT" help:"Only journeys on which this changed: nat (an address or port rewritten), encap, decap, a tunnel (esp), or any other name in track.changed (mark)."`
	Packet     []uint64      `group:"packets" placeholder:"N" help:"Only the journeys of these packet numbers."`
}

func (s *Selection) any() bool {
	return s.SlowerThan > 0 || len(s.Ended)+len(s.Through)+len(s.Changed)+len(s.Packet) > 0
}

// words says what is asked for, as on a command line.
func (s *Selection) words() string {
	var all []string
	add := func(flag string, values ...string) {
		if len(values) > 0 {
			all = append(all, flag+" "+escape.String(strings.Join(values, ",")))
		}
	}
	if s.SlowerThan > 0 {
		add("--slower-than", s.SlowerThan.String())
	}
	add("--ended", s.Ended...)
	add("--through", s.Through...)
	add("--changed", s.Changed...)
	for _, n := range s.Packet {
		add("--packet", fmt.Sprint(n))
	}
	return strings.Join(all, " ")
}

func (s *Selection) check() error {
	if s.SlowerThan < 0 {
		return pipe.Usagef("--slower-than %v: must not be negative", s.SlowerThan)
	}
	for _, glob := range s.Through {
		if _, err := path.Match(glob, ""); err != nil {
			return pipe.Usagef("--through %q: not a pattern; a set needs its bracket closed, and a backslash something after it",
				glob)
		}
	}
	if slices.Contains(s.Packet, 0) {
		return pipe.UsageError("--packet 0: packets have numbers from 1")
	}
	for _, what := range s.Changed {
		if err := checkChange(what); err != nil {
			return err
		}
	}
	return nil
}

// What is asked for, as bits.
const (
	wantSlow = 1 << iota
	wantEnd
	wantThrough
	wantChange
	wantPacket
)

func (s *Selection) wanted() (bits uint8) {
	for i, asked := range [...]bool{s.SlowerThan > 0, len(s.Ended) > 0, len(s.Through) > 0, len(s.Changed) > 0,
		len(s.Packet) > 0} {
		if asked {
			bits |= 1 << i
		}
	}
	return bits
}

// A selector is a stage that hands on the journeys that are wanted, whole: their events
// when it is known that they are, and their journey record. Of the records that are about
// buffers, not packets, it hands on none.
type selector struct {
	s     *Selection
	want  uint8
	next  stage
	spool spool
	limit int // bytes of what is known
	known slab[chosen]
	refs  slab[ref]
	open  map[uint64]*chosen
	first *chosen // undecided, by their first event
	last  *chosen
	past  *recent.Map[uint64, struct{}] // packets that were let go of, so that they don't come back in part

	starts  map[string]*startOf
	current *startOf // of what comes in
	came    format.Starts[*startOf]
	merger  format.Merger // of what is handed on
	through map[string]bool
	gone    uint64         // journeys that were let go of
	j       format.Journey // that of the record at hand
}

// chosen is a journey of which it is not known yet whether it is wanted, or which is.
type chosen struct {
	packet     uint64
	start      *startOf
	met        uint8  // of what is wanted
	first      int64  // in the spool
	refs, end  uint32 // the first and the last of its events there
	listed     bool   // undecided
	prev, next *chosen
	number     uint32 // in selector.known
}

// A ref is where an event is in the spool, and the number of the one behind it.
type ref struct {
	at   int64
	n    int32
	next uint32
}

// A startOf is a start record, which is written again when the stream goes from one host's
// journey to another's.
type startOf struct {
	raw   []byte
	users int // journeys
}

// What undecided events take in memory at most, and what is known of them, bytes.
const (
	selectionMemory = 24 << 20
	chosenMemory    = 48 << 20
	chosenSize      = 200 // of a journey, with its place in the map
	refSize         = 16
)

func newSelector(s *Selection, next stage) *selector {
	return &selector{s: s, want: s.wanted(), next: next, spool: spool{limit: selectionMemory}, limit: chosenMemory,
		open: map[uint64]*chosen{}, past: recent.New[uint64, struct{}](maxPast), starts: map[string]*startOf{},
		through: map[string]bool{}}
}

func (s *selector) Write(r format.Raw) error {
	switch r.Type() {
	case format.TypeEvent:
		return s.event(r)
	case format.TypeJourney:
		return s.journey(r)
	case format.TypeLink, format.TypeFree:
		return nil
	case format.TypeStart:
		s.release(s.current)
		key := string(r)
		if s.current = s.starts[key]; s.current == nil {
			s.current = &startOf{raw: []byte(key)}
			s.starts[key] = s.current
		}
		s.current.users++
		s.came.Set(r, s.current)
		return s.under(s.current)
	case format.TypeResume:
		if of, ok := s.came.Resume(r); ok && of != s.current {
			s.release(s.current)
			s.current = of
			s.current.users++
			s.starts[string(of.raw)] = of
		}
		return nil
	}
	if err := s.under(s.current); err != nil {
		return err
	}
	return s.next.Write(r)
}

func (s *selector) release(o *startOf) {
	if o == nil {
		return
	}
	if o.users--; o.users == 0 {
		delete(s.starts, string(o.raw))
	}
}

// under makes what is written next belong to a start.
func (s *selector) under(o *startOf) error {
	if o == nil {
		return nil
	}
	if r := s.merger.To(o.raw); r != nil {
		return s.next.Write(r)
	}
	return nil
}

func (s *selector) event(r format.Raw) error {
	track := r.Get("track")
	packet, ok := track.Get("packet").Uint()
	if !ok || s.past.Has(packet) {
		return nil
	}
	c := s.open[packet]
	if c == nil {
		if c = s.enter(packet); c == nil {
			return nil
		}
	}
	done := c.met == s.want
	s.look(c, r, track)
	if done {
		if err := s.under(c.start); err != nil {
			return err
		}
		return s.next.Write(r)
	}
	at, err := s.spool.add(r)
	if err != nil {
		return err
	}
	number := s.refs.take()
	*s.refs.at(number) = ref{at: at, n: int32(len(r))}
	if c.refs == 0 {
		c.first, c.refs = at, number
	} else {
		s.refs.at(c.end).next = number
	}
	c.end = number
	if c.met == s.want {
		return s.write(c)
	}
	for s.refs.live()*refSize+len(s.open)*chosenSize > s.limit && s.first != nil {
		s.gone++
		s.forget(s.first)
	}
	return nil
}

// enter opens a packet, unless it is known not to be wanted.
func (s *selector) enter(packet uint64) *chosen {
	if s.want&wantPacket != 0 && !slices.Contains(s.s.Packet, packet) {
		return nil
	}
	number := s.known.take()
	c := s.known.at(number)
	*c = chosen{number: number, packet: packet, start: s.current, met: s.want & wantPacket, prev: s.last}
	if c.start != nil {
		c.start.users++
	}
	if s.last != nil {
		s.last.next = c
	} else {
		s.first = c
	}
	s.last = c
	c.listed = true
	s.open[packet] = c
	return c
}

// unlist takes a journey off the list of those that are undecided.
func (s *selector) unlist(c *chosen) {
	if !c.listed {
		return
	}
	c.listed = false
	for c.refs != 0 {
		next := s.refs.at(c.refs).next
		s.refs.give(c.refs)
		c.refs = next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		s.last = c.prev
	}
	if c.prev != nil {
		c.prev.next = c.next
		return
	}
	s.first = c.next
	before := s.spool.from + int64(len(s.spool.mem))
	if s.first != nil {
		before = s.first.first
	}
	s.spool.forget(before)
}

// look notes what an event meets.
func (s *selector) look(c *chosen, r format.Raw, track wire.Value) {
	missing := s.want &^ c.met
	if missing&wantSlow != 0 {
		since, _ := track.Get("since").Uint()
		if since >= uint64(s.s.SlowerThan) {
			c.met |= wantSlow
		}
	}
	if missing&wantThrough != 0 {
		probe, _ := r.Get("probe").Str()
		dev, _ := r.Get("dev", "name").Str()
		if s.passes(probe) || s.passes(dev) {
			c.met |= wantThrough
		}
	}
	if missing&wantChange != 0 {
		if changed := track.Get("changed"); changed != nil && slices.ContainsFunc(s.s.Changed,
			func(what string) bool { return isChange(changed, what) }) {
			c.met |= wantChange
		}
	}
}

// isChange tells whether something that --changed asks for changed at a hop.
func isChange(changed wire.Value, what string) bool {
	switch what {
	case "nat":
		return isNAT(changed)
	case "decap":
		was, is := tunnelsOf(changed)
		return strings.Count(was, "+") > strings.Count(is, "+") || was != "" && is == ""
	}
	if changed.Get(what) != nil {
		return true
	}
	was, is := tunnelsOf(changed)
	return slices.Contains(strings.Split(was+"+"+is, "+"), what) && what != ""
}

// isNAT tells whether an address or port was rewritten: of the innermost packet, or of what
// it is in, where that is the same tunnel before and after. A header that came or went has
// no value on one side.
func isNAT(changed wire.Value) (yes bool) {
	other := changed.Get("encap") != nil
	_ = changed.Each(func(key []byte, v wire.Value) bool {
		name := string(key)
		if i := strings.LastIndexByte(name, '.'); i >= 0 && strings.HasPrefix(name, "outer") {
			if other {
				return true
			}
			name = name[i+1:]
		}
		if name != "src" && name != "dst" && name != "sport" && name != "dport" {
			return true
		}
		known := 0
		_ = v.Elems(func(v wire.Value) bool {
			if v.Kind() != wire.Nil {
				known++
			}
			return true
		})
		yes = known == 2
		return !yes
	})
	return yes
}

// tunnelsOf is what the packet was in before a hop and is in there.
func tunnelsOf(changed wire.Value) (was, is string) {
	i := 0
	_ = changed.Get("encap").Elems(func(v wire.Value) bool {
		s, _ := v.Str()
		if i++; i == 1 {
			was = string(s)
		} else {
			is = string(s)
		}
		return true
	})
	return was, is
}

// passes tells whether a probe or device is one of --through.
func (s *selector) passes(name []byte) bool {
	if len(name) == 0 {
		return false
	}
	yes, known := s.through[string(name)]
	if !known {
		yes = slices.ContainsFunc(s.s.Through, func(glob string) bool {
			ok, _ := path.Match(glob, string(name))
			return ok
		})
		if len(s.through) < maxNames {
			s.through[string(name)] = yes
		}
	}
	return yes
}

// write hands on what is held of a journey that is wanted.
func (s *selector) write(c *chosen) error {
	if err := s.under(c.start); err != nil {
		return err
	}
	for i := c.refs; i != 0; i = s.refs.at(i).next {
		ref := s.refs.at(i)
		r, err := s.spool.get(ref.at, int(ref.n))
		if err != nil {
			return err
		}
		if err := s.next.Write(r); err != nil {
			return err
		}
	}
	s.unlist(c)
	return nil
}

func (s *selector) journey(r format.Raw) error {
	j := &s.j
	if err := j.Decode(r); err != nil {
		return err
	}
	c := s.open[j.Packet]
	if c == nil && !s.past.Has(j.Packet) {
		c = s.enter(j.Packet) // none of its events was seen, only links to it
	}
	if c == nil {
		return nil
	}
	if j.Total() >= uint64(s.s.SlowerThan) {
		c.met |= s.want & wantSlow
	}
	for i, how := range format.EndNames {
		ended := j.End.How == how || j.Ends[i] > 0 && (how == "dropped" || how == "lost")
		if ended && slices.Contains(s.s.Ended, how) {
			c.met |= wantEnd
		}
	}
	var err error
	if c.met == s.want {
		if err = s.write(c); err == nil {
			err = cmp.Or(s.under(c.start), s.next.Write(r))
		}
	}
	s.remove(c)
	return err
}

// maxPast bounds the packets that are remembered as let go of.
const maxPast = 1 << 16

// forget lets go of a journey before it is known whether it is wanted.
func (s *selector) forget(c *chosen) {
	s.past.Set(c.packet, struct{}{})
	s.remove(c)
}

func (s *selector) remove(c *chosen) {
	delete(s.open, c.packet)
	s.unlist(c)
	s.release(c.start)
	s.known.give(c.number)
}

func (s *selector) Flush() error { return s.next.Flush() }

// Close ends the selection: journeys whose end never came and that are not known to be
// wanted are not handed on.
func (s *selector) Close() error {
	s.spool.close()
	if s.gone == 0 {
		return nil
	}
	return fmt.Errorf("%d journeys were left out: there was no memory for all events of undecided journeys; "+
		"a shorter --idle decides sooner", s.gone)
}
