package drops

import "github.com/skb-tools/skb-tools/format"

// A frame is a packet's bytes and what the kernel says of them.
type frame struct {
	data     []byte // nil: none in the stream
	at       []byte // where they begin: packet.at
	len      int    // of the whole packet from there
	protocol uint16 // EtherType; 0: not known
	linkType uint16 // of the device, ARPHRD_*; 0: not known (or ARPHRD_NETROM)
}

func (fr *frame) read(f *facts) (macLen int, sent bool) {
	*fr = frame{}
	fr.data, _ = f.find.Bin(findPacketData)
	fr.at, _ = f.find.Str(findPacketAt)
	length, _ := f.find.Uint(findPacketLen)
	fr.len = int(min(length, 1<<31-1))
	protocol, _ := f.find.Uint(findSkbProtocol)
	linkType, _ := f.find.Uint(findDevType)
	fr.protocol, fr.linkType = uint16(protocol), uint16(linkType)
	mac, _ := f.find.Uint(findSkbMacLen)
	// 1, CHECKSUM_UNNECESSARY: the device has checked; 3, CHECKSUM_PARTIAL: made on this
	// host, the sum comes last (include/linux/skbuff.h). The kernel checks neither.
	summed, _ := f.find.Uint(findIPSummed)
	return int(min(mac, 1<<16)), summed == 1 || summed == 3
}

// headers are the headers of the packet that was dropped.
func (f *facts) headers() *packet {
	if f.parsed {
		return &f.packet
	}
	f.parsed = true
	f.packet = packet{}
	macLen, sent := f.frame.read(f)
	if f.frame.data == nil {
		f.packet.etherType = f.frame.protocol
		return &f.packet
	}
	l2 := 0
	if string(f.frame.at) == "mac" {
		l2 = 14
		if !format.HasEthernet(f.frame.data, f.frame.linkType, f.frame.protocol) {
			l2 = macLen
		}
	}
	f.packet.parse(f.frame.data, l2, f.frame.protocol)
	if f.packet.version == 0 {
		// A tunnel has made skb.protocol that of the packet within, and then took neither (iptunnel_pull_header,
		// net/ipv4/ip_tunnel_core.c). What the frame says is IP is, and so is what has its version and its length.
		f.packet.parse(f.frame.data, l2, 0)
		n := f.frame.len - l2
		if f.packet.version == 0 || f.packet.length > n ||
			l2 != 14 && (f.packet.length != n || string(f.frame.at) != "network") {
			f.packet = packet{etherType: f.frame.protocol}
		}
	}
	f.packet.sent = sent
	return &f.packet
}
