package track

import (
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

var update = flag.Bool("update", false, "write docs/drops.md")

// at is an event at a probe, of a packet from its network header on.
func at(ts int, probe string, id int, b []byte) string {
	return fmt.Sprintf(`{"type":"event","ts":%d,"cpu":0,"probe":%q,"skb":{"addr":%d,"id":%d,"len":%d,"protocol":2048},"packet":{"len":%[5]d,"at":"network","data":%[6]q}}`,
		ts, probe, 16*id, id, len(b), base64.StdEncoding.EncodeToString(b))
}

func onDev(ts int, probe string, id int, b []byte, dev string) string {
	return strings.Replace(at(ts, probe, id, b), `"packet"`, fmt.Sprintf(`"dev":{"name":%q,"ifindex":2,"type":1},"netns":{"inum":7},"packet"`, dev), 1)
}

func freed1(ts, id int) string {
	return fmt.Sprintf(`{"type":"free","ts":%d,"cpu":0,"how":"consumed","skb":{"addr":%d,"id":%d},"last":true}`, ts, 16*id, id)
}

// A packet that the kernel frees as one that it is done with is delivered only where it can't
// have been discarded there; else its end says what is unclear.
func TestUnclearEnds(t *testing.T) {
	const reasons, none = `{"type":"start","ts":1,"version":1,"drop_reasons":{"3":"NO_SOCKET","20":"TCP_OLD_DATA"}}`, `{"type":"start","ts":1,"version":1,"drop_reasons":{"3":"NO_SOCKET"}}`
	tcp := func(src, dst string, l layers.TCP, payload string) []byte {
		if l.SrcPort == 0 {
			l.SrcPort, l.DstPort = 1000, 80
		}
		return packet(t, ip4(src, dst, layers.IPProtocolTCP), &l, gopacket.Payload(payload))
	}
	syn := tcp("10.0.0.1", "10.0.0.2", layers.TCP{SYN: true, Seq: 41}, "")
	synack := tcp("10.0.0.2", "10.0.0.1", layers.TCP{SrcPort: 80, DstPort: 1000, SYN: true, ACK: true, Seq: 7, Ack: 42}, "")
	fast := tcp("10.0.0.1", "10.0.0.2", layers.TCP{SYN: true, Seq: 41}, "hello")
	opened := tcp("10.0.0.2", "10.0.0.1", layers.TCP{SrcPort: 80, DstPort: 1000, SYN: true, ACK: true, Seq: 7, Ack: 47}, "")
	other := tcp("10.0.0.2", "10.0.0.1", layers.TCP{SrcPort: 80, DstPort: 1000, SYN: true, ACK: true, Seq: 7, Ack: 43}, "")
	data := tcp("10.0.0.1", "10.0.0.2", layers.TCP{ACK: true, Seq: 42}, "hello")
	mptcp := tcp("10.0.0.1", "10.0.0.2", layers.TCP{ACK: true, Seq: 42, Options: []layers.TCPOption{{OptionType: 1}, {OptionType: 30, OptionLength: 4, OptionData: []byte{0x20, 0}}}}, "hello")
	datagram := func(dst string, dport layers.UDPPort, payload string) []byte {
		return packet(t, ip4("10.0.0.1", dst, layers.IPProtocolUDP), &layers.UDP{SrcPort: 1000, DstPort: dport}, gopacket.Payload(payload))
	}
	plain := datagram("10.0.0.2", 53, "hello")
	advertisement := func(kind byte) []byte {
		return packet(t, ip6("fe80::1", "ff02::1", layers.IPProtocolICMPv6), gopacket.Payload([]byte{kind, 15: 0}))
	}
	framedAt := func(ts int, probe string) string {
		return strings.Replace(at(ts, probe, 1, packet(t, ether(layers.EthernetTypeIPv4), gopacket.Payload(plain))), `"network"`, `"mac"`, 1)
	}
	v6 := func(event string) string { return strings.Replace(event, `"protocol":2048`, `"protocol":34525`, 1) }
	handshake := datagram("10.0.0.2", 7000, "\x01\x00\x00\x00"+strings.Repeat("x", 144))
	stray := datagram("10.0.0.2", 7000, "hello")
	vxlan := packet(t, ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP), &layers.UDP{SrcPort: 9, DstPort: 4789}, &layers.VXLAN{ValidIDFlag: true, VNI: 7},
		ether(layers.EthernetTypeARP), gopacket.Payload("whatever"))
	sctp := packet(t, ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolSCTP), gopacket.Payload("\x03\xe8\x00\x50aaaabbbbcccc"))
	drop := func(function, reason string) string {
		return fmt.Sprintf(`{"type":"event","ts":3000,"cpu":0,"probe":"skb:kfree_skb","process":{"pid":5,"tgid":5,"comm":"reader"},"skb":{"addr":16,"id":1,"len":1},"drop":{"name":%q,"location":"%s+0x1"}}`, reason, function)
	}
	const ndisc = `{"type":"start","ts":1,"version":1,"drop_reasons":{"3":"NO_SOCKET","20":"TCP_OLD_DATA","90":"IPV6_NDISC_BAD_CODE"}}`
	sent := []string{at(10, "ip_output", 1, plain), at(11, "dev_hard_start_xmit", 1, plain)}
	copied := func(how, place string) []string { // of what is sent; the copy is dropped at a place
		return append(append([]string{ndisc}, sent...), fmt.Sprintf(`{"type":"link","ts":12,"cpu":0,"how":%q,"from":{"addr":16,"id":1},"to":{"addr":48,"id":1}}`, how),
			fmt.Sprintf(`{"type":"free","ts":13,"cpu":0,"how":"dropped","skb":{"addr":48,"id":1},"last":false,"drop":{"location":"%s+0x1"}}`, place), freed1(20, 1))
	}
	flooded := []string{ndisc, strings.Replace(sent[0], "ip_output", "br_handle_frame", 1), `{"type":"link","ts":12,"cpu":0,"how":"clone","from":{"addr":16,"id":1},"to":{"addr":48,"id":1}}`,
		`{"type":"free","ts":13,"cpu":0,"how":"dropped","skb":{"addr":48,"id":1},"last":false,"drop":{"reason":12,"name":"OTHERHOST","location":"ip_rcv_core+0x1"}}`}
	for name, c := range map[string]struct {
		records []string
		want    string // how packet 1 ended, and what is unclear
	}{
		"ICMPv6, of an old kernel":                            {[]string{reasons, at(10, "ip6_input", 1, plain), drop("icmpv6_rcv", "NOT_SPECIFIED"), freed1(4000, 1)}, "consumed icmp6-as-drop"},
		"ICMPv6, without reasons":                             {[]string{none, at(10, "ip6_input", 1, plain), drop("icmpv6_rcv", ""), freed1(4000, 1)}, "consumed icmp6-as-drop"},
		"ICMPv6 that an old kernel refused":                   {[]string{reasons, at(10, "ip6_input", 1, plain), drop("icmpv6_rcv", "ICMP_CSUM"), freed1(4000, 1)}, "dropped "},
		"ICMPv6, of a new kernel":                             {[]string{ndisc, at(10, "ip6_input", 1, plain), drop("icmpv6_rcv", "NOT_SPECIFIED"), freed1(4000, 1)}, "dropped "},
		"a router's advertisement":                            {[]string{ndisc, v6(at(10, "ip6_input", 1, advertisement(134))), drop("icmpv6_rcv", "NOT_SPECIFIED"), freed1(4000, 1)}, "consumed icmp6-as-drop"},
		"a router's advertisement, refused":                   {[]string{ndisc, v6(at(10, "ip6_input", 1, advertisement(134))), drop("icmpv6_rcv", "IPV6_NDISC_BAD_OPTIONS"), freed1(4000, 1)}, "dropped "},
		"an echo request":                                     {[]string{ndisc, v6(at(10, "ip6_input", 1, advertisement(128))), drop("icmpv6_rcv", "NOT_SPECIFIED"), freed1(4000, 1)}, "dropped "},
		"a sockmap sends it on":                               {[]string{ndisc, at(10, "tcp_v4_rcv", 1, data), drop("sk_psock_backlog", "NOT_SPECIFIED"), freed1(4000, 1)}, "delivered  reader"},
		"a sockmap sends it on, or not":                       {[]string{none, at(10, "tcp_v4_rcv", 1, data), drop("sk_psock_backlog", ""), freed1(4000, 1)}, "consumed sockmap-send"},
		"tcpdump does not get its copy":                       {copied("clone", "packet_rcv"), "transmitted "},
		"tcpdump ends before it has read":                     {copied("clone", "skb_queue_purge_reason"), "transmitted "},
		"its copy, where the compiler made another function":  {copied("clone", "tpacket_rcv.constprop.0"), "transmitted "},
		"its sender's own socket ends before it has read":     {copied("clone", "inet_sock_destruct"), "transmitted "},
		"it is purged itself":                                 {[]string{ndisc, at(10, "ip_rcv", 1, plain), drop("skb_queue_purge_reason", "QUEUE_PURGE"), freed1(4000, 1)}, "dropped "},
		"a copy is dropped where packets are":                 {copied("clone", "nf_hook_slow"), "dropped "},
		"packet sockets alone might have it":                  {[]string{ndisc, at(10, "ip_rcv", 1, plain), drop("packet_rcv", "PACKET_SOCK_ERROR"), freed1(4000, 1)}, "dropped "},
		"a SYN":                                               {[]string{reasons, at(10, "tcp_v4_rcv", 1, syn), freed1(20, 1)}, "consumed tcp-syn"},
		"a SYN that is seen lower down":                       {[]string{reasons, at(10, "ip_rcv", 1, syn), freed1(20, 1)}, "consumed tcp-syn"},
		"a SYN, seen again without bytes":                     {[]string{reasons, at(10, "ip_rcv", 1, syn), at(12, "tcp_v4_do_rcv", 1, nil), freed1(20, 1)}, "consumed tcp-syn"},
		"a SYN that is answered":                              {[]string{reasons, at(10, "tcp_v4_rcv", 1, syn), at(15, "ip_output", 2, synack), freed1(20, 1)}, "delivered "},
		"a SYN with data that is answered":                    {[]string{reasons, at(10, "tcp_v4_rcv", 1, fast), at(15, "ip_output", 2, opened), freed1(20, 1)}, "delivered "},
		"a SYN with data whose data is not taken":             {[]string{reasons, at(10, "tcp_v4_rcv", 1, fast), at(15, "ip_output", 2, synack), freed1(20, 1)}, "delivered "},
		"a SYN whose answer is another's":                     {[]string{reasons, at(10, "tcp_v4_rcv", 1, syn), at(15, "ip_output", 2, other), freed1(20, 1)}, "consumed tcp-syn"},
		"a SYN that came twice, answered":                     {[]string{reasons, at(10, "tcp_v4_rcv", 1, syn), freed1(11, 1), at(12, "tcp_v4_rcv", 3, syn), at(15, "ip_output", 2, synack), freed1(20, 3)}, "consumed tcp-syn"},
		"a SYN of which a SYN-ACK is made":                    {[]string{reasons, at(10, "tcp_v4_rcv", 1, syn), at(15, "tcp_make_synack", 1, syn), freed1(20, 1)}, "delivered "},
		"a SYN that is sent":                                  {[]string{reasons, at(10, "ip_output", 1, syn), at(15, "dev_hard_start_xmit", 1, syn), freed1(20, 1)}, "transmitted "},
		"a segment":                                           {[]string{reasons, at(10, "tcp_v4_rcv", 1, data), freed1(20, 1)}, "delivered "},
		"a segment, no bytes":                                 {[]string{reasons, at(10, "tcp_v4_rcv", 1, nil), freed1(20, 1)}, "consumed tcp-syn"},
		"a segment of a connection, likewise":                 {[]string{reasons, at(10, "tcp_rcv_established", 1, nil), freed1(20, 1)}, "delivered "},
		"a segment, no reasons":                               {[]string{none, at(10, "tcp_v4_rcv", 1, data), freed1(20, 1)}, "consumed tcp-segment"},
		"a segment, no reasons, queued":                       {[]string{none, at(10, "tcp_v4_rcv", 1, data), at(11, "tcp_queue_rcv", 1, data), freed1(20, 1)}, "delivered "},
		"a segment of MPTCP":                                  {[]string{reasons, at(10, "tcp_v4_rcv", 1, mptcp), freed1(20, 1)}, "consumed mptcp"},
		"a datagram":                                          {[]string{none, at(10, "udp_rcv", 1, plain), freed1(20, 1)}, "delivered "},
		"to a group":                                          {[]string{reasons, at(10, "udp_rcv", 1, datagram("239.1.1.1", 53, "hello")), freed1(20, 1)}, "delivered "}, // one that nobody takes is a drop
		"WireGuard":                                           {[]string{reasons, at(10, "udp_queue_rcv_one_skb", 1, handshake), freed1(20, 1)}, "consumed wireguard-receive"},
		"WireGuard, read by a program":                        {[]string{reasons, at(10, "udp_queue_rcv_one_skb", 1, handshake), at(11, "skb_consume_udp", 1, handshake), freed1(20, 1)}, "delivered "},
		"WireGuard, queued for a program":                     {[]string{reasons, at(10, "udp_queue_rcv_one_skb", 1, handshake), at(11, "__udp_enqueue_schedule_skb", 1, handshake), freed1(20, 1)}, "delivered "},
		"something else at WireGuard's port":                  {[]string{reasons, at(5, "udp_rcv", 2, handshake), freed1(6, 2), at(10, "udp_rcv", 1, stray), freed1(20, 1)}, "consumed wireguard-receive"},
		"VXLAN":                                               {[]string{reasons, at(10, "udp_rcv", 1, vxlan), freed1(20, 1)}, "consumed tunnel-receive"},
		"SCTP":                                                {[]string{reasons, at(10, "sctp_rcv", 1, sctp), freed1(20, 1)}, "consumed sctp"},
		"SCTP, read":                                          {[]string{reasons, at(10, "sctp_rcv", 1, sctp), drop("sctp_recvmsg", "NOT_SPECIFIED"), freed1(4000, 1)}, "delivered read-as-drop reader"},
		"SCTP, read, by the free record":                      {[]string{reasons, at(10, "sctp_rcv", 1, sctp), `{"type":"free","ts":4000,"cpu":0,"how":"dropped","skb":{"addr":16,"id":1},"last":true,"drop":{"location":"sctp_recvmsg+0x1"}}`}, "delivered read-as-drop"},
		"TIPC, read":                                          {[]string{reasons, at(10, "ip_rcv", 1, plain), drop("tsk_advance_rx_queue", ""), freed1(4000, 1)}, "delivered  reader"},
		"TIPC, read, a part of the function":                  {[]string{reasons, at(10, "ip_rcv", 1, plain), drop("tsk_advance_rx_queue.isra.0", ""), freed1(4000, 1)}, "delivered  reader"},
		"given to a tunnel, and not sent":                     {[]string{reasons, onDev(4, "dev_hard_start_xmit", 2, plain, "vx"), onDev(5, "ip_output", 2, vxlan, "eth0"), freed1(6, 2), onDev(10, "dev_hard_start_xmit", 1, plain, "vx"), freed1(20, 1)}, "consumed tunnel-send"},
		"given to a tunnel, and sent":                         {[]string{reasons, onDev(4, "dev_hard_start_xmit", 2, plain, "vx"), onDev(5, "ip_output", 2, vxlan, "eth0"), freed1(6, 2), onDev(10, "dev_hard_start_xmit", 1, plain, "vx"), onDev(11, "dev_hard_start_xmit", 1, vxlan, "eth0"), freed1(20, 1)}, "transmitted "},
		"given to a tunnel, and sent, and the driver is done": {[]string{reasons, onDev(4, "dev_hard_start_xmit", 2, plain, "vx"), onDev(5, "ip_output", 2, vxlan, "eth0"), freed1(6, 2), onDev(10, "dev_hard_start_xmit", 1, plain, "vx"), onDev(11, "dev_hard_start_xmit", 1, vxlan, "eth0"), onDev(12, "net:net_dev_xmit", 1, vxlan, "eth0"), onDev(13, "net:net_dev_xmit", 1, vxlan, "vx"), freed1(20, 1)}, "transmitted "},
		"one copy perhaps taken, another dropped": {[]string{none, at(10, "tcp_v4_rcv", 1, data), `{"type":"link","ts":11,"cpu":0,"how":"clone","from":{"addr":16,"id":1},"to":{"addr":48,"id":1}}`,
			`{"type":"free","ts":12,"cpu":0,"how":"dropped","skb":{"addr":48,"id":1},"last":false,"drop":{"location":"nf_hook_slow+0x1"}}`, freed1(20, 1)}, "consumed tcp-segment"},
		"a packet socket's program reads its copy": {[]string{ndisc, framedAt(10, "net:netif_receive_skb"), `{"type":"link","ts":12,"cpu":0,"how":"clone","from":{"addr":16,"id":1},"to":{"addr":48,"id":1}}`,
			strings.Replace(framedAt(13, "skb:skb_copy_datagram_iovec"), `"addr":16`, `"addr":48`, 1), drop("nf_hook_slow", "NETFILTER_DROP"), freed1(4000, 1)}, "dropped "},
		"a program behind a tun device reads it":          {[]string{ndisc, at(10, "net:net_dev_start_xmit", 1, plain), at(11, "skb:skb_copy_datagram_iovec", 1, plain), freed1(4000, 1)}, "transmitted "},
		"a raw socket's program reads it":                 {[]string{ndisc, at(10, "net:netif_receive_skb", 1, plain), at(11, "skb:skb_copy_datagram_iovec", 1, plain), freed1(4000, 1)}, "delivered "},
		"a bridge gives it to two, one is another's":      {append(flooded, at(14, "net:netif_receive_skb", 1, plain), freed1(20, 1)), "consumed "},
		"tcpdump's copy of a frame that is another's":     {append(flooded[:3:3], `{"type":"free","ts":13,"cpu":0,"how":"consumed","skb":{"addr":48,"id":1},"last":false}`, `{"type":"free","ts":14,"cpu":0,"how":"dropped","skb":{"addr":16,"id":1},"last":true,"drop":{"reason":12,"name":"OTHERHOST","location":"ip_rcv_core+0x1"}}`), "dropped "},
		"one of the two is dropped by a rule":             {append(strings.Split(strings.ReplaceAll(strings.Join(flooded, "\n"), "OTHERHOST", "NETFILTER_DROP"), "\n"), at(14, "net:netif_receive_skb", 1, plain), freed1(20, 1)), "dropped "},
		"a clone of tcpdump's is purged, seen by a probe": {append(copied("clone", "nowhere")[:4:4], strings.Replace(drop("skb_queue_purge_reason", "QUEUE_PURGE"), `"addr":16`, `"addr":48`, 1), freed1(4000, 1)), "transmitted "},
		"UDP, not read":                   {[]string{reasons, at(10, "udp_rcv", 1, plain), drop("udp_recvmsg", "NOT_SPECIFIED"), freed1(4000, 1)}, "dropped "},
		"a reader's place, with a reason": {[]string{reasons, at(10, "sctp_rcv", 1, sctp), drop("sctp_recvmsg", "PROTO_MEM"), freed1(4000, 1)}, "dropped "},
	} {
		got := ""
		each(t, runTrack(t, options(), []byte(strings.Join(c.records, "\n")+"\n")), func(r format.Raw) {
			if r.Type() != format.TypeJourney {
				return
			}
			var j format.Journey
			if err := j.Decode(r); err != nil {
				t.Fatal(err)
			}
			first := uint64(10)
			if j.First == first {
				got = strings.TrimSuffix(fmt.Sprint(j.End.How, " ", j.End.Unclear, " ", j.End.Comm), " ")
				if (j.End.Unclear != "") != (j.Note != "") && len(j.Uncertain) == 0 && j.End.Unclear != "" {
					t.Errorf("%s: nothing for people: %+v", name, j)
				}
			}
		})
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The table of silent ends in docs/drops.md is the one that skb-track names ends by.
func TestDocs(t *testing.T) {
	const path = "../../docs/drops.md"
	const mark = "<!-- silent ends; written by go test ./internal/track -run TestDocs -update -->\n"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), mark)
	_, after, ok2 := strings.Cut(rest, "<!-- end -->")
	if !ok || !ok2 {
		t.Fatal("the place of the table is gone")
	}
	var b strings.Builder
	b.WriteString("| name | where | what ends there | what tells more |\n|---|---|---|---|\n")
	for _, s := range silents[1:] {
		counter := strings.ReplaceAll(s.counter, "|", `\|`) // in code too, a bar would end the cell
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.name, s.where, s.what, counter)
	}
	want := before + mark + b.String() + "<!-- end -->" + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(page) {
		t.Error("docs/drops.md does not have the silent ends as they are now (-update writes them)")
	}
}

// TestSilentsNamed finds each function that the table of docs/drops.md names in kfunc's, which a test
// holds against real kernels.
func TestSilentsNamed(t *testing.T) {
	names := 0
	for _, s := range silents {
		for i, name := range strings.Split(s.where, "`") {
			if i%2 == 0 {
				continue
			}
			names++
			if kfunc.Lookup(name) == nil {
				t.Errorf("%s: kfunc has no row for %s", s.name, name)
			}
		}
	}
	if names < 50 {
		t.Errorf("only %d functions are named", names)
	}
}
