package dissect

// An EtherType names what stands behind a link layer's header, in host byte order
// (include/uapi/linux/if_ether.h, ETH_P_*). skb->protocol is one.
type EtherType uint16

// EtherTypes of headers that a [Walk] steps to. All but PPP's are also IANA's (ieee-802-numbers).
const (
	EtherIPv4           EtherType = 0x0800 // RFC 894
	EtherARP            EtherType = 0x0806 // RFC 826
	EtherBridging       EtherType = 0x6558 // ETH_P_TEB: an Ethernet frame follows, as in GRE and Geneve
	EtherVLAN           EtherType = 0x8100 // IEEE 802.1Q
	EtherIPv6           EtherType = 0x86dd // RFC 2464
	EtherPPP            EtherType = 0x880b // RFC 2637: in GRE of version 1
	EtherMPLS           EtherType = 0x8847 // RFC 3032
	EtherMPLSMany       EtherType = 0x8848 // RFC 5332: multicast, or with an upstream label
	EtherPPPoEDiscovery EtherType = 0x8863 // RFC 2516
	EtherPPPoE          EtherType = 0x8864 // RFC 2516: a session
	EtherQinQ           EtherType = 0x88a8 // IEEE 802.1ad
	EtherLLDP           EtherType = 0x88cc // IEEE 802.1AB
	EtherMACsec         EtherType = 0x88e5 // IEEE 802.1AE
	EtherQinQOld        EtherType = 0x9100 // ETH_P_QINQ1: what devices had before 802.1ad
)

// etherNames are of those that Linux hosts meet, the ones that are not a Walk's included.
var etherNames = map[EtherType]string{
	0x0000: "none", 0x0003: "ALL", 0x0004: "802.2", EtherIPv4: "IPv4", EtherARP: "ARP", 0x0842: "WOL",
	0x22f0: "AVTP", 0x22f3: "TRILL", 0x4305: "batman-adv", EtherBridging: "TEB", 0x8035: "RARP",
	EtherVLAN: "802.1Q", EtherIPv6: "IPv6", 0x8808: "flow control", 0x8809: "Slow Protocols",
	EtherMPLS: "MPLS", EtherMPLSMany: "MPLS multicast", EtherPPPoEDiscovery: "PPPoE discovery",
	EtherPPPoE: "PPPoE session", 0x888e: "EAPOL", 0x88a2: "AoE", EtherQinQ: "802.1ad", 0x88ca: "TIPC",
	EtherLLDP: "LLDP", 0x88e3: "MRP", EtherMACsec: "MACsec", 0x88f7: "PTP", 0x8902: "CFM", 0x8906: "FCoE",
	0x8914: "FIP", 0x8915: "RoCE", 0x893f: "802.1BR", 0x894f: "NSH", 0x8999: "RRCP", 0x9000: "loopback test",
}

// Name is what the type is called, "" for most.
func (t EtherType) Name() string { return etherNames[t] }

// IsLength tells whether it is the length of an IEEE 802.3 frame instead (ETH_P_802_3_MIN). That holds where it
// stands in a frame: skb->protocol has numbers of its own below 0x600.
func (t EtherType) IsLength() bool { return t < 0x0600 }

// IsVLAN tells whether a VLAN's tag follows.
func (t EtherType) IsVLAN() bool { return t == EtherVLAN || t == EtherQinQ || t == EtherQinQOld }

// Kind is the kind of header that follows, None where no Walk knows it.
func (t EtherType) Kind() Kind {
	switch t {
	case EtherIPv4:
		return IPv4
	case EtherIPv6:
		return IPv6
	case EtherARP:
		return ARP
	case EtherVLAN, EtherQinQ, EtherQinQOld:
		return VLAN
	case EtherBridging:
		return Ethernet
	case EtherMPLS, EtherMPLSMany:
		return MPLS
	case EtherPPPoE:
		return PPPoE
	case EtherPPPoEDiscovery:
		return PPPoEDiscovery
	case EtherPPP:
		return PPP
	case EtherMACsec:
		return MACsec
	case EtherLLDP:
		return LLDP
	}
	return None
}

// OfVersion is the EtherType of the IP packet that begins with b, by its version; 0 where it is none.
func OfVersion(b []byte) EtherType {
	if len(b) > 0 {
		switch b[0] >> 4 {
		case 4:
			return EtherIPv4
		case 6:
			return EtherIPv6
		}
	}
	return 0
}
