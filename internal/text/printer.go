package text

import (
	"crypto/sha256"
	"io"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/flowrules"
)

// Options say how a [Printer] writes.
type Options struct {
	// Time is "local" (also ""), "utc": wall-clock time of day with microseconds,
	// by the clock of the stream's last start record; "mono": the host's
	// CLOCK_MONOTONIC in seconds and microseconds; "delta": the time since the line
	// before. Without a start record, local and utc are as mono. With "-ns" behind it,
	// or "ns" alone, which is "local-ns", times are told to the nanosecond.
	Time string
	// Records prints the records that are no packets and that most readers do not look for: the first start, links,
	// frees, ends, counters that did not grow. Without it they are printed only where they say that something is
	// missing, was dropped, or is of another recording.
	Records bool
	// Color adds ANSI escape sequences (SGR); nothing else does.
	Color bool
	// Width is the terminal's width in columns, 0 if there is none. Each line then fits it: columns go or shrink, then
	// values that matter less, then the end of the packet's text. An ellipsis marks what is left out. Losses, counts
	// and explanations go on in further lines instead, and commands are whole. 0: all is there.
	Width int
	Detail
	// Stacks prints each stack record as a block, a function a line, where one
	// line is the default.
	Stacks bool
}

// A Printer writes records as text, a line each, and lines below it for why a packet was
// dropped. It keeps no record, only
// column widths and clocks: its memory does not grow with the stream.
type Printer struct {
	w    io.Writer
	o    Options
	buf  []byte // lines not yet written
	line []byte // the text of the record at hand
	cell []byte

	finder    *format.Finder // of events
	fields    fields
	dissector dissector
	ending    format.Journey // the last journey record, to be decoded into again

	columns columns
	fitter  fitter
	clock   clock
	tree    tree
	starts  map[[sha256.Size]byte]struct{} // seen
	dropped dropped
	came    format.Starts[came]
	answers flowrules.Answers // about Open vSwitch's flows
	of      came              // the start in force
}

// NewPrinter returns a Printer that writes to w.
func NewPrinter(w io.Writer, o Options) *Printer {
	p := &Printer{w: w, o: o, finder: newFinder()}
	p.dissector.detail = o.Detail
	p.clock.set(o.Time)
	p.Resize(o.Width)
	return p
}

// Resize takes another width of the terminal, as Options.Width.
func (p *Printer) Resize(width int) {
	if width != p.fitter.width || p.columns.width[columnTime] == 0 {
		p.fitter.width = width
		p.columns.init(width, p.clock.ns)
	}
}

// flushAt is how much text is gathered before it is written.
const flushAt = 64 << 10

// Write prints r. The only errors are those of the underlying writer: a record
// that is malformed, or of another shape than it should be, is printed as far
// as it can be read, with a word on where that was.
func (p *Printer) Write(r format.Raw) error {
	p.line = p.line[:0]
	p.fitter.begin()
	if p.tree.on && p.inTree(r) {
		return p.endLine()
	}
	switch typ := r.Type(); typ {
	case format.TypeEvent:
		p.event(r)
	case format.TypeStart:
		p.start(r)
	case format.TypeResume:
		p.resume(r)
	case format.TypeEnd:
		p.end(r)
	case format.TypeLoss:
		p.loss(r)
	case format.TypeHeld:
		p.held(r)
	case format.TypeChange:
		p.change(r)
	case format.TypeCounters:
		p.counters(r)
	case format.TypeLink:
		p.link(r)
	case format.TypeFree:
		p.free(r)
	case format.TypeStack:
		p.stack(r)
	case format.TypeNamespace:
		p.of.names.Found(r) // each line says it
	case format.TypeFlow:
		p.ovsFlow(r)
	case format.TypeJourney:
		p.journey(r)
	default:
		p.unknown(r, string(typ))
	}
	return p.endLine()
}

// endLine takes the line at hand, if there is one.
func (p *Printer) endLine() error {
	p.takeLine()
	if len(p.buf) >= flushAt {
		return p.Flush()
	}
	return nil
}

// takeLine puts the line at hand into the text.
func (p *Printer) takeLine() {
	switch {
	case len(p.line) == 0:
		return
	case p.fitter.width > 0:
		p.buf = append(p.buf, p.fitter.fit(p.line)...)
	default:
		p.buf = append(p.buf, p.line...)
	}
	p.buf = append(p.buf, '\n')
	p.line = p.line[:0]
}

// Flush writes what Write has gathered.
func (p *Printer) Flush() error {
	if len(p.buf) == 0 {
		return nil
	}
	_, err := p.w.Write(p.buf)
	p.buf = p.buf[:0]
	if cap(p.buf) > 1<<20 { // a record of megabytes is no reason to keep them
		p.buf = nil
	}
	return err
}
