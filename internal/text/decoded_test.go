package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skb-tools/skb-tools/format"
)

// decodedOf is the value of `decoded` of an event with the frame, and whether the rest of the line is as without it.
func decodedOf(t *testing.T, d *Decoded, e *format.Event) string {
	t.Helper()
	r := format.Raw(e.AppendMsgpack(nil))
	line, err := format.AppendJSON(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	plain := string(line[:len(line)-1]) + `,"decoded":`
	line = d.Append(line, r)
	value, ok := strings.CutPrefix(string(line), plain)
	if !ok || !json.Valid(line) {
		t.Fatalf("%s\nis not what AppendJSON wrote, and more: %s", line, plain)
	}
	back, err := format.FromJSON(nil, line)
	if err != nil || string(back) != string(r) {
		t.Fatalf("%s: %v", line, err)
	}
	return strings.TrimSuffix(value, "}")
}

// TestDecoded: what is told of packets of each kind, and what is not.
func TestDecoded(t *testing.T) {
	text := gopacket.Payload(strings.Repeat("x", 45))
	v4, v6 := eth(layers.EthernetTypeIPv4), eth(layers.EthernetTypeIPv6)
	a4, b4 := ip4(layers.IPProtocolUDP), ip6(layers.IPProtocolUDP)
	syn := &layers.TCP{SrcPort: 41234, DstPort: 80, SYN: true, ACK: true}
	inner := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: []byte{172, 16, 0, 1}, DstIP: []byte{172, 16, 0, 2}}
	innerTCP := func() *layers.TCP {
		l := &layers.TCP{SrcPort: 5, DstPort: 6, FIN: true}
		l.SetNetworkLayerForChecksum(inner)
		return l
	}
	outer := `"src":"10.0.42.1","dst":"10.0.255.1"`
	within := `"src":"172.16.0.1","dst":"172.16.0.2","sport":5,"dport":6,"proto":"tcp",`
	fragment := ip4(layers.IPProtocolUDP)
	fragment.FragOffset = 3
	for _, c := range []struct {
		name string
		data []byte
		want string // but info
	}{
		{"tcp", build(t, v4, ip4(layers.IPProtocolTCP), syn), outer + `,"sport":41234,"dport":80,"proto":"tcp","flags":"S."`},
		{"udp6", build(t, v6, b4, udp(1, 9), text), `"src":"fd00::1","dst":"fd00::2","sport":1,"dport":9,"proto":"udp"`},
		{"icmp", build(t, v4, ip4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: 8 << 8, Id: 5, Seq: 6}), outer + `,"proto":"icmp"`},
		{"what an error quotes", build(t, v4, ip4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: 3<<8 | 1}, inner, gopacket.Payload{0, 80, 0xa1, 0x12, 0, 0, 0, 9}),
			outer + `,"proto":"icmp"`},
		{"a later fragment", build(t, v4, fragment, gopacket.Payload("0035003500000000")), outer + `,"proto":"udp"`},
		{"no name", build(t, v4, ip4(200), text), outer + `,"proto":"200"`},
		{"a tag", build(t, eth(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 5, Priority: 3, Type: layers.EthernetTypeIPv4}, a4, udp(1, 9), text),
			outer + `,"sport":1,"dport":9,"proto":"udp","vlan":5`},
		{"two tags", build(t, eth(layers.EthernetTypeQinQ), &layers.Dot1Q{VLANIdentifier: 100, Type: layers.EthernetTypeDot1Q}, &layers.Dot1Q{VLANIdentifier: 5, Type: layers.EthernetTypeIPv4}, a4, udp(1, 9), text),
			outer + `,"sport":1,"dport":9,"proto":"udp","vlan":100,"inner_vlan":5`},
		{"arp", build(t, eth(layers.EthernetTypeARP), &layers.ARP{AddrType: 1, Protocol: layers.EthernetTypeIPv4, Operation: 1, SourceHwAddress: macA, SourceProtAddress: ipA, DstHwAddress: make([]byte, 6), DstProtAddress: ipB}),
			outer + `,"proto":"arp"`},
		{"vxlan", build(t, v4, a4, udp(1, 4789), unhex(t, "08000000 00002a00"), eth(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypeIPv4}, inner, innerTCP()),
			within + `"tunnel":[{"kind":"vxlan",` + outer + `,"vni":42}],"flags":"F"`},
		{"gre with a key, in it ipip", build(t, v4, ip4(layers.IPProtocolGRE), unhex(t, "20000800 00000063"), ip4(layers.IPProtocolIPv4), inner, innerTCP()),
			within + `"tunnel":[{"kind":"gre",` + outer + `,"key":99},{"kind":"ipip",` + outer + `}],"flags":"F"`},
		{"esp", build(t, v4, ip4(layers.IPProtocolESP), unhex(t, "00000100 00000001"), text), outer + `,"proto":"esp","tunnel":[{"kind":"esp",` + outer + `,"spi":256}]`},
		{"esp in udp", build(t, v4, a4, udp(4500, 4500), unhex(t, "00000100 00000001"), text),
			outer + `,"sport":4500,"dport":4500,"proto":"udp","tunnel":[{"kind":"esp",` + outer + `,"spi":256}]`},
		{"wireguard", build(t, v4, a4, udp(51820, 51820), unhex(t, "04000000 07000000 0000000000000000"), gopacket.Payload(make([]byte, 32))),
			outer + `,"sport":51820,"dport":51820,"proto":"udp","tunnel":[{"kind":"wireguard",` + outer + `,"index":7}]`},
		{"mpls", build(t, eth(layers.EthernetTypeMPLSUnicast), unhex(t, "00064040 000c8140"), inner, innerTCP()),
			within + `"tunnel":[{"kind":"mpls","label":100},{"kind":"mpls","label":200}],"flags":"F"`},
		{"ah", build(t, v4, ip4(layers.IPProtocolAH), unhex(t, "11040000 00000102 00000001 000000000000000000000000"), udp(1, 9), text),
			outer + `,"sport":1,"dport":9,"proto":"udp","tunnel":[{"kind":"ah",` + outer + `,"spi":258}]`},
		{"cut in the addresses", build(t, v4, a4)[:28], ``},
		{"cut in the ports", build(t, v4, a4, udp(1, 9), text)[:36], outer + `,"proto":"udp"`},
		{"cut in the flags", build(t, v4, ip4(layers.IPProtocolTCP), syn)[:44], outer + `,"sport":41234,"dport":80,"proto":"tcp"`},
	} {
		protocol := uint16(c.data[12])<<8 | uint16(c.data[13])
		if protocol == 0x8100 || protocol == 0x88a8 {
			protocol = 0x0800
		}
		e := &format.Event{TS: 5, Probe: "p", Dev: format.Dev{Name: "eth0", Ifindex: 2, Type: 1},
			Packet: format.Packet{Len: uint32(len(c.data)), At: "mac", Data: c.data}}
		e.Skb.Set(format.SkbProtocol, uint64(protocol))
		want := c.want
		if want != "" {
			want += ","
		}
		quoted := strings.NewReplacer(`\u003e`, ">", `\u003c`, "<", `\u0026`, "&").Replace(mustJSON(string(Packet(nil, c.data, "mac", 1, protocol, len(c.data)))))
		want = `{` + want + `"info":` + quoted + `}`
		if got := decodedOf(t, NewDecoded(), e); got != want {
			t.Errorf("%s:\n%s, want\n%s", c.name, got, want)
		}
	}
}

func mustJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestDecodedStart: the wall clock is that of the start that an event belongs to, and without one there is none.
func TestDecodedStart(t *testing.T) {
	d := NewDecoded()
	event := &format.Event{TS: 1_500_000_001, Probe: "p", Netns: format.Netns{Inum: 4026531840}}
	want := func(time string) {
		t.Helper()
		if time != "" {
			time = fmt.Sprintf(`"time":%q,`, time)
		}
		if got := decodedOf(t, d, event); got != `{`+time+`"netns":"4026531840"}` {
			t.Errorf("%s, want the time %s", got, time)
		}
	}
	want("")
	a := format.Raw((&format.Start{ClockOffset: 1732000000_000000000, Host: "a"}).AppendMsgpack(nil))
	b := format.Raw((&format.Start{ClockOffset: -1_500_000_002, Host: "b"}).AppendMsgpack(nil))
	for _, r := range []format.Raw{a, b} {
		if got := d.Append([]byte("{}"), r); string(got) != "{}" {
			t.Errorf("a start has %s", got)
		}
	}
	want("1969-12-31T23:59:59.999999999Z")
	d.Append([]byte("{}"), (&format.Resume{Back: 1}).AppendMsgpack(nil))
	want("2024-11-19T07:06:41.500000001Z")
}

// TestDecodedNetns: the name is that of the start in force.
func TestDecodedNetns(t *testing.T) {
	d := NewDecoded()
	start := &format.Start{Namespaces: map[uint32]format.Namespace{4026532166: {Name: "pod:web-7d9f", By: "pod"}}}
	d.Append([]byte("{}"), start.AppendMsgpack(nil))
	for inum, want := range map[uint32]string{4026532166: "pod:web-7d9f", 4026532167: "4026532167"} {
		if got := decodedOf(t, d, &format.Event{Probe: "p", Netns: format.Netns{Inum: inum}}); !strings.HasSuffix(got, `"netns":"`+want+`"}`) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestDecodedNetnsAgain: the number of a namespace that is gone, given to another one, has not its name.
func TestDecodedNetnsAgain(t *testing.T) {
	d := NewDecoded()
	start := &format.Start{Namespaces: map[uint32]format.Namespace{9: {Name: "web", By: "ip netns"}}}
	d.Append([]byte("{}"), start.AppendMsgpack(nil))
	for _, c := range []struct {
		cookie uint64
		want   string
	}{{0, "web"}, {7, "web"}, {7, "web"}, {8, "9"}, {0, "9"}} {
		if got := decodedOf(t, d, &format.Event{Probe: "p", Netns: format.Netns{Inum: 9, Cookie: c.cookie}}); !strings.HasSuffix(got, `"netns":"`+c.want+`"}`) {
			t.Errorf("cookie %d: %s, want %s", c.cookie, got, c.want)
		}
	}
}

// TestDecodedNetnsLater: a name that is found later.
func TestDecodedNetnsLater(t *testing.T) {
	d := NewDecoded()
	d.Append([]byte("{}"), (&format.Start{}).AppendMsgpack(nil))
	later := &format.NamespaceFound{Inum: 9, Namespace: format.Namespace{Name: "web", By: "ip netns"}}
	if got := string(d.Append([]byte("{}"), later.AppendMsgpack(nil))); got != "{}" {
		t.Errorf("the record itself has %s", got)
	}
	if got := decodedOf(t, d, &format.Event{Probe: "p", Netns: format.Netns{Inum: 9}}); !strings.HasSuffix(got, `"netns":"web"}`) {
		t.Error(got)
	}
}

// TestDecodedTag: the tag that the kernel keeps beside the packet is the outermost one.
func TestDecodedTag(t *testing.T) {
	data := build(t, eth(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 5, Type: layers.EthernetTypeIPv4}, ip4(layers.IPProtocolUDP), udp(1, 9))
	e := &format.Event{TS: 5, Probe: "p", Dev: format.Dev{Name: "eth0", Type: 1}, Packet: format.Packet{Len: uint32(len(data)), At: "mac", Data: data}}
	e.Skb.Set(format.SkbVlanTCI, 0x6000|9)
	e.Skb.Set(format.SkbVlanProto, 0x8100)
	if got := decodedOf(t, NewDecoded(), e); !strings.Contains(got, `"vlan":9,"inner_vlan":5,`) {
		t.Error(got)
	}
}

// TestDecodedRecorded: every event of the recordings has it, and its keys are those of FORMAT.md in their order.
func TestDecodedRecorded(t *testing.T) {
	for _, kernel := range []string{"5.10", "6.1", "6.12", "7.x"} {
		d, events, ports := NewDecoded(), 0, 0
		stream, err := os.ReadFile("../../testdata/traffic-" + kernel + ".skb")
		if err != nil {
			t.Fatal(err)
		}
		for in := format.NewDecoder(bytes.NewReader(stream)); ; {
			r, err := in.Next()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			line, err := format.AppendJSON(nil, r)
			if err != nil {
				t.Fatal(err)
			}
			var v struct {
				Type    string
				Decoded *struct {
					Time, Src, Info string
					Dport           int
				}
			}
			if err := json.Unmarshal(d.Append(line, r), &v); err != nil {
				t.Fatal(err)
			}
			if (v.Type == "event") != (v.Decoded != nil) {
				t.Fatalf("%s: %s", kernel, line)
			}
			if v.Decoded == nil {
				continue
			}
			events++
			if v.Decoded.Dport == 53 {
				ports++
			}
			if v.Decoded.Time == "" || v.Decoded.Info == "" {
				t.Errorf("%s: %+v of %s", kernel, v.Decoded, line)
			}
		}
		if events < 100 || ports < 5 {
			t.Errorf("%s: %d events, %d to port 53", kernel, events, ports)
		}
	}
}

// TestDecodedAllocations: a live pipe into jq allocates nothing per event.
func TestDecodedAllocations(t *testing.T) {
	d, records := NewDecoded(), recorded(t, "../../testdata/traffic-6.12.skb")
	var line []byte
	run := func() {
		for _, r := range records {
			line, _ = format.AppendJSON(line[:0], r)
			line = d.Append(line, r)
		}
	}
	run()
	if got := testing.AllocsPerRun(5, run); got > 20 {
		t.Errorf("%.0f allocations for %d records", got, len(records))
	}
}
