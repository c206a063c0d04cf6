package text

import (
	"bytes"

	"github.com/skb-tools/skb-tools/format"
)

// isWhy tells skb-drops' section from another that has its name.
func isWhy(v format.Value) bool {
	_, ok := v.Get("severity").Str()
	for _, key := range [...]string{"look", "alternatives"} {
		if list := v.Get(key); len(list) > 0 && list.Kind() != format.Array {
			ok = false
		}
	}
	return ok
}

// why prints skb-drops' section on lines of its own: sentences to read, and commands to be
// copied whole.
func (p *Printer) why(v format.Value) {
	p.rest("why", v, "severity", "confidence", "reason", "meaning", "where", "cause", "look", "alternatives")
	severity, _ := v.Get("severity").Str()
	color := map[string]string{"fault": loud, "suspect": yellow, "normal": faint}[string(severity)]
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
		cause, _ = v.Get("meaning").Str()
	}
	p.line = appendEscaped(append(p.line, ": "...), cause)
	if where, ok := v.Get("where").Str(); ok {
		p.line = appendEscaped(append(p.line, "\n    at "...), where)
	}
	p.commands(v.Get("look"), "\n    look: ")
	elements(v.Get("alternatives"), func(_ int, other format.Value) {
		cause, _ := other.Get("cause").Str()
		p.line = appendEscaped(append(p.line, "\n    or: "...), cause)
		if tell, ok := other.Get("tell").Str(); ok {
			p.line = appendEscaped(append(p.line, "; then "...), tell)
		}
		p.commands(other.Get("look"), "\n        look: ")
	})
}

// commands prints commands as a shell takes them: escaped but for the backslash.
func (p *Printer) commands(list format.Value, head string) {
	elements(list, func(_ int, v format.Value) {
		command, _ := v.Str()
		p.line = append(p.line, head...)
		for i, part := range bytes.Split(command, []byte{'\\'}) {
			if i > 0 {
				p.line = append(p.line, '\\')
			}
			p.line = appendEscaped(p.line, part)
		}
	})
}
