//go:build linux && (amd64 || arm64)

package kernel

import "strconv"

// NFTFamilies are the names, as nft(8) has them, of nftables' families (NFPROTO_*, linux/netfilter.h).
var NFTFamilies = map[uint8]string{1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}

// NameOf is the name of the kernel's number i in names, or the number where it has none.
func NameOf(names []string, i int) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return strconv.Itoa(i)
}
