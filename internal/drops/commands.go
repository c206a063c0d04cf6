package drops

import (
	"slices"

	"github.com/skb-tools/skb-tools/internal/drops/census"
)

// Commands returns each command that a rule, a reason or the census proposes, once and in byte order, with the fields
// to fill in in braces.
func Commands() ([]string, error) {
	var all []string
	add := func(looks []choice) {
		for _, c := range looks {
			for _, t := range c {
				all = append(all, t.text)
			}
		}
	}
	t := table()
	for _, r := range t.rules {
		add(r.look)
	}
	for _, r := range Reasons() {
		add(r.look)
	}
	ways, err := census.All()
	if err != nil {
		return nil, err
	}
	for _, c := range ways {
		w, err := t.newWay(c)
		if err != nil {
			return nil, err
		}
		add(w.look)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
