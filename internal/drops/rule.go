package drops

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ruleFiles are the files below rules/, a subsystem each. The rules are tried in the order
// of this list, and within a file in the order of its stanzas: the first that fits gives
// the cause, those that fit after it are alternatives.
var ruleFiles = []string{
	"bpf", // what a program said of this packet
	"netfilter", "udp", "tcp", "socket", "icmp-raw", "ip-input", "xfrm", "multicast", "routing", "fragment",
	"neighbour", "qdisc", "tc", "device", "bridge", "ovs", "tunnel", "local",
	"kernel", // what is no one subsystem's comes last
}

// A rule says what on this host dropped a packet. In rules/*.txt it is a stanza of these
// keys:
//
//	rule:     its name, for tests
//	reason:   names of the kernel's reasons that it explains; the first is also the one
//	          to report where the kernel gave none, unless there is
//	is:       the reason to report where the kernel gave none
//	at:       functions that dropped the packet
//	in:       more of them, for drops whose reason the kernel gave: where it gives one, the
//	          function is often another than where it gives none. "any": whatever it is,
//	          because the reason alone tells. A rule without at and in is for reasons alone
//	if:       a condition; all must hold. After = and != there may be several values: one of
//	          them, none of them. After < and > a name in braces is another field's value
//	exact:    yes: a kernel that knows one of the reasons by name reports it wherever this
//	          happens, so on such a kernel a drop without a reason is something else. Or
//	          functions: it does so in these, and in others of the rule it does not
//	final:    yes: nothing else needs to be considered
//	severity: in place of the reason's
//	cause:    one sentence; look and else as for a Reason. A kernel test runs each look in a drop of the
//	          rule's (a case of test/kernel names the rule), or unmadeLooks (looks_made_test.go) says why none does
//	tell:     how to see that it is this cause and not another
//	try:      a drop that the rule explains first ("also" at its end: as an alternative)
//	not:      a drop that it must not explain, not even as an alternative
//	says:     the cause that it gives for the try before
type rule struct {
	name     string
	file     string // that it is in, for tests
	reasons  []string
	is       string
	at       []string
	places   []string // at and in
	anywhere bool     // "in: any"
	when     []condition
	exact    bool
	exactAt  []string // functions that it is limited to; nil: all
	final    bool
	severity *Severity
	cause    []choice
	look     []choice
	tell     choice
	tries    []try
}

// A try is a test of a rule.
type try struct {
	line  int
	drop  string
	says  string
	other bool // an alternative is enough
	not   bool // the rule must not explain it
}

// A condition compares a field of the drop with values. A field that is absent meets
// "absent" and "!=" alone.
type condition struct {
	text  string
	field *field
	op    byte // = (one of the values) ! (none of them) < > ~ (contains) p(resent) a(bsent)
	words []string
	n     int64 // the first value, if it is a number
	isN   bool
	more  []int64 // the values after the first, if they are numbers
	than  *field  // whose value is it instead
}

func parseCondition(text string) (condition, error) {
	w := strings.Fields(text)
	c := condition{text: text}
	if len(w) < 2 {
		return c, fmt.Errorf("not a condition: %q", text)
	}
	f, err := parseField(w[0])
	if err != nil {
		return c, err
	}
	c.field, c.op, c.words = f, w[1][0], w[2:]
	if len(c.words) == 1 && strings.HasPrefix(c.words[0], "{") {
		if c.than, err = parseField(strings.Trim(c.words[0], "{}")); err != nil {
			return c, err
		}
	} else if len(c.words) > 0 {
		c.n, err = strconv.ParseInt(c.words[0], 0, 64)
		c.isN = err == nil
		for _, w := range c.words[1:] {
			n, err := strconv.ParseInt(w, 0, 64)
			if c.isN != (err == nil) {
				return c, fmt.Errorf("not a condition: %q has numbers and words", text)
			}
			c.more = append(c.more, n)
		}
		if c.isN && f.id == fieldProto {
			for _, n := range append([]int64{c.n}, c.more...) {
				if n >= 0 && n < int64(len(protoNames)) && protoNames[n] != nil {
					return c, fmt.Errorf("not a condition: %q never holds; protocol %d is called %s", text, n, protoNames[n])
				}
			}
		}
	}
	switch w[1] {
	case "present", "absent":
		if len(c.words) == 0 {
			return c, nil
		}
	case "=", "!=":
		if c.than == nil && len(c.words) > 0 {
			return c, nil
		}
	case "~":
		if len(c.words) == 1 {
			return c, nil
		}
	case "<", ">":
		if len(c.words) == 1 && (c.isN || c.than != nil) {
			return c, nil
		}
	}
	return c, fmt.Errorf("not a condition: %q; a field, one of = != < > ~ present absent, and a value", text)
}

func (c *condition) holds(f *facts) bool {
	v := f.value(c.field)
	switch c.op {
	case 'p':
		return v.kind() != absent
	case 'a':
		return v.kind() == absent
	case '=':
		return v.kind() != absent && c.equal(v)
	case '!':
		return v.kind() == absent || !c.equal(v)
	case '~':
		return v.kind() == word && bytes.Contains(v.s, []byte(c.words[0]))
	}
	n := c.n
	if c.than != nil {
		other := f.value(c.than)
		if other.kind() != number {
			return false
		}
		n = other.n
	}
	if c.op == '<' {
		return v.kind() == number && v.n < n
	}
	return v.kind() == number && v.n > n
}

func (c *condition) equal(v value) bool {
	if v.kind() == number {
		return c.isN && (v.n == c.n || slices.Contains(c.more, v.n))
	}
	for _, w := range c.words {
		if string(v.s) == w {
			return true
		}
	}
	return false
}

func (t *tables) readRules(file string) error {
	stanzas, err := readFile(file)
	if err != nil {
		return err
	}
	for _, stanza := range stanzas {
		r := &rule{file: file}
		var c choices
		for _, l := range stanza {
			if err := t.readRuleLine(r, l, &c); err != nil {
				return fmt.Errorf("%s:%d: %w", file, l.number, err)
			}
		}
		if r.is == "" && len(r.reasons) > 0 {
			r.is = r.reasons[0]
		}
		if r.name == "" || len(r.cause) != 1 || r.is == "" {
			return fmt.Errorf("%s:%d: rule %q lacks its name, its cause or its reason", file, stanza[0].number, r.name)
		}
		r.anywhere = r.anywhere || r.places == nil
		t.rules = append(t.rules, r)
		for _, function := range r.at {
			t.at[function] = append(t.at[function], r)
		}
	}
	return nil
}

func (t *tables) readRuleLine(r *rule, l line, c *choices) error {
	switch l.key {
	case "rule":
		r.name = l.value
	case "reason", "is":
		names := fields(l.value)
		for _, name := range names {
			if t.reasons[name] == nil {
				return fmt.Errorf("no reason %q", name)
			}
		}
		if l.key == "is" {
			r.is = l.value
		} else {
			r.reasons = names
		}
	case "at":
		r.at = fields(l.value)
		r.places = append(r.places, r.at...)
	case "in":
		if r.anywhere = l.value == "any"; !r.anywhere {
			r.places = append(r.places, fields(l.value)...)
		}
	case "if":
		cond, err := parseCondition(l.value)
		if err != nil {
			return err
		}
		r.when = append(r.when, cond)
	case "exact":
		if r.exact = true; l.value != "yes" {
			r.exactAt = fields(l.value)
		}
	case "final":
		r.final = l.value == "yes"
	case "severity":
		r.severity = new(Severity)
		return r.severity.UnmarshalText([]byte(l.value))
	case "cause":
		return c.add(l, &r.cause, false)
	case "look":
		return c.add(l, &r.look, true)
	case "else":
		return c.addElse(l)
	case "tell":
		tell, err := parseTemplate(l.value, false)
		r.tell = choice{tell}
		return err
	case "try":
		drop, other := strings.CutSuffix(l.value, " also")
		r.tries = append(r.tries, try{line: l.number, drop: drop, other: other})
	case "not":
		r.tries = append(r.tries, try{line: l.number, drop: l.value, not: true})
	case "says":
		if len(r.tries) == 0 {
			return fmt.Errorf("says without a try before it")
		}
		r.tries[len(r.tries)-1].says = l.value
	default:
		return fmt.Errorf("unknown key %q", l.key)
	}
	return nil
}

// candidates are the rules for a reason that the kernel gave: those for each function that
// one of them names, and those for any other.
type candidates struct {
	at     map[string][]*rule
	others []*rule
}

// index finds the rules for each reason, in their order.
func (t *tables) index() {
	t.named = map[string]*candidates{}
	of := map[string][]*rule{}
	for _, r := range t.rules {
		for _, reason := range r.reasons {
			of[reason] = append(of[reason], r)
		}
	}
	for reason, rules := range of {
		c := &candidates{at: map[string][]*rule{}}
		for _, r := range rules {
			for _, function := range r.places {
				c.at[function] = nil
			}
			if r.anywhere {
				c.others = append(c.others, r)
			}
		}
		for function := range c.at {
			c.at[function] = slices.DeleteFunc(slices.Clone(rules), func(r *rule) bool {
				return !r.anywhere && !slices.Contains(r.places, function)
			})
		}
		t.named[reason] = c
	}
}

// excluded says that the kernel would have given the drop a reason if it were this.
func (r *rule) excluded(f *facts) bool {
	h := f.host
	if r.exactAt != nil && !slices.Contains(r.exactAt, string(f.function)) {
		return false
	}
	return r.exact && (h.names[r.is] || slices.ContainsFunc(r.reasons, func(name string) bool { return h.names[name] }))
}

func (r *rule) holds(f *facts) bool {
	for i := range r.when {
		if !r.when[i].holds(f) {
			return false
		}
	}
	return true
}

func fields(s string) []string { return strings.Fields(s) }
