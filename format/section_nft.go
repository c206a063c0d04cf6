package format

import "github.com/skb-tools/skb-tools/format/wire"

// NFT is the section `nft`: a step of a traced packet through nftables.
type NFT struct {
	Type    string // rule, return, policy; "" makes the section absent
	Verdict string // as nft(8) writes it: accept, drop, continue, jump, goto, return, queue, ...
	Family  string // ip, ip6, inet, arp, bridge, netdev
	Table   string
	Chain   string
	Handle  uint64 // of the rule; 0: the packet is behind the last one
	Jump    string // the chain that jump or goto go to
}

var nftSection = Section{"nft", []Key{
	{Name: "type", Form: FormStr, What: "`rule`, `return` (the end of a chain), `policy` (of a base chain)"},
	{Name: "verdict", Form: FormStr,
		What: "as nft(8) writes it: `accept`, `drop`, `continue`, `jump`, `goto`, `return`, `queue`"},
	{Name: "family", Form: FormStr,
		What: "`ip`, `ip6`, `inet`, `arp`, `bridge`, `netdev`", Absent: "it could not be read"},
	{Name: "table", Form: FormStr, What: "name of the table, its first 63 bytes", Absent: "it could not be read"},
	{Name: "chain", Form: FormStr, What: "name of the chain, its first 63 bytes", Absent: "it could not be read"},
	{Name: "jump", Form: FormStr,
		What: "the chain that `jump` or `goto` go to, its first 63 bytes", Absent: "another verdict"},
	{Name: "handle", Form: FormUint,
		What:   "of the rule, as `nft -a` shows it",
		Absent: "no rule: the packet is after the last one, or this is a policy"},
}}

// Present reports whether the section is.
func (n *NFT) Present() bool { return n.Type != "" }

func (n *NFT) reset() { *n = NFT{} }

func (n *NFT) append(dst []byte) []byte {
	pairs := 2
	fields := [...]struct{ key, value string }{
		{"type", n.Type}, {"verdict", n.Verdict}, {"family", n.Family}, {"table", n.Table}, {"chain", n.Chain},
		{"jump", n.Jump},
	}
	for _, f := range fields[2:] {
		if f.value != "" {
			pairs++
		}
	}
	if n.Handle != 0 {
		pairs++
	}
	dst = wire.AppendMap(dst, pairs)
	for i, f := range fields {
		if i < 2 || f.value != "" {
			dst = wire.AppendStr(wire.AppendStr(dst, f.key), f.value)
		}
	}
	return appendNonzero(dst, "handle", n.Handle)
}

func (n *NFT) decode(key []byte, v wire.Value) {
	switch string(key) {
	case "type":
		setString(&n.Type, v)
	case "verdict":
		setString(&n.Verdict, v)
	case "family":
		setString(&n.Family, v)
	case "table":
		setString(&n.Table, v)
	case "chain":
		setString(&n.Chain, v)
	case "jump":
		setString(&n.Jump, v)
	case "handle":
		n.Handle, _ = v.Uint()
	}
}
