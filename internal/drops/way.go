package drops

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/skb-tools/skb-tools/internal/drops/census"
)

// A way is one of the census's: how a packet comes to be dropped at a place in the kernel. It
// explains a drop that no rule does, and says what else it may be where a rule's conditions
// leave that open.
type way struct {
	*census.Way
	cause    choice      // nil: not described yet
	when     []condition // none of them is contradicted
	rules    []*rule
	look     []choice
	counted  []string // by what counters, each by kind and name; of several it may be any
	tell     choice
	severity *Severity
	reason   string // the one that the newest kernel gives; "": none
}

// ways holds what was made of the census: a function's when the first packet is dropped there,
// because most are never asked for.
type ways struct {
	mu sync.Mutex
	at map[string][]*way
}

func (t *tables) waysAt(function []byte) []*way {
	t.ways.mu.Lock()
	defer t.ways.mu.Unlock()
	all, ok := t.ways.at[string(function)]
	if ok {
		return all
	}
	if t.ways.at == nil {
		t.ways.at = map[string][]*way{}
	}
	if len(t.ways.at) > maxEntries { // of functions that a hostile stream made up
		clear(t.ways.at)
	}
	list, err := census.At(string(function))
	if err != nil {
		panic(err) // the files are part of the program, and the tests read them
	}
	for _, c := range list {
		if c.Not != "" {
			continue
		}
		w, err := t.newWay(c)
		if err != nil {
			panic(err)
		}
		all = append(all, w)
	}
	t.ways.at[string(function)] = all
	return all
}

func (t *tables) newWay(c *census.Way) (*way, error) {
	w := &way{Way: c}
	fail := func(err error) (*way, error) { return nil, fmt.Errorf("census/%s: %w", c.Source, err) }
	for _, text := range c.When {
		tt, err := parseTemplate(text, false)
		if err != nil {
			return fail(err)
		}
		w.cause = append(w.cause, tt)
	}
	for _, text := range c.If {
		cond, err := parseCondition(text)
		if err != nil {
			return fail(err)
		}
		w.when = append(w.when, cond)
	}
	for _, name := range c.Rules {
		i := slices.IndexFunc(t.rules, func(r *rule) bool { return r.name == name })
		if i < 0 {
			return fail(fmt.Errorf("no rule %s", name))
		}
		w.rules = append(w.rules, t.rules[i])
	}
	for _, kernel := range census.Kernels {
		for _, r := range c.On(kernel) {
			if r != "-" && r != "*" {
				w.reason = r
			}
		}
	}
	if c.Severity != "" {
		w.severity = new(Severity)
		if err := w.severity.UnmarshalText([]byte(c.Severity)); err != nil {
			return fail(err)
		}
	}
	var names []string
	looks := c.Look
	for _, counter := range c.Counter {
		words := strings.Fields(counter)
		command, ok := counters[words[0]]
		if !ok || len(words) < 2 {
			return fail(fmt.Errorf("no counters of the kind %q", counter))
		}
		names = append(names, words[1:]...)
		for _, name := range words[1:] {
			w.counted = append(w.counted, words[0]+" "+name)
		}
		if words[0] == "nstat" {
			command += " " + strings.Join(words[1:], " ")
		}
		looks = append(looks, command)
	}
	for _, text := range looks {
		tt, err := parseTemplate(text, true)
		if err != nil {
			return fail(err)
		}
		w.look = append(w.look, choice{tt})
	}
	if names != nil {
		tt, err := parseTemplate(strings.Join(names, " or ")+" counts up", false)
		if err != nil {
			return fail(err)
		}
		w.tell = choice{tt}
	}
	return w, nil
}

// The commands that show the counters of a kind.
var counters = map[string]string{
	"nstat":     "nstat -asz",
	"xfrm":      "cat /proc/net/xfrm_stat",
	"link":      "ip -s -s link show dev {dev.name}",
	"qdisc":     "tc -s qdisc show dev {dev.name}",
	"softnet":   "cat /proc/net/softnet_stat",
	"conntrack": "cat /proc/net/stat/nf_conntrack",
	"ethtool":   "ethtool -S {dev.name}",
}

// gives says how well a way fits the reason that the kernel gave: not at all, as a place that
// hands on any reason, or by this one.
func (w *way) gives(f *facts, known bool) (fits, exactly bool) {
	kernel := f.host.census
	for i := range w.Sites {
		s := &w.Sites[i]
		if kernel != "" && !slices.Contains(s.Kernels, kernel) {
			continue
		}
		for _, r := range s.Reasons {
			switch {
			case r == "*":
				fits = true
			case known && r == string(f.reason), !known && r == "-":
				return true, true
			case !known && kernel == "" && !f.host.names[r]:
				// A kernel between those of the census may have the place and not yet the reason.
				return true, true
			}
		}
	}
	return fits, false
}

// waysThatFit are the ways to the place that fit the reason best. They are valid until the next call.
func (t *tables) waysThatFit(f *facts, known bool) []*way {
	f.fitting = f.fitting[:0]
	exact := false
	for _, w := range t.waysAt(f.function) {
		fits, exactly := w.gives(f, known)
		if exactly && !exact {
			exact = true
			f.fitting = f.fitting[:0]
		}
		if fits && exactly == exact {
			f.fitting = append(f.fitting, w)
		}
	}
	return f.fitting
}

// possible says that nothing known of the drop speaks against a way.
func (w *way) possible(f *facts) bool {
	for i := range w.when {
		if !w.when[i].possible(f, false) {
			return false
		}
	}
	if w.rules == nil {
		return true
	}
	return slices.ContainsFunc(w.rules, func(r *rule) bool {
		for i := range r.when {
			if !r.when[i].possible(f, true) {
				return false
			}
		}
		return true
	})
}

// possible says that a condition holds or that the stream does not have what it is about. A
// rule's "present" is about what the stream has, a way's about the drop.
func (c *condition) possible(f *facts, ofRule bool) bool {
	switch c.op {
	case 'p':
		return ofRule || c.holds(f)
	case 'a', '!':
		return c.holds(f)
	}
	if f.value(c.field).kind() == absent || c.than != nil && f.value(c.than).kind() == absent {
		return true
	}
	return c.holds(f)
}

// addWays puts into the verdict what else the drop may be by the census: the ways to the place
// that no rule of the verdict tells of. Without a rule, a single way is the cause.
func (v *verdict) addWays(t *tables, f *facts, known bool) {
	for _, w := range t.waysThatFit(f, known) {
		if v.tells(w) || !w.possible(f) {
			continue
		}
		switch {
		case w.Rare && w.cause != nil:
			if v.nRare < len(v.rare) {
				v.rare[v.nRare] = w
				v.nRare++
			}
		case w.cause == nil || v.nWays == len(v.ways):
			v.more++
		default:
			v.ways[v.nWays] = w
			v.nWays++
		}
	}
	if v.rule == nil && v.nWays+v.more == 0 { // there is nothing else
		v.nWays, v.nRare = copy(v.ways[:], v.rare[:v.nRare]), 0
	}
	switch {
	case v.rule != nil:
		v.more = 0
	case v.nWays == 0:
		v.more = 0
	case v.nWays == 1 && v.more == 0:
		var ok bool
		if v.cause, ok = v.ways[0].cause.append(v.cause, f); ok {
			v.way, v.nWays = v.ways[0], 0
		}
	}
}

// tells says that the verdict has a way already: by a rule or in the same words.
func (v *verdict) tells(w *way) bool {
	if v.rule != nil && slices.Contains(w.rules, v.rule) {
		return true
	}
	for _, r := range v.others[:v.nOthers] {
		if slices.Contains(w.rules, r) {
			return true
		}
	}
	same := func(o *way) bool { return w.cause != nil && o.cause[0].text == w.cause[0].text }
	return slices.ContainsFunc(v.ways[:v.nWays], same) || slices.ContainsFunc(v.rare[:v.nRare], same)
}
