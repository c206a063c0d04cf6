package drops

import (
	"cmp"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/internal/text"
)

// maxGroups bounds a summary. Beyond it the groups with the fewest drops are folded into
// "other", so those that matter stay whatever comes.
const maxGroups = 10000

// maxValue bounds one value of a group's key, in bytes; longer ones are cut.
const maxValue = 128

// A summary counts drops in groups.
type summary struct {
	by     []*field
	normal bool // count what is no fault too

	groups map[string]*group
	folded [len(severities)]uint64 // drops in groups that were folded, by severity
	groupsFolded,
	total, // all drops, also those left out
	leftOut, // normal ones, without --normal
	held, // drops that were counted in the place of an event
	heldOVS, // events that may have told of drops of Open vSwitch, and were only counted
	lost uint64 // events that the stream says were lost
	noise       float64                  // variance of total
	foldedNoise [len(severities)]float64 // of folded
	sampling    sampling
	first, last uint64 // ns, of any record, or of the interval
	interval    bool   // one of several
	bounded     bool   // that is how long was looked, not only from the first drop to the last
	worst       Severity
	besides     string         // what the kernel counted without a drop, in a line; "": nothing
	zone        *time.Location // of Unix times; nil: times are of the host's monotonic clock

	key []byte
}

// A group is the drops with the same values of the fields that the summary is by.
type group struct {
	values   []string
	severity Severity
	count    uint64
	noise    float64 // variance of count
	first    uint64  // ns
	last     uint64
	example  example
	differ   bool     // not all have the example's cause
	counted  uint64   // count when history last moved on
	history  []uint32 // drops per tick, for --live
}

// An example is the first drop of a group, in words.
type example struct {
	Packet       string   `json:"packet,omitempty"`
	Where        string   `json:"where,omitempty"`
	Meaning      string   `json:"meaning,omitempty"`
	Cause        string   `json:"cause,omitempty"`
	OneOf        []string `json:"one_of,omitempty"` // what the cause may be, where it is not known
	Look         []string `json:"look,omitempty"`
	Confidence   string   `json:"confidence"`
	Alternatives int      `json:"alternatives,omitempty"` // how many other causes fit
}

func newSummary(by []*field, normal bool) *summary {
	return &summary{by: by, normal: normal, groups: map[string]*group{}}
}

// seen takes the time of any record, so that rates are over the whole time.
func (s *summary) seen(t uint64) {
	if s.first == 0 || t < s.first {
		s.first = t
	}
	s.last = max(s.last, t)
}

// add counts n drops that are alike, of a time. noise is the variance of n.
func (s *summary) add(f *facts, t, n uint64, noise float64) {
	v := &f.verdict
	s.total += n
	s.noise += noise
	s.worst = max(s.worst, v.severity)
	if v.severity == Normal && !s.normal {
		s.leftOut += n
		return
	}
	s.key = f.appendGroup(s.key[:0], s.by)
	g := s.groups[string(s.key)]
	if g == nil {
		if len(s.groups) >= maxGroups {
			s.fold()
		}
		g = s.newGroup(f, t)
		s.groups[string(s.key)] = g
	}
	g.count += n
	g.noise += noise
	g.differ = g.differ || string(v.cause) != g.example.Cause
	g.first, g.last = min(g.first, t), max(g.last, t)
}

// appendGroup appends the key of the group that the drop is in: its severity, and the values of fields. These may hold
// any byte: the lengths keep ("a","bc") from being ("ab","c").
func (f *facts) appendGroup(dst []byte, by []*field) []byte {
	dst = append(dst, byte(f.verdict.severity))
	for _, fd := range by {
		at := len(dst)
		dst = f.appendShort(append(dst, 0), fd)
		dst[at] = byte(len(dst) - at - 1)
	}
	return dst
}

// appendShort appends the value of a field, or as much of it as groups are told apart by.
func (f *facts) appendShort(dst []byte, fd *field) []byte {
	at := len(dst)
	dst, _ = f.appendValue(dst, fd)
	if len(dst)-at > maxValue {
		dst = cut(dst[:at+maxValue])
	}
	return dst
}

// groupValues are the values of the fields in a group's key.
func groupValues(key []byte) (values []string) {
	for key = key[1:]; len(key) > 0; key = key[1+int(key[0]):] {
		values = append(values, string(key[1:1+int(key[0])]))
	}
	return values
}

func (s *summary) newGroup(f *facts, t uint64) *group {
	return &group{severity: f.verdict.severity, first: t, last: t, example: f.example(), values: groupValues(s.key)}
}

// cut drops the UTF-8 sequence that a cut left incomplete at the end.
func cut(b []byte) []byte {
	for i := 1; i <= utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// fold puts the half of the groups that has the fewest drops into other, and of those with
// equally many always the same. It sorts once for every maxGroups/2 new groups, so its cost
// per drop is bounded too.
func (s *summary) fold() {
	keys := slices.SortedFunc(maps.Keys(s.groups), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.groups[a].count, s.groups[b].count), cmp.Compare(a, b))
	})
	for _, key := range keys[:len(keys)/2] {
		g := s.groups[key]
		s.folded[g.severity] += g.count
		s.foldedNoise[g.severity] += g.noise
		s.groupsFolded++
		delete(s.groups, key)
	}
}

// sorted gives the groups, the worst first, then those with the most drops.
func (s *summary) sorted() []*group {
	all := make([]*group, 0, len(s.groups))
	for _, g := range s.groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *group) int {
		return cmp.Or(
			cmp.Compare(b.severity, a.severity),
			cmp.Compare(b.count, a.count),
			slices.Compare(a.values, b.values))
	})
	return all
}

func (s *summary) seconds() float64 { return float64(s.last-s.first) / 1e9 }

// rate is n per second over the time of the summary; 0 where it is not known how long was
// looked: a burst of drops in a stream without its start tells nothing of a second.
func (s *summary) rate(n uint64) float64 {
	if s.last <= s.first || !s.bounded && s.last-s.first < 1e9 {
		return 0
	}
	return float64(n) / s.seconds()
}

// maxExample bounds the packet of an example, in bytes.
const maxExample = 256

func (f *facts) example() example {
	v := &f.verdict
	if v.rule != nil {
		table().judge(f, true) // once more, for what else fits
	}
	e := example{Where: string(f.appendWhere(nil)), Cause: string(v.cause), Confidence: v.confidence()}
	for _, r := range v.others[:v.nOthers] {
		if _, ok := f.sentence(r.cause[0]); ok {
			e.Alternatives++
		}
	}
	for _, w := range v.ways[:v.nWays] {
		if s, ok := f.sentence(w.cause); ok {
			e.Alternatives++
			if v.rule == nil {
				e.OneOf = append(e.OneOf, string(s))
			}
		}
	}
	e.Alternatives += v.more
	if v.reason != nil {
		e.Meaning = v.reason.Meaning
	}
	for _, c := range v.looks(v.rule) {
		if s, ok := f.command(c); ok {
			e.Look = append(e.Look, string(s))
		}
	}
	f.headers()
	if fr := &f.frame; fr.data != nil {
		p := text.Packet(nil, fr.data, string(fr.at), fr.linkType, fr.protocol, fr.len)
		if len(p) > maxExample {
			p = append(cut(p[:maxExample]), "..."...)
		}
		e.Packet = string(p)
	}
	return e
}
