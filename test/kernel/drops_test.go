//go:build kernel

package kerneltest

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	stdnet "net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/text"
)

// A dropCase is one kind of drop, made for real.
type dropCase struct {
	name     string
	rule     string                     // names of the rules of internal/drops that tell it, on one kernel or another
	from     int                        // the namespace that make runs in
	make     string                     // a shell script; none: that of the case before also makes this
	do       func(*testing.T, *network) // or Go
	packet   string                     // a part of how text names the packet: there is no other like it
	changes  bool                       // making it changes what skb-collect knows of the host: such cases come last in their group
	many     bool                       // more than one drop
	silent   bool                       // a kernel without reasons frees it without saying so
	there    bool                       // what other functions than at drop of the packet is no matter
	knows    string                     // a reason: only kernels that know it tell this; with ! before it, only those that don't
	reason   string                     // the kernel's, or where it gives none ours; several, where kernels differ; none: any
	at       string                     // functions that drop it, on one kernel or another; none: any
	cause    string                     // how the cause begins; {then} in it is when the host was looked at
	bare     string                     // how it begins on a kernel without reasons, if that tells less
	also     string                     // or how it begins on some other kernel
	fits     bool                       // on any kernel it may be among others that fit
	among    bool                       // a kernel without reasons has it among others that fit
	or       string                     // a part of another cause that fits
	severity string                     // several, where what is known differs
	shows    string                     // a regular expression of what the commands to look at show
	each     string                     // or several, one a line: what each command shows fits one of them, and each of them fits, but for those after "? "
	fails    string                     // a regular expression of commands that end with an error, which is what they show
}

// A dropGroup is cases that are recorded together: for all of them ns1, between ns0 and
// ns2, is the host that drops.
type dropGroup struct {
	name    string
	far     bool                       // the collector is in another namespace, as the commands to look at then are
	bare    bool                       // it takes neither stacks nor sockets
	prepare func(*testing.T, *network) // prepares ns1
	host    string                     // a shell script that does
	flags   string                     // more of them for skb-collect
	typed   string                     // and more where the kernel tells of modules' types (5.11)
	after   string                     // a shell script that undoes that
	cases   []dropCase

	known map[string]bool // the reasons that the kernel has
}

// raw makes ns0 send an IPv4 packet to ns1 from what follows its IP header.
func raw(protocol int, bytes string) string {
	return fmt.Sprintf(`printf '%s' | socat -u - IP4-SENDTO:10.0.0.2:%d`, bytes, protocol)
}

var dropZoo = []dropGroup{
	{
		name: "receive",
		far:  true,
		host: `socat -u UDP-RECV:5000,rcvbuf=2304 OPEN:/dev/null > /dev/null 2>&1 & echo $! > /tmp/reader
			until ss -Hlnu 'sport = 5000' | grep -q 5000; do sleep 0.05; done; kill -STOP $(cat /tmp/reader)`,
		after: `kill -KILL $(cat /tmp/reader)`,
		cases: []dropCase{
			{name: "closed UDP port", rule: "udp-no-listener", make: `echo x > /dev/udp/10.0.0.2/53`, packet: "10.0.0.2.53: ",
				reason: "NO_SOCKET", at: "__udp4_lib_rcv udp_rcv", cause: "nothing listens on UDP port 53 of 10.0.0.2", shows: "UdpNoPorts 1 "},
			{name: "closed TCP port", rule: "tcp-no-listener", make: `echo x 2> /dev/null > /dev/tcp/10.0.0.2/81 || true`, packet: "10.0.0.2.81: ",
				reason: "NO_SOCKET", at: "tcp_v4_rcv", cause: "nothing listens on TCP port 81 of 10.0.0.2", shows: "TcpOutRsts"},
			{name: "UDP checksum", rule: "udp-checksum", make: raw(17, `\x10\x00\x00\x36\x00\x0c\xde\xadabcd`), packet: "10.0.0.2.54: ",
				reason: "UDP_CSUM", at: "__udp4_lib_rcv udp_rcv", cause: "the UDP packet from 10.0.0.1 to port 54 came with a wrong checksum", shows: "UdpInCsumErrors 1 "},
			{name: "TCP checksum", rule: "tcp-checksum", make: raw(6, `\x10\x00\x00\x52\x00\x00\x00\x01\x00\x00\x00\x00\x50\x02\x20\x00\xde\xad\x00\x00`), packet: "10.0.0.2.82: ",
				reason: "TCP_CSUM", at: "tcp_v4_rcv", cause: "the TCP segment from 10.0.0.1 to port 82 came with a wrong checksum", shows: "TcpInCsumErrors 1 "},
			{name: "full socket buffer", rule: "udp-rcvbuf", make: `for i in $(seq 9); do echo $i > /dev/udp/10.0.0.2/5000; done`, packet: "10.0.0.2.5000: ", many: true,
				reason: "SOCKET_RCVBUFF", at: "udp_queue_rcv_one_skb __udp_queue_rcv_skb __udp_enqueue_schedule_skb", cause: "the receive buffer of the UDP socket on port 5000 is full", shows: `0\.0\.0\.0:5000 .*\("socat",`},
			{name: "IP protocol", rule: "no-protocol", make: raw(253, `abcdefgh`), packet: "ip-proto-253",
				reason: "IP_NOPROTO", at: "ip_protocol_deliver_rcu ip_local_deliver_finish", cause: "nothing on this host handles IP protocol 253", shows: "IpInUnknownProtos 1 "},
			{name: "wrong-protocol frame", rule: "unhandled", make: toL1(ethertype(0x88b5, []byte(strings.Repeat("0", 50)))), packet: "0x88b5",
				reason: "UNHANDLED_PROTO", at: "__netif_receive_skb_core", cause: "nothing on this host takes frames of type 0x88b5 (on l1)", shows: "ip_rcv"},
		},
	},
	{
		name: "firewall",
		host: `nft -f - <<'.'
				table inet zoo {
					chain input { type filter hook input priority 0; udp dport 83 counter drop; ct state invalid counter drop; }
					chain forward { type filter hook forward priority 0; udp dport 84 counter drop; }
					chain output { type filter hook output priority 0; udp dport 85 counter drop; }
				}
.
`,
		after: `nft delete table inet zoo`,
		flags: "--nft-trace",
		cases: []dropCase{
			{name: "nft input", rule: "nft-rule", make: `echo x > /dev/udp/10.0.0.2/83`, packet: "10.0.0.2.83: ",
				reason: "NETFILTER_DROP", at: "nf_hook_slow nft_do_chain", cause: "rule N of the nftables chain input (table inet zoo) dropped the packet", shows: "udp dport 83 counter packets 1 "},
			{name: "nft forward", rule: "nft-rule", make: `echo x > /dev/udp/10.0.1.2/84`, packet: "10.0.1.2.84: ",
				reason: "NETFILTER_DROP", at: "nf_hook_slow nft_do_chain", cause: "rule N of the nftables chain forward (table inet zoo) dropped the packet", shows: "udp dport 84 counter packets 1 "},
			{name: "nft output", rule: "nft-rule", from: 1, make: `echo x 2> /dev/null > /dev/udp/10.0.0.1/85 || true`, packet: "10.0.0.1.85: ",
				reason: "NETFILTER_DROP", at: "nf_hook_slow nft_do_chain", cause: "rule N of the nftables chain output (table inet zoo) dropped the packet", shows: "udp dport 85 counter packets 1 "},
			// A segment out of the blue whose checksum is wrong.
			{name: "invalid conntrack state", rule: "nft-rule", make: raw(6, `\x10\x00\x00\x56\x00\x00\x00\x01\x00\x00\x00\x01\x50\x10\x20\x00\xde\xad\x00\x00`), packet: "10.0.0.2.86: ",
				reason: "NETFILTER_DROP", at: "nf_hook_slow nft_do_chain", cause: "rule N of the nftables chain input (table inet zoo) dropped the packet", shows: "ct state invalid counter packets 1 "},
		},
	},
	{
		name:  "route",
		host:  `sysctl -qw net.ipv4.conf.all.rp_filter=1; ip route add 10.9.9.0/24 dev r1; ip route add unreachable 198.51.100.0/24; ip link set r1 mtu 1000`,
		after: `sysctl -qw net.ipv4.conf.all.rp_filter=0; ip route del 10.9.9.0/24; ip route del unreachable 198.51.100.0/24; ip link set r1 mtu 1500`,
		cases: []dropCase{
			{name: "rp_filter", rule: "rp-filter", make: `ip addr add 10.9.9.9/32 dev lo; ping -qc1 -W1 -s 31 -I 10.9.9.9 10.0.0.2 > /dev/null || true`, packet: "10.9.9.9 > ",
				reason: "IP_RPFILTER", at: "ip_rcv_finish_core", cause: "reverse path filtering (rp_filter=1 on l1): this host would not reach 10.9.9.9 through l1", shows: "10.9.9.0/24 dev r1"},
			{name: "TTL", rule: "ttl-expired", make: `ping -qc1 -W1 -s 32 -t 1 10.0.1.2 > /dev/null || true`, packet: "length 40",
				reason: "IP_INHDR", at: "ip_forward", cause: "the TTL of the packet from 10.0.0.1 to 10.0.1.2 came to its end here", shows: "IpInHdrErrors 1 "},
			{name: "no route", rule: "no-route", make: `ping -qc1 -W1 -s 33 203.0.113.9 > /dev/null || true`, packet: "> 203.0.113.9: ",
				reason: "IP_INNOROUTES", at: "ip_error", cause: "no route leads to 203.0.113.9", shows: "IpExtInNoRoutes 1 "},
			{name: "unreachable route", rule: "special-route", make: `ping -qc1 -W1 -s 39 198.51.100.9 > /dev/null || true`, packet: "> 198.51.100.9: ",
				reason: "NOT_SPECIFIED IP_INNOROUTES", at: "ip_error", cause: "the route to 198.51.100.9 says unreachable, prohibit or blackhole", bare: "no route leads to 198.51.100.9", shows: "unreachable 198.51.100.0/24"},
			{name: "MTU with DF", rule: "too-big", make: `ping -qc1 -W1 -M do -s 1200 10.0.1.2 > /dev/null || true`, packet: "length 1208",
				reason: "PKT_TOO_BIG", at: "ip_forward", cause: "the packet to 10.0.1.2 (1228 bytes) is larger than the MTU on its way", shows: "mtu 1000"},
		},
	},
	{
		name:  "no-forwarding",
		host:  `sysctl -qw net.ipv4.ip_forward=0`,
		after: `sysctl -qw net.ipv4.ip_forward=1`,
		cases: []dropCase{
			{name: "not forwarding", rule: "forwarding-off", make: `ping -qc1 -W1 -s 34 10.0.1.2 > /dev/null || true`, packet: "length 42",
				reason: "IP_INADDRERRORS", at: "ip_error", cause: "the packet is for 10.0.1.2, which is no address of this host, and this host does not forward (net.ipv4.conf.l1.forwarding=0)", shows: "net.ipv4.conf.l1.forwarding = 0"},
		},
	},
	{
		name:  "queue",
		host:  `tc qdisc add dev l1 root netem loss 100%; tc qdisc add dev r1 root tbf rate 8kbit burst 2000 limit 2000`,
		after: `tc qdisc del dev l1 root; tc qdisc del dev r1 root`,
		cases: []dropCase{
			{name: "ARP failure", rule: "neighbour-failed", from: 1, make: `ping -qc1 -W10 -s 35 10.0.1.99 > /dev/null || true`, packet: "length 43",
				reason: "NEIGH_FAILED", at: "arp_error_report neigh_invalidate", cause: "nobody on r1 answers for the next hop towards 10.0.1.99: ARP or NDP failed", shows: "10.0.1.99 "},
			{name: "netem loss", rule: "netem-there", from: 1, make: `echo x > /dev/udp/10.0.0.1/87`, packet: "10.0.0.1.87: ",
				reason: "QDISC_DROP QDISC_DROP_GENERIC", at: "__dev_queue_xmit kfree_skb_list kfree_skb_list_reason __tcf_kfree_skb_list", cause: "the netem queueing discipline on l1 dropped the packet: it is told to lose packets", shows: "qdisc netem .*dropped [1-9]"},
			{name: "full tbf", rule: "tbf-there qdisc-full", from: 1, make: `for i in $(seq 12); do head -c 1000 /dev/zero > /dev/udp/10.0.1.2/88; done`, packet: "10.0.1.2.88: ", many: true,
				reason: "QDISC_DROP QDISC_DROP_OVERLIMIT QDISC_DROP_GENERIC", at: "__dev_queue_xmit kfree_skb_list kfree_skb_list_reason __tcf_kfree_skb_list", cause: "the tbf queueing discipline on r1 dropped the packet: its queue is full", shows: "qdisc tbf .*dropped [1-9]"},
		},
	},
	{
		// The far end of l1 goes down, so that l1 has no carrier; the kernel puts that into
		// effect with its lock for devices held, for which the change of l1 then waits.
		name: "no-carrier",
		host: `ip netns exec ns0 ip link set r0 down; until [ $(cat /sys/class/net/l1/operstate) != up ]; do sleep 0.05; done; ip link set dev l1 alias zoo`,
		// Routes through it come back by themselves, ns0's default route does not.
		after: `ip netns exec ns0 ip link set r0 up; ip netns exec ns0 ip route add default via 10.0.0.2; until ip netns exec ns0 ping -qc1 -W1 10.0.0.2; do :; done`,
		cases: []dropCase{
			{name: "no carrier", rule: "qdisc-noop-only", from: 1, make: `echo x > /dev/udp/10.0.0.1/89`, packet: "10.0.0.1.89: ",
				reason: "QDISC_DROP QDISC_DROP_GENERIC QDISC_DROP_UNSPEC", at: "__dev_queue_xmit kfree_skb_list kfree_skb_list_reason __tcf_kfree_skb_list", cause: "l1 has no carrier or is going down", shows: "NO-CARRIER"},
		},
	},
	{
		name: "ipv6",
		host: `for n in ns0 ns1 ns2; do ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.all.forwarding=1; done
			ip netns exec ns0 bash -ec 'ip addr add fd00::1/64 dev r0 nodad; ip route add default via fd00::2'
			ip addr add fd00::2/64 dev l1 nodad; ip addr add fd00:1::1/64 dev r1 nodad; ip link set r1 mtu 1280
			ip netns exec ns2 bash -ec 'ip addr add fd00:1::2/64 dev l2 nodad; ip route add default via fd00:1::1'
			ip netns exec ns0 ping -qc1 fd00:1::2
			nft 'table ip6 zoo { chain input { type filter hook input priority 0; udp dport 83 counter drop; }; }'`,
		after: `nft delete table ip6 zoo; ip link set r1 mtu 1500; for n in ns0 ns1 ns2; do ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1; done`,
		cases: []dropCase{
			{name: "closed UDP port", rule: "udp-no-listener", make: `echo x > /dev/udp/fd00::2/53`, packet: "fd00::2.53: ",
				reason: "NO_SOCKET", at: "__udp6_lib_rcv udpv6_rcv", cause: "nothing listens on UDP port 53 of fd00::2", shows: "Udp6NoPorts 1 "},
			{name: "closed TCP port", rule: "tcp-no-listener-no-policy", make: `echo x 2> /dev/null > /dev/tcp/fd00::2/81 || true`, packet: "fd00::2.81: ",
				reason: "NO_SOCKET", at: "tcp_v6_rcv", cause: "nothing listens on TCP port 81 of fd00::2", shows: "TcpOutRsts"},
			{name: "nft input", rule: "nf-hook", make: `echo x > /dev/udp/fd00::2/83`, packet: "fd00::2.83: ",
				reason: "NETFILTER_DROP", at: "nf_hook_slow nft_do_chain", cause: "a firewall rule or a chain's policy at the input hook dropped the packet", shows: "udp dport 83 counter packets 1 "},
			{name: "hop limit", rule: "ttl-expired", make: `ping -qc1 -W1 -s 36 -t 1 fd00:1::2 > /dev/null || true`, packet: "length 44",
				reason: "IP_INHDR", at: "ip6_forward", cause: "the TTL of the packet from fd00::1 to fd00:1::2 came to its end here", shows: "(?s)fd00:1::/64 dev r1 .*Ip6InHdrErrors 1 "},
			{name: "no route", rule: "no-route", make: `ping -qc1 -W1 -s 37 fd99::9 > /dev/null || true`, packet: "> fd99::9: ",
				reason: "IP_INNOROUTES", at: "ip6_pkt_drop ip6_pkt_discard", cause: "no route leads to fd99::9", shows: "Ip6InNoRoutes [1-9]"},
			{name: "MTU", rule: "too-big-6", make: `ping -qc1 -W1 -M do -s 1300 fd00:1::2 > /dev/null || true`, packet: "length 1308",
				reason: "PKT_TOO_BIG", at: "ip6_forward", cause: "the packet to fd00:1::2 (1348 bytes) is larger than the MTU on its way", shows: "mtu 1280"},
			{name: "NDP failure", rule: "neighbour-failed", from: 1, make: `ping -qc1 -W10 -s 38 fd00:1::99 > /dev/null || true`, packet: "length 46",
				reason: "NEIGH_FAILED", at: "ndisc_error_report neigh_invalidate", cause: "nobody on r1 answers for the next hop towards fd00:1::99: ARP or NDP failed", shows: "fd00:1::99 "},
		},
	},
	{
		// What is no fault: an echo reply to nobody, TCP over a way that doubles packets,
		// data in a socket that is closed.
		name: "innocent",
		host: `socat -u UDP-RECV:6001 OPEN:/dev/null > /dev/null 2>&1 & echo $! > /tmp/reader; socat -u TCP-LISTEN:6000,reuseaddr OPEN:/dev/null > /dev/null 2>&1 &
			until ss -Hlntu | grep -q :6000 && ss -Hlntu | grep -q :6001; do sleep 0.05; done; kill -STOP $(cat /tmp/reader)`,
		cases: []dropCase{
			{name: "echo reply", rule: "icmp-nobody-waits", make: raw(1, `\x00\x00\xff\xff\x00\x00\x00\x00`), packet: "ICMP echo reply",
				reason: "NO_SOCKET", at: "icmp_rcv ping_rcv", cause: "an echo reply from 10.0.0.1 came and no program waits for it"},
			{name: "doubled TCP", rule: "tcp-old-data", make: `tc qdisc add dev r0 root netem duplicate 100%; head -c 20000 /dev/zero | socat -u - TCP:10.0.0.2:6000; tc qdisc del dev r0 root`, packet: "10.0.0.2.6000: Flags [P", many: true, silent: true, // 5.10: tcp_drop
				reason: "TCP_OLD_DATA", at: "tcp_data_queue", cause: "the data of the segment from 10.0.0.1:", shows: "TcpExtTCPDSACKOldSent [1-9]"},
			{name: "unread data", rule: "socket-closed", make: `echo x > /dev/udp/10.0.0.2/6001; ip netns exec ns1 bash -c 'kill -KILL $(cat /tmp/reader)'; until [ -z "$(ip netns exec ns1 ss -Hlnu 'sport = 6001')" ]; do sleep 0.05; done`, packet: "10.0.0.2.6001: ",
				reason: "SOCKET_CLOSE QUEUE_PURGE", at: "udp_destruct_common udp_destruct_sock inet_sock_destruct", cause: "a program closed its socket while this data was still waiting in it", shows: `ss -Hantup 'sport = 6001'\n`},
		},
	},
}

// A dropped packet as skb-drops -o json writes it.
type dropped struct {
	Skb   struct{ Protocol uint16 }
	Dev   struct{ Type uint16 }
	Netns *struct{ Inum uint32 }
	Drop  *struct{ Name, Location string }
	Data  struct {
		Len  int
		At   string
		Data []byte
	} `json:"packet"`
	Why struct {
		Reason, Where, Cause, Severity, Confidence string
		Look                                       []string
		Alternatives                               []alternative
	}
	packet string // in words, without the packet that an ICMP error quotes
	looked bool   // a change record before it said how something of the host was
}

type alternative struct {
	Cause, Tell string
	Look        []string
}

// TestDropZoo makes each kind of drop and holds what skb-drops says of it against what is
// known of how it was made. The commands that it gives are run where the packet was
// dropped, and one of them must show the thing. The streams are left in /skb/out: those of
// internal/drops/testdata/drops are made so.
func TestDropZoo(t *testing.T) {
	run(t, "modprobe", "-a", "sch_netem", "sch_tbf")
	makeDrops(t, dropZoo)
}

// makeDrops runs groups. A packet that an interrupt brings within a probe is a loss, and counted
// as one: then the group is made again, in a network whose counters begin anew.
func makeDrops(t *testing.T, left []dropGroup) {
	t.Helper()
	run(t, "modprobe", "-a", "nf_tables", "nft_ct", "nf_conntrack")
	for range 4 {
		t.Run("network", func(t *testing.T) {
			net := zooNetwork(t)
			for len(left) > 0 && left[0].run(t, net) {
				left = left[1:]
			}
		})
		if len(left) == 0 || t.Failed() {
			return
		}
	}
	t.Fatalf("losses each time: %s", left[0].name)
}

// Words for the scripts of groups. background starts a program that holds nothing of the script's and
// that the group's end kills; await waits until a command succeeds, and says so when it does not.
const (
	programs = "/tmp/zoo-programs"
	words    = `
		background() { "$@" > /dev/null 2>&1 < /dev/null & echo $! >> ` + programs + `; }
		await() {
			local end=$((SECONDS + 200))
			until eval "$1"; do [ $SECONDS -lt $end ] || { echo "200 s, and still not: $1"; exit 1; }; sleep 0.05; done
		}
	`
)

// endPrograms kills what background started.
func endPrograms() {
	pids, _ := os.ReadFile(programs) // none if nothing was started
	for _, pid := range strings.Fields(string(pids)) {
		if pid, err := strconv.Atoi(pid); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	os.Remove(programs)
}

// zooNetwork makes the network of the drop zoo.
func zooNetwork(t *testing.T) *network {
	t.Helper()
	net := chain(t, 3)
	net.in(0, "ip route add default via 10.0.0.2; sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
	net.in(1, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
	net.in(2, "ip route add default via 10.0.1.1; sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
	net.in(0, "ping -qc1 10.0.1.2") // both ways' neighbours
	net.in(1, "for d in l1 r1; do ip -4 neigh show dev $d | while read -r a _ m _; do ip neigh replace $a lladdr $m dev $d nud permanent; done; done")
	return net
}

// run makes a group's drops and checks what is said of them. False: events were lost, so
// nothing was checked.
func (g *dropGroup) run(t *testing.T, net *network) (whole bool) {
	whole = true
	t.Run(g.name, func(t *testing.T) { whole = g.check(t, net) })
	net.t = t
	return whole
}

func (g *dropGroup) check(t *testing.T, net *network) (whole bool) {
	net.t = t
	t.Cleanup(endPrograms)
	if g.prepare != nil {
		g.prepare(t, net)
	}
	defer net.in(1, words+g.after)
	net.in(1, words+g.host+"\n"+noticed)
	file := filepath.Join("/skb/out", g.name+".skb")
	args := []string{"skb-collect", "-w", file, "-p", "skb:kfree_skb"}
	if !g.bare {
		args = append(args, "--with", "stack,sock")
	}
	if !strings.Contains(g.flags, "--nft-trace") { // which rule dropped a packet is known by its identity
		args = append(args, "--no-follow")
	}
	if len(g.typed) > 0 && exists("/sys/kernel/btf/sch_netem") {
		args = append(args, strings.Fields(g.typed)...)
	}
	trace := traceDrops(t)
	defer trace.stop()
	collector := start(t, g.command(append(args, strings.Fields(g.flags)...)...), "attached")
	still, changing := g.parts(t)
	if len(changing) > 0 {
		net.settled(file)
	}
	trace.from = monotonic(t)
	net.makeAll(still)
	if len(changing) > 0 {
		net.settled(file)
		net.makeAll(changing)
	}
	trace.to = monotonic(t)
	collector.stop()
	s := readStream(t, file)
	if len(s.losses) > 0 {
		t.Logf("losses: %+v", s.losses)
		return false
	}
	trace.compare(s)
	drops, reasons := readDrops(t, file)
	g.known = map[string]bool{}
	for _, name := range s.start.DropReasons {
		g.known[name] = true
	}
	shown := map[string]string{}
	for _, c := range g.cases {
		t.Run(c.name, func(t *testing.T) { c.check(t, g, drops, reasons, shown) })
	}
	if g.name == "innocent" {
		for _, d := range drops {
			if d.Why.Severity == "fault" {
				t.Errorf("innocent, but a fault: %+v", d)
			}
		}
	}
	return true
}

// noticed ends a script that has changed devices: the kernel puts the state of a link into effect with its lock for devices
// held, and this command waits for that lock.
const noticed = "ip link set dev lo up"

// parts are the cases that leave the host as it is, and those behind them that change it.
func (g *dropGroup) parts(t *testing.T) (still, changing []dropCase) {
	t.Helper()
	i := slices.IndexFunc(g.cases, func(c dropCase) bool { return c.changes })
	if i < 0 {
		return g.cases, nil
	}
	for _, c := range g.cases[i:] {
		if !c.changes {
			t.Fatalf("%s comes behind a case that changes the host", c.name)
		}
	}
	return g.cases[:i], g.cases[i:]
}

// onWire begins a line of a script that the test runs itself: to start a program for each frame costs more than all else.
const onWire = "frame "

// makeAll makes the drops of cases. One script does for all that follow each other in a namespace.
func (n *network) makeAll(cases []dropCase) {
	n.t.Helper()
	from, script := 0, ""
	run := func() {
		if strings.TrimSpace(script) != "" {
			n.in(from, words+script)
		}
		script = ""
	}
	for _, c := range cases {
		if c.from != from {
			run()
			from = c.from
		}
		for line := range strings.Lines(c.make + "\n") {
			rest, ok := strings.CutPrefix(line, onWire)
			if !ok {
				script += line
				continue
			}
			run()
			w := strings.Fields(rest)
			if len(w) != 3 {
				n.t.Fatalf("%s: %q", c.name, line)
			}
			to, err := hex.DecodeString(w[1])
			if ns, dev, ok := strings.Cut(w[1], "/"); ok {
				to, err = n.mac(slices.Index(n.names, ns), dev), nil
			}
			behind, err2 := hex.DecodeString(w[2])
			if err != nil || err2 != nil || len(to) != 6 {
				n.t.Fatalf("%s: %q: %v, %v", c.name, line, err, err2)
			}
			n.send(from, w[0], [][]byte{slices.Concat(to, []byte{2, 0, 0, 0, 0, 1}, behind)})
		}
		if c.do != nil {
			run()
			c.do(n.t, n)
		}
	}
	run()
}

// mac is the MAC address of a device of namespace i.
func (n *network) mac(i int, dev string) (addr stdnet.HardwareAddr) {
	n.t.Helper()
	n.within(i, func() error {
		d, err := stdnet.InterfaceByName(dev)
		if err == nil {
			addr = d.HardwareAddr
		}
		return err
	})
	return addr
}

// command is one where the collector runs.
func (g *dropGroup) command(args ...string) *exec.Cmd {
	if !g.far {
		args = append([]string{"nsenter", "--net=/run/netns/ns1"}, args...)
	}
	return exec.Command(args[0], args[1:]...)
}

// readDrops explains a stream. reasons: its kernel gives reasons.
func readDrops(t *testing.T, file string) (drops []dropped, reasons bool) {
	t.Helper()
	reasons = len(readStream(t, file).start.DropReasons) > 0
	ns1, err := os.Stat("/run/netns/ns1")
	if err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(strings.NewReader(pipeline(t, "skb-drops -o json "+file)))
	s.Buffer(nil, 1<<20)
	looked := false
	for s.Scan() {
		if strings.HasPrefix(s.Text(), `{"type":"change"`) {
			looked = looked || strings.Contains(s.Text(), `"seen":`)
			continue
		}
		if !strings.HasPrefix(s.Text(), `{"type":"event"`) {
			continue
		}
		d := dropped{looked: looked}
		if err := json.Unmarshal(s.Bytes(), &d); err != nil {
			t.Fatalf("%v: %s", err, s.Text())
		}
		if d.Drop == nil {
			t.Fatalf("an event that is no drop came through: %s", s.Text())
		}
		if d.Netns != nil && uint64(d.Netns.Inum) != ns1.Sys().(*syscall.Stat_t).Ino {
			continue // what ns1 sent was dropped in ns2
		}
		words := string(text.Packet(nil, d.Data.Data, d.Data.At, d.Dev.Type, d.Skb.Protocol, d.Data.Len))
		d.packet, _, _ = strings.Cut(words, " (")
		drops = append(drops, d)
	}
	return drops, reasons
}

// begins tells whether a cause begins so. The handle of a rule differs from run to run.
func begins(cause, with string) bool {
	return strings.HasPrefix(handle.ReplaceAllString(cause, "rule N"), with)
}

var handle = regexp.MustCompile(`^rule \d+`)

// begins tells whether a cause of a drop begins as the case says, or as it says of some other kernel.
func (c *dropCase) begins(d *dropped, cause, with string) bool {
	then := "when the stream began"
	if d.looked {
		then = "when skb-collect last looked"
	}
	with, also := strings.ReplaceAll(with, "{then}", then), strings.ReplaceAll(c.also, "{then}", then)
	return begins(cause, with) || also != "" && begins(cause, also)
}

// isAt tells whether a place, FUNCTION+OFFSET, is in one of the functions that drop it.
func (c *dropCase) isAt(place string) bool {
	function, _, _ := strings.Cut(place, "+")
	function, _, _ = strings.Cut(function, ".")
	return slices.Contains(strings.Fields(c.at), function)
}

// check holds one case against the drops. shown has what commands of the group showed already.
func (c *dropCase) check(t *testing.T, g *dropGroup, drops []dropped, reasons bool, shown map[string]string) {
	if name, not := strings.CutPrefix(c.knows, "!"); name != "" && g.known[name] == not {
		return
	}
	var found []dropped
	for _, d := range drops {
		if strings.Contains(d.packet, c.packet) && (!c.there || c.isAt(d.Drop.Location)) {
			found = append(found, d)
		}
	}
	if c.silent && !reasons {
		if len(found) > 0 {
			t.Errorf("%d drops of %q on a kernel that does not tell of them", len(found), c.packet)
		}
		return
	}
	if len(found) == 0 || len(found) > 1 && !c.many {
		for _, d := range drops {
			t.Logf("%s at %s: %s", d.Drop.Name, d.Drop.Location, d.packet)
		}
		t.Fatalf("%d drops of %q", len(found), c.packet)
	}
	want := strings.Fields(c.reason)
	cause := c.cause
	if !reasons && c.bare != "" {
		cause = c.bare
	}
	var looks []string
	for _, d := range found {
		why := d.Why
		for _, a := range why.Alternatives {
			t.Logf("or: %s", a.Cause)
			if (c.among && !reasons || c.fits && !c.begins(&d, why.Cause, cause)) && c.begins(&d, a.Cause, cause) {
				why.Cause, why.Look = a.Cause, a.Look
				if len(want) > 0 {
					why.Reason = want[0]
				}
				why.Severity, _, _ = strings.Cut(c.severity, " ")
			}
		}
		where, _, _ := strings.Cut(why.Where, " ")
		if c.at != "" && (!c.isAt(d.Drop.Location) || !c.isAt(where)) {
			t.Errorf("at %s, where: %s; want one of %s", d.Drop.Location, why.Where, c.at)
		}
		confidence := "inferred"
		if reasons && d.Drop.Name != "NOT_SPECIFIED" {
			confidence = "kernel"
		}
		if why.Confidence != confidence || len(want) > 0 && !slices.Contains(want, why.Reason) || (d.Drop.Name == "") == reasons {
			t.Errorf("kernel: %q; reason %s (%s); want %s (%s)", d.Drop.Name, why.Reason, why.Confidence, want, confidence)
		}
		if !c.begins(&d, why.Cause, cause) {
			t.Errorf("cause: %s\nwant: %s", why.Cause, cause)
		}
		if c.severity != "" && !slices.Contains(strings.Fields(c.severity), why.Severity) {
			t.Errorf("severity %s, want %s", why.Severity, c.severity)
		}
		if c.or != "" && !slices.ContainsFunc(why.Alternatives, func(a alternative) bool { return strings.Contains(a.Cause, c.or) }) {
			t.Errorf("no %q among the others that fit: %+v", c.or, why.Alternatives)
		}
		looks = why.Look
	}
	expected := map[string]bool{} // whether it was seen
	for want := range strings.Lines(c.each) {
		want, optional := strings.CutPrefix(strings.TrimSpace(want), "? ")
		expected[want] = optional
	}
	var all strings.Builder
	for _, l := range looks {
		one, ok := shown[l]
		if !ok {
			out, err := g.command("bash", "-c", l).CombinedOutput()
			if (err != nil) != (c.fails != "" && regexp.MustCompile(c.fails).MatchString(l)) {
				t.Errorf("look: %s: %v\n%s", l, err, out)
			}
			one = l + "\n" + strings.Join(strings.Fields(string(out)), " ") + "\n"
			shown[l] = one
		}
		all.WriteString(one)
		fits := false
		for want := range expected {
			if regexp.MustCompile(want).MatchString(one) {
				expected[want], fits = true, true
			}
		}
		if !fits && c.each != "" {
			t.Errorf("this shows nothing of the cause: %s", one)
		}
	}
	for want, fits := range expected {
		if !fits {
			t.Errorf("no %q in:\n%s", want, all.String())
		}
	}
	if !regexp.MustCompile(c.shows).MatchString(all.String()) {
		t.Errorf("no %q in:\n%s", c.shows, all.String())
	}
	t.Logf("%s\n%s", found[0].Why.Cause, all.String())
}

// TestDropReasonsExplained: whatever name this kernel or a module of it can give, skb-drops
// explains it, and the stream has the name of its number.
func TestDropReasonsExplained(t *testing.T) {
	run(t, "modprobe", "openvswitch")
	var names []string
	want := map[uint32]string{}
	modules, err := filepath.Glob("/sys/kernel/btf/*")
	if err != nil || len(modules) == 0 {
		t.Fatal(modules, err)
	}
	types := btf.NewCache() // modules build on the kernel's, which are many
	for _, m := range modules {
		load := func() (*btf.Spec, error) { return types.Module(filepath.Base(m)) }
		if m == "/sys/kernel/btf/vmlinux" {
			load = types.Kernel
		}
		spec, err := load()
		if err != nil {
			t.Fatal(m, err)
		}
		for typ, err := range spec.All() {
			if err != nil {
				t.Fatal(m, err)
			}
			if e, ok := typ.(*btf.Enum); ok && strings.HasSuffix(e.Name, "drop_reason") {
				for _, v := range e.Values {
					names = append(names, v.Name)
					if drops.Lookup(v.Name) != nil { // and not a mark between the reasons
						want[uint32(v.Value)] = drops.Name(v.Name)
					}
				}
			}
		}
	}
	if missing := drops.Unexplained(names); missing != nil {
		t.Errorf("not explained: %v", missing)
	}
	collector, file := collect(t, "--no-follow", "-p", "skb:kfree_skb")
	collector.stop()
	got := readStream(t, file).start.DropReasons
	if !maps.Equal(got, want) {
		t.Errorf("the stream names the reasons\n%v\nthe kernel\n%v", got, want)
	}
	// A kernel that tells of modules' types (5.11) may also have reasons (5.17).
	if exists("/sys/kernel/btf/openvswitch") != (len(want) > 60) {
		t.Errorf("only %d reasons", len(want))
	}
}
