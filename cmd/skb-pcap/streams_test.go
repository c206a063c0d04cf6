package main

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

var (
	macA = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	macB = net.HardwareAddr{2, 0, 0, 0, 0, 2}
	ipA  = net.IP{10, 0, 0, 1}
	ipB  = net.IP{10, 0, 0, 2}
)

// packet makes a whole Ethernet frame from A to B, checksums included.
func packet(l4 gopacket.SerializableLayer, payload []byte) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 64, Id: 7, SrcIP: ipA, DstIP: ipB}
	switch l := l4.(type) {
	case *layers.UDP:
		ip.Protocol = layers.IPProtocolUDP
		_ = l.SetNetworkLayerForChecksum(ip)
	case *layers.TCP:
		ip.Protocol = layers.IPProtocolTCP
		_ = l.SetNetworkLayerForChecksum(ip)
	case *layers.ICMPv4:
		ip.Protocol = layers.IPProtocolICMPv4
	}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: macA, DstMAC: macB, EthernetType: layers.EthernetTypeIPv4}, ip, l4, gopacket.Payload(payload))
	if err != nil {
		panic(err)
	}
	return b.Bytes()
}

func dns() []byte {
	return packet(&layers.UDP{SrcPort: 41234, DstPort: 53}, []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01\x00\x01"))
}

func ping() []byte {
	return packet(&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 1, Seq: 1}, []byte("payload"))
}

// ipv6 is an IPv6 header without anything behind it.
func ipv6() []byte {
	h := make([]byte, 40)
	h[0], h[6], h[7] = 0x60, 59, 64
	h[8], h[23] = 0xfd, 1
	h[24], h[39] = 0xfd, 2
	return h
}

// bigTCP is what GSO or GRO makes: one segment of more than an IP packet can say it has.
// Then the kernel leaves its total length 0 (BIG TCP).
func bigTCP(payload int) []byte {
	f := packet(&layers.TCP{SrcPort: 1, DstPort: 80, Seq: 1, ACK: true, Window: 1000}, nil)[:54] // without the padding
	binary.BigEndian.PutUint16(f[16:], 0)
	return append(f, bytes.Repeat([]byte("0123456789"), payload/10)...)
}

func start() *format.Start {
	return &format.Start{TS: 1000, ClockOffset: 1_732_000_000_000_000_000, Host: "box", Kernel: "6.12.1", Arch: "x86_64",
		Tool: "skb-collect 1", Cmdline: []string{"skb-collect", "-p", "*"}, BootID: "b0", CPUs: 2}
}

// event is a packet of that many bytes at a probe on eth0; more changes it.
func event(ts uint64, probe, at string, data []byte, more ...func(*format.Event)) *format.Event {
	e := &format.Event{TS: ts, CPU: 1, Probe: probe,
		Dev: format.Dev{Name: "eth0", Ifindex: 2, Type: 1}, Netns: format.Netns{Inum: 4026531840},
		Packet: format.Packet{Len: uint32(len(data)), At: at, Data: data}}
	e.Skb.Set(format.SkbAddr, 0xffff888003a1c200)
	e.Skb.Set(format.SkbHead, 0xffff888003a1d000)
	e.Skb.Set(format.SkbProtocol, 0x0800)
	e.Skb.Set(format.SkbPktType, 0)
	for _, f := range more {
		f(e)
	}
	return e
}

func set(f format.SkbField, v uint64) func(*format.Event) {
	return func(e *format.Event) { e.Skb.Set(f, v) }
}

// tracked is an event to which skb-track has added its section.
type tracked struct {
	*format.Event
	packet, hop uint64
}

func (t tracked) AppendMsgpack(dst []byte) []byte {
	section := wire.AppendMap(nil, 3)
	section = wire.AppendUint(wire.AppendStr(section, "packet"), t.packet)
	section = wire.AppendUint(wire.AppendStr(section, "hop"), t.hop)
	section = wire.AppendUint(wire.AppendStr(section, "total"), 0)
	return wire.Splice(dst, t.Event.AppendMsgpack(nil), "track", section)
}

// journey is an event with all that skb-track adds; change is the name of what changed,
// and its values before and after.
func journey(e *format.Event, packet uint64, hop uint32, since uint64, change []string) format.Appender {
	t := format.Track{Packet: packet, Hop: hop, Since: since}
	if change != nil {
		t.Changed = wire.AppendStr(wire.AppendMap(nil, 2), change[0])
		t.Changed = wire.AppendArray(t.Changed, 2)
		t.Changed = wire.AppendStr(wire.AppendStr(t.Changed, change[1]), change[2])
		t.Changed = wire.AppendArray(wire.AppendStr(t.Changed, "ip.ttl"), 2)
		t.Changed = wire.AppendUint(wire.AppendUint(t.Changed, 64), 63)
	}
	return record(wire.Splice(nil, e.AppendMsgpack(nil), "track", t.AppendMsgpack(nil)))
}

type record format.Raw

func (r record) AppendMsgpack(dst []byte) []byte { return append(dst, r...) }

// spliced is e with sections, each behind its key, in JSON.
func spliced(e *format.Event, sections ...string) format.Appender {
	raw := format.Raw(e.AppendMsgpack(nil))
	for i := 0; i < len(sections); i += 2 {
		// What FromJSON reads is a record.
		r, err := format.FromJSON(nil, []byte(`{"type":"x","v":`+sections[i+1]+`}`))
		if err != nil {
			panic(err)
		}
		raw = wire.Splice(nil, raw, sections[i], r.Get("v"))
	}
	return record(raw)
}

// sections are events with everything that the filters and skb-collect --with add.
func sections() []format.Appender {
	more := func(e *format.Event) {
		e.Process = format.Process{PID: 8, TGID: 7, Comm: "curl"}
		e.Dev.RxIfindex, e.Netns.Cookie = 3, 5
		e.Drop = format.Drop{Reason: 3, Name: "NO_SOCKET", Location: "f+0x1"}
		e.Packet.Missing = [][2]uint32{{10, 20}}
	}
	return []format.Appender{
		start(),
		&format.Stack{ID: 4, Frames: []string{"ip_rcv+0x10", "process_backlog+0x9f", "__napi_poll+0x2c"}},
		spliced(event(1000, "skb:kfree_skb", "network", dns()[14:], more, set(format.SkbHash, 0xbeef), set(format.SkbPriority, 6), set(format.SkbIPSummed, 3)),
			"track", `{"packet":3,"branch":1,"hop":2,"since":1500,"total":4000,"from":{"how":"clone","branch":0},"by":"addr","uncertain":true,"inferred":true}`,
			"why", `{"reason":"NO_SOCKET","meaning":"no socket","cause":"nothing listens","where":"the UDP code","look":["ss -u","nstat"],"severity":"suspect","confidence":"inferred"}`,
			"caller", `"ip_local_deliver+0x1"`, "stack", `4`),
		spliced(event(2000, "ret:nf_hook_slow", "network", dns()[14:]),
			"ret", `{"value":-22}`, "gso", `{"size":1448,"segs":2,"type":["TCPV4"]}`, "csum", `{"summed":"PARTIAL","start":86,"offset":6}`,
			"sock", `{"addr":"18446612682130964992","family":"INET","state":"ESTABLISHED","cookie":9,"src":"10.0.0.1","sport":41234,"dst":"10.0.0.2","dport":53,"uid":1000,"inode":777,"filter":true,"backlog":2,"max_backlog":1}`,
			"ct", `{"state":"NEW","dir":"original","addr":"18446612682130964993","status":["CONFIRMED","SRC_NAT"],"orig":{"src":"10.0.0.1","dst":"10.0.0.2","sport":41234,"dport":53,"proto":17},"reply":{"src":"10.0.0.2","dst":"192.0.2.1","sport":53,"dport":1024,"proto":17},"zone":2,"mark":16}`,
			"nft", `{"type":"rule","verdict":"drop","family":"ip","table":"filter","chain":"input","handle":4}`, "args", `{"hook":1,"ok":true}`),
		&format.Journey{Packet: 3, First: 1000, Last: 2000, Hops: 1, Branches: 1, End: format.JourneyEnd{How: "dropped"}},
	}
}

// writeStreams writes the streams that the scripts read.
func writeStreams(dir string) error {
	drop := func(e *format.Event) {
		e.Drop = format.Drop{Reason: 3, Name: "NO_SOCKET", Location: "__udp4_lib_rcv+0x2a"}
	}
	comm := func(e *format.Event) { e.Process = format.Process{PID: 7, TGID: 7, Comm: "ngi\nx\xff"} }
	on := func(dev string, netns uint32, cpu uint32) func(*format.Event) {
		return func(e *format.Event) { e.Dev.Name, e.Netns.Inum, e.CPU = dev, netns, cpu }
	}
	other := start()
	other.Host, other.Kernel, other.ClockOffset = "other", "5.10.0", start().ClockOffset+500_000_000
	fast := start()
	fast.Netns.Inum, fast.Speed = 4026531840, map[string]uint64{"eth0": 10000}
	arp := append(append(append([]byte{}, macB...), macA...), "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01"+string(macA)+string(ipA.To4())+"\x00\x00\x00\x00\x00\x00"+string(ipB.To4())...)
	empty := func(e *format.Event) { e.Packet.Data, e.Packet.Len = nil, 84 }
	none := func(e *format.Event) { e.Packet = format.Packet{} }
	cut := func(n int) func(*format.Event) { return func(e *format.Event) { e.Packet.Data = e.Packet.Data[:n] } }

	streams := map[string][]format.Appender{
		"sections.skb": sections(),
		"ipv6.skb":     {start(), event(1000, "ipv6_rcv", "network", ipv6(), set(format.SkbProtocol, 0x86dd))},
		// Each host loses some; what is lost at the end no packet can say.
		"losses.skb": {
			fast, &format.Loss{What: "event", Count: 3}, event(1000, "ip_rcv", "network", dns()[14:]),
			other, &format.Loss{What: "event", Count: 10}, event(2000, "ip_rcv", "network", dns()[14:]),
			fast, &format.Loss{What: "event", Count: 5}, other, event(3000, "ip_rcv", "network", dns()[14:]),
			fast, event(4000, "ip_output", "network", dns()[14:]), &format.Loss{What: "event", Count: 7},
		},
		"empty.skb": {},
		"start.skb": {start()},
		"mixed.skb": {
			start(),
			event(123456789, "net:netif_receive_skb", "mac", ping(), set(format.SkbQueue, 3)),
			event(123456790, "ip_rcv", "network", dns()[14:]),
			&format.Loss{TS: 200000000, Count: 5, What: "link", Cause: "ring buffer full"},
			&format.Loss{TS: 200000000, Count: 7, What: "event", Cause: "ring buffer full"},
			tracked{event(1123456791, "skb:kfree_skb", "network", dns()[14:], drop), 12, 3},
			event(1123456792, "net:net_dev_start_xmit", "mac", dns(), set(format.SkbVlanTCI, 42), set(format.SkbVlanProto, 0x8100)),
		},
		"journeys.skb": {
			start(),
			journey(event(1000, "net:netif_receive_skb", "mac", dns(), set(format.SkbMark, 0)), 1, 0, 0, nil),
			journey(event(2500, "net:netif_receive_skb", "mac", ping(), on("eth1", 4026532000, 0), set(format.SkbPktType, 3)), 2, 0, 0, nil),
			journey(event(13345, "ip_rcv", "network", dns()[14:], set(format.SkbMark, 0x2a), comm), 1, 1, 12345, []string{"ip.dst", "192.0.2.1", "10.0.0.2"}),
			journey(event(1000014000, "ip_rcv", "network", ping()[14:], on("eth1", 4026532000, 0)), 2, 1, 1000011500, nil),
			&format.Journey{Packet: 2, First: 2500, Last: 1000014000, Hops: 2, Branches: 1, End: format.JourneyEnd{How: "delivered"}},
			event(1000015000, "net:netif_receive_skb", "mac", arp, set(format.SkbProtocol, 0x0806), set(format.SkbPktType, 1)),
			event(1000016000, "arp_rcv", "network", arp[14:], set(format.SkbProtocol, 0x0806), set(format.SkbPktType, 1), set(format.SkbID, 9)),
			event(1000016500, "ret:arp_rcv", "network", arp[14:], set(format.SkbProtocol, 0x0806), set(format.SkbPktType, 1), set(format.SkbID, 9)),
			journey(event(1000017000, "skb:kfree_skb", "network", dns()[14:], drop), 1, 2, 1000003655, nil),
			other,
			event(600000000, "ip_rcv", "network", dns()[14:], on("ens1", 4026531840, 3)),
			event(600000001, "ip_rcv", "network", dns()[14:], func(e *format.Event) { e.Dev, e.Netns = format.Dev{}, format.Netns{} }),
		},
		"without.skb": {
			start(),
			event(1, "net:netif_receive_skb", "mac", ping()),
			event(2, "skb:skb_copy_datagram_iovec", "", nil, none),
			event(3, "skb:skb_copy_datagram_iovec", "mac", nil, empty),
			event(4, "__alloc_skb", "data", []byte{1, 2, 3}),
		},
		"big.skb": {
			start(),
			event(1, "net:netif_receive_skb", "mac", bigTCP(70000)),
			event(2, "net:netif_receive_skb", "mac", bigTCP(500000)),
			event(3, "net:netif_receive_skb", "mac", bigTCP(70000), cut(96)),
		},
	}
	for name, records := range streams {
		var b bytes.Buffer
		e := format.NewEncoder(&b)
		for _, r := range whole(records) {
			if err := e.Write(r); err != nil {
				return err
			}
		}
		if err := e.Flush(); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// whole gives each start its end, with the counts of what belongs to it.
func whole(records []format.Appender) []format.Appender {
	ends := map[*format.Start]*format.End{}
	var starts []*format.Start
	var current *format.Start
	for _, r := range records {
		raw := format.Raw(r.AppendMsgpack(nil))
		switch raw.Type() {
		case format.TypeStart:
			current = r.(*format.Start)
			if ends[current] == nil {
				ends[current] = &format.End{TS: 3000000000, Cause: "signal"}
				starts = append(starts, current)
			}
		case format.TypeEvent:
			ends[current].Events++
		case format.TypeLoss:
			ends[current].Lost += r.(*format.Loss).Count
		}
	}
	for _, s := range starts {
		if s != current {
			records = append(records, s)
			current = s
		}
		records = append(records, ends[s])
	}
	return records
}
