// Package skbpcap is the skb-pcap command: it turns a stream into pcapng.
package skbpcap

// Options are skb-pcap's flags and arguments.
type Options struct {
	Write     string   `short:"w" placeholder:"FILE" help:"Write to FILE instead of stdout; - is stdout."`
	Probe     []string `short:"p" placeholder:"GLOB" help:"Only events of these probes (net:netif_receive_skb, 'tcp_*'). May be repeated."`
	NoComment bool     `help:"No comments: packets only."`

	Files []string `arg:"" optional:"" help:"Streams to read; none or - is stdin."`
}
