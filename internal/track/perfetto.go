package track

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/tempfile"
	"github.com/skb-tools/skb-tools/internal/text"
)

// A tracer is a stage that writes journeys as a trace for Perfetto, in Chrome's Trace Event
// Format (JSON), and hands everything on.
//
// A network namespace is a process there, and a device a thread. A hop is a slice on its
// device, from its event to the next one of the same branch, or to the branch's end. Slices of
// one thread must not overlap, so a device has as many threads as packets are on it at a time.
// A journey is a flow through its slices. On the threads of the process "cpus" each hop is an
// instant. Losses are slices of a process of their own.
//
// What is written goes to a file without a name first: the trace is there as a whole or not at
// all.
type tracer struct {
	file    string
	next    stage
	spool   *os.File
	w       *bufio.Writer
	err     error
	started bool
	hops    int
	left    uint64 // hops that are not in the trace
	zero    int64  // the trace's time 0, ns, of the same clock as the records with their offset
	from    origins
	pids    map[string]int
	tids    map[deviceOf]*rows
	threads int
	losses  rows
}

type deviceOf struct {
	pid int
	dev string
}

// rows are the threads of one device: when each is free again, ns, and its number.
type rows struct {
	free []uint64
	tids []int
}

// Bounds of a trace.
const (
	maxTraced = 500_000 // hops
	maxRows   = 64      // of a device
	maxTracks = 10_000  // namespaces, and devices
)

func newTracer(file string, next stage) (*tracer, error) {
	spool, err := tempfile.File(tempfile.Dir(), "skb-track")
	if err != nil {
		return nil, err
	}
	return &tracer{file: file, next: next, spool: spool, w: bufio.NewWriterSize(spool, 64<<10), pids: map[string]int{},
		tids: map[deviceOf]*rows{}}, nil
}

func (t *tracer) Flush() error { return t.next.Flush() }

func (t *tracer) Write(r format.Raw) error {
	switch r.Type() {
	case format.TypeStart:
		t.from.see(r)
		if ts, ok := r.Time(); ok {
			t.begin(int64(ts) + t.from.offset)
		}
	case format.TypeResume:
		t.from.see(r)
	case format.TypeLoss:
		t.loss(r)
	}
	return t.next.Write(r)
}

// day is how much before its first start a stream may have events, ns: another one may be joined to it.
const day = 24 * 3600e9

// begin opens the trace. Its times begin a day before: those of the wall clock in µs are too
// large for a JSON number to have their ns.
func (t *tracer) begin(ns int64) {
	if t.started {
		return
	}
	t.started, t.zero = true, ns-day
	fmt.Fprintf(t.w, `{"displayTimeUnit":"ns","otherData":{"tool":"skb-track %s","time 0, ns since 1970":"%d"},`+
		`"traceEvents":[`, pipe.Version, t.zero)
	t.write(&traceEvent{Name: "process_name", Phase: "M", PID: 1, Args: map[string]any{"name": "losses"}}, "\n")
}

// A traceEvent is one of the Trace Event Format. Times are in µs.
type traceEvent struct {
	Name     string         `json:"name"`
	Category string         `json:"cat,omitempty"`
	Phase    string         `json:"ph"`
	TS       json.Number    `json:"ts,omitempty"`
	Duration json.Number    `json:"dur,omitempty"`
	PID      int            `json:"pid"`
	TID      int            `json:"tid"`
	ID       string         `json:"id,omitempty"`
	Bind     string         `json:"bp,omitempty"`
	Scope    string         `json:"s,omitempty"`
	Args     map[string]any `json:"args,omitempty"`
}

func (t *tracer) write(e *traceEvent, before string) {
	b, err := json.Marshal(e)
	if err == nil {
		_, _ = t.w.WriteString(before)
		_, err = t.w.Write(escape.JSON(nil, b))
	}
	if t.err == nil {
		t.err = err
	}
}

// at is a time of the trace.
func (t *tracer) at(ts uint64, from origin) json.Number {
	return micros(uint64(int64(ts) + from.offset - t.zero))
}

// micros are ns as µs, exactly.
func micros(ns uint64) json.Number { return json.Number(fmt.Sprintf("%d.%03d", ns/1000, ns%1000)) }

// pid is the process of that name.
func (t *tracer) pid(name string) int {
	if pid, ok := t.pids[name]; ok {
		return pid
	}
	if len(t.pids) >= maxTracks {
		name = "others"
		if pid, ok := t.pids[name]; ok {
			return pid
		}
	}
	pid := len(t.pids) + 2
	t.pids[name] = pid
	t.write(&traceEvent{Name: "process_name", Phase: "M", PID: pid,
		Args: map[string]any{"name": escape.String(name)}}, ",\n")
	return pid
}

// tid is a thread of a device that has nothing from a time to another; 0: it has no more.
func (t *tracer) tid(pid int, dev string, from, to uint64) int {
	key := deviceOf{pid, dev}
	r := t.tids[key]
	if r == nil {
		if len(t.tids) >= maxTracks {
			key.dev = "others"
		}
		if r = t.tids[key]; r == nil {
			r = &rows{}
			t.tids[key] = r
		}
	}
	return t.row(r, key, from, to)
}

func (t *tracer) row(r *rows, key deviceOf, from, to uint64) int {
	for i, free := range r.free {
		if free <= from {
			r.free[i] = to
			return r.tids[i]
		}
	}
	if len(r.free) >= maxRows {
		return 0
	}
	t.threads++
	r.free, r.tids = append(r.free, to), append(r.tids, t.threads)
	t.write(&traceEvent{Name: "thread_name", Phase: "M", PID: key.pid, TID: t.threads,
		Args: map[string]any{"name": escape.String(key.dev)}}, ",\n")
	return t.threads
}

// take writes a journey.
func (t *tracer) take(g *gathered) {
	t.left += uint64(g.left)
	if t.hops+len(g.hops) > maxTraced {
		t.left += uint64(len(g.hops))
		return
	}
	if len(g.hops) == 0 {
		return
	}
	t.begin(int64(g.hops[0].ts) + g.from.offset)
	if int64(g.hops[0].ts)+g.from.offset < t.zero {
		t.left += uint64(len(g.hops))
		return
	}
	t.hops += len(g.hops)
	until := make([]uint64, len(g.hops)) // when each hop's slice ends
	next := map[uint32]uint64{}          // of a branch
	for _, e := range g.ends {
		next[e.branch] = e.ts
	}
	for i := len(g.hops) - 1; i >= 0; i-- {
		h := &g.hops[i]
		until[i] = max(next[h.branch], h.ts)
		next[h.branch] = h.ts
	}
	last := map[uint32]lane{}
	flow, phase := string(text.AppendFlow(nil, g.j.From)), "s"
	for i := range g.hops {
		h := &g.hops[i]
		on := lane{h.netns, h.dev, h.space}
		if h.dev == "" {
			if on = last[h.branch]; on.name == "" {
				on = lane{h.netns, "no device yet", h.space}
			}
		}
		last[h.branch] = on
		switch {
		case len(g.hops) == 1:
			phase = ""
		case i == len(g.hops)-1 && phase == "t":
			phase = "f"
		}
		if t.hop(g, h, on, until[i], flow, phase) && phase == "s" {
			phase = "t"
		}
	}
}

// hop writes a hop, as a step of a flow, if it is one. It says whether it is a slice: else no
// flow can go through it.
func (t *tracer) hop(g *gathered, h *drawnHop, on lane, until uint64, flow, phase string) bool {
	args := map[string]any{"packet": fmt.Sprint(g.j.Packet), "flow": flow, "hop": h.number,
		"branch": h.branch, "cpu": h.cpu}
	if h.changed != "" {
		args["changed"] = h.changed[1:]
	}
	name := h.probe
	if h.drop != "" {
		name, args["dropped"] = "dropped: "+name, escape.String(h.drop)
	}
	if h == &g.hops[len(g.hops)-1] {
		args["ended"] = string(text.AppendEnding(nil, &g.j, g.from.names))
	}
	e := traceEvent{Name: escape.String(name), Category: "hop", Phase: "X", TS: t.at(h.ts, g.from),
		Duration: micros(until - h.ts), Args: args}
	process := cmp.Or(on.namespace(), "no namespace")
	if g.from.host != "" {
		process += " on " + g.from.host
	}
	e.PID = t.pid(process)
	e.TID = t.tid(e.PID, on.name, h.ts, until)
	slice := e.TID != 0
	if !slice { // there is no room for one
		e.Phase, e.Duration, e.Scope = "i", "", "p"
	}
	t.write(&e, ",\n")
	if slice && phase != "" {
		t.write(&traceEvent{Name: "journey", Category: "journey", Phase: phase, TS: e.TS, PID: e.PID, TID: e.TID,
			ID: fmt.Sprint(g.j.Packet), Bind: "e"}, ",\n")
	}
	cpus := "cpus"
	if g.from.host != "" {
		cpus += " of " + g.from.host
	}
	pid := t.pid(cpus)
	cpu := traceEvent{Name: e.Name, Category: "cpu", Phase: "i", TS: e.TS, PID: pid, Scope: "t",
		TID: t.tid(pid, fmt.Sprint("cpu ", h.cpu), 1<<63, 0), Args: map[string]any{"packet": args["packet"]}}
	t.write(&cpu, ",\n")
	return slice
}

func (t *tracer) loss(r format.Raw) {
	var l format.Loss
	if l.Decode(r) != nil {
		return
	}
	since := min(l.Since, l.TS)
	t.begin(int64(since) + t.from.offset)
	tid := t.row(&t.losses, deviceOf{1, "lost"}, since, l.TS)
	if tid == 0 || int64(since)+t.from.offset < t.zero {
		return
	}
	t.write(&traceEvent{Name: fmt.Sprintf("lost: %d of kind %s", l.Count, escape.String(l.What)),
		Category: "loss", Phase: "X", TS: t.at(since, t.from.origin), Duration: micros(l.TS - since), PID: 1, TID: tid,
		Args: map[string]any{"cause": escape.String(l.Cause)}}, ",\n")
}

// Close writes the file, and tells what is not in it.
func (t *tracer) Close() error {
	defer t.spool.Close()
	t.begin(0)
	_, _ = t.w.WriteString("\n]}\n")
	err := t.err
	if e := t.w.Flush(); err == nil {
		err = e
	}
	if err == nil {
		_, err = t.spool.Seek(0, 0)
	}
	if err == nil {
		err = tempfile.ReplaceFrom(t.file, t.spool)
	}
	switch {
	case err != nil:
		return fmt.Errorf("--perfetto %s: %w", t.file, err)
	case t.left > 0:
		return fmt.Errorf("--perfetto %s: %d events are not in it: it holds %d, those of the journeys that ended first; "+
			"--ended, --through and --slower-than select", t.file, t.left, t.hops)
	}
	return nil
}
