package dissect

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// messages have one of each kind that is more than a header: what is behind the header, or all of it.
var messages = []struct{ name, bytes string }{
	{"BPDU", "0000 02 02 3d 8001020000000001 00000004 8002020000000002 8003 0100 1400 0200 0f00"},
	{"BPDU, changed", "0000 00 80"},
	{"solicitation", "fd000000000000000000000000000002 0101020000000001 0e02 0102030405060102030405060708"},
	{"solicitation, an option cut", "fd000000000000000000000000000002 0201020000000001 0102020000000001"},
	{"groups of 4", "04010002 e00000fb 0a000001 0a000002 aabbccdd 03000000 e00000fc 0300"},
	{"groups of 16", "04010001 ff0200000000000000000000000000fb fd000000000000000000000000000001 aabbccdd " +
		"03000000 ff0200000000000000000000000000fc"},
	{"chunks", "00030012 00000005 00010002 0000002e 6162 0000 01000014 0000007b 00010000 000a ffff 00000005 " +
		"03000010 00000009 0000ffff 00000000 80000008 00000001 04000003"},
	{"LLDP", "0207 04 020000000001 0403 07 6531 0602 0078 0804 65746831 0a03 686f73 0000 ffff"},
}

// alike compares what is read of b, as each kind of message, with what gopacket reads.
func alike(b []byte) (compared int, err error) {
	for name, compare := range map[string]func([]byte) (string, string){
		"BPDU": bpdus, "solicitation": solicitations, "IGMP": groups4, "MLD": groups16, "SCTP": chunks, "LLDP": lldps,
	} {
		ours, theirs := compare(b)
		if ours != theirs {
			return compared, fmt.Errorf("%s: %s, theirs %s", name, ours, theirs)
		}
		if ours != "" {
			compared++
		}
	}
	return compared, nil
}

func bpdus(b []byte) (ours, theirs string) {
	var l layers.STP
	if l.DecodeFromBytes(b, gopacket.NilDecodeFeedback) != nil {
		return "", ""
	}
	h := BPDU(b)
	ours = fmt.Sprintf("%d %d %v %d %x %d %x %d", h.Version(), h.Type(), h.Flags()&1 != 0, h.Root().Priority(),
		h.Root().Address(), h.Bridge().Priority(), h.Bridge().Address(), h.Port())
	theirs = fmt.Sprintf("%d %d %v %d %x %d %x %d", l.Version, l.Type, l.TC, l.RouteID.Priority|l.RouteID.SysID,
		[]byte(l.RouteID.HwAddr), l.BridgeID.Priority|l.BridgeID.SysID, []byte(l.BridgeID.HwAddr), l.PortID)
	return ours, theirs
}

func solicitations(b []byte) (ours, theirs string) {
	var l layers.ICMPv6NeighborSolicitation
	err := l.DecodeFromBytes(append(make([]byte, 4), b...), gopacket.NilDecodeFeedback)
	m := NeighborMessage(b)
	if l.TargetAddress == nil {
		if m.Target() != nil {
			ours = "an address"
		}
		return ours, ""
	}
	ours, theirs = fmt.Sprintf("%x", m.Target()), fmt.Sprintf("%x", []byte(l.TargetAddress))
	o := m.Options(ICMPv6NeighborSolicitation)
	for {
		kind, value, ok := o.Next()
		if !ok {
			break
		}
		ours += fmt.Sprintf(" %d=%x", kind, value)
	}
	for _, o := range l.Options {
		theirs += fmt.Sprintf(" %d=%x", o.Type, o.Data)
	}
	return ours + fmt.Sprint(len(o) > 0), theirs + fmt.Sprint(err != nil)
}

// groups4 compares the groups of an IGMP report. gopacket leaves out one whose sources are not all there.
func groups4(b []byte) (ours, theirs string) {
	h := append([]byte{IGMPReport3, 0, 0, 0, 0, 0, 0xff, 0xff}, b...)
	var l layers.IGMP
	l.DecodeFromBytes(h, gopacket.NilDecodeFeedback)
	for _, g := range l.GroupRecords {
		theirs += fmt.Sprintf(" %x", []byte(g.MulticastAddress))
	}
	return listed(IGMPRecords(b), len(l.GroupRecords)), theirs
}

func groups16(b []byte) (ours, theirs string) {
	var l layers.MLDv2MulticastListenerReportMessage
	l.DecodeFromBytes(append([]byte{0, 0, 0xff, 0xff}, b...), gopacket.NilDecodeFeedback)
	for _, g := range l.MulticastAddressRecords {
		theirs += fmt.Sprintf(" %x", []byte(g.MulticastAddress))
	}
	return listed(MLDRecords(b), len(l.MulticastAddressRecords)), theirs
}

// listed are the first n groups. Behind them is one more at most, since its sources are said to be more than there is.
func listed(r GroupRecords, n int) (s string) {
	for i := 0; ; i++ {
		group, ok := r.Next()
		if !ok {
			return s
		}
		if i < n {
			s += fmt.Sprintf(" %x", group)
		} else if i > n {
			return s + fmt.Sprintf(" and %x", group)
		}
	}
}

// chunks compares those that gopacket reads: it stops at the first that is cut or malformed.
func chunks(b []byte) (ours, theirs string) {
	p := gopacket.NewPacket(append(make([]byte, SCTPLen), b...), layers.LayerTypeSCTP, gopacket.DecodeOptions{NoCopy: true})
	o := SCTPChunks(b)
	for _, l := range p.Layers()[1:] {
		switch l := l.(type) {
		case *layers.SCTPData:
			theirs += fmt.Sprint(" data ", l.Length, l.BeginFragment, l.EndFragment, l.TSN, l.StreamId, l.StreamSequence, uint32(l.PayloadProtocol))
			// which is the last: the data is a layer of its own
		case *layers.SCTPInit:
			theirs += fmt.Sprint(" init ", l.Length, l.InitiateTag, l.AdvertisedReceiverWindowCredit, l.OutboundStreams, l.InboundStreams, l.InitialTSN)
		case *layers.SCTPSack:
			theirs += fmt.Sprint(" sack ", l.Length, l.CumulativeTSNAck, l.AdvertisedReceiverWindowCredit)
		default:
			return ours, theirs
		}
		c, ok := o.Next()
		if !ok {
			return ours + " none", theirs
		}
		switch c.Type() {
		case SCTPData:
			d := SCTPDataChunk(c)
			ours += fmt.Sprint(" data ", c.Len(), d.Begins(), d.Ends(), d.TSN(), d.Stream(), d.Seq(), d.Protocol())
		case SCTPInit, SCTPInitAck:
			d := SCTPInitChunk(c)
			ours += fmt.Sprint(" init ", c.Len(), d.Tag(), d.Window(), d.OutStreams(), d.InStreams(), d.TSN())
		case SCTPSack:
			d := SCTPSackChunk(c)
			ours += fmt.Sprint(" sack ", c.Len(), d.Ack(), d.Window())
		}
	}
	return ours, theirs
}

func lldps(b []byte) (ours, theirs string) {
	p := gopacket.NewPacket(b, layers.LayerTypeLinkLayerDiscovery, gopacket.DecodeOptions{NoCopy: true})
	l, ok := p.Layer(layers.LayerTypeLinkLayerDiscovery).(*layers.LinkLayerDiscovery)
	if !ok {
		return "", ""
	}
	for _, v := range l.Values {
		theirs += fmt.Sprintf(" %d=%x", v.Type, v.Value)
	}
	const chassis, port, ttl = 1, 2, 3 // have their own place there
	for o := LLDPParts(b); ; {
		kind, value, ok := o.Next()
		if !ok || kind == LLDPEnd {
			return ours, theirs
		}
		if kind != chassis && kind != port && kind != ttl {
			ours += fmt.Sprintf(" %d=%x", kind, value)
		}
	}
}

// TestMessages: each of the messages is read as gopacket reads it, as a whole and cut off.
func TestMessages(t *testing.T) {
	seen := map[string]int{}
	for _, m := range messages {
		b := made(m.bytes)
		for n := range len(b) + 1 {
			compared, err := alike(b[:n])
			if err != nil {
				t.Errorf("%s, %d bytes: %v", m.name, n, err)
			}
			seen[m.name] += compared
		}
	}
	for _, m := range messages {
		if seen[m.name] == 0 && m.name != "BPDU, changed" {
			t.Errorf("%s: gopacket read nothing", m.name)
		}
	}
	// What gopacket has no word for.
	c := SCTPChunks(made("000300ff 00000005"))
	if chunk, ok := c.Next(); !ok || len(chunk) != 8 || chunk.Len() != 255 || len(c) != 0 {
		t.Errorf("a chunk that was cut: %x, %v, then %x", chunk, ok, c)
	}
	c = SCTPChunks(made("04000003 03000004"))
	if chunk, ok := c.Next(); !ok || !bytes.Equal(chunk, made("04000003")) || chunk.Name() != "HB REQ" || len(c) != 0 {
		t.Errorf("a chunk that is too short: %x, %v, then %x", chunk, ok, c)
	}
	for v, want := range map[string]string{"00": "capable", "1f": "join", "8f": "rst", "90": "unknown", "": ""} {
		if got := MPTCPName(made(v)); got != want {
			t.Errorf("MPTCP %s: %q, want %q", v, got, want)
		}
	}
	for typ, want := range map[uint8]int{ICMPv6RouterSolicitation: 48, ICMPv6RouterAdvertisement: 40, ICMPv6NeighborAdvertisement: 32,
		ICMPv6Redirect: 16, ICMPv6Echo: 0, ICMPv6ListenerReport: 0} {
		if got := len(NeighborMessage(make([]byte, 48)).Options(typ)); got != want {
			t.Errorf("type %d: %d bytes of options, want %d", typ, got, want)
		}
	}
}

// FuzzMessages: whatever the bytes, each message ends, and agrees with gopacket.
func FuzzMessages(f *testing.F) {
	for _, m := range messages {
		f.Add(made(m.bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := alike(b); err != nil {
			t.Error(err)
		}
		for o := SCTPChunks(b); ; {
			c, ok := o.Next()
			if !ok {
				break
			}
			if len(c) < 4 || len(c) > max(c.Len(), 4) {
				t.Fatalf("chunk %x of %x", c, b)
			}
		}
	})
}
