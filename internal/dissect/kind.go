package dissect

// A Kind is a kind of header.
type Kind uint8

const (
	None Kind = iota // no header: data, what is encrypted, or what no Walk knows

	Ethernet
	LLC  // IEEE 802.2, of three bytes
	SNAP // RFC 1042
	STP  // IEEE 802.1D, a bridge's message; a Walk steps to it but not behind it
	LLDP // IEEE 802.1AB, likewise
	VLAN
	MPLS
	PPPoE
	PPPoEDiscovery
	PPP
	MACsec
	ARP

	IPv4
	IPv6
	HopByHop // these four are IPv6's alone
	DestOpts
	Routing
	Fragment
	AH

	TCP
	UDP
	UDPLite
	SCTP
	DCCP
	ICMP
	ICMPv6
	IGMP

	GRE
	ESP
	IPComp
	L2TP   // in UDP, version 2 or 3
	L2TPIP // behind IP, version 3
	VXLAN
	VXLANGPE
	Geneve
	GTPU
	WireGuard
)

var kindNames = [...]string{"none", "Ethernet", "LLC", "SNAP", "STP", "LLDP", "VLAN", "MPLS", "PPPoE",
	"PPPoE discovery", "PPP",
	"MACsec", "ARP", "IPv4", "IPv6", "hop-by-hop options", "destination options", "routing header", "fragment header",
	"AH", "TCP", "UDP", "UDP-Lite", "SCTP", "DCCP", "ICMP", "ICMPv6", "IGMP", "GRE", "ESP", "IPComp", "L2TP",
	"L2TP over IP", "VXLAN", "VXLAN-GPE", "Geneve", "GTP-U", "WireGuard"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// IsExtension tells whether the header stands between one of IP and that of a transport: IPv6's
// extension headers, and AH.
func (k Kind) IsExtension() bool { return k >= HopByHop && k <= AH }
