//go:build kernel

package kerneltest

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// A kind is a way for datagrams from ns0 to ns1, or by way of ns1 to ns2, that turns a packet into
// another.
type kind struct {
	name    string
	modules string
	// Scripts for each namespace: @. is the subnet 172.16.<i>, HERE and THERE are the two addresses of
	// the link between ns0 and ns1, DEV is its device, OWN its hardware address, FAR that of the device at the other end.
	side   [3]string
	both   string // for ns0 and ns1
	to     string // address, if not @.2
	encap  string // the tunnel as `changed` names it
	inside string // the tunnel that this one is in
	nat    bool
	copies int    // that come besides the first, of what is not fragmented
	packed bool   // only those are in the tunnel that would be fragments
	passed string // a probe that all but the first two do not come by, unless they are fragments
}

const kindPort = 7000

func up(dev string, i int) string {
	return fmt.Sprintf("ip addr add @.%d/24 dev %s; ip link set %s up", i, dev, dev)
}

// ups is for both ends.
func ups(dev string) [3]string { return [3]string{up(dev, 1), up(dev, 2)} }

// batched has one ip do what scripts want of many: to start one takes longer than what it does.
const batched = `
	b=/tmp/batch
	flush() { command ip -batch $b || { cat -n $b; false; }; : > $b; }
	ip() { case $1 in -*) flush; command ip "$@";; *) echo "$*" >> $b;; esac; }
	nft() { flush; command nft "$@"; }
	tc() { flush; command tc "$@"; }
	sysctl() { flush; command sysctl "$@"; }
	: > $b
`

// vlan makes a link of its own between ns0 and ns1: what a device can have only one of is on that.
func vlan(dev string, id int) string {
	return fmt.Sprintf("ip link add link DEV name %s type vlan id %d; ip link set %[1]s up\n", dev, id)
}

var kinds = []kind{
	{name: "plain", to: "10.0.0.2"},

	{name: "vxlan", modules: "vxlan", both: "ip link add vx type vxlan id 42 dstport 4789 local HERE remote THERE dev DEV", side: ups("vx"), encap: "vxlan"},
	{name: "vxlan5", modules: "vxlan", both: "ip link add vx5 type vxlan id 43 dstport 5555 local HERE remote THERE dev DEV", side: ups("vx5"), encap: "udp"},
	{name: "vxlan6", modules: "vxlan", side: [3]string{"ip link add vx6 mtu 1400 type vxlan id 45 dstport 4789 local fd00:0::1 remote fd00:0::2; " + up("vx6", 1),
		"ip link add vx6 mtu 1400 type vxlan id 45 dstport 4789 local fd00:0::2 remote fd00:0::1; " + up("vx6", 2)}, encap: "vxlan"},
	{name: "geneve", modules: "geneve", both: "ip link add gnv type geneve id 43 remote THERE", side: ups("gnv"), encap: "geneve"},
	{name: "gre", modules: "ip_gre", both: "ip link add gre5 type gre local HERE remote THERE key 5", side: ups("gre5"), encap: "gre"},
	{name: "gretap", modules: "ip_gre", both: "ip link add gretap5 type gretap local HERE remote THERE key 6", side: ups("gretap5"), encap: "gre"},
	{name: "greroute", modules: "ip_gre", both: "ip link add grex type gre external", side: [3]string{up("grex", 1) + "; ip route add @.2/32 encap ip id 88 dst THERE key dev grex", up("grex", 2)}, encap: "gre"},
	{name: "ip6gre", modules: "ip6_gre", side: [3]string{"ip link add g6 type ip6gre local fd00:0::1 remote fd00:0::2 key 7; " + up("g6", 1),
		"ip link add g6 type ip6gre local fd00:0::2 remote fd00:0::1 key 7; " + up("g6", 2)}, encap: "gre"},
	{name: "ipip", modules: "ipip", both: "ip link add ipip5 type ipip local HERE remote THERE", side: ups("ipip5"), encap: "ipip"},
	{name: "sit", modules: "sit", both: "ip link add six type sit local HERE remote THERE; ip link set six up",
		side: [3]string{"ip addr add fd16::1/64 dev six nodad", "ip addr add fd16::2/64 dev six nodad"}, encap: "ipip", to: "fd16::2"},
	{name: "ip6tnl", modules: "ip6_tunnel", side: [3]string{"ip link add t6 type ip6tnl mode ipip6 local fd00:0::1 remote fd00:0::2; " + up("t6", 1),
		"ip link add t6 type ip6tnl mode ipip6 local fd00:0::2 remote fd00:0::1; " + up("t6", 2)}, encap: "ipip"},
	{name: "fou", modules: "fou ip_gre", both: "ip fou add port 5556 ipproto 47; ip link add fou5 type gre local HERE remote THERE key 8 ttl 64 encap fou encap-sport 5556 encap-dport 5556", side: ups("fou5"), encap: "udp"},
	{name: "gue", modules: "fou ip_gre", both: "ip fou add port 5557 gue; ip link add gue5 type gre local HERE remote THERE key 9 ttl 63 encap gue encap-sport 5557 encap-dport 5557", side: ups("gue5"), encap: "udp"},
	{name: "l2tpudp", modules: "l2tp_netlink l2tp_eth", both: "ip l2tp add tunnel tunnel_id 1 peer_tunnel_id 1 encap udp local HERE remote THERE udp_sport 5000 udp_dport 5000; ip l2tp add session name l2tpu tunnel_id 1 session_id 1 peer_session_id 1",
		side: ups("l2tpu"), encap: "udp"},
	{name: "l2tpip", modules: "l2tp_netlink l2tp_eth l2tp_ip", both: "ip l2tp add tunnel tunnel_id 2 peer_tunnel_id 2 encap ip local HERE remote THERE; ip l2tp add session name l2tpi tunnel_id 2 session_id 2 peer_session_id 2",
		side: ups("l2tpi"), encap: "l2tp"},
	{name: "macsec", modules: "macsec", both: "ip link add link DEV ms type macsec encrypt on; ip macsec add ms tx sa 0 pn 1 on key 01 12345678901234567890123456789012; ip macsec add ms rx port 1 address FAR; ip macsec add ms rx port 1 address FAR sa 0 pn 1 on key 02 12345678901234567890123456789012",
		side: ups("ms"), encap: "macsec"},
	{name: "mpls", modules: "mpls_router mpls_iptunnel", side: [3]string{"ip addr add @.1/32 dev lo; ip route add @.2/32 encap mpls 100/200 via 10.0.0.2 dev r0 src @.1",
		"sysctl -qw net.mpls.platform_labels=1000 net.mpls.conf.l1.input=1; ip addr add @.2/32 dev lo; ip route add @.1/32 via 10.0.0.1; ip -f mpls route add 100 dev lo; ip -f mpls route add 200 dev lo; sysctl -qw net.mpls.conf.lo.input=1"},
		encap: "mpls"},
	{name: "esp", modules: "esp4 xfrm_user seqiv gcm", both: "ip xfrm state add src HERE dst THERE proto esp spi 0x101 mode tunnel aead 'rfc4106(gcm(aes))' 0x1234567890123456789012345678901234567890 128; ip xfrm state add src THERE dst HERE proto esp spi 0x101 mode tunnel aead 'rfc4106(gcm(aes))' 0x1234567890123456789012345678901234567890 128",
		side: [3]string{"ip addr add @.1/32 dev lo; ip route add @.2/32 via 10.0.0.2 src @.1; ip xfrm policy add src @.1 dst @.2 dir out tmpl src HERE dst THERE proto esp mode tunnel",
			"ip addr add @.2/32 dev lo; ip route add @.1/32 via 10.0.0.1; ip xfrm policy add src @.1 dst @.2 dir in tmpl src THERE dst HERE proto esp mode tunnel"}, encap: "esp"},
	{name: "esptransport", modules: "esp4 xfrm_user seqiv gcm", both: "ip xfrm state add src @.1 dst @.2 proto esp spi 0x102 mode transport aead 'rfc4106(gcm(aes))' 0x1234567890123456789012345678901234567890 128",
		side: [3]string{"ip addr add @.1/32 dev lo; ip route add @.2/32 via 10.0.0.2 src @.1; ip xfrm policy add src @.1 dst @.2 dir out tmpl proto esp mode transport",
			"ip addr add @.2/32 dev lo; ip route add @.1/32 via 10.0.0.1; ip xfrm policy add src @.1 dst @.2 dir in tmpl proto esp mode transport"}, encap: "esp"},
	{name: "beet", modules: "esp4 xfrm_user seqiv gcm", both: "ip xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x103 reqid 3 mode beet sel src @.1 dst @.2 aead 'rfc4106(gcm(aes))' 0x1234567890123456789012345678901234567890 128",
		side: [3]string{"ip addr add @.1/32 dev lo; ip route add @.2/32 via 10.0.0.2 src @.1; ip xfrm policy add src @.1 dst @.2 dir out tmpl src HERE dst THERE proto esp reqid 3 mode beet",
			"ip addr add @.2/32 dev lo; ip route add @.1/32 via 10.0.0.1; ip xfrm policy add src @.1 dst @.2 dir in tmpl src THERE dst HERE proto esp reqid 3 mode beet"}, encap: "esp"},
	{name: "ah", modules: "ah4 xfrm_user", both: "ip xfrm state add src 10.0.0.1 dst 10.0.0.2 proto ah spi 0x104 reqid 4 mode tunnel auth-trunc 'hmac(sha256)' 0x1234567890123456789012345678901212345678901234567890123456789012 128",
		side: [3]string{"ip addr add @.1/32 dev lo; ip route add @.2/32 via 10.0.0.2 src @.1; ip xfrm policy add src @.1 dst @.2 dir out tmpl src HERE dst THERE proto ah reqid 4 mode tunnel",
			"ip addr add @.2/32 dev lo; ip route add @.1/32 via 10.0.0.1; ip xfrm policy add src @.1 dst @.2 dir in tmpl src THERE dst HERE proto ah reqid 4 mode tunnel"}, encap: "ah+ipip"},
	{name: "ipcomp", modules: "ipcomp xfrm_user deflate", both: "ip xfrm state add src @.1 dst @.2 proto comp spi 0x105 reqid 5 mode transport comp deflate", // what is short stays as it is
		side: [3]string{"ip addr add @.1/32 dev lo; ip route add @.2/32 via 10.0.0.2 src @.1; ip xfrm policy add src @.1 dst @.2 dir out tmpl proto comp reqid 5 mode transport",
			"ip addr add @.2/32 dev lo; ip route add @.1/32 via 10.0.0.1; ip xfrm policy add src @.1 dst @.2 dir in tmpl proto comp reqid 5 mode transport level use"}, encap: "ipcomp", packed: true},
	{name: "wireguard", modules: "wireguard", both: "ip link add wg type wireguard", side: [3]string{up("wg", 1) + "; ip addr add @.77/32 dev wg", up("wg", 2)}, encap: "wireguard"},
	{name: "vxlanwireguard", modules: "vxlan wireguard", side: [3]string{"ip link add vxw type vxlan id 44 dstport 4789 local WG.1 remote WG.2; " + up("vxw", 1),
		"ip link add vxw type vxlan id 44 dstport 4789 local WG.2 remote WG.1; " + up("vxw", 2)}, encap: "vxlan", inside: "wireguard"},
	{name: "tun", modules: "tun"}, // the program is the test's

	{name: "vlan", modules: "8021q", both: vlan("v44", 44), side: ups("v44")},
	{name: "qinq", modules: "8021q", both: "ip link add link DEV name v60 type vlan proto 802.1ad id 60; ip link set v60 up; ip link add link v60 name v60.7 type vlan id 7", side: ups("v60.7")},
	{name: "bridge", modules: "bridge 8021q", both: vlan("v45", 45), side: [3]string{up("v45", 1), "ip link add name bridge7 type bridge; ip link set v45 master bridge7; " + up("bridge7", 2)}},
	{name: "bond", modules: "bridge 8021q", side: [3]string{`modprobe bonding max_bonds=0; ip link add bp0 type veth peer name bp1 netns ns1; ip link add bond7 type bond mode active-backup
		ip link set bp0 master bond7; ip link set bond7 up; ip link add link bond7 name bond7.48 type vlan id 48; ` + up("bond7.48", 1),
		`ip link add bridge8 type bridge; ip link set bp1 master bridge8; ip link set bp1 up; ip link set bridge8 up; ip link add link bridge8 name bridge8.48 type vlan id 48; ` + up("bridge8.48", 2)}},
	{name: "macvlan", modules: "macvlan 8021q", both: vlan("v49", 49) + "ip link add link v49 name mv49 type macvlan mode bridge", side: ups("mv49")},
	{name: "ipvlan", modules: "ipvlan 8021q", both: vlan("v50", 50) + "ip link add link v50 name iv50 type ipvlan mode l2", side: ups("iv50")},
	{name: "vrf", modules: "vrf 8021q", both: vlan("v46", 46), side: [3]string{up("v46", 1), "ip link add name red type vrf table 10; ip link set red up; ip link set v46 master red; sysctl -qw net.ipv4.udp_l3mdev_accept=1; " + up("v46", 2)}},
	{name: "duplicate", modules: "sch_netem 8021q", both: vlan("v47", 47), side: [3]string{up("v47", 1) + "; tc qdisc add dev v47 root netem duplicate 100%", up("v47", 2)}, copies: 1},
	{name: "reorder", modules: "sch_netem 8021q", both: vlan("v53", 53), side: [3]string{up("v53", 1) + "; tc qdisc add dev v53 root netem delay 5ms reorder 50%", up("v53", 2)}},
	{name: "ifb", modules: "act_mirred cls_matchall sch_ingress 8021q", both: vlan("v51", 51), side: [3]string{up("v51", 1), "modprobe ifb numifbs=0; ip link add ifb7 type ifb; ip link set ifb7 up; " + up("v51", 2) +
		"; tc qdisc add dev v51 handle ffff: ingress; tc filter add dev v51 parent ffff: matchall action mirred egress redirect dev ifb7"}},
	{name: "ingress", modules: "act_mirred cls_matchall sch_ingress dummy 8021q", both: vlan("v55", 55), side: [3]string{up("v55", 1) + "; ip neigh add @.2 lladdr FAR dev v55",
		"ip link add d55 type dummy; ip link set d55 address OWN; " + up("d55", 2) + "; tc qdisc add dev v55 handle ffff: ingress; tc filter add dev v55 parent ffff: matchall action mirred ingress redirect dev d55"}},
	{name: "mirrored", modules: "act_mirred cls_matchall sch_ingress dummy 8021q", both: vlan("v61", 61), side: [3]string{up("v61", 1), "ip link add d61 type dummy; ip link set d61 up; " + up("v61", 2) +
		"; tc qdisc add dev v61 handle ffff: ingress; tc filter add dev v61 parent ffff: matchall action mirred egress mirror dev d61"}},
	{name: "tracked", modules: "act_ct cls_matchall sch_ingress 8021q", both: vlan("v62", 62), side: [3]string{up("v62", 1), up("v62", 2) +
		"; tc qdisc add dev v62 handle ffff: ingress; tc filter add dev v62 parent ffff: protocol ip matchall action ct zone 5"}},
	{name: "tcnat", modules: "act_ct cls_flower sch_ingress 8021q nf_nat", to: "@.3", both: vlan("v63", 63), side: [3]string{up("v63", 1) + "; ip neigh add @.3 lladdr FAR dev v63", up("v63", 2) +
		"; tc qdisc add dev v63 handle ffff: ingress; tc filter add dev v63 parent ffff: protocol ip flower ip_proto udp action ct commit nat dst addr @.2 zone 6"}, nat: true},
	{name: "tctunnel", modules: "act_mirred act_tunnel_key cls_matchall sch_ingress vxlan 8021q", both: vlan("v64", 64) + "ip link add vxe type vxlan external dstport 4790; ip link set vxe address OWN; ip link set vxe up",
		side: [3]string{up("v64", 1) + "; ip neigh add @.2 lladdr FAR dev v64; tc qdisc add dev v64 clsact; tc filter add dev v64 egress matchall action tunnel_key set src_ip HERE dst_ip THERE id 99 dst_port 4790 pipe action mirred egress redirect dev vxe",
			up("v64", 2) + "; tc qdisc add dev vxe handle ffff: ingress; tc filter add dev vxe parent ffff: matchall action tunnel_key unset pipe action mirred ingress redirect dev v64"}, encap: "udp"},
	{name: "nftfwd", modules: "nft_fwd_netdev 8021q", both: vlan("v65", 65), side: [3]string{up("v65", 1) + "; ip neigh add @.2 lladdr 02:00:00:00:00:65 dev v65",
		"ip link add fw0 type veth peer name fw1; ip link set fw1 address 02:00:00:00:00:65; ip link set fw0 up; " + up("fw1", 2) + "; ip link set v65 promisc on; nft 'table netdev fwt { chain c { type filter hook ingress device v65 priority 0; ip daddr @.2 fwd to fw0; }; }'"}},
	{name: "flooded", modules: "bridge", side: [3]string{"ip link add fl0 type veth peer name fl1 netns ns1; " + up("fl0", 1) + "; ip neigh add @.2 lladdr 02:00:00:00:00:99 dev fl0",
		"ip link add bridge9 type bridge ageing_time 0; ip link set fl1 master bridge9; ip link set fl1 up; for d in 2 4 6; do ip link add fl$d type veth peer name fl$((d+1)) netns ns2; ip link set fl$d master bridge9; ip link set fl$d up; done; ip link set bridge9 up",
		"ip link set fl5 address 02:00:00:00:00:99; for d in 3 5 7; do ip link set fl$d up; done; ip addr add @.2/24 dev fl5"}},
	{name: "grolist", side: [3]string{"ip link add gl0 type veth peer name gl1 netns ns1; flush; ethtool -K gl0 tso off gso off > /dev/null; " + up("gl0", 1) + "; ip neigh add @.2 lladdr 02:00:00:00:00:e3 dev gl0",
		"ip link add gl2 type veth peer name gl3 netns ns2; flush; ethtool -K gl1 gro on rx-gro-list on > /dev/null; ip link set gl1 address 02:00:00:00:00:e3; ip link set gl1 up; ip link set gl2 up; ip addr add 172.30.1.1/24 dev gl1; ip route add @.2/32 dev gl2; ip neigh add @.2 lladdr 02:00:00:00:00:e1 dev gl2",
		"ip link set gl3 address 02:00:00:00:00:e1; " + up("gl3", 2)}},
	{name: "observed", modules: "8021q", both: vlan("v52", 52), side: ups("v52")}, // by packet sockets of the test

	{name: "forwarded", to: "10.0.1.2", side: [3]string{"ip route add 10.0.1.0/24 via 10.0.0.2", "true", "ip route add default via 10.0.1.1"}},
	{name: "flowtable", modules: "nft_flow_offload nf_flow_table_inet", to: "10.0.1.3", side: [3]string{"ip route replace 10.0.1.0/24 via 10.0.0.2",
		"nft 'table ip fast { flowtable f { hook ingress priority 0; devices = { l1, r1 }; }; chain forward { type filter hook forward priority 0; ip daddr 10.0.1.3 udp dport 7000 flow add @f; }; }'",
		"ip addr add 10.0.1.3/24 dev l2"}, passed: "ip_forward"},
	{name: "nat6", modules: "nft_chain_nat", to: "fd0d::2", side: [3]string{"ip route add fd0d::2/128 via fd00:0::2",
		"sysctl -qw net.ipv6.conf.all.forwarding=1; nft 'table ip6 nat { chain pre { type nat hook prerouting priority -100; ip6 daddr fd0d::2 udp dport 7000 dnat to fd00:1::2; }; chain post { type nat hook postrouting priority 100; oif r1 udp dport 7000 masquerade; }; }'"}, nat: true},
	{name: "nfqueue", modules: "nft_queue nfnetlink_queue", side: [3]string{"ip route add @.2/32 via 10.0.0.2",
		"ip addr add @.2/32 dev lo; nft 'table ip queued { chain input { type filter hook input priority 0; ip daddr @.2 udp dport 7000 queue num 3; }; }'"}},
	{name: "dup", modules: "nft_dup_ipv4", side: [3]string{"ip route add @.2/32 via 10.0.0.2",
		"ip addr add @.2/32 dev lo; nft 'table ip twice { chain pre { type filter hook prerouting priority 0; iif l1 ip daddr @.2 udp dport 7000 dup to 10.0.1.2 device r1; }; }'"}, copies: 1},
	{name: "ipvs", modules: "ip_vs ip_vs_rr", side: [3]string{"ip route add @.2/32 via 10.0.0.2", "ip addr add @.2/32 dev lo"}, nat: true},
	{name: "nat", modules: "nft_chain_nat", side: [3]string{"ip route add @.2/32 via 10.0.0.2",
		"ip addr add @.2/32 dev lo; nft 'table ip nat { chain pre { type nat hook prerouting priority -100; ip daddr @.2 udp dport 7000 dnat to 10.0.1.2; }; }'"}, nat: true},
}

// numbered finds in a packet what was sent: the kind and the number.
var numbered = regexp.MustCompile(`<([a-z0-9]+)#([0-9]+)>`)

// received counts the datagrams that sockets got, by their payload.
type received struct {
	mu    sync.Mutex
	count map[string]int
}

// receive reads all that comes to a UDP socket in namespace i until the test ends.
func (r *received) receive(n *network, i int, network, address string) {
	n.t.Helper()
	var socket net.PacketConn
	n.within(i, func() (err error) {
		config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
			// There is room for all that is sent, however late it is read.
			c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20) })
			return err
		}}
		socket, err = config.ListenPacket(n.t.Context(), network, address)
		return err
	})
	n.t.Cleanup(func() { socket.Close() })
	go func() {
		b := make([]byte, 1<<16)
		for {
			length, _, err := socket.ReadFrom(b)
			if err != nil {
				return
			}
			r.mu.Lock()
			r.count[strings.TrimRight(string(b[:length]), " ")]++
			r.mu.Unlock()
		}
	}()
}

// await waits until a payload has come so often.
func (r *received) await(t *testing.T, payload string, times int) {
	t.Helper()
	until(t, fmt.Sprintf("%s has been received %d times", payload, times), func() (bool, string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.count[payload] >= times, fmt.Sprint(r.count)
	})
}

// TestJourneyKinds sends numbered datagrams through each kind of tunnel and device: the events
// of each number are one journey, of no other number's, which ends where a program read it;
// a tunnel is named, and is no NAT. So for TCP that sends again, SCTP, and what tunnels and
// queues discard in silence.
func TestJourneyKinds(t *testing.T) {
	const each, whole = 6, 4 // packets of a kind; those that are not fragmented
	const segments = 9       // of TCP
	began := time.Now()
	n := chain(t, 3)
	n.in(0, "ping -qc 1 10.0.0.2; ping -qc 1 fd00:0::2")
	n.in(1, "ping -qc 1 10.0.1.2")
	mac := [2]string{strings.TrimSpace(n.in(0, "cat /sys/class/net/r0/address")), strings.TrimSpace(n.in(1, "cat /sys/class/net/l1/address"))}
	index := func(name string) int {
		return slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	}
	subnet := func(i int) string { return fmt.Sprint("172.16.", i) }
	to := func(i int) string { return strings.ReplaceAll(cmp.Or(kinds[i].to, "@.2"), "@", subnet(i)) }
	modules := []string{"sctp", "nft_numgen"}
	for _, k := range kinds {
		modules = append(modules, strings.Fields(k.modules)...)
	}
	run(t, "modprobe", append([]string{"-a"}, modules...)...)
	for side, dev := range []string{"r0", "l1", "l2"} {
		script := ""
		for i, k := range kinds {
			s := k.side[side]
			if side < 2 {
				s = k.both + "\n" + s
				s = strings.NewReplacer("HERE", fmt.Sprintf("10.0.0.%d", 1+side), "THERE", fmt.Sprintf("10.0.0.%d", 2-side), "DEV", dev, "FAR", mac[1-side], "OWN", mac[side]).Replace(s)
			}
			script += strings.NewReplacer("@.", subnet(i)+".", "WG", subnet(index("wireguard"))).Replace("echo "+k.name+"\n"+s) + "\n"
		}
		n.in(side, batched+script+"flush")
	}

	a, b, stranger := newKey(), newKey(), newKey()
	wg := subnet(index("wireguard"))
	n.in(0, "ip link add wgx type wireguard; ip addr add 172.17.0.1/24 dev wgx")
	n.within(0, func() error {
		if err := wireguard("wg", a, 7100, wgPeer{b.PublicKey(), netip.MustParseAddrPort("10.0.0.2:7101"), netip.MustParsePrefix(wg + ".2/32")}); err != nil {
			return err
		}
		// Whom ns1 does not know.
		return wireguard("wgx", stranger, 7102, wgPeer{b.PublicKey(), netip.MustParseAddrPort("10.0.0.2:7101"), netip.MustParsePrefix("172.17.0.2/32")})
	})
	n.within(1, func() error {
		return wireguard("wg", b, 7101, wgPeer{a.PublicKey(), netip.AddrPort{}, netip.MustParsePrefix(wg + ".1/32")})
	})
	tun := subnet(index("tun"))
	n.tunVPN(0, "tun5", "10.0.0.1:7103", "10.0.0.2:7103")
	n.tunVPN(1, "tun5", "10.0.0.2:7103", "10.0.0.1:7103")
	n.in(0, "ip addr add "+tun+".1/24 dev tun5; ip link set tun5 up")
	n.in(1, "ip addr add "+tun+".2/24 dev tun5; ip link set tun5 up")
	n.within(1, func() error {
		return ipvs(netip.MustParseAddrPort(to(index("ipvs"))+":7000"), netip.MustParseAddrPort("10.0.1.2:7000"))
	})
	n.acceptQueued(1, 3)
	n.observe(1, "v52", 0)
	n.in(0, "ip link add tapped type dummy; ip addr add 172.18.0.1/24 dev tapped; ip neigh add 172.18.0.2 lladdr 02:00:00:00:00:18 dev tapped; ip link set tapped up")
	n.observe(0, "tapped", 1)

	got := &received{count: map[string]int{}}
	got.receive(n, 1, "udp4", "0.0.0.0:7000")
	got.receive(n, 1, "udp6", "[::]:7000")
	got.receive(n, 2, "udp4", "0.0.0.0:7000")
	got.receive(n, 2, "udp6", "[::]:7000")
	read := filepath.Join(t.TempDir(), "read") // by servers of SCTP and TCP
	for _, server := range []string{"SCTP4-LISTEN:7001,fork", "TCP4-LISTEN:7005,fork"} {
		background(t, n.command(1, "socat", "-u", server, "OPEN:"+read+",creat,append"))
	}
	until(t, "servers of SCTP and TCP listen", func() (bool, string) {
		out := n.in(1, "cat /proc/net/sctp/eps; ss -Hltn")
		return strings.Contains(out, " 7001 ") && strings.Contains(out, ":7005"), out
	})
	// A third of what TCP sends is lost, and sent again.
	n.in(1, `nft 'table ip lossy { chain pre { type filter hook prerouting priority -300; tcp dport 7005 tcp flags & (syn | fin) == 0x0 numgen inc mod 3 == 1 drop; }; }'`)
	n.sysctl(0, "ipv4/tcp_retrans_collapse=0")

	var v4, v6, disallowed net.PacketConn
	n.within(0, func() (err error) {
		if v4, err = net.ListenPacket("udp4", "0.0.0.0:0"); err != nil {
			return err
		}
		if v6, err = net.ListenPacket("udp6", "[::]:0"); err != nil {
			return err
		}
		disallowed, err = net.ListenPacket("udp4", wg+".77:0")
		return err
	})
	t.Cleanup(func() { v4.Close(); v6.Close(); disallowed.Close() })
	send := func(from net.PacketConn, to, payload string) {
		t.Helper()
		addr := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(to), kindPort))
		if _, err := from.WriteTo([]byte(payload), addr); err != nil {
			t.Fatalf("sending %s to %s: %v", payload, to, err)
		}
	}
	socket := func(i int) net.PacketConn {
		if strings.Contains(to(i), ":") {
			return v6
		}
		return v4
	}
	pad := func(payload string, number int) string { // the last are fragmented on the way
		return fmt.Sprintf("%-*s", map[bool]int{false: 40, true: 4000}[number >= whole], payload)
	}
	t.Logf("laid after %v", time.Since(began))
	for i, k := range kinds { // neighbours are found, WireGuard's handshake is done, connections are tracked
		send(socket(i), to(i), pad("first "+k.name, 0))
	}
	for _, k := range kinds {
		got.await(t, "first "+k.name, 1)
	}
	t.Logf("ways are known after %v", time.Since(began))

	var s *tracked
	var file string
	var ignored [2]int
	for try := range 3 {
		var c *process
		port := 7010 + 10*try // what is discarded in silence is told apart by its port
		// -s: all that TCP may put into one segment is seen.
		c, file = collect(t, "-s", "1200", "-f", "udp port 7000 or (tcp and portrange 7005-7040) or udp port 7102 or sctp or (icmp6 and ip6[40] == 128)", "-p",
			"net:net_dev_start_xmit,net:netif_receive_skb,ip_output,ip6_output,ip_forward,xfrm_output,ip_local_deliver,tcp_v4_rcv,udp_queue_rcv_one_skb,skb_consume_udp")
		t.Logf("attached after %v", time.Since(began))
		for number := range each {
			for i, k := range kinds {
				send(socket(i), to(i), pad(fmt.Sprintf("<%s#%d>", k.name, number), number))
			}
		}
		if _, err := v4.WriteTo([]byte("<unheard#0>"), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 255), Port: 7102}); err != nil { // nobody has that port
			t.Fatal(err)
		}
		send(disallowed, wg+".2", "<disallowed#0>") // not from an address that ns1 allows
		for number := range each {                  // sent, while the packet socket's queue is full
			send(v4, "172.18.0.2", fmt.Sprintf("<tapped#%d>", number))
		}
		n.in(0, "ping -6 -qc 3 -i 0.01 fd00:0::2; ip link set wgx up")
		send(v4, "172.17.0.2", "<stranger#0>")
		script := ""
		for number := range each {
			script += fmt.Sprintf("echo '<sctp#%d>' | socat -u - SCTP:10.0.0.2:7001\n", number)
		}
		n.in(0, script+fmt.Sprintf("(for n in $(seq 0 %d); do printf '%%-100s' \"<tcp#$n>\"; sleep 0.05; done) | socat -u - TCP:10.0.0.2:7005,nodelay", segments-1))
		for _, k := range kinds {
			for number := range each {
				times := 1
				if number < whole {
					times += k.copies
				}
				got.await(t, fmt.Sprintf("<%s#%d>", k.name, number), (try+1)*times)
			}
		}
		until(t, "servers have read all that came by SCTP and TCP, and it is acknowledged", func() (bool, string) {
			b, _ := os.ReadFile(read)
			out := n.in(0, "ss -Htan dport = :7005")
			return strings.Count(string(b), "<sctp#") == (try+1)*each && strings.Count(string(b), "<tcp#") == (try+1)*segments &&
				!regexp.MustCompile(`(?m)^[A-S]`).MatchString(out), string(b) + out // TIME-WAIT at most
		})
		until(t, "WireGuard discards what is not allowed", func() (bool, string) {
			out := strings.TrimSpace(n.in(1, "cat /sys/class/net/wg/statistics/rx_frame_errors"))
			return out == fmt.Sprint(try+1), out
		})
		ignored = n.fullQueues(port)
		n.in(0, "ip link set wgx down") // it would go on calling
		c.stop()
		t.Logf("recorded after %v", time.Since(began))
		if s = track(t, file); !s.lost || try == 2 {
			break
		}
	}
	if s.lost {
		t.Fatal("something was lost each time")
	}

	v := s.numbers(numbered)
	for _, k := range kinds {
		for number := range each {
			ended := []func(*format.Journey) bool{func(j *format.Journey) bool {
				return j.End.How == "delivered" && j.End.Probe == "skb_consume_udp" && int(j.End.TGID) == os.Getpid() && j.End.Unclear == "" && j.Uncertain == nil
			}}
			if k.name == "tun" { // a program takes it out of the kernel, and another one sends what it is told
				ended = append(ended, func(j *format.Journey) bool { return j.End.How == "transmitted" && j.End.Dev == "tun5" })
			}
			v.check(fmt.Sprint(k.name, " ", number), ended...)
		}
		in := each
		if k.packed {
			in = each - whole
		}
		v.checkEncap(k.name, k.encap, k.inside, in)
		if k.passed != "" {
			passed := map[string]bool{}
			for _, h := range s.hops {
				for name := range v.of[h.track.Packet] {
					passed[name] = passed[name] || h.Probe == k.passed
				}
			}
			for number := range each {
				// Attaching may take longer than a connection is remembered: the first of these may be a new one's.
				if number > 1 && number < whole && passed[fmt.Sprint(k.name, " ", number)] {
					t.Errorf("%s %d passed %s", k.name, number, k.passed)
				}
			}
		}
	}
	for number := range each {
		v.check(fmt.Sprint("sctp ", number), func(j *format.Journey) bool { return j.End.How == "delivered" && j.End.Unclear == "read-as-drop" })
	}
	for number := range each {
		v.check(fmt.Sprint("tapped ", number), func(j *format.Journey) bool { return j.End.How == "transmitted" && j.End.Dev == "tapped" })
	}
	if v.ends(unix.IPPROTO_ICMPV6)["consumed"] != 3 { // answered, whether freed as a drop or not
		t.Errorf("echo requests ended %v", v.ends(unix.IPPROTO_ICMPV6))
	}
	v.check("unheard 0", func(j *format.Journey) bool { return j.End.How == "dropped" && j.End.Dev == "l1" })
	v.check("disallowed 0", func(j *format.Journey) bool { return j.End.How == "consumed" && j.End.Unclear == "wireguard-receive" })
	resent := 0
	for number := range segments {
		v.check(fmt.Sprint("tcp ", number), func(j *format.Journey) bool {
			resent += int(j.Resent)
			// Kernels without drop reasons discard segments in silence: there it may have been delivered. What
			// was read on another cpu is freed some time later, which may be behind the stream's end.
			return j.End.How == "delivered" || j.End.How == "consumed" && j.End.Unclear == "tcp-segment" || j.End.How == "open" && j.End.Probe == "tcp_v4_rcv"
		})
	}
	if resent == 0 {
		t.Error("nothing was sent again")
	}
	v.checkSilent(ignored)

	// Of all that was sent only what is NAT's was rewritten.
	rewritten, want := map[string]bool{}, map[string]bool{}
	for _, h := range track(t, file, "--changed", "nat").hops {
		for name := range v.of[h.track.Packet] {
			rewritten[name] = true
		}
	}
	for _, k := range kinds {
		for number := range each {
			if k.nat {
				want[fmt.Sprint(k.name, " ", number)] = true
			}
		}
	}
	if !maps.Equal(rewritten, want) {
		t.Errorf("--changed nat selects %v, want %v", slices.Sorted(maps.Keys(rewritten)), slices.Sorted(maps.Keys(want)))
	}
	t.Logf("%d packets of %d kinds: %d splits, %d conflations, %d wrong ends", len(v.sent), len(kinds)+7, v.splits, v.conflations, v.wrong)
}

// A verdict is what is found wrong in a tracked recording of packets with numbers in them.
type verdict struct {
	*tracked
	sent     map[string]map[uint64]bool // packets by what was sent: a kind and a number
	of       map[uint64]map[string]bool // and the other way round
	journeys map[uint64]*format.Journey

	splits, conflations, wrong int
}

// numbers finds what was sent in the packets, and is an error where a packet is two.
func (s *tracked) numbers(numbered *regexp.Regexp) *verdict {
	s.t.Helper()
	v := &verdict{tracked: s, sent: map[string]map[uint64]bool{}, of: map[uint64]map[string]bool{}, journeys: map[uint64]*format.Journey{}}
	for _, h := range s.hops {
		for _, m := range numbered.FindAllStringSubmatch(string(h.Packet.Data), -1) {
			name := m[1] + " " + m[2]
			if v.sent[name] == nil {
				v.sent[name] = map[uint64]bool{}
			}
			if v.of[h.track.Packet] == nil {
				v.of[h.track.Packet] = map[string]bool{}
			}
			v.sent[name][h.track.Packet], v.of[h.track.Packet][name] = true, true
		}
	}
	for _, j := range s.journeys {
		v.journeys[j.Packet] = j
	}
	for packet, names := range v.of {
		if len(names) > 1 && !strings.Contains(fmt.Sprint(names), "tcp ") { // TCP may put two writes into one
			v.conflations++
			s.t.Errorf("packet %d is %v", packet, names)
		}
	}
	return v
}

// check checks that what was sent is so many journeys, each of which ended as one of these says.
func (v *verdict) check(name string, ended ...func(*format.Journey) bool) {
	v.t.Helper()
	packets := slices.Sorted(maps.Keys(v.sent[name]))
	if len(packets) != len(ended) {
		v.splits++
		v.t.Errorf("%s is in packets %d, want %d", name, packets, len(ended))
	}
	for _, packet := range packets {
		j := v.journeys[packet]
		i := slices.IndexFunc(ended, func(right func(*format.Journey) bool) bool { return j != nil && right(j) })
		if i < 0 {
			v.wrong++
			v.t.Errorf("%s: packet %d ended %+v", name, packet, j)
			continue
		}
		ended = slices.Delete(ended, i, i+1)
	}
}

// ends counts how the journeys of an IP protocol ended.
func (v *verdict) ends(proto uint8) map[string]int {
	ends := map[string]int{}
	for _, j := range v.journeys {
		if j.From.Proto == proto {
			ends[j.End.How]++
		}
	}
	return ends
}

// checkEncap checks that all packets of a kind go into a tunnel and come out of it, and into no other.
func (v *verdict) checkEncap(kind, encap, inside string, packets int) {
	v.t.Helper()
	seen := map[string]map[string]bool{} // what was sent, by the change
	for _, h := range v.hops {
		for name := range v.of[h.track.Packet] {
			k, _, _ := strings.Cut(name, " ")
			if e := h.changed("encap"); k == kind && e != "" {
				if seen[e] == nil {
					seen[e] = map[string]bool{}
				}
				seen[e][name] = true
			}
		}
	}
	want := []string{"- " + encap, encap + " -"}
	switch {
	case encap == "":
		want = nil
	case inside != "":
		want = append(want, encap+" "+inside, inside+" "+encap)
		// A later fragment of the inner tunnel's packet does not show that tunnel.
		for _, e := range []string{"- " + inside, inside + " -"} {
			maps.DeleteFunc(seen[e], func(name string, _ bool) bool { return strings.HasSuffix(name, " 4") || strings.HasSuffix(name, " 5") })
			if len(seen[e]) == 0 {
				delete(seen, e)
			}
		}
	}
	for _, e := range want {
		if len(seen[e]) != packets {
			v.t.Errorf("%s: encap changes %q for %d of %d", kind, e, len(seen[e]), packets)
		}
		delete(seen, e)
	}
	for e, names := range seen {
		v.t.Errorf("%s: encap changes %q: %v", kind, e, slices.Collect(maps.Keys(names)))
	}
}

// checkSilent checks how journeys ended that the kernel ends without a word: what a stranger sent
// to WireGuard, and SYNs. ignored is how many of these found the queues of fullQueues full.
func (v *verdict) checkSilent(ignored [2]int) {
	v.t.Helper()
	syn, answered := map[uint64]bool{}, map[layers.TCPPort]bool{} // packets that are SYNs; their ports
	for _, h := range v.hops {
		first := gopacket.Decoder(layers.LayerTypeEthernet)
		if h.Packet.At != "mac" {
			first = layers.LayerTypeIPv4
		}
		if tcp, ok := gopacket.NewPacket(h.Packet.Data, first, gopacket.NoCopy).Layer(layers.LayerTypeTCP).(*layers.TCP); ok && tcp.SYN {
			if tcp.ACK {
				answered[tcp.DstPort] = true
			} else {
				syn[h.track.Packet] = true
			}
		}
	}
	strangers, silent, taken := 0, [2]int{}, 0
	for packet, j := range v.journeys {
		how, unclear := "", ""
		switch {
		case j.From.Proto == unix.IPPROTO_UDP && j.From.Sport == 7102:
			strangers++
			how, unclear = "consumed", "wireguard-receive"
		case syn[packet] && answered[layers.TCPPort(j.From.Sport)]:
			taken++
			how, unclear = "delivered", ""
		case syn[packet]:
			silent[j.From.Dport%10]++
			how, unclear = "consumed", "tcp-syn"
		default:
			continue
		}
		if j.End.How != how || j.End.Unclear != unclear {
			v.wrong++
			v.t.Errorf("packet %d ended %+v, want %s %s", packet, j, how, unclear)
		}
	}
	if strangers == 0 {
		v.t.Error("no handshake of a stranger's was seen")
	}
	if taken < 2 { // of the transfer, and to what has an empty queue
		v.t.Errorf("%d SYNs were answered", taken)
	}
	for i, name := range []string{"accept", "SYN"} {
		if silent[i] == 0 || silent[i] > ignored[i] { // one may have been sent twice
			v.t.Errorf("%d SYNs were ignored as the %s queue was full, by the kernel's counter %d", silent[i], name, ignored[i])
		}
	}
}
