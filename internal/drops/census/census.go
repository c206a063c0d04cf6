// Package census is a list of every place in the kernel's sources where a packet is dropped:
// function, reason and the condition in words, for the kernels 5.10, 6.1, 6.12 and 7.2. The
// program in find makes it from the sources and compares it with them; the words are written
// by hand.
//
// A file holds stanzas, separated by blank lines; a line that starts with # is a comment. A
// stanza is a function:
//
//	function: its name and its file
//	at:       the functions where its drops show: the location in an event is that of the
//	          compiled code, and a static function is often part of its caller. Without it:
//	          the function itself
//
// then the ways to drop in it, each of these keys, in this order:
//
//	site:     the site's id (made by find from the condition in the source), the kernels that
//	          have it and the reasons they give: - is none (or NOT_SPECIFIED), * is what a
//	          function that was called gave. Sites with the same words stand together; the
//	          first site line after another key begins the next way. A site to which there
//	          are several ways, as by what a function found, is there once with its id and
//	          for the others with a word after it: 52be, 52be/martian
//	when:     the condition in words, one sentence without a full stop, with fields of the
//	          drop in braces as in a rule's cause; ?: not described yet
//	else:     the sentence where the drop lacks one of those fields
//	not:      in place of when: why nothing is to be told: no packet is dropped, or the ways are
//	          those that stand at the function whose reason this hands on
//	at:       where this way shows, in place of the function's
//	if:       what must be so, as in a rule; where the stream does not have the field, it may be
//	counter:  what counts it: nstat NAME..., xfrm NAME..., link NAME..., qdisc NAME..., softnet
//	          NAME..., conntrack NAME..., ethtool NAME... (of each queue: rx_queue_0_NAME)
//	look:     a command that shows more
//	rare:     yes: no reason to doubt another cause that fits, as that memory was short for a
//	          moment; told apart from the others, and as one of them where nothing else is
//	severity: in place of the reason's
//	rule:     names of rules that explain it in place of these words
//	shows:    for who writes rules: what of it a stream can show
//	try:      a drop of this kind, as in rules/*.txt but without drop.name and drop.location, with the
//	          most that a stream can show
package census

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed *.txt
var files embed.FS

// Kernels are those whose sources the census was made from.
var Kernels = []string{"5.10", "6.1", "6.12", "7.2"}

// A Site is a way to drop on some kernels.
type Site struct {
	ID      string
	Kernels []string
	Reasons []string // without prefix; "-" for none, "*" for any
}

// A Way is one or more sites with the same condition.
type Way struct {
	Function, File string
	Source         string // the data file and line, for messages
	Sites          []Site
	At             []string
	When           []string // the sentence and those to use where it can't be filled in; nil: not described
	Not            string
	If             []string
	Counter        []string // by kind, as "nstat UdpNoPorts"
	Look           []string
	Severity       string
	Rare           bool
	Rules          []string
	Tries          []string
}

// On gives the reasons with which a way drops on a kernel; nil: it is not there.
func (w *Way) On(kernel string) []string {
	var all []string
	for _, s := range w.Sites {
		if kernel == "" || slices.Contains(s.Kernels, kernel) {
			for _, r := range s.Reasons {
				if !slices.Contains(all, r) {
					all = append(all, r)
				}
			}
		}
	}
	return all
}

// A stanza that is not parsed yet.
type stanza struct {
	file string
	line int
	text string
}

// stanzas are those of all files, and for each function in which a drop may show the numbers of
// its stanzas.
var stanzas = sync.OnceValues(index)

func index() ([]stanza, map[string][]int) {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // it is embedded
	}
	var all []stanza
	at := map[string][]int{}
	for _, e := range entries {
		data, err := files.ReadFile(e.Name())
		if err != nil {
			panic(err)
		}
		line := 1
		for block := range strings.SplitSeq(string(data), "\n\n") {
			s := stanza{e.Name(), line, block}
			line += strings.Count(block, "\n") + 2
			if !strings.Contains(block, "function:") {
				continue
			}
			named := false
			for l := range strings.SplitSeq(block, "\n") {
				rest, ok := strings.CutPrefix(l, "at:")
				if !ok {
					continue
				}
				named = true
				for name := range strings.FieldsSeq(rest) {
					if n := at[name]; len(n) == 0 || n[len(n)-1] != len(all) {
						at[name] = append(n, len(all))
					}
				}
			}
			if name := functionOf(block); !named || !hasAt(block) {
				if n := at[name]; len(n) == 0 || n[len(n)-1] != len(all) {
					at[name] = append(n, len(all))
				}
			}
			all = append(all, s)
		}
	}
	return all, at
}

func functionOf(block string) string {
	_, rest, _ := strings.Cut(block, "function:")
	rest, _, _ = strings.Cut(rest, "\n")
	name, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return name
}

// hasAt says that the function's own line at is there, before its sites.
func hasAt(block string) bool {
	before, _, _ := strings.Cut(block, "\nsite:")
	return strings.Contains(before, "\nat:")
}

// At gives the ways to drop that may show in a function.
func At(function string) ([]*Way, error) {
	all, at := stanzas()
	var ways []*Way
	for _, n := range at[function] {
		ws, err := all[n].parse()
		if err != nil {
			return nil, err
		}
		for _, w := range ws {
			if slices.Contains(w.At, function) {
				ways = append(ways, w)
			}
		}
	}
	return ways, nil
}

// All gives every way, in the order of the files.
func All() ([]*Way, error) {
	all, _ := stanzas()
	var ways []*Way
	for _, s := range all {
		ws, err := s.parse()
		if err != nil {
			return nil, err
		}
		ways = append(ways, ws...)
	}
	return ways, nil
}

func (s *stanza) parse() ([]*Way, error) {
	var all []*Way
	var function, file string
	var at []string
	var w *Way
	siteBefore := false
	for i, l := range strings.Split(s.text, "\n") {
		if l = strings.TrimSpace(l); l == "" || l[0] == '#' {
			continue
		}
		where := fmt.Sprintf("%s:%d", s.file, s.line+i)
		key, value, ok := strings.Cut(l, ":")
		value = strings.TrimSpace(value)
		if !ok || value == "" {
			return nil, fmt.Errorf("%s: not a key: value line: %q", where, l)
		}
		words := strings.Fields(value)
		if w == nil {
			switch key {
			case "function":
				if len(words) != 2 || function != "" {
					return nil, fmt.Errorf("%s: a function is its name and its file, and a stanza has one", where)
				}
				function, file = words[0], words[1]
				continue
			case "at":
				at = words
				continue
			case "site":
			default:
				return nil, fmt.Errorf("%s: %s before the first site", where, key)
			}
			if at == nil {
				at = []string{function}
			}
		}
		if key == "site" {
			site, err := parseSite(words)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", where, err)
			}
			if !siteBefore {
				w = &Way{Function: function, File: file, Source: where, At: at}
				all = append(all, w)
			}
			w.Sites = append(w.Sites, site)
			siteBefore = true
			continue
		}
		siteBefore = false
		switch key {
		case "when":
			if value != "?" {
				w.When = append(w.When, value)
			}
		case "else":
			w.When = append(w.When, value)
		case "not":
			w.Not = value
		case "at":
			w.At = words
		case "if":
			w.If = append(w.If, value)
		case "counter":
			w.Counter = append(w.Counter, value)
		case "look":
			w.Look = append(w.Look, value)
		case "severity":
			w.Severity = value
		case "rare":
			w.Rare = value == "yes"
		case "rule":
			w.Rules = append(w.Rules, words...)
		case "try":
			w.Tries = append(w.Tries, value)
		case "shows":
		default:
			return nil, fmt.Errorf("%s: unknown key %q", where, key)
		}
	}
	if function == "" || len(all) == 0 {
		return nil, fmt.Errorf("%s:%d: a stanza without its function or without a site", s.file, s.line)
	}
	return all, nil
}

func parseSite(words []string) (Site, error) {
	if len(words) != 3 {
		return Site{}, fmt.Errorf("a site is its id, kernels and reasons")
	}
	s := Site{ID: words[0], Kernels: strings.Split(words[1], ","), Reasons: strings.Split(words[2], ",")}
	for _, k := range s.Kernels {
		if !slices.Contains(Kernels, k) {
			return s, fmt.Errorf("no kernel %s in the census", k)
		}
	}
	return s, nil
}
