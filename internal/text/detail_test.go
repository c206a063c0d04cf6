package text

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/layers"
)

// tcpdumpOf gives what tcpdump prints of each packet of a file, with all its lines.
func tcpdumpOf(t *testing.T, file string, flags ...string) []string {
	t.Helper()
	// -t: no time; -S: absolute sequence numbers; -#: to tell lines of one packet from the next packet's.
	out, err := exec.Command("tcpdump", append([]string{"-nnSt#", "-r", file}, flags...)...).Output()
	if err != nil {
		t.Fatalf("tcpdump: %v", err)
	}
	begins := regexp.MustCompile(`^ *[0-9]+  `)
	var packets []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if at := begins.FindStringIndex(line); at != nil && at[1] == 7 {
			packets = append(packets, line[at[1]:])
		} else {
			packets[len(packets)-1] += "\n" + line
		}
	}
	return packets
}

// ofTcpdump is d with flags of tcpdump's.
func ofTcpdump(flag string) (d Detail) {
	switch flag {
	case "-v":
		d.Verbose = 1
	case "-vv":
		d.Verbose = 2
	case "-q":
		d.Quiet = true
	case "-e":
		d.Link = true
	case "-x":
		d.Hex = 1
	case "-xx":
		d.Hex = 2
	case "-X":
		d.HexASCII = 1
	case "-XX":
		d.HexASCII = 2
	}
	return d
}

// TestDetailLikeTcpdump: what -v, -e and -q print of the packets of which we say the same as tcpdump is what it prints,
// or begins so. What it says on further lines of what is inside is left out.
func TestDetailLikeTcpdump(t *testing.T) {
	var packets [][]byte
	var names []string
	for _, c := range packetCases(t) {
		// Of these tcpdump says more with -v, or in other words with -e: of quotes in ICMP errors, of DHCP, of what is
		// within a tunnel. Of a DNS answer without answers we say the question.
		if more := regexp.MustCompile(`^(icmp |icmp6|neighbor|hop-by-hop|dns n|dhcp|vxlan|gre|sit|ipip|sctp|bad ipv4 options)`); c.tcpdump && (!more.MatchString(c.name) || c.name == "icmp echo") {
			packets = append(packets, c.data)
			names = append(names, c.name)
		}
	}
	for _, c := range corpus(t) {
		switch c.name {
		case "ipv4 record route", "ipv4 router alert", "ipv4 source route", "ipv4 first fragment", "truncated ip",
			"udp length too large", "udp length too small", "esp", "igmp leave":
			packets, names = append(packets, c.data), append(names, c.name)
		}
	}
	for name, message := range map[string]string{
		"igmp query v1": "1100 eefa e0000005", "igmp query v2": "110a eef0 e0000005", "igmp query v2, usual": "1164 ee96 e0000005",
		"igmp query v3": "1132 eb7b 00000000 0a7d 0002 01020304 01020305", "igmp query v3, usual": "1164 ec1e 00000000 027d 0000",
		"igmp query v3, sources": "1132 fffe e0010101 0a7d 0002 01020304 01020305", "igmp query v3, minutes": "11c8 0000 00000000 027d 0000",
		"igmp query v3, an hour's part": "11ff ecd3 00000000 027d 0000",
		"igmp v3 report": "2200 0000 0000 0008 00000001 e0010100 09090900 01000001 e0010101 09090901 02000000 e0010102 03000001 e0010103 09090903" +
			"04000002 e0010104 01010101 02020202 05000001 e0010105 09090905 06000001 e0010106 09090906 07000001 e0010107 09090907",
	} {
		packets = append(packets, build(t, eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolIGMP), unhex(t, message)))
		names = append(names, name)
	}
	// A wrong checksum, and one that is left to the device.
	for _, change := range []struct {
		name string
		of   int
		at   int
		to   []byte
	}{
		{"tcp, wrong checksum", 0, 14 + 20 + 16, []byte{1, 2}}, {"ip, wrong checksum", 0, 14 + 10, []byte{1, 2}},
		{"tos, flags", 0, 14 + 1, []byte{0xb9}}, {"df", 0, 14 + 6, []byte{0x40, 0}}, {"flow label", 1, 14, []byte{0x6b, 0x81, 0x23, 0x45}},
	} {
		b := append([]byte(nil), packets[change.of]...)
		copy(b[change.at:], change.to)
		packets, names = append(packets, b), append(names, change.name)
	}
	file := filepath.Join(t.TempDir(), "cases.pcap")
	writePcap(t, file, packets)
	for _, flag := range []string{"-v", "-vv", "-q", "-e"} {
		lines := tcpdumpOf(t, file, flag)
		if len(lines) != len(packets) {
			t.Fatalf("tcpdump printed %d packets of %d:\n%s", len(lines), len(packets), strings.Join(lines, "\n"))
		}
		d := &dissector{detail: ofTcpdump(flag)}
		for i, p := range packets {
			got := string(d.packet(nil, p, "mac", 1, 0, len(p)))
			want, _, _ := strings.Cut(lines[i], ": HTTP")
			if strings.HasPrefix(names[i], "ipv4 later fragment") {
				want = strings.Replace(want, "ip-proto-17", "udp", 1) // its name says more
			}
			if !strings.HasPrefix(got, want) {
				t.Errorf("%s %s:\n     got %s\n tcpdump %s", flag, names[i], got, want)
			}
		}
	}
}

// TestHexLikeTcpdump: the bytes are printed as tcpdump prints them.
func TestHexLikeTcpdump(t *testing.T) {
	var packets [][]byte
	for _, c := range packetCases(t) {
		packets = append(packets, c.data)
	}
	file := filepath.Join(t.TempDir(), "cases.pcap")
	writePcap(t, file, packets)
	for _, flag := range []string{"-x", "-xx", "-X", "-XX"} {
		lines := tcpdumpOf(t, file, flag)
		for i, c := range packetCases(t) {
			if c.name == "unknown ethertype" || c.name == "macsec" { // tcpdump prints the bytes of the former twice, and counts the latter's tag as the link layer's
				continue
			}
			p := NewPrinter(nil, Options{Detail: ofTcpdump(flag)})
			p.fields = fields{data: c.data, hasData: true, at: "mac"}
			p.hex(&p.fields)
			at := strings.Index(lines[i], "\n\t0x")
			if got := string(p.line); got != lines[i][at:] {
				t.Errorf("%s %s:\n got %s\nwant %s", flag, c.name, got, lines[i][at:])
			}
		}
	}
}

// TestUnfinished: a checksum that the kernel leaves to the device is no error.
func TestUnfinished(t *testing.T) {
	for _, c := range packetCases(t) {
		if c.name != "tcp syn with options" {
			continue
		}
		b := append([]byte(nil), c.data...)
		b[50], b[51] = 0x3d, 0x31 // of 10.0.42.1, 10.0.255.1, 6 and 40
		d := &dissector{detail: Detail{Verbose: 1}}
		got := string(d.packet(nil, b, "mac", 1, 0, len(b)))
		if !strings.Contains(got, "cksum 0x3d31 (unfinished), seq") {
			t.Errorf("got %s", got)
		}
	}
}

// TestGeneveOptions: -v names them.
func TestGeneveOptions(t *testing.T) {
	for _, c := range corpus(t) {
		if c.name != "geneve with options" {
			continue
		}
		d := &dissector{detail: Detail{Verbose: 1}}
		got := string(d.packet(nil, c.data, "mac", 1, 0, len(c.data)))
		want := "Flags [C], vni 43, options [class Open Virtual Networking (OVN) (0x102) type 0x80(C) len 8 data 0000000a, " +
			"class In-band Network Telemetry (INT) (0x103) type 0x3 len 8 data 0000000b]: IP (tos"
		if !strings.Contains(got, want) {
			t.Errorf("got %s", got)
		}
	}
}

// TestDetailLines: the bytes are below a packet's line and what is known of a drop, also of a hop in a tree; they fit a
// terminal of 80 columns, and -v leaves nothing out.
func TestDetailLines(t *testing.T) {
	e := record(t, `{"type":"event","ts":1000000,"cpu":0,"probe":"ip_rcv","skb":{"protocol":34525,"len":40},"packet":{"len":40,"at":"network","data":"YAAAAAAAO0AgAQ24AAAAAAAAAAAAAAABIAENuAAAAAAAAAAAAAAAAg=="},
		"track":{"packet":1,"hop":0},"why":{"severity":"fault","reason":"X","confidence":"kernel","cause":"c"}}`)
	for _, tree := range []bool{false, true} {
		var out strings.Builder
		p := NewPrinter(&out, Options{Width: 80, Detail: Detail{HexASCII: 1}})
		if tree {
			p.Journeys()
		}
		if p.Write(e) != nil || p.Flush() != nil {
			t.Fatal("not printed")
		}
		want := "\n\t0x0000:  6000 0000 0000 3b40 2001 0db8 0000 0000  `.....;@........\n"
		if !tree {
			want = "\n    fault: c" + want
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("tree %v: %s", tree, &out)
		}
	}
}
