package format

// Decoded is the key that a program of this project adds to each event when it writes JSON. It says what the event's
// other keys say, in a form for jq and for people. It is not part of the stream: FromJSON leaves it out, and a record
// that has such a key of its own has no form in JSON.
const Decoded = "decoded"

var decodedSection = Section{Decoded, []Key{
	{Name: "time", Form: FormStr, What: "`ts` by the wall clock: RFC 3339, UTC, with nine digits of the second",
		Absent: "the host's clock is not known, as no `start` came"},
	{Name: "src", Form: FormStr, What: "source address of the innermost IP or ARP header",
		Absent: "there is none, or it was not captured"},
	{Name: "dst", Form: FormStr, What: "destination address of that header", Absent: "as `src`"},
	{Name: "sport", Form: FormUint, What: "source port behind that header",
		Absent: "the protocol has none, it was not captured, or the packet is a fragment and not the first"},
	{Name: "dport", Form: FormUint, What: "destination port", Absent: "as `sport`"},
	{Name: "proto", Form: FormStr,
		What: "protocol behind the innermost IP header: `tcp`, `udp`, `icmp`, `icmp6`, `sctp`, `esp`... A number in " +
			"decimal for those without a name here. Of frames that carry no IP: `arp`, `stp`, `lldp`",
		Absent: "no such header was captured"},
	{Name: "vlan", Form: FormUint, What: "number of the outermost VLAN tag of the frame, in it or beside it (`vlan_tci`)",
		Absent: "there is none"},
	{Name: "inner_vlan", Form: FormUint, What: "number of the second tag", Absent: "there is none"},
	{Name: "tunnel", Form: FormMaps, Of: &decodedTunnelSection,
		What: "what carries the packet of `src` and `dst`, outermost first; at most 8", Absent: "nothing does"},
	{Name: "flags", Form: FormStr, What: "TCP's flags, as tcpdump writes them between brackets: `S.`",
		Absent: "the protocol is not TCP, or they were not captured"},
	{Name: "info", Form: FormStr, What: "the packet as the text output has it", Absent: "nothing of it is known"},
	{Name: "netns", Form: FormStr,
		What:   "network namespace: its name in `namespaces` of the `start`, or its number in decimal",
		Absent: "as the section `netns`"},
}}

var decodedTunnelSection = Section{"decoded_tunnel", []Key{
	{Name: "kind", Form: FormStr, What: "`vxlan`, `vxlan-gpe`, `geneve`, `gre`, `ipip`, `esp`, `ah`, `ipcomp`, `l2tp`, " +
		"`gtp`, `wireguard`, `mpls`, `pppoe`, `macsec`. What `esp`, `ipcomp`, `wireguard` and `macsec` carry is mostly " +
		"encrypted: `src` and `dst` are then those outside"},
	{Name: "src", Form: FormStr, What: "source address of the IP header in front of it", Absent: "there is none in front"},
	{Name: "dst", Form: FormStr, What: "destination address of that header", Absent: "as `src`"},
	{Name: "vni", Form: FormUint, What: "of `vxlan`, `vxlan-gpe` and `geneve`", Absent: "not of these, or not captured"},
	{Name: "key", Form: FormUint, What: "of `gre`", Absent: "it has none, or not captured"},
	{Name: "spi", Form: FormUint, What: "of `esp` and `ah`", Absent: "not of these, or not captured"},
	{Name: "cpi", Form: FormUint, What: "of `ipcomp`", Absent: "not of it, or not captured"},
	{Name: "session", Form: FormUint, What: "of `l2tp` and `pppoe`", Absent: "not of these, or not captured"},
	{Name: "teid", Form: FormUint, What: "of `gtp`", Absent: "not of it, or not captured"},
	{Name: "index", Form: FormUint,
		What:   "of a data message of `wireguard`: the number that its receiver has given to the session",
		Absent: "not of it, or not captured"},
	{Name: "label", Form: FormUint, What: "of `mpls`; each label is an element", Absent: "not of it, or not captured"},
}}

// jsonSections are those that only JSON has.
var jsonSections = []*Section{&decodedSection, &decodedTunnelSection}
