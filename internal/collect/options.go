//go:build linux && (amd64 || arm64)

// Package collect is the skb-collect command: it chooses probes, attaches them, and
// turns what the BPF programs write into the stream.
package collect

import (
	"time"

	"github.com/skb-tools/skb-tools/internal/filter"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Options are skb-collect's flags.
type Options struct {
	pipe.Options

	Probes   []string      `group:"where" short:"p" name:"probe" placeholder:"PROBE" sep:"," help:"Where to look: a tracepoint (net:netif_receive_skb), a function's entry (ip_rcv) or return (ret:ip_rcv), a BPF program (xdp:lb, tc:NAME, xdp:id:42; each gives its entry and its verdict), globs of these ('tcp_v4_*', 'skb:*', 'xdp:*'), or @FILE with one a line. May be repeated. Default: where tcpdump sees packets, received and sent; nothing but nftables' steps with --with nft."`
	Try      []string      `group:"where" placeholder:"PROBE" sep:"," help:"Like -p, but it is no error if this kernel does not have the probe."`
	Profile  []string      `group:"where" placeholder:"NAME" sep:"," help:"A named set of probes and options (generic, ifdump, drop, nft, ...); several can be combined. 'list' shows all of them, also yours in ~/.config/skb-tools/profiles."`
	List     bool          `group:"where" help:"List all probes of this kernel, or those that match the globs given as arguments, and exit."`
	Snaplen  int           `group:"what" short:"s" placeholder:"BYTES" default:"256" help:"Bytes to keep of each packet (default 256; 0: all)."`
	Count    uint64        `group:"limits" short:"c" placeholder:"N" help:"Stop after N events."`
	Duration time.Duration `group:"limits" placeholder:"TIME" help:"Stop after this TIME (10s, 5m)."`
	First    firstPackets  `group:"limits" name:"packets" placeholder:"N" help:"Follow the first N packets that match to their end, report nothing else, and stop when they have ended."`

	With       []string `group:"what" placeholder:"SECTION" help:"What to add to each event: sock, ct, nft, ovs, drop, stack, caller, args, gso, csum, or all. 'list' explains each. To add a section at one probe only: -p tcp_drop/stack."`
	Show       []string `group:"what" sep:"none" placeholder:"EXPR" help:"Add the value of this C expression over kernel fields to each event ('skb->dev->mtu', 'skb->sk->sk_rcvbuf', or with the name of an argument of the probed function 'neigh->nud_state'), as --where has them. May be repeated."`
	StackDepth int      `group:"what" placeholder:"N" default:"32" help:"Maximum number of calls in a stack (default 32, up to 121)."`
	ProbeStack bool     `group:"where" help:"Needs a filter. Also probe each function with an sk_buff that appears in the stack of a matching packet. The first stacks are those of the places where packets end; each new probe brings more."`
	NFTTrace   bool     `group:"what" name:"nft-trace" help:"Make nftables trace every packet of this network namespace (or those of --netns) while collecting. This adds a table, which is removed when skb-collect ends. Implies --with nft."`

	NFTVerdicts []string `group:"what" name:"nft-verdicts" placeholder:"VERDICT" sep:"," help:"Of the steps through nftables only those with one of these verdicts (drop,accept): accept, drop, queue, stolen, repeat, stop, continue, break, jump, goto or return. Implies --with nft."`

	OVSFlows bool `group:"what" name:"ovs-flows" help:"Ask the running ovs-vswitchd about each flow of Open vSwitch that a packet meets: its match, its actions and its OpenFlow rules. At most 50 flows a second, and each flow once a minute. Implies --with ovs."`

	RemoveNFTTable string `name:"remove-nft-table" hidden:""` // guardTable in nfttrace.go

	Limit string `group:"limits" placeholder:"N/s" help:"Write at most N events a second of each probe (5000/s; 0: all). The others are counted, drops by where and why, so that counts stay exact. 5000/s with --profile drop and generic."`

	Sample   sampleRate `group:"limits" placeholder:"1/N" help:"Report one packet of N (1/100), from its first event to its end, with its copies, segments and fragments; nothing of the others. skb-drops and skb-track multiply their counts by N."`
	SampleBy string     `group:"limits" enum:"packet,flow" default:"packet" placeholder:"WHAT" help:"With --sample: choose each packet by chance (packet, the default), or all packets of one flow of N, in both directions (flow): by addresses, ports and protocol, on each host the same."`

	CountDrops bool `group:"what" help:"Write no events: only count drops in the kernel, by location, reason, device, network namespace and protocol. For skb-drops --summary and --live. Costs least."`

	Counters string `group:"what" placeholder:"TIME" help:"Also read the kernel's own counters of loss and trouble every TIME (1s). If skb:kfree_skb is probed, they are read at the start and at the end anyway. none (or 0): never."`

	Packets filter.Options `embed:""`

	Write  string    `group:"output" short:"w" placeholder:"FILE" help:"Write the stream to FILE instead of stdout, compressed if its name ends in .zst, .gz or .lz4; - is stdout."`
	Rotate pipe.Size `group:"output" placeholder:"SIZE" help:"With -w: start a new file, FILE.1, FILE.2, ... (FILE.1.zst), whenever one reaches SIZE (100MB). Each is a complete stream."`

	FollowPrograms bool `group:"where" help:"Also probe BPF programs that are loaded later, while collecting, if -p means them (-p 'xdp:*'). Keeps the capabilities that this needs."`

	NoFollow    bool      `group:"packets" help:"Do not follow packets: report a packet only where it matches itself, without an identity."`
	NoLifetimes bool      `group:"what" help:"Do not write link and free records."`
	MaxTracked  uint32    `group:"limits" placeholder:"N" help:"Maximum number of packet buffers followed at the same time (default 1048576; 131072 on kernels before 6.1, which allocate the memory for all of them at the start)."`
	Buffer      pipe.Size `group:"limits" placeholder:"SIZE" default:"16MB" help:"Size of the ring buffer between kernel and skb-collect (default 16MB)."`

	Modules   []string `group:"where" placeholder:"NAME" default:"all" help:"Kernel modules to look for probes in (default all)."`
	Backend   string   `group:"where" enum:"auto,kprobe.multi,kprobe" default:"auto" placeholder:"HOW" help:"How to attach to functions: auto, kprobe.multi or kprobe."`
	ReadyFile string   `group:"output" placeholder:"FILE" help:"Create FILE when all probes are attached."`

	Command []string `arg:"" optional:"" help:"After --: run this command while collecting. skb-collect ends when it ends, with its exit status. With --list: globs."`
}
