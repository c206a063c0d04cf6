//go:build linux && (amd64 || arm64)

package host

import (
	"bufio"
	"maps"
	"os"
	"strconv"
	"strings"

	"github.com/google/nftables"

	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// firewall is what could refuse packets at netfilter's hooks, and at which; nil if the
// kernel does not tell. It is no list of all: modules and BPF programs may be there too. has
// says whether the kernel has a module now, by its name or by a function of it.
func firewall(has func(module, function string) bool) map[string]string {
	all, older := chains(has), olderTables(has)
	if all == nil || older == nil {
		return nil
	}
	maps.Copy(all, older)
	return all
}

// OwnTable is how the names of the tables of --nft-trace begin: no part of what the host does.
const OwnTable = "skb-collect-"

// chains are the base chains of nftables; nil if the kernel does not tell. A question to a kernel that lacks
// nf_tables would have the module loaded.
func chains(has func(module, function string) bool) map[string]string {
	all := map[string]string{}
	if !has("nf_tables", kfunc.NFTDoChain) {
		return all
	}
	conn, err := nftables.New()
	if err != nil {
		return nil
	}
	chains, err := conn.ListChains()
	if err != nil {
		return nil
	}
	for _, c := range chains {
		if c.Hooknum == nil || c.Table == nil || strings.HasPrefix(c.Table.Name, OwnTable) {
			continue // not a base chain, or one of --nft-trace
		}
		family := kernel.NFTFamilies[uint8(c.Table.Family)]
		all["nft "+family+" "+c.Table.Name+" "+c.Name] = hookName(family, uint32(*c.Hooknum))
	}
	return all
}

// olderTables are those of iptables and its like; nil if the kernel does not tell.
func olderTables(has func(module, function string) bool) map[string]string {
	all := map[string]string{}
	for file, name := range map[string]string{"ip_tables_names": "iptables", "ip6_tables_names": "ip6tables",
		"arp_tables_names": "arptables"} {
		b, err := os.ReadFile("/proc/net/" + file)
		if os.IsNotExist(err) {
			continue // its module is not loaded
		} else if err != nil {
			return nil
		}
		for _, table := range strings.Fields(string(b)) {
			all[name+" "+table] = ""
		}
	}
	if has("ebtables", kfunc.EbtDoTable) { // it has no such file
		all["ebtables"] = ""
	}
	return all
}

// hookName is a hook as nft(8) names it: enum nf_inet_hooks, nf_dev_hooks, NF_ARP_*,
// include/uapi/linux/netfilter.h.
func hookName(family string, n uint32) string {
	names := []string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}
	switch family {
	case "netdev":
		names = []string{"ingress", "egress"}
	case "arp":
		names = []string{"input", "output", "forward"}
	}
	return kernel.NameOf(names, int(n))
}

// netlinkHas says whether the kernel has a protocol of netlink at hand. A socket for one that
// it has not would have its module loaded.
func netlinkHas(protocol int) bool {
	f, err := os.Open("/proc/net/netlink")
	if err != nil {
		return true // whoever cannot tell asks
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		// The columns are the socket's address, its protocol, its port: 0 for the kernel's own.
		if w := strings.Fields(s.Text()); len(w) > 2 && w[1] == strconv.Itoa(protocol) && w[2] == "0" {
			return true
		}
	}
	return false
}
