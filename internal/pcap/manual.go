package pcap

import "github.com/skb-tools/skb-tools/internal/pipe"

// Manual is what --help says beside the flags.
func (o *Options) Manual() *pipe.Manual {
	return &pipe.Manual{
		Does:  "Turn a stream of packet events into pcapng, for tcpdump and Wireshark.",
		Usage: "[FLAG...] [FILE...]",
		Examples: []pipe.Example{
			{Does: "a saved stream for Wireshark", Command: "skb-pcap -w x.pcapng x.skb"},
			{Does: "with tcpdump, while it happens", Command: "skb-collect -p 'ip_*' | skb-pcap | tcpdump -nnr -"},
			{Does: "a capture, of any program, as a stream", Command: "skb-pcap --read x.pcapng | skb-sort -o text"},
		},
		See: ", docs/pcapng.md, docs/wireshark.md",
		Hints: pipe.HintsAnd(map[string]string{
			"r": "a stream is named without a flag; --read FILE turns a capture into a stream",
			"G": "-C SIZE starts a new file whenever one is full",
		}),
	}
}
