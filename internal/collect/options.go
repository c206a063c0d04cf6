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

	Probes   []string      `short:"p" name:"probe" placeholder:"PROBE" sep:"," help:"Where to look: a tracepoint (net:netif_receive_skb), a function's entry (ip_rcv) or return (ret:ip_rcv), globs of these ('tcp_v4_*', 'skb:*'), or @FILE with one a line. May be repeated. Default: where tcpdump looks."`
	Try      []string      `placeholder:"PROBE" sep:"," help:"Like -p, but a probe that this kernel does not have is no error."`
	Profile  []string      `placeholder:"NAME" sep:"," help:"A named set of probes and options (generic, ifdump, drop, nft, ...); several add up. 'list' shows all, with your own from ~/.config/skb-tools/profiles."`
	List     bool          `help:"Print every place where this kernel can be probed, or those that match the globs given as arguments, and exit."`
	Snaplen  int           `short:"s" placeholder:"BYTES" default:"256" help:"Bytes to keep of each packet (default 256; 0: all)."`
	Count    uint64        `short:"c" placeholder:"N" help:"Stop after N events."`
	Duration time.Duration `placeholder:"TIME" help:"Stop after that time (10s, 5m)."`

	With       []string `placeholder:"SECTION" help:"What to add to each event: sock, ct, nft, drop, stack, caller, args, gso, csum, or all; list explains each. A section for one probe only: -p tcp_drop/stack."`
	StackDepth int      `placeholder:"N" default:"32" help:"Calls of a stack, at most (default 32, up to 121)."`
	ProbeStack bool     `help:"With a filter: probe each function that takes an sk_buff and is found in the stacks of matching packets, as they appear, beginning with where packets end."`
	NFTTrace   bool     `name:"nft-trace" help:"Have nftables trace every packet of this network namespace, or of those that --netns names, while collecting, with a table that goes when skb-collect does. Implies --with nft."`

	RemoveNFTTable string `name:"remove-nft-table" hidden:""` // guardTable in nfttrace.go

	Packets filter.Options `embed:""`

	Write  string    `short:"w" placeholder:"FILE" help:"Write the stream to FILE instead of stdout."`
	Rotate pipe.Size `placeholder:"SIZE" help:"With -w: start a new file, FILE.1, FILE.2, ..., whenever one reaches SIZE (100MB). Each is a complete stream."`

	NoFollow    bool      `help:"Report only packets that match themselves, without identities: what becomes of a packet is not followed."`
	NoLifetimes bool      `help:"Write no link and free records."`
	MaxTracked  uint32    `placeholder:"N" help:"Buffers that can be followed at the same time (default 1048576; 131072 before Linux 6.1, which takes the memory for all at once)."`
	Buffer      pipe.Size `placeholder:"SIZE" default:"16MB" help:"Size of the ring buffer between kernel and skb-collect (default 16MB)."`

	Modules   []string `placeholder:"NAME" default:"all" help:"Kernel modules to look for probes in (default all)."`
	Backend   string   `enum:"auto,kprobe.multi,kprobe" default:"auto" help:"How to attach to functions: auto, kprobe.multi or kprobe."`
	ReadyFile string   `placeholder:"FILE" help:"Create FILE when all probes are attached."`
	Verbose   bool     `short:"v" help:"Say what was left out, and why."`
	Quiet     bool     `short:"q" help:"Say nothing on stderr but errors."`

	Command []string `arg:"" optional:"" help:"After --: a command to run while collecting; collecting ends with it, and with its exit status."`
}
