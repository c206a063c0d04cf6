package track

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
)

// sink is a stage that keeps what it gets.
type sink struct{ records []format.Raw }

func (s *sink) Write(r format.Raw) error { s.records = append(s.records, slices.Clone(r)); return nil }
func (s *sink) Flush() error             { return nil }

// Each selection hands on exactly the journeys that it says, with all their events and
// their record, in the order of the stream, and start, loss and end.
func TestSelection(t *testing.T) {
	w := newWorld(seed(t))
	stream := runTrack(t, options(), w.stream(w.make(3000, true), 1_000_000))
	type whole struct {
		events  []format.Raw
		journey format.Raw
		j       format.Journey
	}
	all := map[uint64]*whole{}
	get := func(packet uint64) *whole {
		if all[packet] == nil {
			all[packet] = &whole{}
		}
		return all[packet]
	}
	each(t, stream, func(r format.Raw) {
		switch r.Type() {
		case format.TypeEvent:
			packet, _ := r.Get("track", "packet").Uint()
			get(packet).events = append(get(packet).events, slices.Clone(r))
		case format.TypeJourney:
			packet, _ := r.Get("packet").Uint()
			j := get(packet)
			j.journey = slices.Clone(r)
			if err := j.j.Decode(r); err != nil {
				t.Fatal(err)
			}
		}
	})
	anyEvent := func(j *whole, is func(format.Raw) bool) bool { return slices.ContainsFunc(j.events, is) }
	through := func(probe string) func(format.Raw) bool {
		return func(r format.Raw) bool { s, _ := r.Get("probe").Str(); return string(s) == probe }
	}
	changed := func(names ...string) func(format.Raw) bool {
		return func(r format.Raw) bool {
			return slices.ContainsFunc(names, func(name string) bool { return r.Get("track", "changed", name) != nil })
		}
	}
	slow := func(r format.Raw) bool { ns, _ := r.Get("track", "since").Uint(); return ns >= 400_000 }
	for name, c := range map[string]struct {
		s  Selection
		is func(*whole) bool
	}{
		"ended": {Selection{Ended: []string{"dropped", "open"}}, func(j *whole) bool {
			return j.j.End.How == "dropped" || j.j.Ends[dropped] > 0 || j.j.End.How == "open"
		}},
		"slow":    {Selection{SlowerThan: 400 * time.Microsecond}, func(j *whole) bool { return j.j.Total() >= 400_000 || anyEvent(j, slow) }},
		"through": {Selection{Through: []string{"dev_hard*", "nomatch"}}, func(j *whole) bool { return anyEvent(j, through("dev_hard_start_xmit")) }},
		"device": {Selection{Through: []string{"veth2"}}, func(j *whole) bool {
			return anyEvent(j, func(r format.Raw) bool { s, _ := r.Get("dev", "name").Str(); return string(s) == "veth2" })
		}},
		"nat":    {Selection{Changed: []string{"nat"}}, func(j *whole) bool { return anyEvent(j, changed("src", "dst", "sport", "dport")) }},
		"ttl":    {Selection{Changed: []string{"ttl", "mark"}}, func(j *whole) bool { return anyEvent(j, changed("ttl")) }},
		"packet": {Selection{Packet: []uint64{7, 1500}}, func(j *whole) bool { return j.j.Packet == 7 || j.j.Packet == 1500 }},
		"both": {Selection{Changed: []string{"nat"}, Ended: []string{"delivered"}}, func(j *whole) bool {
			return j.j.End.How == "delivered" && anyEvent(j, changed("src", "dst", "sport", "dport"))
		}},
	} {
		for _, memory := range []int{selectionMemory, 4 << 10} { // all in memory; nearly all on disk
			out := &sink{}
			s := newSelector(&c.s, out)
			s.spool.limit = memory
			each(t, stream, func(r format.Raw) {
				if err := s.Write(r); err != nil {
					t.Fatal(err)
				}
			})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			got := map[uint64][]format.Raw{}
			others := map[format.RecordType]int{}
			for _, r := range out.records {
				switch r.Type() {
				case format.TypeEvent:
					packet, _ := r.Get("track", "packet").Uint()
					got[packet] = append(got[packet], r)
				case format.TypeJourney:
					packet, _ := r.Get("packet").Uint()
					got[packet] = append(got[packet], r)
				default:
					others[r.Type()]++
				}
			}
			selected := 0
			for packet, j := range all {
				var want []format.Raw
				if c.is(j) {
					want = append(slices.Clone(j.events), j.journey)
					selected++
				}
				if !slices.EqualFunc(got[packet], want, func(a, b format.Raw) bool { return bytes.Equal(a, b) }) {
					t.Fatalf("%s: of journey %d %d records came out, want %d", name, packet, len(got[packet]), len(want))
				}
			}
			if selected == 0 || selected == len(all) {
				t.Errorf("%s: %d of %d journeys are selected: the test shows nothing", name, selected, len(all))
			}
			if others[format.TypeStart] != 1 || others[format.TypeEnd] != 1 || others[format.TypeLoss] == 0 {
				t.Errorf("%s: besides %v", name, others)
			}
			if len(s.starts) != 1 || s.refs.live() != 0 || s.first != nil || len(s.open) != 0 {
				t.Errorf("%s: left behind: %d references, %d open", name, s.refs.live(), len(s.open))
			}
		}
	}
}

// What is written to a spool is what is read from it, wherever it lies.
func TestLog(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	l := spool{limit: 1000}
	defer l.close()
	type entry struct {
		at   int64
		data []byte
	}
	var all []entry
	for range 5000 {
		data := make([]byte, rng.IntN(300))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		at, err := l.add(data)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry{at, data})
		if rng.IntN(20) == 0 {
			n := rng.IntN(len(all))
			all = all[n:]
			l.forget(all[0].at)
		}
		e := all[rng.IntN(len(all))]
		got, err := l.get(e.at, len(e.data))
		if err != nil || !bytes.Equal(got, e.data) {
			t.Fatalf("at %d: %v", e.at, err)
		}
	}
}
