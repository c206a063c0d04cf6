// skb-pcap turns a stream of packet events into pcapng, for tcpdump and Wireshark.
package main

import (
	"context"
	"os"

	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/skbpcap"
)

func main() {
	var o skbpcap.Options
	pipe.Parse("skb-pcap", "Turn a stream of packet events into pcapng, for tcpdump and Wireshark.", &o)
	pipe.MainFilter("skb-pcap", func(ctx context.Context) error {
		return skbpcap.Run(ctx, o, os.Stdin, os.Stdout, os.Stderr)
	})
}
