package track

import "github.com/skb-tools/skb-tools/internal/pipe"

// Manual is what --help says beside the flags.
func (o *Options) Manual() *pipe.Manual {
	return &pipe.Manual{
		Does:  "Group events into packets, hop by hop, and show how each journey ended.",
		Usage: "[FLAG...] [FILE...]",
		Examples: []pipe.Example{
			{Does: "each packet's journey as a tree", Command: "skb-track x.skb | skb-sort"},
			{Does: "only those that were dropped or took long", Command: "skb-track --ended dropped --slower-than 5ms x.skb"},
			{Does: "how journeys ended, and how long it took from probe to probe", Command: "skb-track --summary x.skb"},
		},
		See:   ", docs/journeys.md",
		Hints: pipe.HintsAnd(nil),
	}
}
