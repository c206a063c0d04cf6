package drops

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/internal/counter"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/netname"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

// Bounds of what one summary tells.
const (
	maxLines = 40 // counters that are a line each
	maxWords = 8  // those that share one
)

// writeText writes what the kernel counted besides the drops.
func (c *comparison) writeText(w io.Writer, names *netname.Names, host string) error {
	var b bytes.Buffer
	say := func(format string, args ...any) {
		if host != "" {
			b.WriteString(escape.String(host) + ": ")
		}
		fmt.Fprintf(&b, format+"\n", args...)
	}
	if !c.compared && len(c.lost) > 0 {
		say("what the kernel itself counted of lost packets in this time can't be set against the drops: %s", c.why())
	}
	told := 0
	for _, l := range c.lost {
		text := c.line(l)
		if text == "" {
			continue
		}
		if told++; told > maxLines {
			continue
		}
		say("%s", text)
		if look := l.look(names); look != "" {
			b.WriteString("    look: " + escape.Command(look) + "\n")
		}
	}
	if told > maxLines {
		say("and %d more counters (-o json has all)", told-maxLines)
	}
	if c.compared {
		c.writeDrops(say)
	}
	if len(c.signs) > 0 {
		say("signs of trouble: %s", list(c.signs, func(s *beside) string {
			return fmt.Sprintf("%s +%d (%s)", escape.String(s.name()), s.by, escape.String(s.words()))
		}))
	}
	for _, l := range c.levels {
		say("%s: %d of %d (%s)", escape.String(l.name()), l.level, l.limit, escape.String(l.words()))
	}
	if len(c.unread) > 0 {
		say("counters that could not be read: %s", escape.String(strings.Join(c.unread, "; ")))
	}
	if c.whole() {
		say("no other counter of lost packets that was read grew (in network namespace %s)", c.read(names))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// read are the network namespaces that were read.
func (c *comparison) read(names *netname.Names) string {
	var words []string
	for _, n := range slices.Sorted(maps.Keys(c.netns)) {
		words = append(words, cmp.Or(escape.String(names.Name(n)), strconv.FormatUint(n, 10)))
	}
	return strings.Join(words, ", ")
}

// why is the reason that counters and drops can't be compared.
func (c *comparison) why() string {
	if c.broken {
		return "the stream does not have all readings of the counters"
	}
	return "the stream does not have all drops, as with a filter or without skb:kfree_skb"
}

// line tells of a counter; "": the drops explain it.
func (c *comparison) line(b *beside) string {
	name, words := escape.String(b.name()), escape.String(b.words())
	switch {
	case b.fresh:
		return fmt.Sprintf("besides: %s is at %d (%s; it was not read at the start, and may have counted before)",
			name, b.level, words)
	case b.by == 0:
		return ""
	case !c.compared:
		return fmt.Sprintf("counted: %s +%d (%s)", name, b.by, words)
	case b.unseen > 0:
		if b.known != nil && b.known.Unseen {
			words += "; not visible to skb:kfree_skb"
		} else {
			words += "; no drop event tells of them"
		}
		if n := b.by - b.unseen; n > 0 {
			words += fmt.Sprintf("; %d more can be among the drops above", n)
		}
		return fmt.Sprintf("besides: %s +%d (%s)", name, b.unseen, words)
	case b.by > b.drops:
		return fmt.Sprintf("counted: %s +%d (%s; whether these are among the drops above is not known)", name, b.by, words)
	}
	return ""
}

// writeDrops tells of what the drops explain, and of drops that are not counted.
func (c *comparison) writeDrops(say func(string, ...any)) {
	var sure, explained []*beside
	for _, l := range c.lost {
		switch {
		case l.fresh || l.by == 0 || l.by > l.drops:
		case l.sure():
			sure = append(sure, l)
		default:
			explained = append(explained, l)
		}
		for _, b := range append([]*beside{l}, l.parts...) {
			if b.uncounted > 0 {
				say("not counted: %s of the kind that %s counts, and it grew by %d", are(b.uncounted+b.by), escape.String(b.name()),
					b.by)
			}
		}
	}
	grown := func(b *beside) string { return fmt.Sprintf("%s +%d", escape.String(b.name()), b.by) }
	if len(sure) > 0 {
		say("among the drops above: %s", list(sure, grown))
	}
	if len(explained) > 0 {
		say("may be among the drops above: %s", list(explained, grown))
	}
	if c.uncounted > 0 {
		say("not counted: %s of kinds for which no counter of the kernel is known", are(c.uncounted))
	}
	if c.elsewhere > 0 {
		say("not compared: %s in network namespaces whose counters were not read", are(c.elsewhere))
	}
}

// are is a number of drops, with the verb.
func are(n uint64) string {
	if n == 1 {
		return "1 drop is"
	}
	return drops(n) + " are"
}

// list joins what f says of each, up to maxWords.
func list(all []*beside, f func(*beside) string) string {
	words := make([]string, 0, maxWords+1)
	for i, b := range all {
		if i == maxWords {
			words = append(words, "and "+strconv.Itoa(len(all)-i)+" more")
			break
		}
		words = append(words, f(b))
	}
	return strings.Join(words, ", ")
}

// short is a line for a screen: the counters that grew without a drop; "": none did.
func (c *comparison) short() string {
	var unseen []*beside
	for _, l := range c.lost {
		if l.by > 0 && (l.unseen > 0 || !c.compared) {
			unseen = append(unseen, l)
		}
	}
	if len(unseen) == 0 {
		return ""
	}
	return "besides: " + list(unseen, func(b *beside) string {
		n := b.unseen
		if !c.compared {
			n = b.by
		}
		return fmt.Sprintf("%s +%d", escape.String(b.name()), n)
	})
}

// counterJSON is what writeJSON writes for each counter.
type counterJSON struct {
	Type    string `json:"type"` // "counter"
	Host    string `json:"host,omitempty"`
	Name    string `json:"name"`
	Source  string `json:"source"`
	Netns   uint32 `json:"netns,omitempty"`
	Dev     string `json:"dev,omitempty"`
	Qdisc   string `json:"qdisc,omitempty"`
	Sock    string `json:"sock,omitempty"`
	Kind    string `json:"kind"` // "lost", "sign" or "level"
	Of      string `json:"of,omitempty"`
	Grew    uint64 `json:"grew"`
	New     bool   `json:"new,omitempty"` // it was not read at the start, and may have counted before
	Level   uint64 `json:"level,omitempty"`
	Limit   uint64 `json:"limit,omitempty"`
	Drops   uint64 `json:"drops"`   // that it may have counted, at most
	Certain uint64 `json:"certain"` // that it counted for certain
	Perhaps uint64 `json:"perhaps"` // drops of which it is not known what counts them, at most
	// at least so many counts without a drop that was seen, and drops of its kind that it did not count
	Unseen    uint64 `json:"unseen"`
	Uncounted uint64 `json:"uncounted"`
	Words     string `json:"words,omitempty"`
	Look      string `json:"look,omitempty"`
}

// countersJSON is what writeJSON writes last.
type countersJSON struct {
	Type        string   `json:"type"` // "counters"
	Host        string   `json:"host,omitempty"`
	Compared    bool     `json:"compared"`      // the drops are those that the counters may have counted
	NoOtherGrew bool     `json:"no_other_grew"` // no counter of lost packets that was read, but for drops that were seen
	Uncounted   uint64   `json:"uncounted"`     // drops for which no counter is known
	Elsewhere   uint64   `json:"elsewhere"`     // drops in network namespaces that were not read
	Lost        uint64   `json:"lost"`          // events that skb-collect lost
	Unread      []string `json:"unread,omitempty"`
}

// writeJSON writes a line for each counter, then one for all.
func (c *comparison) writeJSON(w io.Writer, names *netname.Names, host string) error {
	var lines []any
	add := func(l *beside, of string) {
		j := counterJSON{Type: "counter", Host: host, Name: l.Name, Source: l.Source, Netns: l.Netns, Dev: l.Dev,
			Qdisc: l.Qdisc, Sock: l.Sock, Kind: kindWords[l.kind()], Of: of, Grew: l.by, New: l.fresh, Limit: l.limit,
			Drops: l.drops, Certain: l.certain, Perhaps: l.perhaps, Unseen: l.unseen, Uncounted: l.uncounted,
			Words: l.words(), Look: l.look(names)}
		if l.limit != 0 {
			j.Level = l.level
		}
		lines = append(lines, j)
	}
	for _, all := range [...][]*beside{c.lost, c.signs, c.levels} {
		for _, l := range all {
			add(l, "")
			for _, p := range append(l.parts[:len(l.parts):len(l.parts)], l.socks...) {
				add(p, l.Name)
			}
		}
	}
	return writeLines(w, append(lines, countersJSON{"counters", host, c.compared, c.whole(), c.uncounted, c.elsewhere,
		c.ledger.lost, c.unread}))
}

var kindWords = [...]string{counter.Lost: "lost", counter.Sign: "sign", counter.Level: "level"}

// writeBesides writes what the kernels of the streams' hosts counted.
func (r *run) writeBesides() error { return r.besides(r.out, r.o.Output == "json") }

func (r *run) besides(w io.Writer, asJSON bool) error {
	for _, h := range r.ledgers.order {
		c := r.ledgers.of[h].compare()
		if c == nil {
			continue
		}
		host := ""
		if len(r.ledgers.order) > 1 {
			host = h.name
		}
		write := c.writeText
		if asJSON {
			write = c.writeJSON
		}
		if err := write(w, h.spaces, host); err != nil {
			return err
		}
	}
	return nil
}

// shortBesides is a line for a screen; "": there is nothing to tell.
func (r *run) shortBesides() string {
	var all []string
	for _, h := range r.ledgers.order {
		if c := r.ledgers.of[h].compare(); c != nil {
			if s := c.short(); s != "" {
				all = append(all, s)
			}
		}
	}
	return terminal.Clip(strings.Join(all, "; "), maxShort)
}

// maxShort bounds the line, in columns.
const maxShort = 1000
