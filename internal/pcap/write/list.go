package write

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// maxProbes bounds what is kept for each probe: the kernel has some 1,500 places for
// one, a damaged stream any number of names.
const maxProbes = 1 << 14

// List prints the probes of the streams with their events, the most frequent first.
func List(in *pipe.Inputs, stdout io.Writer) error {
	type probe struct {
		name   string
		events uint64
	}
	probes := map[string]*probe{}
	var others probe
	var err error
	for {
		var r format.Raw
		if r, err = in.Next(); err != nil {
			break
		}
		if r.Type() != format.TypeEvent {
			continue
		}
		name, _ := r.Get("probe").Str()
		p := probes[string(name)]
		switch {
		case p == nil && (len(probes) >= maxProbes || len(name) > maxName):
			p = &others
		case p == nil:
			p = &probe{name: string(name)}
			probes[p.name] = p
		}
		p.events++
	}
	var list []*probe
	for _, p := range probes {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *probe) int {
		return cmp.Or(cmp.Compare(b.events, a.events), cmp.Compare(a.name, b.name))
	})
	out := bufio.NewWriter(stdout)
	for _, p := range list {
		fmt.Fprintf(out, "%10d %s\n", p.events, escape.String(p.name))
	}
	if others.events > 0 {
		fmt.Fprintf(out, "%10d (others)\n", others.events)
	}
	if ferr := out.Flush(); err == io.EOF {
		err = ferr
	}
	return err
}
