package text

import (
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// changeEntries is how many entries of a key a line names.
const changeEntries = 8

// change prints what is otherwise on the host than `start` says, or that it is not known.
func (p *Printer) change(r format.Raw) {
	p.head(r)
	p.say("change:", cyan)
	p.changes(r)
	p.others(r, append([]string{"keys", "seen", "gone"}, format.FactKeys[:]...)...)
}

// changes prints the keys that it is about, and their entries.
func (p *Printer) changes(r format.Raw) {
	seen, known := r.Get("seen").Uint()
	if !known {
		p.keys(r)
		p.line = append(p.line, " changed, how is not known yet"...)
		return
	}
	keys := 0
	for _, key := range format.FactKeys {
		now, gone := r.Get(key), r.Get("gone", key)
		if now == nil && gone == nil {
			continue
		}
		if keys > 0 {
			p.line = append(p.line, ';')
		}
		keys++
		p.line = append(append(p.line, ' '), key...)
		n := 0
		_ = now.Each(func(name []byte, v wire.Value) bool {
			if p.another(&n) {
				p.line = appendString(p.line, name)
				if v.Kind() != wire.Map {
					p.line = appendValue(append(p.line, '='), v)
				}
			}
			return true
		})
		_ = gone.Elems(func(v wire.Value) bool {
			if p.another(&n) {
				p.line = append(appendValue(p.line, v), " gone"...)
			}
			return true
		})
		p.line = appendMore(p.line, n-changeEntries)
	}
	if keys == 0 {
		p.keys(r)
		p.line = append(p.line, " as before"...)
	}
	p.line = p.clock.appendTime(append(p.line, ", known from "...), seen)
}

// keys prints which keys of `start` a change is about.
func (p *Printer) keys(r format.Raw) {
	n := 0
	elements(r.Get("keys"), func(i int, v wire.Value) {
		p.between(&n)
		p.line = appendValue(p.line, v)
	})
}

// another begins the n-th of several entries; false: so many are named already that it is only counted.
func (p *Printer) another(n *int) bool {
	if *n >= changeEntries {
		*n++
		return false
	}
	p.between(n)
	return true
}

// between puts in front of the n-th of several what stands between them.
func (p *Printer) between(n *int) {
	if *n > 0 {
		p.line = append(p.line, ',')
	}
	p.line = append(p.line, ' ')
	*n++
}
