//go:build linux && (amd64 || arm64)

package filter

// Options are the flags that say which packets are wanted. A packet must meet all of them;
// of --ifname, --netns, --mark and --pid each may be given several times, and one must fit.
type Options struct {
	// Direct: the kernel lets programs follow pointers by plain loads (kernel.DirectLoads).
	Direct bool `kong:"-"`

	Filter      string   `group:"packets" short:"f" placeholder:"EXPR" help:"Only packets that match this pcap-filter(7) expression ('udp port 53'), or the expression in @FILE. If the filter needs bytes that are in a frag_list, the packet passes."`
	InnerFilter string   `group:"packets" placeholder:"EXPR" help:"Only tunnelled packets (VXLAN, Geneve, GRE, IPIP) whose inner packet matches this pcap-filter(7) expression."`
	Where       []string `group:"packets" sep:"none" placeholder:"EXPR" help:"Only packets for which this C expression over kernel fields is true ('skb->mark == 0x10 && skb->dev->mtu < 1500'). May be repeated: all must be true."`
	IfName      []string `group:"packets" name:"ifname" short:"i" placeholder:"DEV" help:"Only packets on this network device; any is each, as with tcpdump."`
	Netns       []string `group:"packets" placeholder:"NAME|PATH|INUM" help:"Only packets in this network namespace: a name of ip-netns(8), or as text shows it (docker:4f1c9bd2a0e3, pod:web-7d9f, nginx.service), a container's id, a path (/proc/PID/ns/net), or its inode number."`
	Mark        []string `group:"packets" placeholder:"VALUE[/MASK]" help:"Only packets with this skb->mark."`
	PID         []uint32 `group:"packets" name:"pid" placeholder:"PID" help:"Only packets seen while this process runs on the CPU. Received packets are mostly handled while some other process runs."`
}
