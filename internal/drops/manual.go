package drops

import "github.com/skb-tools/skb-tools/internal/pipe"

// Manual is what --help says beside the flags.
func (o *Options) Manual() *pipe.Manual {
	return &pipe.Manual{
		Does:  "Find the drops in a stream of packet events and explain each, or count them.",
		Usage: "[FLAG...] [FILE...]",
		Examples: []pipe.Example{
			{Does: "each drop of a saved stream, explained", Command: "skb-drops -o text x.skb"},
			{Does: "how many of which cause", Command: "skb-drops --summary --by cause x.skb"},
			{Does: "a summary that follows what happens", Command: "skb-collect --profile drop | skb-drops --live"},
		},
		See:   ", docs/drops.md",
		Hints: pipe.HintsAnd(nil),
	}
}

// Page is what a pager can show of it. --live has the screen for itself.
func (o *Options) Page() *pipe.Page {
	p := o.PageOf(o.Files, &o.Options)
	if o.Live {
		return nil
	}
	if p != nil {
		p.NoInput = o.Explain != nil
	}
	return p
}
