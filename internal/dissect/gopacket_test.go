package dissect

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// theirKinds are gopacket's layers that a Walk knows, too.
var theirKinds = map[gopacket.LayerType]Kind{
	layers.LayerTypeEthernet: Ethernet, layers.LayerTypeLLC: LLC, layers.LayerTypeSNAP: SNAP, layers.LayerTypeSTP: STP,
	layers.LayerTypeLinkLayerDiscovery: LLDP, layers.LayerTypeDot1Q: VLAN, layers.LayerTypeMPLS: MPLS, layers.LayerTypePPPoE: PPPoE,
	layers.LayerTypePPP: PPP, layers.LayerTypeARP: ARP, layers.LayerTypeIPv4: IPv4, layers.LayerTypeIPv6: IPv6,
	layers.LayerTypeIPv6HopByHop: HopByHop, layers.LayerTypeIPv6Destination: DestOpts, layers.LayerTypeIPv6Routing: Routing,
	layers.LayerTypeIPv6Fragment: Fragment, layers.LayerTypeIPSecAH: AH, layers.LayerTypeTCP: TCP, layers.LayerTypeUDP: UDP,
	layers.LayerTypeUDPLite: UDPLite, layers.LayerTypeSCTP: SCTP, layers.LayerTypeICMPv4: ICMP, layers.LayerTypeICMPv6: ICMPv6,
	layers.LayerTypeIGMP: IGMP, layers.LayerTypeGRE: GRE, layers.LayerTypeIPSecESP: ESP, layers.LayerTypeVXLAN: VXLAN,
	layers.LayerTypeGeneve: Geneve, layers.LayerTypeGTPv1U: GTPU,
}

// agrees walks through b beside gopacket: where both know a header, it is of the same kind, at the same place and
// of the same length, and has the same addresses, ports and numbers. An error says where they differ. compared is how
// many headers both know.
func agrees(b []byte) (compared int, err error) {
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
	w := Frame(b, len(b))
	var before Walk
	for _, theirs := range p.Layers() {
		kind, known := theirKinds[theirs.LayerType()]
		contents := theirs.LayerContents()
		if !known || len(contents) == 0 {
			return compared, nil
		}
		if l, ok := theirs.(*layers.IPv4); ok && l.SrcIP == nil { // it gives up at malformed options, before the addresses
			return compared, nil
		}
		if before = w; !w.Step() {
			return compared, apart(&before, kind)
		}
		if w.Kind != kind && (w.Kind != PPPoEDiscovery || kind != PPPoE) {
			return compared, apart(&before, kind)
		}
		if w.Fault != Whole {
			return compared, nil
		}
		at := cap(b) - cap(contents)
		if kind == PPP && at == w.At+2 && bytes.HasPrefix(w.Header, []byte{0xff, 3}) {
			at -= 2 // not theirs
		}
		if at != w.At {
			return compared, fmt.Errorf("%v at %d, theirs at %d", kind, w.At, at)
		}
		if end := cap(b) - cap(contents) + len(contents); end != w.Behind() && !endsElsewhere(&w) {
			return compared, fmt.Errorf("%v ends at %d, theirs at %d", kind, w.Behind(), end)
		}
		if ours, theirs := fieldsOf(&w), fieldsOfTheirs(theirs); ours != theirs {
			return compared, fmt.Errorf("%v: %s, theirs %s", kind, ours, theirs)
		}
		if compared++; endsElsewhere(&w) {
			return compared, nil
		}
	}
	return compared, nil
}

// endsElsewhere tells whether gopacket draws the line between the header that w stands at and its content
// somewhere else.
func endsElsewhere(w *Walk) bool {
	switch w.Kind {
	case ESP, IGMP, STP, LLDP, ICMPv6: // all of the message, or half of the header
		return true
	case LLC:
		return w.Header[2]&3 != 3 // it reads a second byte of the control field
	case Geneve: // it takes more than the header, where the last option is said to be longer
		o := GeneveHeader(w.Header).Options()
		for {
			if _, _, _, ok := o.Next(); !ok {
				return len(o) > 0
			}
		}
	}
	return false
}

// apart is nil if it is known why gopacket finds a header of another kind behind that of w.
func apart(w *Walk, theirs Kind) error {
	rest := w.Rest
	switch {
	case w.Kind == LLC && (w.Header[0]|w.Header[1])&1 != 0: // it leaves out a bit of the service access points
	case w.Kind == SNAP && w.Header[0]|w.Header[1]|w.Header[2] != 0: // whosoever's the number is
	case w.Kind == PPPoEDiscovery: // it takes discovery with a session's code for a session
	case (w.Kind == GRE || w.Kind == SNAP || w.Kind == Geneve) && w.Type == 0 && theirs == LLC: // 0 is not 802.3
	case w.Type == 0xffff && theirs == IPv4: // its own number for what begins with IP
	case !w.v6 && (w.Kind == IPv4 || w.Kind == AH) && theirs >= HopByHop && theirs <= Fragment: // IPv4 has no extension headers
	case (w.Kind == IPv4 || w.Kind == IPv6 || w.Kind.IsExtension()) && w.Type == 94 && theirs == IPv4: // KA9Q's IPIP
	case w.Kind == GTPU && theirs == PPP: // it takes all that is not IP for it
	case w.Kind == UDP && w.Next == None && theirs != None:
		// It knows a tunnel by its source port, too, and messages that are not a tunnel's.
		dst := UDPHeader(w.Header).DstPort()
		if dst == PortVXLAN || dst == PortGeneve || dst == PortGTP {
			return fmt.Errorf("nothing behind UDP to %d, theirs %v", dst, theirs)
		}
	case w.Kind == UDP:
		src := UDPHeader(w.Header).SrcPort()
		if src != PortVXLAN && src != PortGeneve && src != PortGTP {
			return fmt.Errorf("%v behind UDP, theirs %v", w.Next, theirs)
		}
	default:
		return fmt.Errorf("behind %v %v %x, theirs %v", w.Kind, w.Next, rest[:min(8, len(rest))], theirs)
	}
	return nil
}

func fieldsOf(w *Walk) string {
	b := w.Header
	switch w.Kind {
	case Ethernet:
		h := EthernetHeader(b)
		return fmt.Sprintf("%x %x", h.Src(), h.Dst())
	case VLAN:
		h := VLANTag(b)
		return fmt.Sprint(h.TCI()&0xfff, uint16(h.Type()))
	case MPLS:
		h := MPLSEntry(b)
		return fmt.Sprint(h.Label(), h.Class(), h.Bottom(), h.TTL())
	case PPPoE, PPPoEDiscovery:
		h := PPPoEHeader(b)
		return fmt.Sprint(h.Code(), h.Session(), h.Length())
	case PPP:
		return fmt.Sprint(w.Type)
	case ARP:
		h := ARPPacket(b)
		return fmt.Sprintf("%d %d %x %x %x %x", h.Hardware(), h.Operation(), h.SenderHardware(), h.SenderProtocol(), h.TargetHardware(), h.TargetProtocol())
	case IPv4:
		h := IPv4Header(b)
		return fmt.Sprintf("%x %x %d %d %d %d %d", h.Src(), h.Dst(), h.Proto(), h.TTL(), h.TOS(), h.ID(), h.Offset())
	case IPv6:
		h := IPv6Header(b)
		return fmt.Sprintf("%x %x %d %d %d %d", h.Src(), h.Dst(), h.Proto(), h.HopLimit(), h.TrafficClass(), h.FlowLabel())
	case HopByHop, DestOpts, Routing:
		return fmt.Sprint(Extension(b).Proto())
	case Fragment:
		h := FragmentHeader(b)
		return fmt.Sprint(Extension(b).Proto(), h.Offset(), h.More(), h.ID())
	case AH:
		return fmt.Sprint(Extension(b).Proto(), AHHeader(b).SPI(), AHHeader(b).Seq())
	case TCP:
		h := TCPHeader(b)
		src, dst := Ports(b)
		return fmt.Sprint(src, dst, h.Seq(), h.Ack(), h.Flags()&(SYN|FIN|AE), h.Window())
	case UDP:
		h := UDPHeader(b)
		return fmt.Sprint(h.SrcPort(), h.DstPort(), h.Length())
	case SCTP:
		src, dst := Ports(b)
		return fmt.Sprint(src, dst, SCTPHeader(b).Tag())
	case ICMP, ICMPv6:
		return fmt.Sprint(ICMPHeader(b).Type(), ICMPHeader(b).Code())
	case GRE:
		h := GREHeader(b)
		key, _ := h.Key()
		seq, _ := h.Seq()
		return fmt.Sprint(h.Version(), uint16(h.Protocol()), key, seq)
	case ESP:
		return fmt.Sprint(ESPHeader(b).SPI(), ESPHeader(b).Seq())
	case VXLAN:
		h := VXLANHeader(b)
		_, policy := h.Policy()
		return fmt.Sprint(h.VNI(), policy)
	case Geneve:
		h := GeneveHeader(b)
		return fmt.Sprint(h.VNI(), uint16(h.Protocol()), h.OAM(), h.Critical())
	case GTPU:
		h := GTPHeader(b)
		return fmt.Sprint(h.Type(), h.Length(), h.TEID())
	}
	return ""
}

func fieldsOfTheirs(l gopacket.Layer) string {
	switch l := l.(type) {
	case *layers.Ethernet:
		return fmt.Sprintf("%x %x", []byte(l.SrcMAC), []byte(l.DstMAC))
	case *layers.Dot1Q:
		return fmt.Sprint(l.VLANIdentifier, uint16(l.Type))
	case *layers.MPLS:
		return fmt.Sprint(l.Label, l.TrafficClass, l.StackBottom, l.TTL)
	case *layers.PPPoE:
		return fmt.Sprint(uint8(l.Code), l.SessionId, l.Length)
	case *layers.PPP:
		return fmt.Sprint(uint16(l.PPPType))
	case *layers.ARP:
		return fmt.Sprintf("%d %d %x %x %x %x", uint16(l.AddrType), l.Operation, l.SourceHwAddress, l.SourceProtAddress, l.DstHwAddress, l.DstProtAddress)
	case *layers.IPv4:
		return fmt.Sprintf("%x %x %d %d %d %d %d", []byte(l.SrcIP), []byte(l.DstIP), uint8(l.Protocol), l.TTL, l.TOS, l.Id, l.FragOffset*8)
	case *layers.IPv6:
		return fmt.Sprintf("%x %x %d %d %d %d", []byte(l.SrcIP), []byte(l.DstIP), uint8(l.NextHeader), l.HopLimit, l.TrafficClass, l.FlowLabel)
	case *layers.IPv6HopByHop:
		return fmt.Sprint(uint8(l.NextHeader))
	case *layers.IPv6Destination:
		return fmt.Sprint(uint8(l.NextHeader))
	case *layers.IPv6Routing:
		return fmt.Sprint(uint8(l.NextHeader))
	case *layers.IPv6Fragment:
		return fmt.Sprint(uint8(l.NextHeader), l.FragmentOffset*8, l.MoreFragments, l.Identification)
	case *layers.IPSecAH:
		return fmt.Sprint(uint8(l.NextHeader), l.SPI, l.Seq)
	case *layers.TCP:
		flags := uint16(0)
		for i, set := range []bool{l.FIN, l.SYN, l.NS} {
			if set {
				flags |= [...]uint16{FIN, SYN, AE}[i]
			}
		}
		return fmt.Sprint(uint16(l.SrcPort), uint16(l.DstPort), l.Seq, l.Ack, flags, l.Window)
	case *layers.UDP:
		return fmt.Sprint(uint16(l.SrcPort), uint16(l.DstPort), l.Length)
	case *layers.SCTP:
		return fmt.Sprint(uint16(l.SrcPort), uint16(l.DstPort), l.VerificationTag)
	case *layers.ICMPv4:
		return fmt.Sprint(l.TypeCode.Type(), l.TypeCode.Code())
	case *layers.ICMPv6:
		return fmt.Sprint(l.TypeCode.Type(), l.TypeCode.Code())
	case *layers.GRE:
		return fmt.Sprint(l.Version, uint16(l.Protocol), l.Key, l.Seq)
	case *layers.IPSecESP:
		return fmt.Sprint(l.SPI, l.Seq)
	case *layers.VXLAN:
		return fmt.Sprint(l.VNI, l.GBPExtension)
	case *layers.Geneve:
		return fmt.Sprint(l.VNI, uint16(l.Protocol), l.OAMPacket, l.CriticalOption)
	case *layers.GTPv1U:
		return fmt.Sprint(l.MessageType, l.MessageLength, l.TEID)
	}
	return ""
}

// TestLikeGopacket: the table's packets and recorded traffic are read as gopacket reads them.
func TestLikeGopacket(t *testing.T) {
	all := 0
	for _, c := range packets {
		n, err := agrees(made(c.frame))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		all += n
	}
	f, err := os.Open("../text/testdata/traffic.pcap")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; ; i++ {
		b, _, err := r.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n, err := agrees(b)
		if err != nil {
			t.Errorf("packet %d: %v", i, err)
		}
		all += n
	}
	if all < 400 {
		t.Errorf("%d headers that both know", all)
	}
}

// FuzzWalk: whatever the bytes, a walk ends, stays within them, and agrees with gopacket.
func FuzzWalk(f *testing.F) {
	for _, c := range packets {
		b := made(c.frame)
		f.Add(b, uint16(0), len(b))
		if len(b) > EthernetLen {
			f.Add(b[EthernetLen:], uint16(EthernetHeader(b).Type()), 1500)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, etherType uint16, n int) {
		n = max(n, len(b))
		for _, trim := range []bool{false, true} {
			w := Frame(b, n)
			if etherType != 0 {
				w = Network(b, EtherType(etherType), n)
			}
			behind, steps := 0, 0
			for w.Step() {
				if steps++; steps > len(b)+2 {
					t.Fatalf("%d steps through %d bytes", steps, len(b))
				}
				if w.At != behind || w.Behind() < w.At || w.Behind() > len(b) || len(w.Header) != w.Behind()-w.At || w.N < 0 || w.N > n+1<<16 {
					t.Fatalf("%v at %d to %d, %d behind it; of %d bytes", w.Kind, w.At, w.Behind(), w.N, len(b))
				}
				if w.Fault == Whole {
					read(w.Kind, w.Header)
				}
				if w.Kind == None || w.Kind.String() == "unknown" {
					t.Fatalf("a header of kind %d", w.Kind)
				}
				if trim {
					w.Trim()
					if len(w.Rest) > w.N {
						t.Fatalf("%d bytes of %d", len(w.Rest), w.N)
					}
				}
				behind = w.Behind()
			}
		}
		if _, err := agrees(b); err != nil {
			t.Error(err)
		}
	})
}
