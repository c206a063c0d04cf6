package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/internal/drops/census"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// What the census has, by kernel, file, function and id.
type known struct {
	ways map[string]*knownSite
	keys []string
}

type knownSite struct {
	kernel, source string
	split          bool // there are several ways to the site
	seen           bool
}

func readKnown() (*known, error) {
	ways, err := census.All()
	if err != nil {
		return nil, err
	}
	k := &known{ways: map[string]*knownSite{}}
	for _, w := range ways {
		for _, s := range w.Sites {
			for _, kernel := range s.Kernels {
				id, _, split := strings.Cut(s.ID, "/")
				key := kernel + " " + w.File + " " + w.Function + " " + id
				if old := k.ways[key]; old != nil {
					if !split && !old.split {
						return nil, fmt.Errorf("%s: site %s is there twice for %s", w.Source, s.ID, kernel)
					}
					old.split = old.split && split
					continue
				}
				k.ways[key] = &knownSite{kernel: kernel, source: w.Source, split: split}
				k.keys = append(k.keys, key)
			}
		}
	}
	return k, nil
}

// has says that the census has a site. Its reasons may be others than those found: people
// may know better.
func (k *known) has(s *site) bool {
	w := k.ways[s.kernel+" "+s.file+" "+s.name+" "+s.id]
	if w == nil {
		return false
	}
	w.seen = true
	return true
}

// left are the sites of the kernels read that no source has.
func (k *known) left(kernels map[string]*kernel) []string {
	var all []string
	for _, key := range k.keys {
		if w := k.ways[key]; kernels[w.kernel] != nil && !w.seen {
			all = append(all, w.source+" "+key)
		}
	}
	return all
}

const noPacket = "a netlink message to a program could not be built or sent; it is no packet of the network"

// An entry is a site as the census has it: for all kernels that have it with the same reasons.
type entry struct {
	*site
	kernels []string
}

// writeStanzas appends stanzas for sites to the data files, with ? for what people must say.
func writeStanzas(dir string, kernels map[string]*kernel, sites []*site) error {
	files := map[string]*strings.Builder{}
	for _, list := range byFunction(sites) {
		part := partOf(list[0].file)
		if files[part] == nil {
			files[part] = new(strings.Builder)
		}
		writeStanza(files[part], kernels, list)
	}
	for part, b := range files {
		path := filepath.Join(dir, part+".txt")
		old, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		text := strings.TrimPrefix(string(old)+b.String(), "\n")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// byFunction makes entries of sites, in their order: a list for each function.
func byFunction(sites []*site) [][]*entry {
	var lists [][]*entry
	index := map[string]int{}
	for _, s := range sites {
		key := s.file + " " + s.name
		n, ok := index[key]
		if !ok {
			n = len(lists)
			index[key] = n
			lists = append(lists, nil)
		}
		i := slices.IndexFunc(lists[n], func(e *entry) bool {
			return e.id == s.id && slices.Equal(e.reasons, s.reasons)
		})
		if i < 0 {
			lists[n] = append(lists[n], &entry{s, []string{s.kernel}})
		} else if e := lists[n][i]; !slices.Contains(e.kernels, s.kernel) {
			e.kernels = append(e.kernels, s.kernel)
		}
	}
	return lists
}

// writeStanza writes a function's stanza. Where its drops show stands at its head if it is the same for
// most of them.
func writeStanza(b *strings.Builder, kernels map[string]*kernel, list []*entry) {
	fmt.Fprintf(b, "\nfunction: %s %s\n", list[0].name, list[0].file)
	ats := map[*entry]string{}
	count := map[string]int{}
	for _, e := range list {
		ats[e] = strings.Join(showsAt(kernels, e.site), " ")
		count[ats[e]]++
	}
	most := ""
	for _, e := range list {
		if count[ats[e]] > count[most] {
			most = ats[e]
		}
	}
	if most != list[0].name {
		fmt.Fprintf(b, "at: %s\n", most)
	}
	written := map[*entry]bool{}
	for _, e := range list {
		if written[e] {
			continue
		}
		for _, same := range list { // the same site with other reasons on other kernels stands beside it
			if same.id == e.id {
				written[same] = true
				fmt.Fprintf(b, "site: %s %s %s\n", same.id, strings.Join(same.kernels, ","), strings.Join(same.reasons, ","))
			}
		}
		if e.what == "nlmsg_free" {
			fmt.Fprintf(b, "when: %s\n", noPacket)
			continue
		}
		b.WriteString("when: ?\n")
		if ats[e] != most {
			fmt.Fprintf(b, "at: %s\n", ats[e])
		}
	}
}

// showsAt gives the functions where a site's drops show.
func showsAt(kernels map[string]*kernel, s *site) []string {
	if at := where(s); at != nil {
		return at
	}
	if s.what == "sets" {
		if at := shownOn(kernels, s.function, true); len(at) > 0 {
			return at
		}
	}
	// Another compiler may have left the function as it is.
	return unique(append(shownOn(kernels, s.function, false), s.name))
}

// where gives the functions in which drops show that are decided on elsewhere.
func where(s *site) []string {
	if at, ok := kfunc.Verdict(s.what); ok {
		return at
	}
	d, _ := kfunc.CallToDrop(s.what)
	return d.At
}

func shownOn(kernels map[string]*kernel, f *function, sets bool) []string {
	var all []string
	for _, name := range census.Kernels {
		k := kernels[name]
		if k == nil {
			continue
		}
		for _, g := range k.functions[f.name] {
			if g.file != f.file {
				continue
			}
			if sets {
				all = append(all, k.openCallers(g)...)
			} else {
				all = append(all, k.shown(g)...)
			}
		}
	}
	return unique(all)
}
