# How nat.skb was recorded, on 6.12: a client, a router that rewrites addresses, and a server
# on which nobody listens on UDP 5353.
set -e
modprobe nft_chain_nat nft_nat 2>/dev/null || true
for n in client router server; do
	ip netns add $n; ip -n $n link set lo up
	ip netns exec $n sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.disable_ipv6=1
done
ip link add eth0 netns client type veth peer name lan netns router
ip link add eth0 netns server type veth peer name wan netns router
ip -n client addr add 10.0.0.1/24 dev eth0; ip -n router addr add 10.0.0.254/24 dev lan
ip -n server addr add 192.0.2.2/24 dev eth0; ip -n router addr add 192.0.2.1/24 dev wan
for x in "client eth0" "router lan" "router wan" "server eth0"; do set -- $x; ip -n $1 link set $2 up; done
ip -n client route add default via 10.0.0.254; ip -n server route add default via 192.0.2.1
ip netns exec router nft -f - <<N
table ip nat {
	chain pre { type nat hook prerouting priority -100; iifname "lan" udp dport 53 dnat to 192.0.2.2:5353; }
	chain post { type nat hook postrouting priority 100; oifname "wan" masquerade; }
}
N
ip netns exec client ping -qc 1 192.0.2.2 >/dev/null
ip netns exec server socat TCP-LISTEN:80,reuseaddr SYSTEM:'read x; echo hello' &
cat > work.sh <<W
ip netns exec client ping -qc 2 -i 0.2 192.0.2.2
ip netns exec client bash -c 'echo -n query > /dev/udp/10.0.0.254/53; sleep 0.3'
echo GET / | ip netns exec client socat -t 1 - TCP:192.0.2.2:80,retry=20,interval=0.1
W
skb-collect -s 128 -p net:netif_receive_skb,net:net_dev_start_xmit,ip_rcv,ip_forward,ip_local_deliver,ip_output \
	-p udp_rcv,icmp_rcv,tcp_v4_rcv,skb:kfree_skb,skb:consume_skb -f 'ip' -w nat.skb -- bash work.sh
