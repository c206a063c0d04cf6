package sort

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/track"
)

// tracked is what skb-track makes of the recorded streams.
func tracked(t *testing.T) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob("../../testdata/traffic-*.skb")
	if len(files) == 0 {
		t.Fatal("no recorded streams")
	}
	streams := map[string][]byte{}
	for _, f := range files {
		stream, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		streams[filepath.Base(f)] = trackStream(t, stream)
	}
	return streams
}

func trackStream(t *testing.T, stream []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var o track.Options
	if parser, err := kong.New(&o); err != nil {
		t.Fatal(err)
	} else if _, err = parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	o.Part = true
	if err := track.Run(context.Background(), o, bytes.NewReader(stream), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A step is a record of a journey.
type step struct {
	t                          format.RecordType
	packet, first, branch, hop uint64
	ts                         uint64
}

// steps are the records of a stream, those of journeys with their packets.
func steps(t *testing.T, stream []byte) (all []step) {
	t.Helper()
	for d := format.NewDecoder(bytes.NewReader(stream)); ; {
		r, err := d.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		number := func(path ...string) uint64 {
			u, _ := r.Get(path...).Uint()
			return u
		}
		s := step{t: r.Type(), ts: number("ts")}
		switch s.t {
		case format.TypeEvent:
			s.packet, s.branch, s.hop = number("track", "packet"), number("track", "branch"), number("track", "hop")
			s.first = s.ts - number("track", "total")
		case format.TypeJourney:
			s.packet, s.first = number("packet"), number("first")
		}
		all = append(all, s)
	}
}

// TestByJourney: a journey's records are together, its journey record first, then its
// events by time; journeys are in the order of their first event; nothing is lost; and that
// is the default behind skb-track. So it is from disk, and whatever the order before was.
func TestByJourney(t *testing.T) {
	for name, stream := range tracked(t) {
		t.Run(name, func(t *testing.T) {
			out := sortFiles(t, Options{By: "auto"}, stream)
			got := steps(t, out)
			if len(got) != len(steps(t, stream)) || got[0].t != format.TypeStart || got[len(got)-1].t != format.TypeEnd {
				t.Fatalf("%d records of %d, %s first, %s last", len(got), len(steps(t, stream)), got[0].t, got[len(got)-1].t)
			}
			seen, journeys := map[uint64]bool{}, 0
			var last step
			for _, s := range got {
				if s.packet == 0 {
					last.packet = 0
					continue
				}
				if s.packet != last.packet {
					if seen[s.packet] {
						t.Errorf("packet %d comes again", s.packet)
					}
					seen[s.packet] = true
					if s.t != format.TypeJourney {
						t.Errorf("packet %d begins with %s", s.packet, s.t)
					}
					if s.first < last.first {
						t.Errorf("packet %d is behind %d, which began later", s.packet, last.packet)
					}
					journeys++
				} else if s.t != format.TypeEvent || last.t == format.TypeEvent && s.ts < last.ts {
					t.Errorf("packet %d: %s at %d behind %s at %d", s.packet, s.t, s.ts, last.t, last.ts)
				}
				last = s
			}
			if journeys < 20 {
				t.Errorf("only %d journeys", journeys)
			}
			for what, again := range map[string][]byte{
				"said":     sortFiles(t, Options{By: "journey"}, stream),
				"shuffled": sortFiles(t, Options{By: "journey"}, sortFiles(t, Options{By: "packet"}, stream)),
			} {
				if !bytes.Equal(again, out) {
					t.Errorf("%s: another output", what)
				}
			}
		})
	}
}

// TestByPacket: packets by their numbers, in each branch after branch, hop by hop.
func TestByPacket(t *testing.T) {
	for name, stream := range tracked(t) {
		branches := 0
		var last step
		for _, s := range steps(t, sortFiles(t, Options{By: "packet"}, stream)) {
			if s.packet == 0 {
				continue
			}
			if s.branch > 0 {
				branches++
			}
			switch {
			case s.packet < last.packet:
				t.Errorf("%s: packet %d behind %d", name, s.packet, last.packet)
			case s.packet > last.packet && s.t != format.TypeJourney:
				t.Errorf("%s: packet %d begins with %s", name, s.packet, s.t)
			case s.packet == last.packet && (s.branch < last.branch || s.branch == last.branch && s.hop < last.hop):
				t.Errorf("%s: packet %d: branch %d hop %d behind %d %d", name, s.packet, s.branch, s.hop, last.branch, last.hop)
			}
			last = s
		}
		if branches < 5 {
			t.Errorf("%s: only %d events of branches", name, branches)
		}
	}
}

// TestByJourneyOnDisk: in little memory it is the same.
func TestByJourneyOnDisk(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	events, journeys := []string{}, []string{}
	for packet := range 4000 {
		first := r.IntN(1_000_000)
		for hop := range 3 {
			total := hop * r.IntN(1000)
			events = append(events, fmt.Sprintf(`{"type":"event","ts":%d,"probe":"%0500d","track":{"packet":%d,"hop":%d,"total":%d}}`,
				first+total, 0, packet+1, hop, total))
		}
		journeys = append(journeys, fmt.Sprintf(`{"type":"journey","ts":%d,"packet":%d,"first":%d}`, first+3000, packet+1, first))
	}
	r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	for _, line := range append(events, journeys...) {
		raw, err := format.FromJSON(nil, []byte(line))
		if err != nil {
			t.Fatal(err)
		}
		_ = e.WriteRaw(raw)
	}
	_ = e.Flush()
	if b.Len() < 4*minMemory {
		t.Fatalf("%d bytes need no disk", b.Len())
	}
	for _, by := range []string{"auto", "packet"} {
		want := sortFiles(t, Options{By: by, Memory: 1e9}, b.Bytes())
		if got := sortFiles(t, Options{By: by, Memory: minMemory}, b.Bytes()); !bytes.Equal(got, want) {
			t.Errorf("by %s: another output than in memory", by)
		}
	}
}

// TestLiveJourneys: on a live stream a journey comes out when it ended, as a whole, and one
// that does not end when it has been silent.
func TestLiveJourneys(t *testing.T) {
	l, in := sortLive(t, Options{By: "auto"}, 1)
	lines := func(lines ...string) { _, _ = in[0].Write([]byte(strings.Join(lines, "\n") + "\n")) }
	lines(`{"type":"start","ts":1,"version":1,"host":"h"}`,
		`{"type":"event","ts":10,"track":{"packet":1,"hop":0,"total":0}}`,
		`{"type":"event","ts":11,"track":{"packet":2,"hop":0,"total":0}}`,
		`{"type":"event","ts":12,"track":{"packet":1,"hop":1,"total":2}}`,
		`{"type":"event","ts":13,"track":{"packet":2,"hop":1,"total":2}}`,
		`{"type":"journey","ts":12,"packet":1,"first":10}`,
		`{"type":"journey","ts":13,"packet":2,"first":11}`)
	l.want("starth 1", "journey 12", "event 10", "event 12", "journey 13", "event 11", "event 13")
	lines(`{"type":"event","ts":14,"track":{"packet":4,"hop":0,"total":0}}`,
		`{"type":"event","ts":15,"track":{"packet":3,"hop":0,"total":3}}`)
	l.want("event 15", "event 14")
	lines(`{"type":"journey","ts":14,"packet":4,"first":14}`)
	l.want("journey 14")
	in[0].Close()
	if err := l.end(); err != nil {
		t.Error(err)
	}
}

// TestTreeText: text is a tree when it is by journey.
func TestTreeText(t *testing.T) {
	in := `{"type":"event","ts":10,"probe":"p","track":{"packet":1,"hop":0,"total":0}}` + "\n"
	for by, want := range map[string]string{"auto": "#1 no end", "journey": "#1 no end", "packet": "#1 no end", "time": "track=#1"} {
		o := Options{By: by, Options: pipe.Options{Output: "text", Time: "mono"}}
		if got := sorted(t, o, strings.NewReader(in)); !strings.Contains(string(got), want) {
			t.Errorf("by %s: %s", by, got)
		}
	}
}
