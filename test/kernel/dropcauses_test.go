//go:build kernel

package kerneltest

import (
	"io"
	stdnet "net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
)

// Drops at places where the kernel drops for several causes: what is told is this one, or it is
// among those that fit. Each collection has many of them.
var dropCauses = []dropGroup{
	{
		name:    "causes",
		prepare: refusingCgroup,
		host: `modprobe -a act_gact cls_u32 sch_htb esp4 bonding vxlan vrf
			ip xfrm policy add dir in src 10.0.0.1 dst 10.0.0.2 proto tcp dport 92 action block
			ip xfrm policy add dir in src 10.0.0.1 dst 10.0.0.2 proto udp dport 93 action block
			ip xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x100 mode transport enc 'cbc(aes)' 0x00112233445566778899aabbccddeeff auth 'hmac(sha1)' 0x00112233445566778899aabbccddeeff00112233
			ip link add bond0 type bond mode active-backup; ip link add p1 type veth peer name q1 netns ns0; ip link add p2 type veth peer name q2 netns ns0
			ip link set p1 master bond0; ip link set p2 master bond0; ip addr add 10.5.0.2/24 dev bond0; ip link set bond0 up
			for n in 1 2; do ip link set p$n up; ip -n ns0 link set q$n up; done
			ip link add blue type vrf table 10; ip link set blue up; ip link add p3 type veth peer name q3 netns ns0; ip link set p3 master blue
			ip addr add 10.6.0.2/24 dev p3; ip link set p3 up; ip -n ns0 addr add 10.6.0.1/24 dev q3; ip -n ns0 link set q3 up
			await 'ip -d link show dev p1 | grep -q ACTIVE && ip -d link show dev p2 | grep -q BACKUP && grep -q up /sys/class/net/p2/operstate /sys/class/net/p3/operstate'
			ip -n ns0 addr add 10.5.0.1/24 dev q2; ip -n ns0 neigh add 10.5.0.2 lladdr $(cat /sys/class/net/bond0/address) dev q2
			ip -n ns0 link add link r0 name r0.7 type vlan id 7; ip -n ns0 link set r0.7 up; ip -n ns0 addr add 10.7.0.1/24 dev r0.7; ip -n ns0 neigh add 10.7.0.2 lladdr $(cat /sys/class/net/l1/address) dev r0.7
			ip addr add 10.0.0.22/32 dev lo; ip link set l1 promisc on
			for a in 22 77; do ip -n ns0 neigh add 10.0.0.$a lladdr 02:77:77:77:77:77 dev r0; done
			tc qdisc add dev r1 root handle 1: htb default 10; tc class add dev r1 parent 1: classid 1:10 htb rate 10mbit
			tc filter add dev r1 parent 1: protocol ip u32 match ip dport 91 0xffff action drop
			tc qdisc add dev l1 clsact; tc filter add dev l1 ingress protocol ip u32 match ip dport 94 0xffff action drop
			ip link add vx0 type vxlan id 42 remote 10.0.1.2 dstport 4789 df set; ip addr add 10.8.0.1/24 dev vx0; ip link set vx0 up mtu 1500; ip neigh add 10.8.0.2 lladdr 02:00:00:00:00:02 dev vx0
			for a in "TCP-LISTEN:6302,so-bindtodevice=r1" "UDP-RECV:6304,so-bindtodevice=r1" "TCP-LISTEN:6400" "UDP-RECV:6401"; do background socat -u $a OPEN:/dev/null; done
			background socat UDP:10.0.0.1:9,bind=10.0.0.2:6305 PIPE
			background socat -u TCP-LISTEN:6200,backlog=1 OPEN:/dev/null; background socat -u TCP-LISTEN:6201,backlog=3 OPEN:/dev/null
			await '[ $(ss -Hantu | grep -c ":\(6302\|6304\|6305\|6400\|6401\|6200\|6201\|6600\|6601\) ") = 9 ]'
			kill -STOP $(ss -Hlntp | grep ':620[01]' | grep -o 'pid=[0-9]*' | cut -d= -f2)
			for p in 6200 6201 6201 6201; do background nsenter --net=/run/netns/ns0 bash -c "exec sleep 1000 > /dev/tcp/10.0.0.2/$p"; done
			await 'ss -Hlnt | grep -q "LISTEN *1 .*:6200 " && ss -Hlnt | grep -q "LISTEN *3 .*:6201 "'`,
		after: `ip xfrm policy flush; ip xfrm state flush; for d in bond0 p1 p2 p3 blue vx0; do ip link del $d; done; ip -n ns0 link del r0.7; ip addr del 10.0.0.22/32 dev lo; ip link set l1 promisc off
			tc qdisc del dev r1 root; tc qdisc del dev l1 clsact; for a in 22 77; do ip -n ns0 neigh del 10.0.0.$a dev r0; done`,
		cases: []dropCase{
			{name: "multicast nobody joined", rule: "multicast-not-joined", make: `echo x | socat -u - UDP4-DATAGRAM:239.1.2.3:700,ip-multicast-if=10.0.0.1`, packet: "> 239.1.2.3.700: ",
				reason: "NOT_SPECIFIED", at: "ip_rcv_finish_core", severity: "suspect", cause: "nothing on this host has joined the multicast group 239.1.2.3 on l1",
				each: `ip maddress show dev l1\n\d+: l1 link .* inet 224\.0\.0\.1( inet6 \S+)*\n
					^ip mroute show\n\n`},
			{name: "broadcast nobody takes", rule: "udp-broadcast", make: `echo x | socat -u - UDP4-DATAGRAM:10.0.0.255:701,broadcast`, packet: "> 10.0.0.255.701: ",
				reason: "NO_SOCKET", at: "__udp4_lib_rcv udp_rcv", severity: "normal", cause: "no program here takes the UDP broadcast from 10.0.0.1 to port 701 of 10.0.0.255",
				each: `ss -Hanup 'sport = 701'\n\n`},
			{name: "VLAN without a device", rule: "otherhost-vlan-own", make: `ping -qc1 -W1 10.7.0.2 > /dev/null || true`, packet: "10.7.0.1 > 10.7.0.2: ",
				reason: "OTHERHOST", at: "ip_rcv_core", severity: "suspect", cause: "the frame on l1 is for this machine and came with a VLAN tag for which l1 has no device",
				each: `ip -d link show type vlan\n\n
					link show dev l1\n.* l1@`},
			{name: "stale MAC address", rule: "otherhost-stale", make: `echo x > /dev/udp/10.0.0.22/702`, packet: "> 10.0.0.22.702: ",
				reason: "OTHERHOST", at: "ip_rcv_core", severity: "suspect", cause: "the packet is for 10.0.0.22, an address of this host, and its frame is for the MAC address 02:77:77:77:77:77",
				each: `l1@\S+ UP ..:..:..:..:..:.. <
					lo UNKNOWN 10\.0\.0\.22/32`},
			{name: "another machine's frame", rule: "otherhost-neighbour", make: `echo x > /dev/udp/10.0.0.77/703`, packet: "> 10.0.0.77.703: ",
				reason: "OTHERHOST", at: "ip_rcv_core", severity: "normal", cause: "the frame on l1 is addressed to another machine (02:77:77:77:77:77)",
				each: `PROMISC.* promiscuity 1
					? l1@\S+ UP ..:..:..:..:..:.. <`},
			{name: "inactive bond port", rule: "inactive-port", make: `ping -qc1 -W1 10.5.0.2 > /dev/null || true`, packet: "10.5.0.1 > 10.5.0.2: ",
				reason: "UNHANDLED_PROTO PTYPE_ABSENT", at: "__netif_receive_skb_core", severity: "suspect", cause: "p2 is an inactive port of the bond bond0, which takes no frames from it",
				each: `bond_slave state BACKUP
					bond mode active-backup active_slave p1`},
			{name: "unknown SPI", rule: "ipsec-no-state", make: raw(50, `\x12\x34\x56\x78\x00\x00\x00\x01abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmn`), packet: "ESP(spi=0x12345678",
				reason: "NOT_SPECIFIED", at: "xfrm_input", severity: "fault", cause: "no IPsec state fits the packet from 10.0.0.1 to 10.0.0.2 (SPI 0x12345678)",
				each: `spi 0x00000100
					XfrmInNoStates 1 `},
			{name: "wrong IPsec key", rule: "ipsec-wrong-key", make: raw(50, `\x00\x00\x01\x00\x00\x00\x00\x01abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr`), packet: "ESP(spi=0x00000100,",
				reason: "NOT_SPECIFIED", at: "xfrm_input", severity: "fault", cause: "the IPsec state for the packet from 10.0.0.1 to 10.0.0.2 (SPI 0x00000100) could not take it: its key", or: "(replay)",
				each: `spi 0x00000100.* failed 1
					XfrmInStateProtoError 1 `},
			{name: "TCP listener on another device", rule: "tcp-no-listener", make: `echo x 2> /dev/null > /dev/tcp/10.0.0.2/6302 || true`, packet: "10.0.0.2.6302: ",
				reason: "NO_SOCKET", at: "tcp_v4_rcv", severity: "suspect", cause: "nothing listens on TCP port 6302 of 10.0.0.2 for packets that come in on l1",
				each: `%r1:6302
					TcpOutRsts [1-9]
					tcp dport 92 dir in action block
					XfrmInPolBlock `},
			{name: "UDP socket on another device", rule: "udp-no-listener", make: `echo x > /dev/udp/10.0.0.2/6304`, packet: "10.0.0.2.6304: ",
				reason: "NO_SOCKET", at: "__udp4_lib_rcv udp_rcv", severity: "suspect", cause: "nothing listens on UDP port 6304 of 10.0.0.2 for packets that come in on l1",
				each: `%r1:6304
					UdpNoPorts [1-9]`},
			{name: "UDP socket of another peer", rule: "udp-no-listener", make: `echo x > /dev/udp/10.0.0.2/6305`, packet: "10.0.0.2.6305: ",
				reason: "NO_SOCKET", at: "__udp4_lib_rcv udp_rcv", severity: "suspect", cause: "nothing listens on UDP port 6305 of 10.0.0.2 for packets that come in on l1",
				each: `10\.0\.0\.2:6305 10\.0\.0\.1:9
					UdpNoPorts [1-9]`},
			{name: "TCP listener outside of the VRF", rule: "tcp-vrf", make: `echo x 2> /dev/null > /dev/tcp/10.6.0.2/6400 || true`, packet: "10.6.0.2.6400: ",
				reason: "NO_SOCKET", at: "tcp_v4_rcv", severity: "suspect", cause: "nothing in the VRF blue listens on TCP port 6400 of 10.6.0.2",
				each: `LISTEN .* 0\.0\.0\.0:6400
					tcp_l3mdev_accept = 0
					vrf table 10`},
			{name: "UDP listener outside of the VRF", rule: "udp-vrf", make: `echo x > /dev/udp/10.6.0.2/6401`, packet: "10.6.0.2.6401: ",
				reason: "NO_SOCKET", at: "__udp4_lib_rcv udp_rcv", severity: "suspect", cause: "nothing in the VRF blue listens on UDP port 6401 of 10.6.0.2",
				each: `UNCONN .* 0\.0\.0\.0:6401
					udp_l3mdev_accept = 0
					vrf table 10`},
			{name: "policy and closed TCP port", rule: "tcp-no-listener", make: `background bash -c 'echo x > /dev/tcp/10.0.0.2/92'; await 'ss -Hnt state syn-sent "dport = 92" | grep -q .'`, packet: "10.0.0.2.92: ", many: true,
				reason: "NO_SOCKET", at: "tcp_v4_rcv", severity: "suspect", cause: "nothing listens on TCP port 92 of 10.0.0.2 for packets that come in on l1; the sender was told by a reset, unless an IPsec policy refuses its packets",
				each: `ss -Hlntp 'sport = 92'\n\n
					TcpOutRsts
					tcp dport 92 dir in action block
					XfrmInPolBlock ([2-9]|[1-9][0-9])`},
			{name: "policy and closed UDP port", rule: "udp-policy", make: `echo x > /dev/udp/10.0.0.2/93`, packet: "10.0.0.2.93: ",
				reason: "XFRM_POLICY NO_SOCKET", at: "__udp4_lib_rcv udp_rcv", cause: "nothing listens on UDP port 93 of 10.0.0.2, and an IPsec policy refuses packets from 10.0.0.1", bare: "nothing listens on UDP port 93 of 10.0.0.2",
				shows: "(?s)ss -Hanup 'sport = 93'\n\n"},
			{name: "htb filter", rule: "qdisc-filter-drop", from: 1, make: `echo x > /dev/udp/10.0.1.2/91`, packet: "10.0.1.2.91: ",
				reason: "QDISC_DROP QDISC_DROP_GENERIC", at: "__dev_queue_xmit kfree_skb_list kfree_skb_list_reason __tcf_kfree_skb_list", cause: "a tc filter on the htb queueing discipline on r1 refused the packet",
				each: `filter parent 1: .* gact action drop .*\(dropped 1,
					qdisc htb 1: .*\(dropped 1,`},
			{name: "ingress filter", rule: "tc-ingress tc-ingress-seen", make: `echo x > /dev/udp/10.0.0.2/94`, packet: "10.0.0.2.94: ",
				reason: "TC_INGRESS", at: "__netif_receive_skb_core sch_handle_ingress", severity: "suspect", cause: "a tc filter ",
				each: `gact action drop .*\(dropped 1,
					bpftool net show dev l1\nxdp: tc: `},
			{name: "VXLAN beyond the MTU", rule: "too-big", from: 1, make: `ping -qc1 -W1 -s 1460 10.8.0.2 > /dev/null || true`, packet: "> 10.0.1.2.4789: ",
				reason: "PKT_TOO_BIG", at: "ip_fragment ip_finish_output __ip_finish_output ip_do_fragment", cause: "the packet to 10.0.1.2 (1538 bytes) is larger than the MTU on its way",
				each: `10\.0\.1\.0/24 dev r1
					r1@\S+: .* mtu 1500
					IpFragFails [1-9]`},
			{name: "UDP socket of a cgroup with a program", rule: "cgroup-ingress-sole cgroup-ingress", make: `echo x > /dev/udp/10.0.0.2/6600`, packet: "10.0.0.2.6600: ",
				reason: "SOCKET_FILTER", at: "udp_queue_rcv_one_skb", severity: "suspect", cause: "a BPF program of the receiver's cgroup refused the packet to port 6600", among: true,
				each: `:6600 .* cgroup:/refusing
					/sys/fs/cgroup/refusing\s`},
			{name: "TCP socket of a cgroup with a program", rule: "cgroup-ingress-sole cgroup-ingress tcp-refused-there", make: `background bash -c 'echo x > /dev/tcp/10.0.0.2/6601'; await 'ss -Hnt state syn-sent "dport = 6601" | grep -q .'`, packet: "10.0.0.2.6601: ", many: true,
				reason: "SOCKET_FILTER", at: "tcp_v4_rcv", severity: "suspect", cause: "a BPF program of the receiver's cgroup refused the packet to port 6601", bare: "something listens on TCP port 6601, and a filter on its socket, a BPF program of its cgroup, ", among: true,
				each: `:6601 .* cgroup:/refusing
					/sys/fs/cgroup/refusing\s
					? ip xfrm policy
					? TcpOutRsts`},
			// The listener on 6200 takes two connections, of which one is there, and that on 6201 four, of which three are there. Three
			// handshakes with each stop before their last segment; of those three only the first one to come is taken, on 6200
			// by its SYN cookie. The segment that ends a handshake is one with data: the kernel drops it for the same.
			{name: "full accept queue, cookies", rule: "tcp-accept-full tcp-accept-full-unseen", do: endHandshakesLate, packet: "10.0.0.2.6200: Flags [P.]", many: true,
				reason: "NO_SOCKET TCP_LISTEN_OVERFLOW", at: "cookie_v4_check tcp_v4_do_rcv tcp_v4_rcv tcp_check_req", cause: "the queue of connections that wait to be accepted is full at the listener on TCP port 6200", severity: "fault suspect", among: true,
				shows: "(?s)LISTEN 2 1 .*TcpExtListenOverflows [1-9]"},
			{name: "full accept queue", rule: "tcp-accept-full tcp-accept-full-unseen", packet: "10.0.0.2.6201: Flags [P.]", many: true,
				reason: "TCP_LISTEN_OVERFLOW", at: "tcp_v4_rcv tcp_check_req", cause: "the queue of connections that wait to be accepted is full at the listener on TCP port 6201", severity: "fault suspect", among: true,
				shows: "(?s)LISTEN 4 3 .*TcpExtListenOverflows [1-9]"},
		},
	},
	{
		name: "conntrack",
		host: `nft 'table inet zoo { chain input { type filter hook input priority 0; ct state new accept; }; }'
			background socat TCP-LISTEN:6500,fork PIPE; await 'ss -Hlnt | grep -q :6500'
			for i in 1 2; do background nsenter --net=/run/netns/ns0 bash -c 'exec sleep 1000 > /dev/tcp/10.0.0.2/6500'; done
			await '[ $(ss -Hnt state established "sport = 6500" | wc -l) = 2 ]'
			sysctl -n net.netfilter.nf_conntrack_max > /tmp/conntrack-max; nsenter --net=/proc/1/ns/net sysctl -qw net.netfilter.nf_conntrack_max=1`,
		after: `nsenter --net=/proc/1/ns/net sysctl -qw net.netfilter.nf_conntrack_max=$(cat /tmp/conntrack-max); nft delete table inet zoo`,
		cases: []dropCase{
			// Past the sender's hooks: where other tests had its namespace track connections, its table is full as well.
			{name: "full table", rule: "conntrack-full", make: toL1(udp4("10.0.0.1", "10.0.0.2", 6501)), packet: "10.0.0.2.6501: ",
				reason: "NETFILTER_DROP", at: "nf_hook_slow", severity: "fault", cause: "connection tracking refused the packet: its table was full when the stream began (",
				each: `nf_conntrack_count = ([2-9]|[1-9][0-9]+) .*nf_conntrack_max = 1
					entries .* drop early_drop `},
		},
	},
}

// TestDropCauses makes drops at places that have several causes.
func TestDropCauses(t *testing.T) {
	makeDrops(t, dropCauses)
}

// endHandshakesLate begins three connections to port 6200, with SYN cookies, and three to port 6201, without, whose
// third segment comes late, with data.
func endHandshakesLate(t *testing.T, net *network) {
	net.in(0, `nft 'table ip hold { chain output { type filter hook output priority 0; tcp dport 6200-6201 tcp flags & (syn|ack) == ack drop; }; }'`)
	var connections []io.Writer
	for _, c := range []struct{ port, cookies string }{{"6200", "2"}, {"6201", "1"}} {
		net.sysctl(1, "ipv4/tcp_syncookies="+c.cookies)
		net.within(0, func() error {
			for range 3 {
				connection, err := stdnet.Dial("tcp4", "10.0.0.2:"+c.port)
				if err != nil {
					return err
				}
				t.Cleanup(func() { connection.Close() })
				connections = append(connections, connection)
			}
			return nil
		})
	}
	net.in(0, "nft delete table ip hold")
	for _, c := range connections {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
}

// refusingCgroup makes a cgroup whose BPF program takes no packet, and listeners on the ports 6600 (UDP)
// and 6601 (TCP) in it.
func refusingCgroup(t *testing.T, net *network) {
	t.Helper()
	dir, err := os.Open(cgroupRefusing(t, "refusing", ebpf.AttachCGroupInetIngress))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, address := range []string{"UDP-RECV:6600", "TCP-LISTEN:6601"} {
		cmd := exec.Command("nsenter", "--net=/run/netns/"+net.names[1], "socat", "-u", address, "OPEN:/dev/null")
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
		background(t, cmd)
	}
}
