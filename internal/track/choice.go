package track

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
)

// A choice keeps the journeys that a page lists: those that were dropped or lost, then the
// slowest, then a sample of the others, of which each has the same chance. A class that needs
// less than its part leaves the rest to the others.
type choice struct {
	classes [3]class
	events  int // in all of them
	limit   int
	seen    [3]uint64 // journeys that came
	left    uint64    // events of journeys that are not kept
}

const (
	classDropped = iota
	classSlow
	classOther
)

// maxPage bounds the events that a page has.
const maxPage = 100_000

// A class keeps the journeys of the highest rank. It is a heap, the lowest rank first.
type class struct {
	all    []ranked
	events int
}

type ranked struct {
	rank uint64
	g    *gathered
}

func (c *class) Len() int           { return len(c.all) }
func (c *class) Less(i, k int) bool { return c.all[i].rank < c.all[k].rank }
func (c *class) Swap(i, k int)      { c.all[i], c.all[k] = c.all[k], c.all[i] }
func (c *class) Push(x any)         { c.all = append(c.all, x.(ranked)) }
func (c *class) Pop() any {
	last := c.all[len(c.all)-1]
	c.all = c.all[:len(c.all)-1]
	return last
}

// sample is a number that depends on the packet's alone, so that the same input gives the
// same page: its bits are mixed by splitmix64's finalizer.
func sample(packet uint64) uint64 {
	x := packet + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// weight is what a journey takes of the limit.
func (g *gathered) weight() int { return 1 + len(g.hops) }

func (c *choice) take(g *gathered) {
	drops := func(h drawnHop) bool { return h.drop != "" }
	if how := g.j.End.How; how == "dropped" || how == "lost" || slices.ContainsFunc(g.hops, drops) {
		c.seen[classDropped]++
		c.add(classDropped, ranked{sample(g.j.Packet), g})
	} else {
		c.seen[classOther]++
		c.add(classSlow, ranked{g.j.Total(), g})
	}
	// What goes first is what has more than its part.
	for c.events > c.limit {
		switch {
		case c.classes[classOther].events > c.limit/4:
			c.let(classOther)
		case c.classes[classSlow].events > c.limit/4:
			x := c.out(classSlow)
			c.add(classOther, ranked{sample(x.g.j.Packet), x.g})
		default:
			c.let(classDropped)
		}
	}
}

func (c *choice) add(to int, x ranked) {
	heap.Push(&c.classes[to], x)
	c.classes[to].events += x.g.weight()
	c.events += x.g.weight()
}

func (c *choice) out(of int) ranked {
	x := heap.Pop(&c.classes[of]).(ranked)
	c.classes[of].events -= x.g.weight()
	c.events -= x.g.weight()
	return x
}

func (c *choice) let(of int) { c.left += uint64(len(c.out(of).g.hops)) }

// said says what was left out; "" if nothing was.
func (c *choice) said() string {
	dropped, slow, other := len(c.classes[classDropped].all), len(c.classes[classSlow].all), len(c.classes[classOther].all)
	kept, all := uint64(dropped+slow+other), c.seen[classDropped]+c.seen[classOther]
	if kept == all {
		return ""
	}
	which := fmt.Sprintf("all %d", dropped)
	if uint64(dropped) < c.seen[classDropped] {
		which = fmt.Sprintf("%d of the %d, a random sample,", dropped, c.seen[classDropped])
	}
	return fmt.Sprintf("%d of %d journeys are listed, as the page has at most %d events: %s with a drop or a loss, "+
		"the %d slowest of the others, and a random sample of %d of the rest. The charts and the numbers are of all.",
		kept, all, c.limit, which, slow, other)
}

// sorted are the journeys in order of time.
func (c *choice) sorted() (all []*gathered) {
	for i := range c.classes {
		for _, x := range c.classes[i].all {
			all = append(all, x.g)
		}
	}
	slices.SortFunc(all, func(a, b *gathered) int {
		return cmp.Or(cmp.Compare(int64(a.j.First)+a.from.offset, int64(b.j.First)+b.from.offset),
			cmp.Compare(a.j.Packet, b.j.Packet))
	})
	return all
}
