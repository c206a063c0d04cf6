package sort

import "github.com/skb-tools/skb-tools/internal/pipe"

// Manual is what --help says beside the flags.
func (o *Options) Manual() *pipe.Manual {
	return &pipe.Manual{
		Does:  "Sort the records of streams by time or by journey, and merge several streams.",
		Usage: "[FLAG...] [FILE...]",
		Examples: []pipe.Example{
			{
				Does:    "a saved stream as text",
				Command: "skb-sort -o text x.skb",
			},
			{
				Does:    "two hosts, live, in the order of time",
				Command: "skb-sort -o text <(ssh a skb-collect -p ip_rcv) <(ssh b skb-collect -p ip_rcv)",
			},
			{
				Does:    "one journey after another",
				Command: "skb-track x.skb | skb-sort --by journey",
			},
		},
		See:   ", README.md",
		Hints: pipe.HintsAnd(nil),
	}
}
