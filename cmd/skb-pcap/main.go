// skb-pcap turns a stream of packet events into pcapng, for tcpdump and Wireshark.
package main

import (
	"context"
	"os"

	"github.com/skb-tools/skb-tools/internal/pcap"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

func main() {
	var o pcap.Options
	pipe.Parse("skb-pcap", "Turn a stream of packet events into pcapng, for tcpdump and Wireshark.", &o)
	pipe.MainFilter("skb-pcap", func(ctx context.Context) error {
		return pcap.Run(ctx, o, os.Stdin, os.Stdout, os.Stderr)
	})
}
