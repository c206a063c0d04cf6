package main

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// A site is one way to a statement that ends a packet as a drop, decides that it is dropped
// (a verdict), or gives the reason with which a caller drops it.
type site struct {
	*function
	kernel  string
	line    int
	what    string   // the function that frees, the verdict, or "sets"
	via     string   // the label that the way goes to
	reasons []string // without prefix; "-": none given, "*": whatever a function gave
	guard   string   // the condition, in one form whatever its spaces were
	guards  []string // those around it, the innermost first
	tail    bool     // the call may be a jump: the event shows where the caller is
	id      string

	way  way
	drop *node
}

// Reasons that are none.
var notDrops = map[string]bool{"CONSUMED": true, "SKB_CONSUMED": true, "NOT_DROPPED_YET": true,
	"SKB_NOT_DROPPED_YET": true, "RX_CONTINUE": true, "RX_QUEUED": true}

type node struct {
	*statement
	up    *node
	index int // in its list
}

// A finder finds the sites of one function.
type finder struct {
	f     *function
	all   []*node
	gotos map[string][]*node
	out   []*site
}

func sitesOf(f *function) []*site {
	fi := &finder{f: f, gotos: map[string][]*node{}}
	fi.walk(&node{statement: f.body})
	returned := map[string]bool{}
	for _, n := range fi.all {
		if n.kind == plain && len(n.tokens) == 2 && n.tokens[0].text == "return" {
			returned[n.tokens[1].text] = true
		}
	}
	used := map[string]bool{}
	for _, n := range fi.all {
		fi.drops(n, used)
	}
	for _, n := range fi.all {
		fi.sets(n, returned, used)
	}
	seen := map[string]int{}
	for _, s := range fi.out {
		h := fnv.New32a()
		kind := "drop"
		if _, ok := kfunc.Verdict(s.what); ok || s.what == "sets" {
			kind = s.what
		}
		fmt.Fprint(h, kind, s.guard)
		id := fmt.Sprintf("%04x", h.Sum32()&0xffff)
		if seen[id]++; seen[id] > 1 {
			id += fmt.Sprintf("-%d", seen[id])
		}
		s.id = id
	}
	return fi.out
}

func (fi *finder) walk(n *node) {
	fi.all = append(fi.all, n)
	if n.kind == plain && len(n.tokens) == 2 && n.tokens[0].text == "goto" {
		fi.gotos[n.tokens[1].text] = append(fi.gotos[n.tokens[1].text], n)
	}
	for i, s := range n.list {
		fi.walk(&node{statement: s, up: n, index: i})
	}
}

func (n *node) siblings() []*statement {
	if n.up == nil {
		return []*statement{n.statement}
	}
	return n.up.list
}

// drops adds the sites of the calls that drop in a statement.
func (fi *finder) drops(n *node, used map[string]bool) {
	if n.kind != plain && n.kind != branch && n.kind != loop {
		return
	}
	for i := range n.tokens {
		if !fi.call(n, i, used) && n.kind == plain {
			fi.verdict(n, i, used)
		}
	}
}

// call adds the sites of the call whose name is token i, if it drops.
func (fi *finder) call(n *node, i int, used map[string]bool) bool {
	name := n.tokens[i].text
	drop, ok := kfunc.CallToDrop(name)
	if !ok || drop.Reason == kfunc.CountsOnly || i+1 >= len(n.tokens) || n.tokens[i+1].text != "(" ||
		i > 0 && (n.tokens[i-1].text == "." || n.tokens[i-1].text == ">") {
		return false
	}
	end := closing(n.tokens, i+1)
	var reason []token
	if drop.Reason >= 0 {
		if args := arguments(n.tokens[i+2 : max(end, i+2)]); drop.Reason < len(args) {
			reason = args[drop.Reason]
		}
	}
	last := fi.f.void && n.kind == plain && (i == 0 || n.tokens[0].text == "return") && fi.isLast(n)
	fi.ways(n, name, reason, drop.Reason >= 0, last, used)
	return true
}

// verdict adds the sites of a verdict that is given back or set, if token i is one.
func (fi *finder) verdict(n *node, i int, used map[string]bool) {
	ts, name := n.tokens, n.tokens[i].text
	if _, ok := kfunc.Verdict(name); !ok || name == "NF_DROP_REASON" { // which is called
		return
	}
	given := i > 0 && (ts[i-1].text == "=" || ts[0].text == "return") &&
		(i < 2 || ts[i-2].text != "=" && ts[i-2].text != "!" || ts[i-1].text != "=")
	if name == "hotdrop" {
		given = i+2 < len(ts) && ts[i+1].text == "=" && ts[i+2].text == "true"
	}
	if given {
		fi.ways(n, name, nil, false, false, used)
	}
}

// sets adds the sites that give a caller the reason: "return REASON", "*reason = REASON",
// and "reason = REASON" before "return reason".
func (fi *finder) sets(n *node, returned, used map[string]bool) {
	if n.kind != plain || len(n.tokens) < 2 {
		return
	}
	c := slices.DeleteFunc(constants(n.tokens), func(s string) bool { return notDrops[s] })
	if len(c) == 0 || slices.ContainsFunc(n.tokens, func(t token) bool { return drops(t.text) }) {
		return
	}
	if v := variable(n.tokens); v == "return" || v == "*" || returned[v] && !used[v] {
		fi.waysTo(n, "sets", c, false)
	}
}

func drops(name string) bool {
	_, ok := kfunc.CallToDrop(name)
	return ok
}

// variable gives what a statement sets: "return" for what the function gives back, "*" for what a pointer
// leads to, "" for the value that a variable has before any decision.
func variable(ts []token) (v string) {
	switch first := ts[0].text; {
	case first == "return":
		return "return"
	case first == "*" && ts[1].isName():
		return "*"
	case strings.HasPrefix(first, "SKB_DR_SET") || strings.HasPrefix(first, "SKB_DR_OR"):
		if args := arguments(ts[2 : len(ts)-1]); len(args) > 0 {
			v = text(args[0])
		}
		if strings.HasPrefix(v, "*") {
			return "*"
		}
		return v
	case len(ts) > 2 && (first == "enum" || first == "int"):
		return ""
	}
	for i := 1; i < len(ts); i++ {
		if ts[i].text == "=" {
			v = ts[i-1].text
		}
	}
	return v
}

// isLast says that nothing but the function's end follows.
func (fi *finder) isLast(n *node) bool {
	for ; n.up != nil; n = n.up {
		list := n.siblings()
		if n.up.kind != branch && n.index+1 < len(list) {
			next := list[n.index+1]
			return next.kind == plain && len(next.tokens) == 1 && next.tokens[0].text == "return"
		}
		if n.up.kind == loop {
			return false
		}
	}
	return true
}

func (fi *finder) ways(n *node, what string, reason []token, takes, tail bool, used map[string]bool) {
	var c []string
	v := ""
	switch {
	case !takes:
		c = []string{"-"}
	default:
		if c = constants(reason); len(c) == 0 {
			c = nil
			v = strings.Trim(text(reason), "()")
			used[v] = true
		}
	}
	before := len(fi.out)
	fi.waysTo(n, what, c, tail)
	if v == "" {
		return
	}
	for _, s := range fi.out[before:] {
		s.reasons = s.find(v)
	}
}

// A leg is a part of a way: from a statement back to a label before it.
type leg struct {
	to    *node
	label string
}

// A way begins at a statement and comes to the drop by gotos; the legs begin with the last.
type way struct {
	from *node
	legs []leg
}

// waysTo adds a site for each way to a statement: each goto to a label before it, and what
// comes there without one.
func (fi *finder) waysTo(n *node, what string, reasons []string, tail bool) {
	seen := map[*node]bool{}
	for _, w := range fi.collect(n, nil, map[*node]bool{}) {
		if seen[w.from] {
			continue
		}
		seen[w.from] = true
		s := &site{function: fi.f, line: w.from.line, what: what, reasons: slices.Clone(reasons), tail: tail, way: w, drop: n}
		if len(w.legs) > 0 {
			s.via = w.legs[len(w.legs)-1].label
		}
		s.guards = w.from.guards()
		if len(s.guards) > 0 {
			s.guard = s.guards[0]
		}
		if inner := n.guards(); w.from != n && len(inner) > 0 && n.up != nil && n.up.kind == branch {
			s.guards = append(s.guards, "then "+inner[0])
		}
		fi.out = append(fi.out, s)
	}
}

func (fi *finder) collect(n *node, legs []leg, met map[*node]bool) []way {
	if met[n] || len(legs) > 4 {
		return nil
	}
	met[n] = true
	var ways []way
	straight := true
	at := n
climb:
	for level := 0; at.up != nil && level < 3; level++ {
		list := at.siblings()
		if at.up.kind != branch && at.up.kind != loop {
			for i := at.index - 1; i >= 0 && at.index-i < 14; i-- {
				s := list[i]
				if s.kind == caseOf {
					break climb
				}
				if s.kind == label {
					for _, g := range fi.gotos[s.name] {
						if level > 0 && g.line > n.line {
							continue // to do it all again
						}
						ways = append(ways, fi.collect(g, append(slices.Clone(legs), leg{n, s.name}), met)...)
					}
					continue
				}
				if s.ends() {
					straight = false
					break climb
				}
			}
		}
		at = at.up
		if at.kind == loop {
			break
		}
	}
	if straight || len(ways) == 0 {
		ways = append(ways, way{n, legs})
	}
	return ways
}

// guards are the conditions around a statement, the innermost first.
func (n *node) guards() []string {
	var all []string
	for ; n.up != nil; n = n.up {
		list := n.siblings()
		switch {
		case n.up.kind == branch:
			word := "if "
			if n.index == 1 {
				word = "else of "
			}
			cond := text(n.up.tokens)
			if !strings.Contains(strings.ReplaceAll(cond, "unlikely(", ""), "(") {
				if up := n.up; up.up != nil && up.up.kind != branch && up.index > 0 && up.up.list[up.index-1].kind == plain {
					cond += " after " + text(up.up.list[up.index-1].tokens)
				}
			}
			all = append(all, word+cond)
		case n.up.kind == block || n.up.kind == loop:
			for i := n.index - 1; i >= 0; i-- {
				if list[i].kind == caseOf {
					all = append(all, list[i].name+" "+text(list[i].tokens))
					break
				}
			}
			if n.up.kind == loop && n.up.name != "do" {
				all = append(all, n.up.name+" "+text(n.up.tokens))
			}
		}
	}
	return all
}

// find gives what a variable was set to last before the site.
func (s *site) find(v string) []string {
	var found []string
	for _, l := range s.way.legs {
		f, sure := l.to.back(v, l.label)
		found = append(found, f...)
		if sure {
			return settle(found)
		}
	}
	f, _ := s.way.from.back(v, "")
	return settle(append(found, f...))
}

// settle makes one list of reasons: what SKB_DR_OR sets holds where nothing else was set.
func settle(found []string) []string {
	var sure, or []string
	for _, r := range found {
		if name, ok := strings.CutPrefix(r, "|"); ok {
			or = append(or, name)
		} else {
			sure = append(sure, r)
		}
	}
	if len(or) > 0 {
		without := slices.DeleteFunc(slices.Clone(sure), func(s string) bool { return s == "-" })
		if len(without) < len(sure) || len(sure) == 0 {
			sure = append(without, or[0])
			if len(without) > 0 {
				sure = without
			}
		}
	}
	if len(sure) == 0 {
		return []string{"*"}
	}
	return unique(sure)
}

// back looks for the last assignment before a statement, no further than a label.
func (n *node) back(v, to string) (found []string, sure bool) {
	for ; n != nil && n.up != nil; n = n.up {
		if n.up.kind == branch {
			if f := assigned(n.up.tokens, v); f != nil {
				return append(found, f...), true
			}
			continue
		}
		for i := n.index - 1; i >= 0; i-- {
			if to != "" && n.up.list[i].kind == label && n.up.list[i].name == to {
				return found, false
			}
			f, sure := lastSet(n.up.list[i], v)
			found = append(found, f...)
			if sure {
				return found, true
			}
		}
	}
	return found, false
}

func unique(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}

func lastSet(s *statement, v string) (found []string, sure bool) {
	switch s.kind {
	case plain:
		f := assigned(s.tokens, v)
		return f, f != nil && f[0][0] != '|'
	case block:
		if s.ends() {
			return nil, false
		}
		for i := len(s.list) - 1; i >= 0; i-- {
			f, sure := lastSet(s.list[i], v)
			found = append(found, f...)
			if sure {
				return found, true
			}
		}
	case branch:
		all := len(s.list) == 2
		for _, arm := range s.list {
			if arm.ends() {
				continue
			}
			f, sure := lastSet(arm, v)
			if cond := text(s.tokens); strings.Contains(cond, v+"==") && strings.Contains(cond, "NOT_SPECIFIED") {
				for i := range f {
					f[i] = "|" + f[i]
				}
			}
			found = append(found, f...)
			all = all && sure
		}
		if f := assigned(s.tokens, v); f != nil {
			return append(found, f...), true
		}
		return found, all
	case loop:
		for _, in := range s.list {
			f, _ := lastSet(in, v)
			found = append(found, f...)
		}
	}
	return found, false
}

// assigned gives what tokens set a variable to; nil: nothing.
func assigned(ts []token, v string) []string {
	for i, t := range ts {
		switch {
		case isSetting(t.text):
			if c := setting(ts[i:], v); c != nil {
				return c
			}
		case t.text == "=" && i > 0 && text(lhs(ts, i, v)) == v && (i+1 >= len(ts) || ts[i+1].text != "="):
			return values(ts[i+1:])
		case t.text == "&" && i+1 < len(ts) && ts[i+1].text == v &&
			(i+2 < len(ts) && (ts[i+2].text == ")" || ts[i+2].text == ",")):
			return []string{"*"}
		}
	}
	return nil
}

// isSetting says that a macro sets a variable to a reason.
func isSetting(name string) bool {
	return name == "SKB_DR" || slices.ContainsFunc(settings, func(s string) bool { return strings.HasPrefix(name, s) })
}

var settings = []string{"SKB_DR_SET", "SKB_DR_INIT", "SKB_DR_OR", "SKB_DR_RESET"}

// setting gives what a macro, the first of tokens, sets a variable to; nil: it sets another one.
func setting(ts []token, v string) []string {
	if len(ts) < 2 || ts[1].text != "(" {
		return nil
	}
	args := arguments(ts[2:max(closing(ts, 1), 2)])
	switch {
	case len(args) == 0 || text(args[0]) != v:
		return nil
	case len(args) == 1:
		return []string{"-"}
	case strings.HasPrefix(ts[0].text, "SKB_DR_OR"):
		return []string{"|" + short(text(args[1]))}
	}
	return []string{short(text(args[1]))}
}

// values are the reasons that an expression may give; "*": others, too.
func values(ts []token) []string {
	c := constants(ts)
	if len(c) == 0 {
		return []string{"*"}
	}
	if strings.Contains(text(ts), ":") && len(c) < 2 {
		c = append(c, "*")
	}
	return c
}

func lhs(ts []token, i int, v string) []token {
	n := len(tokens(v))
	if n > i {
		return nil
	}
	return ts[i-n : i]
}

func short(name string) string {
	rest, ok := strings.CutPrefix(name, "SKB_DROP_REASON_")
	switch {
	case name == "NOT_SPECIFIED" || rest == "NOT_SPECIFIED":
		return "-"
	case ok:
		return rest
	}
	return name
}

// constants are the reasons that tokens name.
func constants(ts []token) []string {
	var all []string
	for i, t := range ts {
		name := short(t.text)
		switch {
		case name != t.text, strings.HasPrefix(name, "QDISC_DROP_") && !strings.Contains(name, "REASON"),
			strings.HasPrefix(name, "OVS_DROP_"),
			name == "SKB_CONSUMED", name == "SKB_NOT_DROPPED_YET", strings.HasPrefix(name, "RX_DROP_"):
		case t.text == "FQDR" && i+2 < len(ts):
			name = "FQ_" + ts[i+2].text
		case strings.HasPrefix(t.text, "SKB_DR_SET") || strings.HasPrefix(t.text, "SKB_DR_OR"):
			if i+1 < len(ts) && ts[i+1].text == "(" {
				if args := arguments(ts[i+2 : max(closing(ts, i+1), i+2)]); len(args) == 2 {
					all = append(all, short(text(args[1])))
				}
			}
			continue
		default:
			continue
		}
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// arguments splits at the commas of the outermost level.
func arguments(ts []token) [][]token {
	var all [][]token
	from := 0
	for i := 0; i < len(ts); i++ {
		switch ts[i].text {
		case "(", "{", "[":
			i = closing(ts, i)
		case ",":
			all = append(all, ts[from:i])
			from = i + 1
		}
	}
	return append(all, ts[min(from, len(ts)):])
}
