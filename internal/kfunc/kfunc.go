// Package kfunc is the one table of the kernel's functions and tracepoints that this project knows by
// name: what each is for, what it tells of a packet, which kernels have it. All packages ask it; none
// has a list of such names of its own. Where a kernel renames a function, a row is added here, and
// nothing else changes.
//
// The rows are in table_*.go, by subsystem. A test in a guest of each kernel holds them against its
// symbols (TestNames).
package kfunc

import "strings"

// Kernels are the releases whose sources and symbols the rows were held against, oldest first. Func.On
// and Func.Inlined name them.
var Kernels = [...]string{"5.10", "6.1", "6.12", "7.2"}

// A Func is a function or tracepoint of the kernel.
type Func struct {
	Name  string // as after -p: "ip_rcv", "net:netif_receive_skb"
	Where string // what it is for, in words, as skb-drops says; "": no words yet
	Class Class  // what it tells of the end of a packet that was seen there last
	Way   Way    // whether packets come in or go out there
	// Hook is the netfilter hook that nf_hook_slow runs when this function calls it, or a function
	// that the compiler has put into this one; "": none.
	Hook string
	// Before is the tracepoint that the same CPU passes before this one, which HandsOver; else "".
	Before string
	Roles  Role
	// Module is what to load for it, or the option (CONFIG_...) that puts it into the kernel; "": each
	// kernel has it in itself. Where the module is built in, it is in the kernel itself, too.
	Module string
	Was    string // its name on older kernels, where another row has it; ""
	// On are those of Kernels whose sources have it, Inlined those of them where the compiler leaves no
	// symbol of it, so that nothing can be probed and no stack has it: with spaces between; "all". On is
	// "" for all, Inlined is "" for none. What the compiler does is another matter on each build:
	// where Inlined has a kernel the symbol may be there.
	On, Inlined string
}

// A Class says what a probe tells of a packet's end: where a packet is seen last before its
// buffer is consumed, it ended there. What packet sockets get is a clone for an observer, and
// no delivery: their functions are Neutral.
type Class uint8

// Callers compare: what is at least Receive is a place where a packet may end well.
const (
	Passing  Class = iota // it goes on from here
	Neutral               // says nothing: functions that free, and returns
	Freed                 // neutral; the sk_buff has no user left
	Freeing               // neutral; frees the sk_buff if this was its last user
	Receive               // a device hands it in
	Transmit              // handed to a device
	Handed                // handed to a socket's protocol, which takes it or not
	Deliver               // a socket has it
	Read                  // read from a socket, by the process at hand
)

// A Way is where packets go at a place, seen from the host.
type Way uint8

const (
	In  Way = 1 + iota // from a device
	Out                // to a device
)

// Roles are what else is known of a function: a bit each.
type Role uint32

const (
	Frees Role = 1 << iota // frees for the function that calls it, which decided to drop
	// FreesCopy: frees as a drop, among others, a copy for somebody besides the packet, which itself goes
	// on: a packet socket's whose queue is full (net/packet/af_packet.c), what snooping looks into
	// (net/core/skbuff.c, net/ipv4/igmp.c, net/ipv6/mcast_snoop.c), what tells of the time of sending
	// (net/core/skbuff.c, net/core/sock.c), what an ICMP error is made of (net/ipv6/icmp.c,
	// net/ipv6/ip6_tunnel.c), a rule's (net/ipv4/netfilter/nf_dup_ipv4.c, net/ipv6/netfilter/nf_dup_ipv6.c).
	// Or it frees the packet itself, which goes on as a copy (net/netfilter/nfnetlink_queue.c,
	// net/core/skbuff.c, drivers/net/macvlan.c).
	FreesCopy
	// Reads: frees what a program has read as a drop without a reason, and also what could not be written
	// to the program's memory (net/sctp/socket.c, net/xfrm/espintcp.c, net/l2tp/l2tp_ppp.c,
	// drivers/net/ppp/ppp_generic.c, net/vmw_vsock/virtio_transport_common.c, drivers/net/ovpn/tcp.c,
	// net/qrtr/tun.c).
	Reads
	// OnlyReads: Reads, and frees nothing else there (net/llc/af_llc.c, net/bluetooth/af_bluetooth.c,
	// net/nfc/llcp_sock.c, net/caif/caif_socket.c, net/iucv/af_iucv.c, net/tipc/socket.c).
	OnlyReads
	LeftOver // frees a message, of which raw sockets have got clones, as a drop
	Closes   // empties the queue of a socket that is closed
	// OtherHost: drops what is addressed to another host, and what is no IP packet; kernels without
	// reasons don't tell which.
	OtherHost

	Sends       // TCP has the sk_buff that it keeps until it is acknowledged, about to send it
	SendsAgain  // Sends, not for the first time
	Established // only segments of connections pass it
	Datagrams   // Handed: to UDP
	Chunks      // Handed: to SCTP
	Resets      // answers a segment by a TCP reset
	Whole       // what is read may be all of the packet, from its link-layer header on
	RunsHook    // runs a netfilter hook: which one its caller's Hook tells
	OnlyHook    // behind it a packet comes to no hook but its own, up to where its device changes

	// HandsOver: a tracepoint that fires when the sk_buff has been handed on, and may have been freed:
	// xmit_one() behind the driver (net/core/dev.c), dev_qdisc_enqueue() behind the queue, which may have
	// made segments of it, or let go of it.
	HandsOver
	Released // within skb_release_data or behind it: the data is gone; the sk_buff or data is the first argument
	// Dying: the data may be on its way out: also called by kfree_skb_partial, when another packet has
	// taken the data.
	Dying
	Unmade // makes an sk_buff in memory that is none yet
	// FillsFromSecond: fills in an sk_buff, the first argument, from another, the second. In the first
	// there is still what lay in that memory before; or it is new, and that it comes from the second is
	// known when the kernel is done with it: skb_segment's segments would be packets of their own.
	FillsFromSecond

	Lifetime // bpf/lifetime.h hooks it
	Links    // bpf/links.h hooks it
)

// Return is what the name of a probe at a function's return begins with, before the function's name.
const Return = "ret:"

// Lookup returns the row of a name as it is; nil: there is none.
func Lookup[T ~string | ~[]byte](name T) *Func { return byName[string(name)] }

// Probe returns the row of the function or tracepoint where a probe is; nil: there is none. A
// function's return is where its entry is.
func Probe[T ~string | ~[]byte](probe T) *Func {
	if len(probe) > len(Return) && string(probe[:len(Return)]) == Return {
		probe = probe[len(Return):]
	}
	return byName[string(probe)]
}

// Is reports whether f has one of the roles. A nil f has none.
func (f *Func) Is(r Role) bool { return f != nil && f.Roles&r != 0 }

// ClassOf returns the class of a probe, by its row, or by its name's family where it has none.
func ClassOf(probe string) Class {
	if strings.HasPrefix(probe, Return) {
		return Neutral
	}
	if f := byName[probe]; f != nil {
		return f.Class
	}
	// BPF programs of a socket and its cgroup run while it is being decided whether the socket takes the packet.
	switch kind, _, _ := strings.Cut(probe, ":"); kind {
	case "cgroup_skb", "socket_filter", "sk_skb":
		return Neutral
	}
	if hasPrefix(probe, freeing) {
		return Freeing
	}
	return Passing
}

// WayOf returns the way of a probe, 0 where packets of both pass, or where it is not known.
func WayOf[T ~string | ~[]byte](probe T) Way {
	if f := Probe(probe); f != nil {
		return f.Way
	}
	return 0
}

// Function cuts a symbol of the kernel down to the name that its source has:
// "ip_rcv_core.isra.0+0x1f [module]" is ip_rcv_core. It has no copy made.
func Function[T ~string | ~[]byte](symbol T) T {
	for i := range len(symbol) {
		if c := symbol[i]; c == '+' || c == ' ' || c == '.' && i > 0 {
			return symbol[:i]
		}
	}
	return symbol
}

// IsOn reports whether the sources of one of Kernels have it.
func (f *Func) IsOn(kernel string) bool { return f.On == "" || names(f.On, kernel) }

// HasSymbol reports whether the function has a symbol in one of Kernels, as Debian builds it: a row
// that HasSymbol can be probed there, and be in a stack.
func (f *Func) HasSymbol(kernel string) bool {
	return f.IsOn(kernel) && f.Inlined != "all" && !names(f.Inlined, kernel)
}
