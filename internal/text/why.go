package text

import (
	"strconv"

	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/netname"
)

// isWhy tells skb-drops' section from another that has its name.
func isWhy(v wire.Value) bool {
	_, ok := v.Get("severity").Str()
	for _, key := range [...]string{"look", "alternatives", "rare", "rules"} {
		if list := v.Get(key); len(list) > 0 && list.Kind() != wire.Array {
			ok = false
		}
	}
	return ok
}

// shownOthers is how many alternatives are printed; JSON has them all.
const shownOthers = 5

// why prints skb-drops' section on lines of its own: sentences to read, and commands to be
// copied whole.
func (p *Printer) why(v wire.Value) {
	p.rest("why", v, "severity", "confidence", "reason", "meaning", "where", "cause", "look", "alternatives", "more",
		"rare", "rules", "rules_by")
	severity, _ := v.Get("severity").Str()
	color := plain
	switch string(severity) {
	case "fault":
		color = loud
	case "suspect":
		color = yellow
	case "normal":
		color = faint
	}
	p.cell = appendEscaped(append(p.cell[:0], "\n    "...), severity)
	if confidence, _ := v.Get("confidence").Str(); string(confidence) == "inferred" {
		p.cell = append(p.cell, ", inferred"...)
		if reason, _ := v.Get("reason").Str(); string(reason) != "NOT_SPECIFIED" {
			p.cell = appendEscaped(append(p.cell, ' '), reason)
		}
	}
	p.line = appendColored(p.line, p.cell, p.paint(color))
	cause, ok := v.Get("cause").Str()
	if !ok {
		cause, ok = v.Get("meaning").Str()
	}
	if !ok {
		cause = []byte("no explanation of this reason is known here")
	}
	p.line = escape.AppendCommand(append(p.line, ": "...), cause) // its names are escaped already
	if where, ok := v.Get("where").Str(); ok {
		p.line = appendEscaped(append(p.line, "\n    at "...), where)
	}
	p.whyRules(v)
	entered := false // said how to
	p.commands(v.Get("look"), "\n    look", &entered)
	more, _ := v.Get("more").Uint()
	known := v.Get("cause") != nil
	elements(v.Get("alternatives"), func(i int, other wire.Value) {
		if i >= shownOthers {
			more++
			return
		}
		head := "\n    or: "
		if i == 0 && !known {
			head = "\n    one of: "
		}
		cause, _ := other.Get("cause").Str()
		p.line = escape.AppendCommand(append(p.line, head...), cause)
		if tell, ok := other.Get("tell").Str(); ok {
			p.line = escape.AppendCommand(append(p.line, "; then "...), tell)
		}
		p.commands(other.Get("look"), "\n        look", &entered)
	})
	if more > 0 {
		p.line = append(strconv.AppendUint(append(p.line, "\n    or one of "...), more, 10), " others"...)
	}
	// What is rare takes one line, whatever it is.
	rare := uint64(0)
	elements(v.Get("rare"), func(i int, cause wire.Value) {
		if rare++; i == 0 {
			text, _ := cause.Str()
			p.line = escape.AppendCommand(append(p.line, "\n    or, rarely: "...), text)
		}
	})
	if rare > 1 {
		p.line = append(strconv.AppendUint(append(p.line, " (and "...), rare-1, 10), " more with -o json)"...)
	}
}

// commands prints commands as a shell takes them: escaped but for the backslash. What
// enters the packet's network namespace is the same for all of them, and is said once.
func (p *Printer) commands(list wire.Value, head string, entered *bool) {
	elements(list, func(_ int, v wire.Value) {
		line, _ := v.Str()
		enter, command := netname.CutEnter(line)
		if len(enter) == 0 {
			p.line = append(append(p.line, head...), ": "...)
			p.command(command)
			return
		}
		if !*entered {
			*entered = true
			p.line = append(p.line, "\n    in its network namespace ("...)
			p.command(enter)
			p.line = append(p.line, "bash):"...)
		}
		p.line = append(append(p.line, head...), " there: "...)
		p.command(command)
	})
}

func (p *Printer) command(s []byte) { p.line = escape.AppendCommand(p.line, s) }
