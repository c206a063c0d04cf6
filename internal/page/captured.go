package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// Captured is told all records of the input, and says where and how they were captured, and whether all is there.
type Captured struct {
	// Part is as the programs' --part: nobody has counted whether all records are there.
	Part bool
	// Journeys tells that what is shown is of events alone, so that events which were counted and not written lack.
	Journeys bool

	starts []Start
	ended  []bool
	now    int // number of the start in force, from 1
	more   int // starts that are not listed
	offset int64
	came   format.Starts[captured]
	losses []loss
	late   int    // losses that are not among them
	sample uint32 // one packet in so many was captured, or in fewer; 0: all
	held   uint64 // events that were counted and not written
	fault  string
}

type captured struct {
	now    int
	offset int64
}

type loss struct {
	format.Loss
	offset int64
}

// What a page has of starts.
const (
	maxStarts = 64
	maxWords  = 100 // of a command line
	maxText   = 256 // bytes
)

// Short is text, or the first 256 bytes of it, with whole runes, and dots. Whatever a stream holds, so much is kept.
func Short(text string) string {
	if len(text) <= maxText {
		return text
	}
	return escape.CutRunes(text, maxText) + "..."
}

// Offset is what to add to a time for Unix time, ns; 0: it is not known.
func (c *Captured) Offset() int64 { return c.offset }

// Fault takes what was wrong with the input.
func (c *Captured) Fault(err error) { c.fault = escape.Command(err.Error()) }

// Write takes a record.
func (c *Captured) Write(r format.Raw) {
	switch r.Type() {
	case format.TypeStart:
		c.start(r)
	case format.TypeResume:
		if x, ok := c.came.Resume(r); ok {
			c.now, c.offset = x.now, x.offset
		}
	case format.TypeEnd:
		if c.now > 0 && c.now <= len(c.ended) {
			c.ended[c.now-1] = true
		}
	case format.TypeHeld:
		n, _ := r.Get("count").Uint()
		c.held += n
	case format.TypeLoss:
		var l format.Loss
		if l.Decode(r) != nil {
			return
		}
		l.What, l.Cause = Short(l.What), Short(l.Cause)
		if len(c.losses) < maxLosses {
			c.losses = append(c.losses, loss{l, c.offset})
			return
		}
		c.late++
		last := &c.losses[maxLosses-1] // its mark covers the later ones
		last.Since, last.TS, last.Count = min(last.Since, l.Since), max(last.TS, l.TS), last.Count+l.Count
	}
}

func (c *Captured) start(r format.Raw) {
	var s format.Start
	if s.Decode(r) != nil {
		return
	}
	c.offset = s.ClockOffset
	c.sample = max(c.sample, s.Sample)
	if len(c.starts) >= maxStarts {
		c.more++
		c.now = 0
	} else {
		var command []string
		for _, word := range s.Cmdline {
			if len(command) == maxWords {
				command = append(command, "...")
				break
			}
			command = append(command, quote(escape.String(Short(word))))
		}
		at := 0.0
		if s.TS > 0 {
			at = float64(int64(s.TS)+s.ClockOffset) / 1e9
		}
		c.starts = append(c.starts, Start{Host: escape.String(Short(s.Host)), Kernel: escape.String(Short(s.Kernel)),
			Arch: escape.String(Short(s.Arch)),
			Tool: escape.String(Short(s.Tool)), Command: strings.Join(command, " "), At: at, CPUs: s.CPUs, Probes: s.Probes,
			Snaplen: s.Snaplen, Capture: s.Capture})
		c.ended = append(c.ended, false)
		c.now = len(c.starts)
	}
	c.came.Set(r, captured{c.now, c.offset})
}

// Finish puts into a page what it knows.
func (c *Captured) Finish(d *Data) {
	d.Starts, d.Lost, d.Clock = c.starts, []Loss{}, len(c.starts) > 0
	if d.Starts == nil {
		d.Starts = []Start{}
	}
	open := 0
	for _, ended := range c.ended {
		if !ended {
			open++
		}
	}
	switch {
	case c.fault != "":
		d.Sure = append(d.Sure, "The input was not whole, and the page has what came before: "+c.fault+".")
	case len(c.starts) == 0:
		d.Sure = append(d.Sure, "The input has no start record: where and when it was captured is not known.")
	case open > 0:
		d.Sure = append(d.Sure,
			fmt.Sprintf("%d of %d captures have no end record: they may have been cut off.", open, len(c.starts)))
	case c.Part:
		d.Sure = append(d.Sure,
			"The input was taken for a part of a capture (--part): it was not checked whether all of it is there.")
	default:
		d.Sure = append(d.Sure, "The capture is whole: it has its end record, and as many records as that counts.")
	}
	whole := c.fault == "" && !c.Part && open == 0 && len(c.starts) > 0
	for _, l := range c.losses {
		d.Lost = append(d.Lost, Loss{Since: float64(int64(l.Since)+l.offset) / 1e9,
			Until: float64(int64(l.TS)+l.offset) / 1e9, Count: l.Count, What: escape.String(l.What),
			Cause: escape.String(l.Loss.Cause)})
	}
	d.MoreLost = c.late
	if len(c.losses) == 0 {
		d.Sure = append(d.Sure, "No loss was recorded.")
	}
	d.Whole = whole && len(c.losses) == 0
	if c.held > 0 && c.Journeys {
		at := len(d.Sure)
		if d.Whole {
			at = 0 // it is what the page's head says
		}
		d.Sure = slices.Insert(d.Sure, at, fmt.Sprintf(
			"No journey has the %s that skb-collect counted and did not write (--limit, --count-drops).",
			spell.Count(c.held, "event")))
		d.Whole = false
	}
	if c.sample > 1 {
		d.Sure = slices.Insert(d.Sure, 0, fmt.Sprintf(
			"Only one packet in %d was captured (skb-collect --sample): counts are estimates.", c.sample))
		d.Whole = false
	}
	if c.more > 0 {
		d.Sure = append(d.Sure,
			fmt.Sprintf("%d more captures are not listed, and whether they are whole is not said here.", c.more))
	}
}

// quote makes a word one that a shell takes as one.
func quote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
