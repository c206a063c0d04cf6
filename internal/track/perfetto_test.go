package track

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// A traced event, read without the code that wrote it.
type traced struct {
	Name, Cat, Ph, ID, BP, S string
	TS, Dur                  *float64
	PID, TID                 *int
	Args                     map[string]any
}

// checkTrace checks a trace by the rules of the Trace Event Format, and those that Perfetto has beside them: slices of a
// thread do not overlap, a step of a flow is at a slice, and all threads and processes have names.
func checkTrace(t *testing.T, file string) (all []traced) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var trace struct {
		DisplayTimeUnit string
		TraceEvents     []traced
	}
	if err := json.Unmarshal(b, &trace); err != nil || trace.DisplayTimeUnit != "ns" {
		t.Fatal(err, trace.DisplayTimeUnit)
	}
	type thread struct{ pid, tid int }
	type slice struct{ from, to float64 }
	named := map[thread]bool{}
	on := map[thread][]slice{}
	flows := map[string]string{}
	for i, e := range trace.TraceEvents {
		if e.PID == nil || e.TID == nil || e.Name == "" {
			t.Fatalf("event %d: %+v has no name, process or thread", i, e)
		}
		at := thread{*e.PID, *e.TID}
		if e.Ph == "M" {
			if name, _ := e.Args["name"].(string); name == "" {
				t.Errorf("event %d names nothing", i)
			}
			if e.Name == "process_name" {
				at.tid = 0
			}
			named[at] = true
			continue
		}
		if e.TS == nil || *e.TS < 0 || math.IsInf(*e.TS, 0) {
			t.Fatalf("event %d: %+v has no time", i, e)
		}
		if !named[thread{at.pid, 0}] || at.tid != 0 && !named[at] {
			t.Errorf("event %d: %+v is on a thread or process without a name", i, at)
		}
		switch e.Ph {
		case "X":
			if e.Dur == nil || *e.Dur < 0 {
				t.Fatalf("event %d: %+v has no duration", i, e)
			}
			on[at] = append(on[at], slice{*e.TS, *e.TS + *e.Dur})
		case "i":
			if e.S != "t" && e.S != "p" {
				t.Errorf("event %d: %+v has no scope", i, e)
			}
		case "s", "t", "f":
			if e.ID == "" || e.Cat == "" || e.BP != "e" {
				t.Errorf("event %d: %+v is no step of a flow", i, e)
			}
			if !slices.ContainsFunc(on[at], func(s slice) bool { return s.from == *e.TS }) {
				t.Errorf("event %d: %+v is at no slice", i, e)
			}
			flows[e.ID] += e.Ph
		default:
			t.Errorf("event %d: phase %q", i, e.Ph)
		}
	}
	for id, steps := range flows {
		if !strings.HasPrefix(steps, "s") || !strings.HasSuffix(steps, "f") || strings.Trim(steps[1:len(steps)-1], "t") != "" {
			t.Errorf("the steps of flow %s are %s", id, steps)
		}
	}
	for at, s := range on {
		slices.SortFunc(s, func(a, b slice) int {
			if a.from == b.from {
				return int(math.Copysign(1, a.to-b.to))
			}
			return int(math.Copysign(1, a.from-b.from))
		})
		for i := 1; i < len(s); i++ {
			if s[i-1].to > s[i].from+1e-4 {
				t.Errorf("on %+v %v overlaps %v", at, s[i-1], s[i])
			}
		}
	}
	return trace.TraceEvents
}

// TestPerfetto: a trace of each recorded stream keeps the rules, and has each event once as a slice and once on its CPU.
func TestPerfetto(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace.json")
	drops, flows := 0, 0
	for _, stream := range recordedStreams(t) {
		b, err := os.ReadFile(stream)
		if err != nil {
			t.Fatal(err)
		}
		o := options()
		o.Perfetto, o.Part = file, true
		events, many := 0, 0
		each(t, runTrack(t, o, b), func(r format.Raw) {
			switch r.Type() {
			case format.TypeEvent:
				if r.Get("track") != nil {
					events++
				}
			case format.TypeJourney:
				var j format.Journey
				if j.Decode(r) == nil && j.Hops > 1 {
					many++
				}
			}
		})
		counts := map[string]int{}
		for _, e := range checkTrace(t, file) {
			counts[e.Cat+e.Ph]++
			if strings.HasPrefix(e.Name, "dropped: ") && e.Ph == "X" && e.Args["dropped"] != nil {
				drops++
			}
		}
		if counts["hopX"] != events || counts["cpui"] != events || counts["journeys"] != many || counts["journeyf"] != many {
			t.Errorf("%s: %v, of %d events and %d journeys with more than one", stream, counts, events, many)
		}
		flows += many
	}
	if drops < 50 || flows < 50 {
		t.Errorf("%d drops, %d flows", drops, flows)
	}
}

// TestPerfettoPlaces: a slice begins and ends when the packet does, to the ns, on its device, and many packets at once
// have a thread each. A loss is a slice too.
func TestPerfettoPlaces(t *testing.T) {
	s := newScene()
	s.start("h", 1_700_000_000e9)
	h := wireHeaders{src: [4]byte{10, 0, 0, 1}, dst: [4]byte{10, 0, 0, 2}, sport: 1, dport: 53, ttl: 64, ipid: 7}
	for id := range uint64(3) {
		s.event("ip_rcv", "eth0", id+1, 5, h, fmt.Sprint(id))
	}
	s.enc.Write(&format.Loss{TS: s.ts + 500, Since: s.ts + 1, Count: 9, What: "link", Cause: "full"})
	for id := range uint64(3) {
		s.event("udp_rcv", "eth0", id+1, 5, h, fmt.Sprint(id))
		s.free(id + 1)
	}
	s.end()
	s.enc.Flush()
	o := options()
	o.Perfetto = filepath.Join(t.TempDir(), "trace.json")
	runTrack(t, o, s.b.Bytes())
	var got []string
	threads := map[int]bool{}
	for _, e := range checkTrace(t, o.Perfetto) {
		if e.Ph == "X" {
			got = append(got, fmt.Sprintf("%s %.3f+%.3f", e.Name, *e.TS-86400e6, *e.Dur))
			if e.Name == "ip_rcv" {
				threads[*e.TID] = true
			}
		}
	}
	want := []string{"lost: 9 of kind link 30.001+0.499", "ip_rcv 10.000+30.000", "udp_rcv 40.000+1.000", "ip_rcv 20.000+31.000",
		"udp_rcv 51.000+1.000", "ip_rcv 30.000+32.000", "udp_rcv 62.000+1.000"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(threads) != 3 {
		t.Errorf("slices %q on %d threads, want %q", got, len(threads), want)
	}
}
