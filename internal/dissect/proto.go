package dissect

// A Proto is the number of an IP protocol, or of an IPv6 extension header (IANA's protocol-numbers;
// those of the kernel are in include/uapi/linux/in.h and in6.h).
type Proto uint8

const (
	ProtoHopByHop     Proto = 0 // RFC 8200, of IPv6 alone
	ProtoICMP         Proto = 1
	ProtoIGMP         Proto = 2
	ProtoIPv4         Proto = 4 // RFC 2003: IPIP
	ProtoTCP          Proto = 6
	ProtoUDP          Proto = 17
	ProtoDCCP         Proto = 33
	ProtoIPv6         Proto = 41  // RFC 4213: SIT, where IPv4 carries it
	ProtoRouting      Proto = 43  // RFC 8200, of IPv6 alone
	ProtoFragment     Proto = 44  // RFC 8200, of IPv6 alone
	ProtoGRE          Proto = 47  // RFC 2784
	ProtoESP          Proto = 50  // RFC 4303
	ProtoAH           Proto = 51  // RFC 4302
	ProtoICMPv6       Proto = 58  // RFC 4443
	ProtoNoNextHeader Proto = 59  // RFC 8200
	ProtoDestOpts     Proto = 60  // RFC 8200, of IPv6 alone
	ProtoEIGRP        Proto = 88  // RFC 7868
	ProtoOSPF         Proto = 89  // RFC 2328
	ProtoPIM          Proto = 103 // RFC 7761
	ProtoIPComp       Proto = 108 // RFC 3173
	ProtoVRRP         Proto = 112 // RFC 9568
	ProtoL2TP         Proto = 115 // RFC 3931
	ProtoSCTP         Proto = 132 // RFC 9260
	ProtoUDPLite      Proto = 136 // RFC 3828
	ProtoMPLS         Proto = 137 // RFC 4023
)

var protoNames = [256]string{
	ProtoICMP: "icmp", ProtoIGMP: "igmp", ProtoTCP: "tcp", ProtoUDP: "udp", ProtoDCCP: "dccp", ProtoGRE: "gre",
	ProtoESP: "esp", ProtoAH: "ah", ProtoICMPv6: "icmp6", ProtoEIGRP: "eigrp", ProtoOSPF: "ospf", ProtoPIM: "pim",
	ProtoIPComp: "ipcomp", ProtoVRRP: "vrrp", ProtoSCTP: "sctp", ProtoUDPLite: "udplite",
}

// Name is what the protocol is called, in small letters; "" for most.
func (p Proto) Name() string { return protoNames[p] }

// HasPorts tells whether the protocol's header begins with a source and a destination port.
func (p Proto) HasPorts() bool {
	switch p {
	case ProtoTCP, ProtoUDP, ProtoUDPLite, ProtoSCTP, ProtoDCCP:
		return true
	}
	return false
}

// kind is the kind of header that follows one of IP.
func (p Proto) kind(v6 bool) Kind {
	if k := protoKinds[p]; k < HopByHop || k > Fragment || v6 {
		return k
	}
	return None
}

var protoKinds = [256]Kind{
	ProtoHopByHop: HopByHop, ProtoICMP: ICMP, ProtoIGMP: IGMP, ProtoIPv4: IPv4, ProtoTCP: TCP, ProtoUDP: UDP,
	ProtoDCCP: DCCP, ProtoIPv6: IPv6, ProtoRouting: Routing, ProtoFragment: Fragment, ProtoGRE: GRE, ProtoESP: ESP,
	ProtoAH: AH, ProtoICMPv6: ICMPv6, ProtoDestOpts: DestOpts, ProtoIPComp: IPComp, ProtoL2TP: L2TPIP,
	ProtoSCTP: SCTP, ProtoUDPLite: UDPLite, ProtoMPLS: MPLS,
}
