package main

import (
	"slices"
	"strings"
)

// A kernel is what was read of one.
type kernel struct {
	name      string
	functions map[string][]*function // by name
	callers   map[string][]*function // by the name of who is called
	direct    map[*function]int      // drops called in it
	open      map[string]bool        // functions that drop with a reason that another one gave
	binary    *compiled              // nil: not there
}

func (k *kernel) add(f *function, sites []*site) {
	k.functions[f.name] = append(k.functions[f.name], f)
	seen := map[string]bool{}
	for i, t := range f.tokens {
		if !t.isName() || i+1 >= len(f.tokens) {
			continue
		}
		if next := f.tokens[i+1].text; next == "(" || next == "," || next == ")" {
			if !seen[t.text] && t.text != f.name {
				seen[t.text] = true
				k.callers[t.text] = append(k.callers[t.text], f)
			}
			if next == "(" && drops(t.text) {
				k.direct[f]++
			}
		}
	}
	for _, s := range sites {
		if s.what != "sets" && slices.Contains(s.reasons, "*") {
			k.open[f.name] = true
		}
	}
}

func isHeader(file string) bool { return strings.HasSuffix(file, ".h") }

// shown gives the functions where the drops of one show: itself, if the compiled kernel has it
// and a drop in it, and those of its callers that it is a part of.
func (k *kernel) shown(f *function) []string {
	if k.binary == nil {
		return nil
	}
	var all []string
	visited := map[*function]bool{}
	add := func(name string) {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	var visit func(f *function, depth int)
	visit = func(f *function, depth int) {
		if visited[f] || depth > 6 {
			return
		}
		visited[f] = true
		has := k.binary.has[f.name]
		if has && k.binary.calls[f.name] > 0 {
			add(f.name)
		}
		for _, g := range k.callers[f.name] {
			if !isHeader(f.file) && g.file != f.file {
				continue
			}
			switch {
			case has && k.binary.calls[g.name] <= k.direct[g] && !isHeader(f.file):
			case k.binary.has[g.name]:
				if k.binary.calls[g.name] > 0 {
					add(g.name)
				}
			default:
				visit(g, depth+1)
			}
		}
		if has && k.binary.jumps[f.name] > 0 && depth < 3 {
			for _, g := range k.callers[f.name] {
				if k.binary.has[g.name] {
					add(g.name)
				} else {
					visit(g, depth+1)
				}
			}
		}
	}
	visit(f, 0)
	return all
}

// openCallers are where the drops show whose reason a function gives.
func (k *kernel) openCallers(f *function) []string {
	var all []string
	visited := map[string]bool{f.name: true}
	level := []string{f.name}
	for depth := 0; depth < 4 && len(level) > 0; depth++ {
		var next []string
		for _, name := range level {
			for _, g := range k.callers[name] {
				if visited[g.name] {
					continue
				}
				visited[g.name] = true
				if k.open[g.name] {
					at := k.shown(g)
					if at == nil {
						at = []string{g.name}
					}
					all = append(all, at...)
				} else {
					next = append(next, g.name)
				}
			}
		}
		level = next
	}
	return unique(all)
}
