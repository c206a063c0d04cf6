//go:build linux && (amd64 || arm64)

package collect

import (
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Manual is what --help says beside the flags.
func (o *Options) Manual() *pipe.Manual {
	return &pipe.Manual{
		Does:  "See packets inside the kernel, at any function or tracepoint.",
		Usage: "[FLAG...] [-- COMMAND...]",
		Examples: []pipe.Example{
			{
				Does:    "what is dropped of this host's web traffic, and why",
				Command: "skb-collect --profile drop -f 'tcp port 443' | skb-drops",
			},
			{
				Does:    "where each DNS packet goes in the kernel, on eth0 and behind it",
				Command: "skb-collect --profile generic -i eth0 -f 'udp port 53' | skb-track | skb-sort",
			},
			{
				Does:    "what a command sends and receives, kept for later",
				Command: "skb-collect -w x.skb.zst -- curl -s https://example.com/",
			},
		},
		See: ", docs/journeys.md, docs/drops.md",
		Hints: map[string]string{
			"r": "a saved stream is read by skb-sort -o text FILE, a capture by skb-pcap --read FILE",
			"G": "--rotate SIZE starts a new file whenever one is full; --duration TIME ends",
			"C": "--rotate SIZE starts a new file whenever one is full (--rotate 100MB)",
			"W": "--rotate SIZE starts a new file whenever one is full (--rotate 100MB)",
			"D": "ip -br link lists devices, --list what can be probed",
			"F": "-f @FILE reads the filter from a file",
			"B": "--buffer SIZE (--buffer 64MB)",
			"t": "--time chooses the clock of text",
			"Q": "direction is a matter of the probe: -p net:netif_receive_skb is in, -p net:net_dev_start_xmit is out",
			"A": "-X shows bytes, also as ASCII",
		},
	}
}
