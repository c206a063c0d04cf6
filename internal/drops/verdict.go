package drops

import (
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// A verdict is what is made of a drop.
type verdict struct {
	name     []byte  // of the reason; by the kernel, or by us where it gave none
	reason   *Reason // nil: a name that this program does not know
	rule     *rule   // that fits first; nil: none
	others   [6]*rule
	nOthers  int
	way      *way // the census's only one, where no rule fits
	ways     [8]*way
	nWays    int // others that the census has: without a rule, one of them is the cause
	more     int // further ones, not in ways
	rare     [6]*way
	nRare    int // ways that give no reason to doubt the rest
	severity Severity
	inferred bool
	cause    []byte // "" without a rule and a way
}

const notSpecified = "NOT_SPECIFIED"

func (v *verdict) confidence() string {
	if v.inferred {
		return "inferred"
	}
	return "kernel"
}

// judge finds the reason and the cause of a drop and, if they are wanted, what else fits.
func (t *tables) judge(f *facts, others bool) {
	v := &f.verdict
	*v = verdict{name: v.name[:0], cause: v.cause[:0]}
	known := f.hasReason()
	var rules []*rule
	if !known {
		rules = t.at[string(f.place())]
	} else if c := t.named[string(f.reason)]; c != nil {
		var ok bool
		if rules, ok = c.at[string(f.function)]; !ok {
			rules = c.others
		}
	}
	for _, r := range rules {
		if !known && r.excluded(f) || !r.holds(f) {
			continue
		}
		if v.rule == nil {
			var ok bool
			if v.cause, ok = r.cause[0].append(v.cause, f); ok {
				v.rule = r
			}
		} else if v.nOthers < len(v.others) {
			v.others[v.nOthers] = r
			v.nOthers++
		}
		if v.rule != nil && (v.rule.final || !others) {
			break
		}
	}
	if v.rule == nil || others && !v.rule.final {
		v.addWays(t, f, known)
	}
	switch {
	case known:
		v.name = append(v.name, f.reason...)
	case v.rule != nil:
		v.name = append(v.name, v.rule.is...)
		v.inferred = true
	case v.way != nil:
		v.name = append(v.name, notSpecified...)
		if t.reasons[v.way.reason] != nil {
			v.name = append(v.name[:0], v.way.reason...)
		}
		v.inferred = true
	default:
		v.name = append(v.name, notSpecified...)
		v.inferred = len(f.reason) == 0
	}
	v.severity = Suspect
	if v.reason = t.reasons[string(v.name)]; v.reason != nil {
		v.severity = v.reason.Severity
	}
	if v.rule != nil && v.rule.severity != nil {
		v.severity = *v.rule.severity
	}
	if v.way != nil && v.way.severity != nil {
		v.severity = *v.way.severity
	}
	if v.severity != Normal || v.rule != nil && v.rule.final {
		return
	}
	// What may be a fault is not hidden: a drop is normal only if all that it may be is.
	if !others {
		t.judge(f, true)
	} else if v.mayHarm(t, known) {
		v.severity = Suspect
	}
}

// mayHarm says that something else that fits the drop is not normal.
func (v *verdict) mayHarm(t *tables, known bool) bool {
	of := func(own *Severity, reason string) Severity {
		switch r := t.reasons[reason]; {
		case own != nil:
			return *own
		case known && v.reason != nil:
			return v.reason.Severity
		case r != nil:
			return r.Severity
		}
		return Suspect
	}
	for _, r := range v.others[:v.nOthers] {
		if of(r.severity, r.is) != Normal {
			return true
		}
	}
	for _, w := range v.ways[:v.nWays] {
		if of(w.severity, w.reason) != Normal {
			return true
		}
	}
	return v.more > 0 && !known
}

// appendWhere writes the function that dropped the packet, and in words what it is for.
func (f *facts) appendWhere(dst []byte) []byte {
	dst = append(dst, f.function...)
	if at := kfunc.Lookup(f.function); at != nil && at.Where != "" {
		dst = append(append(append(dst, " ("...), at.Where...), ')')
	}
	return dst
}

// looks is the commands for a rule, or where it has none those of the reason.
func (v *verdict) looks(r *rule) []choice {
	if v.way != nil && len(v.way.look) > 0 {
		return v.way.look
	}
	if r != nil && (len(r.look) > 0 || r != v.rule) {
		return r.look
	}
	if v.reason != nil {
		return v.reason.look
	}
	return nil
}

// appendWhy writes the why section: a map of reason, meaning, where, cause, look (an array
// of commands), severity, confidence ("kernel" or "inferred"), alternatives (an array of maps
// of cause, tell and look), more (how many there are besides), rare (an array of further
// causes, which give no reason to doubt these), and rules and rules_by (OpenFlow's), without what is not known.
func (f *facts) appendWhy(dst []byte) []byte {
	v := &f.verdict
	cause := v.rule != nil || v.way != nil
	meaning := v.reason != nil
	where := len(f.function) > 0
	n := 3
	for _, has := range [...]bool{meaning, where, cause, v.nOthers+v.nWays > 0, v.more > 0, v.nRare > 0} {
		if has {
			n++
		}
	}
	lookAt := v.looks(v.rule)
	if len(lookAt) > 0 {
		n++
	}
	if f.rules.Rules != "" {
		n += 2
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendStr(wire.AppendStr(dst, "reason"), v.name)
	if meaning {
		dst = wire.AppendStr(wire.AppendStr(dst, "meaning"), v.reason.Meaning)
	}
	if where {
		f.line = f.appendWhere(f.line[:0])
		dst = wire.AppendStr(wire.AppendStr(dst, "where"), f.line)
	}
	if cause {
		dst = wire.AppendStr(wire.AppendStr(dst, "cause"), v.cause)
	}
	if len(lookAt) > 0 {
		dst = f.appendLook(wire.AppendStr(dst, "look"), lookAt)
	}
	if f.rules.Rules != "" {
		dst = f.appendRules(dst)
	}
	dst = wire.AppendStr(wire.AppendStr(dst, "severity"), v.severity.String())
	dst = wire.AppendStr(wire.AppendStr(dst, "confidence"), v.confidence())
	if v.nOthers+v.nWays > 0 {
		dst = f.appendOthers(wire.AppendStr(dst, "alternatives"))
	}
	if v.more > 0 {
		dst = wire.AppendUint(wire.AppendStr(dst, "more"), uint64(v.more))
	}
	if v.nRare > 0 {
		dst = f.appendRare(wire.AppendStr(dst, "rare"))
	}
	return dst
}

// appendRare writes the sentences of the rare ways, as an array.
func (f *facts) appendRare(dst []byte) []byte {
	count := len(dst)
	dst = wire.AppendArray(dst, 0)
	for _, w := range f.verdict.rare[:f.verdict.nRare] {
		if text, ok := f.sentence(w.cause); ok {
			dst = wire.AppendStr(dst, text)
			dst[count]++
		}
	}
	return dst
}

// sentence fills in a text; it is valid until the next.
func (f *facts) sentence(c choice) ([]byte, bool) {
	s, ok := c.append(f.line[:0], f)
	f.line = s
	return s, ok
}

// command fills in a command, to be run in the packet's network namespace if it is about
// one.
func (f *facts) command(c choice) ([]byte, bool) {
	for i := range c {
		line := f.line[:0]
		switch {
		case !c[i].all:
			line = f.appendEnter(line)
		case c[i].first && f.host.inner:
			line = append(line, enterFirst...)
		}
		var ok bool
		if f.line, ok = c[i].append(line, f); ok {
			return f.line, true
		}
	}
	return nil, false
}

// enterFirst is what a command begins with that sees settings of the machine alone: the first process is in the
// first network namespace, unless a container has processes of its own, and then only the machine itself has them.
const enterFirst = "nsenter --net=/proc/1/ns/net "

// appendLook writes the commands that can be filled in, as an array.
func (f *facts) appendLook(dst []byte, look []choice) []byte {
	count := len(dst)
	dst = wire.AppendArray(dst, 0) // one byte up to 15, which no stanza reaches
	for _, c := range look {
		if s, ok := f.command(c); ok {
			dst = wire.AppendStr(dst, s)
			dst[count]++
		}
	}
	return dst
}

// appendEnter writes what a command has to begin with to see the packet's network
// namespace, if that is known to be another one than the collector's.
func (f *facts) appendEnter(dst []byte) []byte {
	if !f.elsewhere() {
		return dst
	}
	inum, _ := f.find.Uint(findNetnsInum)
	return f.host.spaces.AppendEnter(dst, inum)
}

func (f *facts) appendOthers(dst []byte) []byte {
	v := &f.verdict
	count := len(dst)
	dst = wire.AppendArray(dst, 0)
	for _, r := range v.others[:v.nOthers] {
		var ok bool
		if dst, ok = f.appendOther(dst, r.cause[0], r.tell, r.look); ok {
			dst[count]++
		}
	}
	for _, w := range v.ways[:v.nWays] {
		var ok bool
		if dst, ok = f.appendOther(dst, w.cause, w.tell, w.look); ok {
			dst[count]++
		}
	}
	return dst
}

func (f *facts) appendOther(dst []byte, cause, tell choice, look []choice) ([]byte, bool) {
	text, ok := f.sentence(cause)
	if !ok {
		return dst, false
	}
	n := 1
	at := len(dst)
	dst = wire.AppendMap(dst, 0)
	dst = wire.AppendStr(wire.AppendStr(dst, "cause"), text)
	if tell != nil {
		if text, ok := f.sentence(tell); ok {
			dst = wire.AppendStr(wire.AppendStr(dst, "tell"), text)
			n++
		}
	}
	if len(look) > 0 {
		dst = f.appendLook(wire.AppendStr(dst, "look"), look)
		n++
	}
	dst[at] |= byte(n) // fixmap
	return dst, true
}
