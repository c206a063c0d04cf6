//go:build kernel

package kerneltest

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skb-tools/skb-tools/format"
)

// A stream is what a collector wrote, decoded.
type stream struct {
	start   format.Start
	events  []format.Event
	links   []format.Link
	frees   []format.Free
	losses  []format.Loss
	changes []format.Change
	counted []format.Counters
	flows   []format.OVSFlow
	held    []format.HeldBack
	stacks  map[uint64][]string // frames by id
	end     *format.End
}

// readStream reads a whole stream, which must be well-formed and have one start.
func readStream(t *testing.T, file string) *stream {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return decodeStream(t, f)
}

func decodeStream(t *testing.T, r io.Reader) *stream {
	t.Helper()
	s := &stream{stacks: map[uint64][]string{}}
	s.walk(t, r, func(e *format.Event) { s.events = append(s.events, *e) })
	return s
}

// walkEvents reads a stream too long to be kept: all but its events is returned.
func walkEvents(t *testing.T, file string, event func(*format.Event)) *stream {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &stream{stacks: map[uint64][]string{}}
	s.walk(t, f, event)
	return s
}

func (s *stream) walk(t *testing.T, r io.Reader, event func(*format.Event)) {
	t.Helper()
	d := format.NewDecoder(r)
	for {
		raw, err := d.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("reading the stream: %v", err)
		}
		raw = slices.Clone(raw)
		switch raw.Type() {
		case format.TypeStart:
			err = s.start.Decode(raw)
		case format.TypeEvent:
			var e format.Event
			if err = e.Decode(raw); err == nil {
				event(&e)
			}
		case format.TypeLink:
			s.links = append(s.links, format.Link{})
			err = s.links[len(s.links)-1].Decode(raw)
		case format.TypeFree:
			s.frees = append(s.frees, format.Free{})
			err = s.frees[len(s.frees)-1].Decode(raw)
		case format.TypeStack:
			var k format.Stack
			err = k.Decode(raw)
			s.stacks[k.ID] = k.Frames
		case format.TypeLoss:
			s.losses = append(s.losses, format.Loss{})
			err = s.losses[len(s.losses)-1].Decode(raw)
		case format.TypeChange:
			s.changes = append(s.changes, format.Change{})
			err = s.changes[len(s.changes)-1].Decode(raw)
		case format.TypeCounters:
			s.counted = append(s.counted, format.Counters{})
			err = s.counted[len(s.counted)-1].Decode(raw)
		case format.TypeNamespace:
			err = new(format.NamespaceFound).Decode(raw)
		case format.TypeFlow:
			s.flows = append(s.flows, format.OVSFlow{})
			err = s.flows[len(s.flows)-1].Decode(raw)
		case format.TypeHeld:
			s.held = append(s.held, format.HeldBack{})
			err = s.held[len(s.held)-1].Decode(raw)
		case format.TypeEnd:
			s.end = &format.End{}
			err = s.end.Decode(raw)
		default:
			t.Fatalf("a record of type %q", raw.Type())
		}
		if err != nil {
			t.Fatalf("decoding a %s record: %v", raw.Type(), err)
		}
	}
}

// whole runs an experiment, and again when its stream tells that the kernel skipped a program
// because an interrupt had come within one: it keeps such hits from all that is attached, and
// the collector can do no more than say so. Losses of other kinds are for the test to judge.
func whole(t *testing.T, experiment func() *stream) *stream {
	t.Helper()
	for range 6 {
		s := experiment()
		if !slices.ContainsFunc(s.losses, func(l format.Loss) bool { return l.Cause == "a probe fired within a probe" }) {
			return s
		}
		t.Logf("something was lost: %+v", s.losses)
	}
	t.Fatal("a probe fired within a probe each time")
	return nil
}

// sorted returns the events that keep is true for, in time order.
func (s *stream) sorted(keep func(*format.Event) bool) []*format.Event {
	var out []*format.Event
	for i := range s.events {
		if e := &s.events[i]; keep(e) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b *format.Event) int {
		switch {
		case a.TS < b.TS:
			return -1
		case a.TS > b.TS:
			return 1
		}
		return 0
	})
	return out
}

// wall is the wall-clock time of an event.
func (s *stream) wall(e *format.Event) time.Time {
	return time.Unix(0, int64(e.TS)+s.start.ClockOffset)
}

// A captured packet is one of tcpdump's.
type captured struct {
	at   time.Time
	len  int
	data []byte
}

func readPcap(t *testing.T, file string) []captured {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []captured
	for {
		data, ci, err := r.ReadPacketData()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, captured{ci.Timestamp, ci.Length, data})
	}
}

// nothingLeft fails if skb-collect left a program, a probe or a file behind.
func nothingLeft(t *testing.T) {
	t.Helper()
	// A killed collector's programs go when the kernel has done with them: a grace
	// period later.
	until(t, "the programs of skb-collect are gone", func() (bool, string) {
		out := run(t, "bpftool", "prog", "list")
		for _, name := range []string{"function_", "call_arg", "tracepoint", "on_"} {
			if strings.Contains(out, "name "+name) {
				return false, out
			}
		}
		return true, ""
	})
	for _, name := range []string{"kprobe_events", "uprobe_events"} {
		b, err := os.ReadFile(filepath.Join("/sys/kernel/tracing", name))
		if err == nil && len(b) > 0 {
			t.Errorf("%s: %s", name, b)
		}
	}
	b, err := os.ReadFile("/sys/kernel/debug/kprobes/list")
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 0 {
		t.Errorf("kprobes left:\n%s", b)
	}
}

// until waits for something that another process or the kernel does in its own time.
func until(t *testing.T, what string, is func() (ok bool, state string)) {
	t.Helper()
	untilWithin(t, patience, what, is)
}

func untilWithin(t *testing.T, patience time.Duration, what string, is func() (ok bool, state string)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok, state := is()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s\n%s", patience, what, state)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
