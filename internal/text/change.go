package text

import (
	"slices"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
)

// changeEntries is how many entries of a key a line names.
const changeEntries = 8

// change prints what is otherwise on the host than `start` says, or that it is not known.
func (p *Printer) change(r format.Raw) {
	p.head(r)
	p.say("change:", cyan)
	but := append([]string{"keys", "seen", "gone"}, format.FactKeys[:]...)
	if _, known := r.Get("seen").Uint(); !known {
		n := 0
		elements(r.Get("keys"), func(i int, v format.Value) {
			p.between(&n)
			p.line = appendValue(p.line, v)
		})
		p.line = append(p.line, " changed, how is not known yet"...)
		p.others(r, but...)
		return
	}
	keys := 0
	for _, key := range format.FactKeys {
		now, gone := r.Get(key), r.Get("gone", key)
		if now == nil && gone == nil {
			continue
		}
		if p.line = append(p.line, ' '); keys > 0 {
			p.line = append(p.line[:len(p.line)-1], "; "...)
		}
		keys++
		p.line = append(p.line, key...)
		n := 0
		_ = now.Each(func(name []byte, v format.Value) bool {
			if n < changeEntries {
				p.between(&n)
				p.line = appendName(p.line, name)
				if v.Kind() != format.Map {
					p.line = appendValue(append(p.line, '='), v)
				}
				return true
			}
			n++
			return true
		})
		_ = gone.Elems(func(v format.Value) bool {
			if n < changeEntries {
				p.between(&n)
				p.line = append(appendValue(p.line, v), " gone"...)
				return true
			}
			n++
			return true
		})
		if n > changeEntries {
			p.line = append(strconv.AppendInt(append(p.line, " and "...), int64(n-changeEntries), 10), " more"...)
		}
	}
	if keys == 0 {
		n := 0
		elements(r.Get("keys"), func(i int, v format.Value) {
			p.between(&n)
			p.line = appendValue(p.line, v)
		})
		p.line = append(p.line, " as before"...)
	}
	if seen, ok := r.Get("seen").Uint(); ok {
		p.line = append(p.line, ", known from "...)
		p.line = p.clock.appendTime(p.line, seen)
	}
	p.others(r, but...)
}

// between puts in front of the n-th of several what stands between them.
func (p *Printer) between(n *int) {
	if *n > 0 {
		p.line = append(p.line, ',')
	}
	p.line = append(p.line, ' ')
	*n++
}

// appendName adds the name of an entry, as appendValue does a string.
func appendName(dst, name []byte) []byte {
	return appendValue(dst, format.AppendStr(slices.Grow([]byte(nil), len(name)+5), name))
}
