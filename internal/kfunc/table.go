package kfunc

import "strings"

// A group is functions that are for the same, in words; "": of the same sort, without words yet.
type group struct {
	where string
	funcs []Func
}

// subsystems is the whole table, in the order in which packets pass: see table_*.go.
var subsystems = [...][]group{devices, qdiscs, virtual, ip, tcp, udp, sockets, netfilter, openvswitch, tunnels, buffers}

var all, byName = index()

func index() ([]Func, map[string]*Func) {
	n := 0
	for _, groups := range subsystems {
		for _, g := range groups {
			n += len(g.funcs)
		}
	}
	all, byName := make([]Func, 0, n), make(map[string]*Func, n)
	for _, groups := range subsystems {
		for _, g := range groups {
			for _, f := range g.funcs {
				f.Where = g.where
				all = append(all, f)
				byName[f.Name] = &all[len(all)-1]
			}
		}
	}
	return all, byName
}

// All returns the rows, which are not to be changed.
func All() []Func { return all }

// names tells whether a list, with spaces between, has a word.
func names(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}
