package track

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/dissect"
)

// event is one with a buffer of its own.
func openEvent(ts, id uint64, data []byte) []byte {
	e := format.Event{TS: ts, Probe: "ip_rcv", Packet: format.Packet{At: "network", Data: data}}
	e.Skb.Set(format.SkbAddr, id<<8)
	e.Skb.Set(format.SkbID, id)
	e.Skb.Set(format.SkbLen, 1)
	e.Skb.Set(format.SkbProtocol, uint64(dissect.EtherIPv4))
	return e.AppendMsgpack(nil)
}

// Open journeys are bounded in number, memory and age; the one unseen for longest goes, and
// its record says why.
func TestBounds(t *testing.T) {
	h := wireHeaders{ttl: 64}
	tunnel := append(append(h.bytes()[:24], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), make([]byte, 20)...)
	copy(tunnel, h.bytes())
	for name, c := range map[string]struct {
		limits limits
		step   uint64 // ns between events
		note   string
		open   int
	}{
		"count":  {limits{1000, 1 << 30, time.Hour, lingering}, 1, "more than 1000 were open", 1000},
		"memory": {limits{1 << 30, 4 << 20, time.Hour, lingering}, 1, "there was no memory for more", 20_000},
		"age":    {limits{1 << 30, 1 << 30, time.Second, lingering}, 1_000_000, "nothing was seen of it for 1s", 1001},
	} {
		var journeys []format.Journey
		tr := newTracker(c.limits, func(r format.Raw) error {
			if r.Type() == format.TypeJourney {
				var j format.Journey
				if err := j.Decode(r); err != nil {
					t.Fatal(err)
				}
				journeys = append(journeys, j)
			}
			return nil
		})
		const packets = 50_000
		for i := range uint64(packets) {
			data := h.bytes()
			if i%2 == 1 {
				data = append(tunnel, data...)
			}
			if err := tr.Record(openEvent(1e9+i*c.step, i+1, data)); err != nil {
				t.Fatal(err)
			}
			if size := tr.size(); size > c.limits.memory*3/2 {
				t.Fatalf("%s: %d bytes are held, %d allowed", name, size, c.limits.memory)
			}
		}
		if n := tr.journeys.live(); n > c.open || n < c.open/4 {
			t.Errorf("%s: %d journeys are open, want up to %d", name, n, c.open)
		}
		if n := len(journeys) + tr.journeys.live(); n != packets {
			t.Errorf("%s: %d journeys of %d", name, n, packets)
		}
		for i, j := range journeys {
			if int(j.Packet) != i+1 || j.End.How != "open" || j.Note != c.note {
				t.Fatalf("%s: journey %d: %+v", name, i, j)
			}
		}
	}
}

// Records come out in order of time, on each cpu as they came, whatever the order in which
// they come in, each once.
func TestOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	for range 50 {
		spread := uint64(1 + rng.IntN(2000))
		o := newOrder(spread, 1<<30)
		type key struct{ ts, cpu, n uint64 }
		var in, out []key
		take := func(r format.Raw) error {
			out = append(out, key{binary.BigEndian.Uint64(r), binary.BigEndian.Uint64(r[8:]), binary.BigEndian.Uint64(r[16:])})
			return nil
		}
		for n := range uint64(3000) {
			k := key{n + rng.Uint64N(spread), rng.Uint64N(4), n}
			in = append(in, k)
			var r []byte
			for _, v := range [...]uint64{k.ts, k.cpu, k.n} {
				r = binary.BigEndian.AppendUint64(r, v)
			}
			o.add(k.ts, uint32(k.cpu), append(r, make([]byte, rng.IntN(300))...))
			if o.ready() {
				if err := o.release(false, take); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := o.release(true, take); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(in, func(a, b key) int {
			return cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(a.cpu, b.cpu), cmp.Compare(a.n, b.n))
		})
		if !slices.Equal(in, out) {
			t.Fatalf("not in order with a spread of %d", spread)
		}
	}
}

// However many sk_buffs share one data buffer, and however often they end, the cost of each
// is bounded.
func TestManySharers(t *testing.T) {
	var b bytes.Buffer
	enc := format.NewEncoder(&b)
	enc.WriteRaw(openEvent(1, 1, nil))
	const sharers = 50_000
	ref := func(i uint64) format.Buffer { return format.Buffer{Addr: 0x100 + i*8, ID: 1} }
	for i := range uint64(sharers) {
		enc.Write(&format.Link{TS: 2, How: "clone", From: ref(i), To: ref(i + 1)})
	}
	for i := range uint64(sharers) {
		enc.Write(&format.Free{TS: 3, How: "consumed", Skb: ref(i), Last: i%2 == 0})
	}
	enc.Flush()
	journeys := 0
	// With a cost that grows with their number this takes longer than tests may.
	each(t, runTrack(t, options(), b.Bytes()), func(r format.Raw) {
		if r.Type() == format.TypeJourney {
			journeys++
		}
	})
	if journeys != 1 {
		t.Errorf("%d journeys, want 1", journeys)
	}
}

// Live, an event comes out at once, and a journey when it has ended, though nothing
// follows.
func TestLive(t *testing.T) {
	in, feed := io.Pipe()
	defer feed.Close()
	read, out := io.Pipe()
	go func() { out.CloseWithError(Run(context.Background(), options(), in, out, io.Discard)) }()
	enc := format.NewEncoder(feed)
	d := format.NewDecoder(read)
	next := func(want format.RecordType) {
		t.Helper()
		r, err := d.Next()
		if err != nil || r.Type() != want {
			t.Fatalf("%q, %v, want %s", r.Type(), err, want)
		}
	}
	write := func(f func()) { f(); enc.Flush() }
	write(func() { enc.Write(&format.Start{TS: 1}) })
	next(format.TypeStart)
	write(func() { enc.WriteRaw(openEvent(1e9, 1, nil)) })
	next(format.TypeEvent)
	write(func() {
		enc.Write(&format.Free{TS: 1e9 + 1, How: "consumed", Skb: format.Buffer{Addr: 1 << 8, ID: 1}, Last: true})
	})
	next(format.TypeFree)
	next(format.TypeJourney)
}

// Any input that is a stream comes out as one, each event once, and what is damaged does no
// harm. The seeds are in testdata/fuzz.
func FuzzRun(f *testing.F) {
	f.Fuzz(func(t *testing.T, lines string, infer bool) {
		var in []byte
		checker := format.Checker{Part: true}
		events, half := 0, false // half: it was tracked in part
		for line := range strings.Lines(lines) {
			r, err := format.FromJSON(nil, []byte(line))
			if err != nil || checker.Take(r, 0) != nil {
				continue
			}
			switch typ := format.Raw(r).Type(); {
			case typ == format.TypeEvent:
				events++
				half = half || format.Raw(r).Get("track") != nil
			case typ == format.TypeJourney:
				half = true
			}
			if in, err = format.AppendJSON(in, r); err != nil {
				t.Fatalf("what was read can't be written: %v", err)
			}
			in = append(in, '\n')
		}
		o := options()
		o.Infer, o.MaxOpen = infer, 3
		got, open := 0, map[uint64]bool{}
		each(t, runTrack(t, o, in), func(r format.Raw) {
			switch r.Type() {
			case format.TypeEvent:
				got++
				if packet, ok := r.Get("track", "packet").Uint(); ok {
					open[packet] = true
				}
			}
		})
		if got != events {
			t.Errorf("%d events came out of %d", got, events)
		}
		once := runTrack(t, o, in)
		if !infer && !half && len(open) > 0 && !slices.Equal(runTrack(t, o, once), once) {
			t.Error("tracked twice it is another stream")
		}
	})
}
