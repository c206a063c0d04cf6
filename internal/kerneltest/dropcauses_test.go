//go:build kernel

package kerneltest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	bpflink "github.com/cilium/ebpf/link"
)

// Drops at places where the kernel drops for several causes: what is told is this one, or it is
// among those that fit. Each collection has many of them.
var dropCauses = []dropGroup{
	{
		name: "causes",
		host: `modprobe -a act_gact cls_u32 sch_htb esp4 bonding
			ip xfrm policy add dir in src 10.0.0.1 dst 10.0.0.2 proto tcp dport 92 action block
			ip xfrm policy add dir in src 10.0.0.1 dst 10.0.0.2 proto udp dport 93 action block
			ip xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x100 mode transport enc 'cbc(aes)' 0x00112233445566778899aabbccddeeff auth 'hmac(sha1)' 0x00112233445566778899aabbccddeeff00112233
			ip link add bond0 type bond mode active-backup; ip link add p1 type veth peer name q1 netns ns0; ip link add p2 type veth peer name q2 netns ns0
			ip link set p1 master bond0; ip link set p2 master bond0; ip addr add 10.5.0.2/24 dev bond0; ip link set bond0 up
			for n in 1 2; do ip link set p$n up; ip -n ns0 link set q$n up; done
			until ip -d link show dev p1 | grep -q ACTIVE && ip -d link show dev p2 | grep -q BACKUP && grep -q up /sys/class/net/p2/operstate; do sleep 0.05; done
			ip -n ns0 addr add 10.5.0.1/24 dev q2; ip -n ns0 neigh add 10.5.0.2 lladdr $(cat /sys/class/net/bond0/address) dev q2
			ip -n ns0 link add link r0 name r0.7 type vlan id 7; ip -n ns0 link set r0.7 up; ip -n ns0 addr add 10.7.0.1/24 dev r0.7; ip -n ns0 neigh add 10.7.0.2 lladdr $(cat /sys/class/net/l1/address) dev r0.7
			ip addr add 10.0.0.22/32 dev lo; ip link set l1 promisc on
			for a in 22 77; do ip -n ns0 neigh add 10.0.0.$a lladdr 02:77:77:77:77:77 dev r0; done
			tc qdisc add dev r1 root handle 1: htb default 10; tc class add dev r1 parent 1: classid 1:10 htb rate 10mbit
			tc filter add dev r1 parent 1: protocol ip u32 match ip dport 91 0xffff action drop
			tc qdisc add dev l1 clsact; tc filter add dev l1 ingress protocol ip u32 match ip dport 94 0xffff action drop
			ip link add vx0 type vxlan id 42 remote 10.0.1.2 dstport 4789 df set; ip addr add 10.8.0.1/24 dev vx0; ip link set vx0 up mtu 1500; ip neigh add 10.8.0.2 lladdr 02:00:00:00:00:02 dev vx0
			sysctl -qw net.ipv4.tcp_syncookies=2
			for a in "-u TCP-LISTEN:6302,so-bindtodevice=r1 OPEN:/dev/null" "-u UDP-RECV:6304,so-bindtodevice=r1 OPEN:/dev/null" "UDP:10.0.0.1:9,bind=10.0.0.2:6305 PIPE"; do socat $a > /dev/null 2>&1 & echo $! >> /tmp/others; done
			until [ $(ss -Hantu | grep -c ':630[245] ') = 3 ]; do sleep 0.05; done
			socat -u TCP-LISTEN:6200,backlog=1 OPEN:/dev/null > /dev/null 2>&1 & echo $! > /tmp/l
			until ss -Hlnt 'sport = 6200' | grep -q 6200; do sleep 0.05; done; kill -STOP $(cat /tmp/l)
			ip netns exec ns0 bash -c 'sleep 100 > /dev/tcp/10.0.0.2/6200 2> /dev/null & echo $! > /tmp/c'
			until ss -Hlnt 'sport = 6200' | grep -q 'LISTEN *1 '; do sleep 0.05; done`,
		after: `ip xfrm policy flush; ip xfrm state flush; ip link del bond0; ip link del p1; ip link del p2; ip -n ns0 link del r0.7; ip addr del 10.0.0.22/32 dev lo; ip link set l1 promisc off
			tc qdisc del dev r1 root; tc qdisc del dev l1 clsact; ip link del vx0; kill -KILL $(cat /tmp/l /tmp/c /tmp/others) || true; rm /tmp/others; for a in 22 77; do ip -n ns0 neigh del 10.0.0.$a dev r0; done; sysctl -qw net.ipv4.tcp_syncookies=1`,
		cases: []dropCase{
			{name: "multicast nobody joined", make: `echo x | socat -u - UDP4-DATAGRAM:239.1.2.3:700,ip-multicast-if=10.0.0.1`, packet: "> 239.1.2.3.700: ",
				reason: "NOT_SPECIFIED", at: "ip_rcv_finish_core", severity: "suspect", cause: "nothing on this host has joined the multicast group 239.1.2.3 on l1", shows: "l1 "},
			{name: "broadcast nobody takes", make: `echo x | socat -u - UDP4-DATAGRAM:10.0.0.255:701,broadcast`, packet: "> 10.0.0.255.701: ",
				reason: "NO_SOCKET", at: "__udp4_lib_rcv udp_rcv", severity: "normal", cause: "no program here takes the UDP broadcast from 10.0.0.1 to port 701 of 10.0.0.255"},
			{name: "VLAN without a device", make: `ping -qc1 -W1 10.7.0.2 > /dev/null || true`, packet: "10.7.0.1 > 10.7.0.2: ",
				reason: "OTHERHOST", at: "ip_rcv_core", severity: "suspect", cause: "the frame on l1 is for this machine and came with a VLAN tag for which l1 has no device", shows: "l1@"},
			{name: "stale MAC address", make: `echo x > /dev/udp/10.0.0.22/702`, packet: "> 10.0.0.22.702: ",
				reason: "OTHERHOST", at: "ip_rcv_core", severity: "suspect", cause: "the packet is for 10.0.0.22, an address of this host, and its frame is for the MAC address 02:77:77:77:77:77", shows: "10.0.0.22/32"},
			{name: "another machine's frame", make: `echo x > /dev/udp/10.0.0.77/703`, packet: "> 10.0.0.77.703: ",
				reason: "OTHERHOST", at: "ip_rcv_core", severity: "normal", cause: "the frame on l1 is addressed to another machine (02:77:77:77:77:77)", shows: "promiscuity"},
			{name: "inactive bond port", make: `ping -qc1 -W1 10.5.0.2 > /dev/null || true`, packet: "10.5.0.1 > 10.5.0.2: ",
				reason: "UNHANDLED_PROTO PTYPE_ABSENT", at: "__netif_receive_skb_core", severity: "suspect", cause: "p2 is an inactive port of the bond bond0, which takes no frames from it", shows: "BACKUP"},
			{name: "unknown SPI", make: raw(50, `\x12\x34\x56\x78\x00\x00\x00\x01abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmn`), packet: "ESP(spi=0x12345678",
				reason: "NOT_SPECIFIED", at: "xfrm_input", severity: "fault", cause: "no IPsec state fits the packet from 10.0.0.1 to 10.0.0.2 (SPI 0x12345678)", or: "its key or algorithm is another than the sender's", shows: "XfrmInNoStates [1-9]"},
			{name: "wrong IPsec key", make: raw(50, `\x00\x00\x01\x00\x00\x00\x00\x01abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr`), packet: "ESP(spi=0x00000100",
				reason: "NOT_SPECIFIED", at: "xfrm_input", severity: "fault", cause: "the IPsec state for the packet from 10.0.0.1 to 10.0.0.2 (SPI 0x00000100) could not take it: its key", or: "(replay)", shows: "XfrmInStateProtoError [1-9]"},
			{name: "TCP listener on another device", make: `echo x 2> /dev/null > /dev/tcp/10.0.0.2/6302 || true`, packet: "10.0.0.2.6302: ",
				reason: "NO_SOCKET", at: "tcp_v4_rcv", cause: "nothing listens on TCP port 6302 of 10.0.0.2 for packets that come in on l1", shows: "%r1:6302"},
			{name: "UDP socket on another device", make: `echo x > /dev/udp/10.0.0.2/6304`, packet: "10.0.0.2.6304: ",
				reason: "NO_SOCKET", at: "__udp4_lib_rcv udp_rcv", cause: "nothing listens on UDP port 6304 of 10.0.0.2 for packets that come in on l1", shows: "%r1:6304"},
			{name: "UDP socket of another peer", make: `echo x > /dev/udp/10.0.0.2/6305`, packet: "10.0.0.2.6305: ",
				reason: "NO_SOCKET", at: "__udp4_lib_rcv udp_rcv", cause: "nothing listens on UDP port 6305 of 10.0.0.2 for packets that come in on l1", shows: "10.0.0.2:6305 10.0.0.1:9"},
			{name: "policy and closed TCP port", make: `timeout 0.5 bash -c 'echo x 2> /dev/null > /dev/tcp/10.0.0.2/92' || true`, packet: "10.0.0.2.92: ", many: true,
				reason: "NO_SOCKET", at: "tcp_v4_rcv", cause: "nothing listens on TCP port 92 of 10.0.0.2 for packets that come in on l1; the sender was told by a reset, unless an IPsec policy refuses its packets", shows: "XfrmInPolBlock [1-9]"},
			{name: "policy and closed UDP port", make: `echo x > /dev/udp/10.0.0.2/93`, packet: "10.0.0.2.93: ",
				reason: "XFRM_POLICY NO_SOCKET", at: "__udp4_lib_rcv udp_rcv", cause: "nothing listens on UDP port 93 of 10.0.0.2, and an IPsec policy refuses packets from 10.0.0.1", bare: "nothing listens on UDP port 93 of 10.0.0.2", shows: ""},
			{name: "htb filter", from: 1, make: `echo x > /dev/udp/10.0.1.2/91`, packet: "10.0.1.2.91: ",
				reason: "QDISC_DROP QDISC_DROP_GENERIC", at: "__dev_queue_xmit kfree_skb_list kfree_skb_list_reason __tcf_kfree_skb_list", cause: "a tc filter on the htb queueing discipline on r1 refused the packet", or: "its queue is full", shows: `dropped 1`},
			{name: "ingress filter", make: `echo x > /dev/udp/10.0.0.2/94`, packet: "10.0.0.2.94: ",
				reason: "TC_INGRESS", at: "__netif_receive_skb_core sch_handle_ingress", severity: "suspect", cause: "a tc filter or BPF program on the ingress of l1 dropped the packet", shows: `dropped 1`},
			{name: "VXLAN beyond the MTU", from: 1, make: `ping -qc1 -W1 -s 1460 10.8.0.2 > /dev/null || true`, packet: "> 10.0.1.2.4789: ",
				reason: "PKT_TOO_BIG", at: "ip_fragment ip_finish_output __ip_finish_output ip_do_fragment", cause: "the packet to 10.0.1.2 (1538 bytes) is larger than the MTU on its way", shows: "mtu 1500"},
			// The listener takes two, of which one is there: of three handshakes that
			// begin at once the last one or two cannot end.
			{name: "full accept queue", make: `tc qdisc add dev r0 root netem delay 700ms; for i in 1 2 3; do timeout 3 bash -c 'sleep 9 > /dev/tcp/10.0.0.2/6200' 2> /dev/null & done; wait; tc qdisc del dev r0 root`, packet: "10.0.0.2.6200: Flags [.]", many: true,
				reason: "NO_SOCKET TCP_LISTEN_OVERFLOW", at: "cookie_v4_check tcp_v4_do_rcv tcp_v4_rcv tcp_check_req", cause: "the queue of connections that wait to be accepted is full at the listener on TCP port 6200", shows: "TcpExtListenOverflows [1-9]"},
		},
	},
	{
		name: "conntrack",
		host: `nft 'table inet zoo { chain input { type filter hook input priority 0; ct state new accept; }; }'
			socat TCP-LISTEN:6500,fork PIPE > /dev/null 2>&1 & until ss -Hlnt | grep -q :6500; do sleep 0.05; done
			for i in 1 2; do ip netns exec ns0 bash -c 'sleep 100 > /dev/tcp/10.0.0.2/6500 2> /dev/null & echo $! >> /tmp/clients'; done
			until [ $(ss -Hnt state established 'sport = 6500' | wc -l) = 2 ]; do sleep 0.05; done
			nsenter --net=/proc/1/ns/net sysctl -qw net.netfilter.nf_conntrack_max=1`,
		after: `nsenter --net=/proc/1/ns/net sysctl -qw net.netfilter.nf_conntrack_max=65536; kill $(cat /tmp/clients) $(ss -Hlntp 'sport = 6500' | grep -o 'pid=[0-9]*' | cut -d= -f2) || true; rm /tmp/clients; nft delete table inet zoo`,
		cases: []dropCase{
			{name: "full table", make: `echo x > /dev/udp/10.0.0.2/6501`, packet: "10.0.0.2.6501: ",
				reason: "NETFILTER_DROP", at: "nf_hook_slow", severity: "fault", cause: "connection tracking refused the packet: its table was full when the stream began (", or: "a module of the kernel", shows: "nf_conntrack_count = [2-9]"},
		},
	},
	{
		name: "vrf",
		host: `modprobe vrf; ip link add blue type vrf table 10; ip link set blue up; ip link set l1 master blue
			socat -u TCP-LISTEN:6400 OPEN:/dev/null > /dev/null 2>&1 & socat -u UDP-RECV:6401 OPEN:/dev/null > /dev/null 2>&1 &
			until ss -Hlnt | grep -q :6400 && ss -Hlnu | grep -q :6401; do sleep 0.05; done`,
		after: `kill $(ss -Hlntup | grep -o 'pid=[0-9]*' | cut -d= -f2) || true; ip link set l1 nomaster; ip link del blue`,
		cases: []dropCase{
			{name: "TCP listener outside", make: `echo x 2> /dev/null > /dev/tcp/10.0.0.2/6400 || true`, packet: "10.0.0.2.6400: ",
				reason: "NO_SOCKET", at: "tcp_v4_rcv", severity: "suspect", cause: "nothing in the VRF blue listens on TCP port 6400 of 10.0.0.2", shows: "tcp_l3mdev_accept = 0"},
			{name: "UDP listener outside", make: `echo x > /dev/udp/10.0.0.2/6401`, packet: "10.0.0.2.6401: ",
				reason: "NO_SOCKET", at: "__udp4_lib_rcv udp_rcv", severity: "suspect", cause: "nothing in the VRF blue listens on UDP port 6401 of 10.0.0.2", shows: "udp_l3mdev_accept = 0"},
		},
	},
}

// A BPF program of the receiver's cgroup that takes nothing.
func TestDropCgroupIngress(t *testing.T) {
	net := zooNetwork(t)
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.CGroupSKB, AttachType: ebpf.AttachCGroupInetIngress, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}})
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	const cgroup = "/sys/fs/cgroup/refusing"
	if err := os.Mkdir(cgroup, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(cgroup)
	attached, err := bpflink.AttachCgroup(bpflink.CgroupOptions{Path: cgroup, Attach: ebpf.AttachCGroupInetIngress, Program: program})
	if err != nil {
		t.Fatal(err)
	}
	defer attached.Close()
	net.in(1, `(echo $BASHPID > `+cgroup+`/cgroup.procs; exec socat -u UDP-RECV:6600 OPEN:/dev/null > /dev/null 2>&1) & echo $! > /tmp/reader
		(echo $BASHPID > `+cgroup+`/cgroup.procs; exec socat -u TCP-LISTEN:6601 OPEN:/dev/null > /dev/null 2>&1) & echo $! >> /tmp/reader
		until ss -Hlnu | grep -q :6600 && ss -Hlnt | grep -q :6601; do sleep 0.05; done`)
	defer net.in(1, `kill $(cat /tmp/reader); while [ -n "$(cat `+cgroup+`/cgroup.procs)" ]; do sleep 0.05; done`)
	file := filepath.Join("/skb/out", "cgroup-ingress.skb")
	collector := start(t, net.command(1, "skb-collect", "--no-follow", "--profile", "drop", "-w", file), "attached")
	net.in(0, `echo x > /dev/udp/10.0.0.2/6600; timeout 0.5 bash -c 'echo x 2> /dev/null > /dev/tcp/10.0.0.2/6601' || true`)
	collector.stop()
	drops, reasons := readDrops(t, file)
	for _, port := range []string{"6600: ", "6601: "} {
		told := false
		for _, d := range drops {
			if !strings.Contains(d.packet, "10.0.0.2."+port) {
				continue
			}
			causes := []string{d.Why.Cause}
			for _, a := range d.Why.Alternatives {
				causes = append(causes, a.Cause)
			}
			all := strings.Join(causes, "\n")
			t.Logf("%s %s\n%s", d.Drop.Name, d.Drop.Location, all)
			told = strings.Contains(all, "BPF program of ")
			if reasons && (d.Why.Reason != "SOCKET_FILTER" || !strings.Contains(d.Why.Cause, "a BPF program of the receiver's cgroup")) {
				t.Errorf("%s: %+v", port, d.Why)
			}
			break
		}
		if !told {
			t.Errorf("port %s: no cgroup's program among the causes: %+v", port, drops)
		}
	}
}
