package main

import "strings"

// A part of the census: a data file for the sources whose paths begin so. The first that fits
// holds.
var parts = []struct{ file, prefixes string }{
	{"xfrm", "net/xfrm/ net/key/ net/ipv4/xfrm net/ipv6/xfrm net/ipv4/esp net/ipv6/esp net/ipv4/ah net/ipv6/ah " +
		"net/ipv4/ipcomp net/ipv6/ipcomp net/ipv4/ip_vti net/ipv6/ip6_vti include/net/xfrm"},
	{"netfilter-families", "net/ipv4/netfilter/ net/ipv6/netfilter/ net/bridge/netfilter/ net/bridge/br_netfilter " +
		"net/ipv4/netfilter.c net/ipv6/netfilter.c"},
	{"netfilter-ipvs", "net/netfilter/ipvs/ include/net/ip_vs"},
	{"netfilter-rules", "net/netfilter/nft_ net/netfilter/xt_"},
	{"netfilter", "net/netfilter/ include/net/netfilter"},
	{"ipv4-tcp", "net/ipv4/tcp net/ipv4/inet_connection net/ipv4/syncookies net/ipv4/inet_timewait include/net/tcp"},
	{"ipv4-transport", "net/ipv4/udp net/ipv4/ping net/ipv4/raw net/ipv4/icmp net/ipv4/igmp include/net/udp"},
	{"ipv4", "net/ipv4/"},
	{"ipv6-transport", "net/ipv6/udp net/ipv6/ping net/ipv6/raw net/ipv6/icmp net/ipv6/tcp net/ipv6/mcast net/ipv6/ndisc"},
	{"ipv6-tunnel", "net/ipv6/ip6_tunnel net/ipv6/ip6_gre net/ipv6/sit net/ipv6/tunnel6 net/ipv6/ip6_udp_tunnel " +
		"net/ipv6/ioam6_iptunnel net/ipv6/seg6 net/ipv6/rpl"},
	{"ipv6", "net/ipv6/"},
	{"sched-qdisc", "net/sched/sch_ include/net/sch_generic include/net/pkt_sched include/net/codel include/net/fq"},
	{"sched-tc", "net/sched/ include/net/pkt_cls"},
	{"bridge", "net/bridge/"},
	{"vlan", "net/8021q/ include/linux/if_vlan"},
	{"packet", "net/packet/"},
	{"unix", "net/unix/ include/net/af_unix"},
	{"device-tunnel", "drivers/net/vxlan drivers/net/geneve drivers/net/bareudp drivers/net/gtp drivers/net/wireguard " +
		"drivers/net/amt drivers/net/pfcp drivers/net/ovpn drivers/net/macsec include/net/vxlan"},
	{"device-ppp", "drivers/net/ppp/"},
	{"device", "drivers/net/"},
	{"core", "net/core/ include/linux/ net/ethernet/"},
	{"openvswitch", "net/openvswitch/"},
	{"other", "net/l2tp/ net/mpls/ net/sctp/ net/mptcp/ net/netlink/ net/vmw_vsock/ net/tls/ net/kcm/ net/dccp/ " +
		"net/rds/ net/smc/ net/hsr/ net/dsa/ net/psample/ net/psp/ net/xdp/ net/bpf/ net/llc/ net/802/ net/nsh/ net/ife/ " +
		"net/ethtool/ net/devlink/ net/ncsi/ net/can/ net/tipc/ net/batman-adv/ net/switchdev/ include/"},
	{"hardware", ""},
}

func partOf(file string) string {
	for _, p := range parts {
		for prefix := range strings.FieldsSeq(p.prefixes) {
			if strings.HasPrefix(file, prefix) {
				return p.file
			}
		}
	}
	return parts[len(parts)-1].file
}
