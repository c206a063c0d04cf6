#!/bin/bash
# What made the streams causes-*.skb here, as root in a virtual machine with kernel 6.12:
#
#	go run ./test/bed run --kernel 6.12 --in bin --in causes.sh --out out -- bash causes.sh
#
# ns1 is the host that drops; skb-collect runs in it.
for m in nf_tables sch_netem sch_htb cls_u32 act_gact bonding vrf 8021q xfrm_user esp4; do modprobe $m; done
for n in ns0 ns1 ns2; do ip netns add $n; ip -n $n link set lo up; done
ip link add r0 netns ns0 type veth peer name l1 netns ns1
ip link add r1 netns ns1 type veth peer name l2 netns ns2
ip -n ns0 addr add 10.0.0.1/24 brd + dev r0; ip -n ns0 link set r0 up
ip -n ns1 addr add 10.0.0.2/24 brd + dev l1; ip -n ns1 link set l1 up
ip -n ns1 addr add 10.0.1.1/24 brd + dev r1; ip -n ns1 link set r1 up
ip -n ns2 addr add 10.0.1.2/24 brd + dev l2; ip -n ns2 link set l2 up
ip -n ns0 route add default via 10.0.0.2; ip -n ns2 route add default via 10.0.1.1
ip -n ns0 addr add fd00::1/64 dev r0 nodad; ip -n ns1 addr add fd00::2/64 dev l1 nodad
ip netns exec ns1 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip netns exec ns0 ping -qc1 10.0.1.2; ip netns exec ns0 ping -qc1 fd00::2

n0() { ip netns exec ns0 bash -c "$1"; }
n1() { ip netns exec ns1 bash -c "$1"; }

# record NAME HOST MAKE AFTER: HOST prepares ns1, MAKE makes the drops, AFTER undoes HOST.
record() {
	n1 "$2"
	ip netns exec ns1 skb-collect -q -w "/skb/out/$1.skb" -p skb:kfree_skb --with stack,sock,ct --no-follow \
		--ready-file /tmp/ready & p=$!
	until [ -e /tmp/ready ]; do sleep 0.1; done
	eval "$3"
	kill -INT $p; wait $p; rm -f /tmp/ready
	n1 "$4"
}

record misc 'ip xfrm policy add dir in src 10.0.0.1 dst 10.0.0.2 proto tcp dport 92 action block
	ip xfrm policy add dir in src 10.0.0.1 dst 10.0.0.2 proto udp dport 92 action block
	ip xfrm policy add dir fwd src 10.0.0.1 dst 10.0.1.2 proto udp dport 92 action block' '
	n0 "echo x | socat -u - UDP4-DATAGRAM:239.1.2.3:700,ip-multicast-if=10.0.0.1"
	n0 "echo x | socat -u - UDP6-DATAGRAM:[ff15::77]:700"
	n0 "echo x | socat -u - UDP4-DATAGRAM:10.0.0.255:701,broadcast"
	n0 "printf \"\\x12\\x34\\x56\\x78\\x00\\x00\\x00\\x01abcdefghijklmnopqrstuvwxyz0123456789abcdefghij\" |
		socat -u - IP4-SENDTO:10.0.0.2:50"
	n0 "timeout 0.5 bash -c \"echo x > /dev/tcp/10.0.0.2/92\""
	n0 "echo x > /dev/udp/10.0.0.2/92"; n0 "echo x > /dev/udp/10.0.1.2/92"' 'ip xfrm policy flush'
record vlan '' '
	n0 "ip link add link r0 name r0.7 type vlan id 7; ip link set r0.7 up; ip addr add 10.7.0.1/24 dev r0.7"
	n0 "ip neigh add 10.7.0.2 lladdr $(ip netns exec ns1 cat /sys/class/net/l1/address) dev r0.7"
	n0 "ping -qc1 -W1 10.7.0.2; ping -qc1 -W1 10.7.0.3; ip link del r0.7"' ''
record acceptq 'socat -u TCP-LISTEN:6200,backlog=0 OPEN:/dev/null > /dev/null 2>&1 & echo $! > /tmp/l
	until ss -Hlnt "sport = 6200" | grep -q 6200; do sleep 0.05; done; kill -STOP $(cat /tmp/l)' '
	n0 "tc qdisc add dev r0 root netem delay 1500ms"
	for i in 1 2 3 4; do n0 "socat -u OPEN:/dev/null TCP:10.0.0.2:6200,connect-timeout=4" & done
	sleep 5; n0 "tc qdisc del dev r0 root"' 'kill -KILL $(cat /tmp/l)'
record vrf 'ip link add blue type vrf table 10; ip link set blue up; ip link set l1 master blue
	socat -u TCP-LISTEN:6400 OPEN:/dev/null & socat -u UDP-RECV:6401 OPEN:/dev/null & sleep 0.5' '
	n0 "echo x > /dev/tcp/10.0.0.2/6400"; n0 "echo x > /dev/udp/10.0.0.2/6401"; n0 "ping -qc1 -W1 10.0.0.2"
	n0 "echo x > /dev/udp/10.0.1.2/99"' '
	kill $(ss -Hlntup | grep -o "pid=[0-9]*" | cut -d= -f2); ip link set l1 nomaster; ip link del blue'
record bond 'ip link add bond0 type bond mode active-backup
	ip link add p1 type veth peer name q1 netns ns0; ip link add p2 type veth peer name q2 netns ns0
	ip link set p1 master bond0; ip link set p2 master bond0; ip addr add 10.5.0.2/24 dev bond0
	ip link set bond0 up; ip link set p1 up; ip link set p2 up
	ip -n ns0 link set q1 up; ip -n ns0 link set q2 up; ip -n ns0 addr add 10.5.0.1/24 dev q2; sleep 0.5' '
	n0 "ip neigh add 10.5.0.2 lladdr $(ip netns exec ns1 cat /sys/class/net/bond0/address) dev q2"
	n0 "ping -qc1 -W1 10.5.0.2; ping -qc1 -W1 10.5.0.3"' 'ip link del bond0; ip link del p1; ip link del p2'
record htb 'tc qdisc add dev r1 root handle 1: htb default 10
	tc class add dev r1 parent 1: classid 1:10 htb rate 10mbit
	tc filter add dev r1 parent 1: protocol ip u32 match ip dport 91 0xffff action drop
	tc qdisc add dev l1 clsact; tc filter add dev l1 ingress protocol ip u32 match ip dport 94 0xffff action drop
	tc filter add dev l1 egress protocol ip u32 match ip dport 95 0xffff action drop' '
	n1 "echo x > /dev/udp/10.0.1.2/91"; n0 "echo x > /dev/udp/10.0.0.2/94"; n1 "echo x > /dev/udp/10.0.0.1/95"' '
	tc qdisc del dev r1 root; tc qdisc del dev l1 clsact'
