//go:build kernel

package kerneltest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// A dropTrace has the kernel itself write down what happens at skb:kfree_skb, in a trace
// instance of its own.
type dropTrace struct {
	t        *testing.T
	dir      string
	from, to uint64 // what lies between must be in both: ns of CLOCK_MONOTONIC
}

// traceDrops begins to.
func traceDrops(t *testing.T) *dropTrace {
	t.Helper()
	d := &dropTrace{t: t, dir: "/sys/kernel/tracing/instances/zoo"}
	if err := os.Mkdir(d.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	d.set("trace_clock", "mono")
	d.set("buffer_size_kb", "4096")
	if exists(filepath.Join(d.dir, "options/hash-ptr")) { // since 5.12
		d.set("options/hash-ptr", "0")
	}
	d.set("events/skb/kfree_skb/enable", "1")
	return d
}

func (d *dropTrace) set(name, value string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(value), 0); err != nil {
		d.t.Fatal(err)
	}
}

var dropLine = regexp.MustCompile(`-(\d+)\s+\[(\d+)\].* (\d+)\.(\d{6}): kfree_skb: skbaddr=(\S+) (?:rx_sk=(\S+) )?protocol=(\d+) location=[^\n]*?(?: reason: (\S+))?\n`)

// A tracedDrop is one drop, in words. The reason is apart, because 6.1 writes none down,
// and so is whether it came between from and to.
type tracedDrop struct {
	what, reason string
	within       bool
}

func (d tracedDrop) equal(e tracedDrop) bool {
	return d.what == e.what && (d.reason == e.reason || d.reason == "" || e.reason == "")
}

// drops are what the kernel wrote down, of each cpu in order.
func (d *dropTrace) drops() [][]tracedDrop {
	d.t.Helper()
	b, err := os.ReadFile(filepath.Join(d.dir, "trace"))
	if err != nil {
		d.t.Fatal(err)
	}
	plain := exists(filepath.Join(d.dir, "options/hash-ptr"))
	out := make([][]tracedDrop, 16)
	for line := range strings.Lines(string(b)) {
		m := dropLine.FindStringSubmatch(line)
		if m == nil {
			if strings.Contains(line, "kfree_skb") {
				d.t.Fatalf("a line of another form: %s", line)
			}
			continue
		}
		number := func(i, base int) uint64 {
			n, err := strconv.ParseUint(m[i], base, 64)
			if err != nil {
				d.t.Fatalf("%s: %v", line, err)
			}
			return n
		}
		at := number(3, 10)*1e9 + number(4, 10)*1e3
		what := fmt.Sprintf("pid %d protocol %d", number(1, 10), number(7, 10))
		if plain {
			what += fmt.Sprintf(" skb %x", number(5, 16))
		}
		if rx, err := strconv.ParseUint(m[6], 16, 64); err == nil && rx != 0 { // since 6.11
			what += fmt.Sprintf(" rx_sk %x", rx)
		}
		out[number(2, 10)] = append(out[number(2, 10)], tracedDrop{what, m[8], d.from <= at && at <= d.to})
	}
	return out
}

// compare fails unless the stream and the kernel have the same drops between from and to.
// The two take a drop's time one after the other, so that one may have it on this side of
// an edge and one on that: what either has within must be in all that the other has, in
// order and without a gap.
func (d *dropTrace) compare(s *stream) {
	d.t.Helper()
	plain := exists(filepath.Join(d.dir, "options/hash-ptr"))
	got := make([][]tracedDrop, 16)
	for _, e := range s.sorted(func(e *format.Event) bool { return e.Probe == "skb:kfree_skb" }) {
		protocol, _ := e.Skb.Get(format.SkbProtocol)
		what := fmt.Sprintf("pid %d protocol %d", e.Process.PID, protocol)
		if plain {
			addr, _ := e.Skb.Get(format.SkbAddr)
			what += fmt.Sprintf(" skb %x", addr)
		}
		if e.Drop.RxSk != 0 {
			what += fmt.Sprintf(" rx_sk %x", e.Drop.RxSk)
		}
		got[e.CPU] = append(got[e.CPU], tracedDrop{what, e.Drop.Name, d.from <= e.TS && e.TS <= d.to})
	}
	total := 0
	for cpu, want := range d.drops() {
		total += len(within(want))
		if !contains(got[cpu], within(want)) || !contains(want, within(got[cpu])) {
			d.t.Errorf("drops on cpu %d:\n%v\nthe kernel's own trace:\n%v", cpu, got[cpu], want)
		}
	}
	if total == 0 {
		d.t.Error("the kernel's own trace is empty")
	}
}

func within(drops []tracedDrop) []tracedDrop {
	return slices.DeleteFunc(slices.Clone(drops), func(d tracedDrop) bool { return !d.within })
}

// contains tells whether part is somewhere in all, one behind the other.
func contains(all, part []tracedDrop) bool {
	for i := range len(all) - len(part) + 1 {
		if slices.EqualFunc(all[i:i+len(part)], part, tracedDrop.equal) {
			return true
		}
	}
	return false
}

func (d *dropTrace) stop() {
	d.set("events/skb/kfree_skb/enable", "0")
	if err := os.Remove(d.dir); err != nil {
		d.t.Error(err)
	}
}
