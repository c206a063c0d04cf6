//go:build linux && (amd64 || arm64) && cgo && !nopcap

package filter

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/net/bpf"
)

// packetExpressions are such that each kind of load, jump and scratch memory occurs. That
// expressions mean what they mean to tcpdump is tested on kernels (test/kernel).
var packetExpressions = []string{
	"tcp", "udp port 53", "host 10.0.0.1", "ip6", "net 10.0.0.0/24 and not port 22", "len > 60", "less 40",
	"tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
	"ip[6:2] & 0x1fff != 0", "ip[2:2] > 40 or ip[8] < 5", "udp[4:2] / 3 = 9 or udp[4:2] % 7 = 1",
	"ip[0] << 3 = ip[2] + ip[3] * 2 - ip[4]", "(ip[9] | ip[8]) ^ 0x55 = ip[10:2]",
	"icmp[icmptype] = icmp-echo", "ip6[40:4] > 3 or ip6[100] = 1", "port 53 or portrange 4000-5000",
	"geneve", "geneve and port 22", "ip[ip[0]:2] = 1", "ip[70:4] = 0x61616161",
}

// TestPacketFilter: the function passes what the classic program passes that it was made
// of, wherever the packet's bytes lie, with the interpreter of golang.org/x/net/bpf as the
// truth.
func TestPacketFilter(t *testing.T) {
	passed := map[bool]int{}
	for _, expr := range packetExpressions {
		for _, link := range []linkType{ethernet, rawIP} {
			copied, direct := compiled(t, expr, link, false), compiled(t, expr, link, true)
			for _, p := range samplePackets {
				b, err := hex.DecodeString(p.hex)
				if err != nil {
					t.Fatal(err)
				}
				for _, linear := range []int{len(b), len(b) / 2, 14, 0} {
					passed[copied.check(t, b, min(linear, len(b)))]++
					direct.check(t, b, min(linear, len(b)))
				}
			}
		}
	}
	if passed[true] < 100 || passed[false] < 100 {
		t.Errorf("the packets don't tell filters apart: %v", passed)
	}
}

func FuzzPacketFilter(f *testing.F) {
	programs := map[string]*program{}
	for i := range packetExpressions {
		for _, p := range samplePackets {
			b, _ := hex.DecodeString(p.hex)
			f.Add(byte(i), p.link == ethernet, b, uint16(len(b)))
		}
	}
	f.Fuzz(func(t *testing.T, n byte, l2 bool, packet []byte, linear uint16) {
		expr, link := packetExpressions[int(n)%len(packetExpressions)], rawIP
		if l2 {
			link = ethernet
		}
		direct := len(packet)%2 == 0
		key := fmt.Sprint(expr, link, direct)
		if programs[key] == nil {
			programs[key] = compiled(t, expr, link, direct)
		}
		programs[key].check(t, packet, min(int(linear), len(packet)))
	})
}

// A program is an expression, and both forms of what libpcap makes of it.
type program struct {
	expr string
	vm   *bpf.VM
	ins  asm.Instructions
}

func compiled(t *testing.T, expr string, link linkType, direct bool) *program {
	t.Helper()
	classic, err := compileClassic(link, expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	b := body{link: link, plain: classic, symbol: "filter", direct: direct}
	ins, err := b.compile()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	vm, err := bpf.NewVM(classic)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	if depth := stackDepth(ins); depth > maxStack {
		t.Errorf("%s: %d bytes of stack", expr, depth)
	}
	return &program{expr, vm, ins}
}

// check runs both on a packet of which linear bytes are in the linear part.
func (p *program) check(t *testing.T, packet []byte, linear int) bool {
	t.Helper()
	want, err := p.vm.Run(packet)
	if err != nil {
		t.Fatal(err)
	}
	// Behind the linear part lies skb_shared_info: a short packet is read beyond its end.
	head := append(append([]byte(nil), packet[:linear]...), bytes.Repeat([]byte{0xee}, 320)...)
	m := &machine{memory: map[uint64][]byte{packetAddr: head}, packet: packet}
	got, err := m.run(p.ins, skbAt, packetAddr, uint64(len(packet)), uint64(linear), 0)
	if err != nil || (got != 0) != (want != 0) {
		t.Errorf("%s: %d %v, want %d: %d of %x are linear", p.expr, got, err, want, linear, packet)
	}
	return got != 0
}

// stackDepth is how much stack a function uses, as the verifier counts it.
func stackDepth(ins asm.Instructions) int {
	depth := 0
	for _, in := range ins {
		switch {
		case in.OpCode.Class() == asm.StXClass && in.Dst == asm.R10, in.OpCode.Class() == asm.LdXClass && in.Src == asm.R10:
			depth = max(depth, -int(in.Offset))
		case in.OpCode == asm.Add.Imm(asm.R1, 0).OpCode && in.Constant < 0:
			depth = max(depth, -int(in.Constant))
		}
	}
	return depth
}

// TestFast: the usual filters look at usual packets without a call for each field.
func TestFast(t *testing.T) {
	for _, expr := range []string{"tcp port 443", "host 10.0.0.1 and udp port 53", "tcp[tcpflags] & tcp-syn != 0"} {
		p := compiled(t, expr, ethernet, true)
		packet, _ := hex.DecodeString(samplePackets["http"].hex)
		m := &machine{memory: map[uint64][]byte{packetAddr: append(packet, make([]byte, 320)...)}, packet: packet}
		if _, err := m.run(p.ins, skbAt, packetAddr, uint64(len(packet)), uint64(len(packet)), 0); err != nil {
			t.Fatal(err)
		}
		if m.calls > 0 || m.steps > 50 {
			t.Errorf("%s: %d calls of packet_bytes, %d instructions", expr, m.calls, m.steps)
		}
	}
}

// TestTags: a VLAN tag that the device took out of the packet is one for the expression.
func TestTags(t *testing.T) {
	udp, _ := hex.DecodeString(samplePackets["dns"].hex)
	const present = 1 << 16
	for _, test := range []struct {
		expr   string
		info   uint64
		tagged bool // in the packet
		want   int32
	}{
		{"vlan", present | 10, false, 1},
		{"vlan", 0, false, 0},
		{"vlan", 0, true, 1},
		{"vlan 10", present | 10, false, 1},
		{"vlan 10", present | 3<<13 | 10, false, 1}, // the priority is not the number
		{"vlan 10", present | 20, false, 0},
		{"vlan 10 and udp port 53", present | 10, false, 1},
		{"vlan 10 and udp port 53", 0, true, 1},
		{"vlan 10 and tcp", present | 10, false, 0},
		{"not vlan", present | 10, false, 0},
		{"not vlan", 0, false, 1},
		{"vlan 20 and vlan 10", present | 20, true, 1},
		{"vlan 20 and vlan 10", present | 10, true, 0},
		{"udp port 53 or (vlan and udp port 53)", present | 10, false, 1},
	} {
		f, err := New(Options{Filter: test.expr}, nil)
		if err != nil {
			t.Fatal(err)
		}
		packet := udp
		if test.tagged {
			packet = append(append(append([]byte(nil), udp[:12]...), 0x81, 0, 0, 10), udp[12:]...)
		}
		m := &machine{memory: map[uint64][]byte{packetAddr: append(append([]byte(nil), packet...), make([]byte, 320)...)}, packet: packet}
		got, err := m.run(f.bodies["filter_l2"], skbAt, packetAddr, uint64(len(packet)), uint64(len(packet)), test.info)
		if err != nil || (got != 0) != (test.want != 0) {
			t.Errorf("%q, tag %#x, tag in the packet %v: %d %v, want %d", test.expr, test.info, test.tagged, got, err, test.want)
		}
	}
}

// hosts is a filter as scripts write it.
func hosts(n int) string {
	var s []string
	for i := range n {
		s = append(s, fmt.Sprintf("host 10.%d.%d.%d", i>>16&0xff, i>>8&0xff, i&0xff))
	}
	return strings.Join(s, " or ")
}

func TestLargeFilters(t *testing.T) {
	f, err := New(Options{Filter: hosts(300)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := hex.DecodeString(samplePackets["http"].hex)
	for _, last := range []byte{2, 43, 44} { // 299 is 1*256 + 43
		packet := append([]byte(nil), b...)
		copy(packet[26:], []byte{192, 0, 2, 1, 10, 0, 1, last})
		m := &machine{memory: map[uint64][]byte{packetAddr: append(packet, make([]byte, 320)...)}, packet: packet}
		got, err := m.run(f.bodies["filter_l2"], skbAt, packetAddr, uint64(len(packet)), uint64(len(packet)), 0)
		if err != nil || (got != 0) != (last < 44) {
			t.Errorf("10.0.1.%d: %d %v", last, got, err)
		}
	}
	for _, test := range []struct {
		n    int
		want string
	}{
		{10000, "-f 'host 10.0.0.0 or"}, {10000, "it is too large:"}, {100000, "it is too large:"},
	} {
		_, err := New(Options{Filter: hosts(test.n)}, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 200 {
			t.Errorf("%d hosts: %v", test.n, err)
		}
	}
}

func TestFilterFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "filter")
	for text, want := range map[string]string{
		"udp port 53\n": "", "udp and\n  port 53": "", "  \n": "there is no expression in this file", "udp prot 53": "'udp prot 53': syntax error",
	} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := New(Options{Filter: "@" + name}, nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := New(Options{Filter: "@/nosuch"}, nil); err == nil || err.Error() != "-f @/nosuch: no such file or directory" {
		t.Error(err)
	}
}

func TestFilterErrors(t *testing.T) {
	for _, test := range []struct {
		options Options
		want    string
	}{
		{Options{Filter: "udp prot 53"}, "-f 'udp prot 53': syntax error"},
		{Options{Filter: "host"}, "-f 'host': "},
		{Options{Filter: "port 99999"}, "-f 'port 99999': "},
		{Options{Filter: "ip and"}, "syntax error"},
		{Options{Filter: "port 53\x00"}, `-f "port 53\x00": it contains a NUL byte`},
		{Options{Filter: "ip6 protochain 6"}, "-f 'ip6 protochain 6': protochain needs a loop"},
		{Options{Filter: "tcp and arp and udp"}, "-f 'tcp and arp and udp': expression rejects all packets"},
		{Options{Filter: "inbound and udp"}, "-f 'inbound and udp': inbound and outbound are known where a packet socket looks only"},
		{Options{Filter: "not outbound"}, "choose a probe"},
		{Options{InnerFilter: "@/nosuch"}, "--inner-filter @/nosuch: no such file"},
		{Options{InnerFilter: "nonsense here"}, "--inner-filter 'nonsense here': "},
	} {
		_, err := New(test.options, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v, want %s", test.options, err, test.want)
		}
	}
}

// TestNotes: where only one form of an expression exists, that is said, once.
func TestNotes(t *testing.T) {
	for expr, want := range map[string]bool{
		"udp port 53": false, "host 10.0.0.1 or ip6": false, "len > 100": false,
		"arp": true, "ether host 02:00:00:00:00:01": true, "vlan 10 and udp": true, "ether[0] & 1 = 1": true,
		"ether proto 0x88cc": true, "pppoes": true, "stp": true,
	} {
		f, err := New(Options{Filter: expr}, nil)
		if err != nil {
			t.Fatal(err)
		}
		notes := f.Notes()
		if len(notes) > 1 || (len(notes) == 1) != want {
			t.Errorf("%s: %q", expr, notes)
		}
		if want && len(notes) == 1 && !strings.HasPrefix(notes[0], "-f '"+expr+"' can only match a packet while it has an Ethernet header") {
			t.Error(notes[0])
		}
	}
}

// samplePackets are a DNS query behind IP options, an HTTP request, Geneve, and a ping.
var samplePackets = map[string]struct {
	link linkType
	hex  string
}{
	"dns":  {ethernet, "020000000002020000000001" + "0800" + "4600003a0001000040110000" + "0a000001" + "0a000002" + "9404000011110035" + "00220000" + strings.Repeat("61", 60)},
	"http": {ethernet, "020000000002020000000001" + "0800" + "45100040000140004006000a0a000001" + "0a0000020fa0" + "0050" + "0000000100000000" + "5018ffff00000000" + hex.EncodeToString([]byte("GET / HTTP/1.1\r\n\r\n"))},
	"syn6": {ethernet, "020000000002020000000001" + "86dd" + "6000000000140640" + "fd000000000000000000000000000001" + "fd000000000000000000000000000002" + "0fa0" + "0016" + "0000000100000000" + "5002ffff00000000"},
	"raw":  {rawIP, "45000054000140004001000a0a0000010a000002" + "0800abcd00010001" + strings.Repeat("62", 56)},
	"raw6": {rawIP, "6000000000141140" + "fd000000000000000000000000000001" + "fd000000000000000000000000000002" + "0fa00035" + "00140000" + strings.Repeat("63", 100)},
	"none": {rawIP, ""},
	"half": {ethernet, "0200000000020200000000010800450000"},
}
