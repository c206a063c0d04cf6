package drops

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/dissect"
)

// record turns a line of JSON into a record.
func record(tb testing.TB, line string) format.Raw {
	tb.Helper()
	r, err := format.FromJSON(nil, []byte(line))
	if err != nil {
		tb.Fatalf("%s: %v", line, err)
	}
	return r
}

// object is a JSON object whose keys keep their order.
type object struct {
	keys   []string
	values map[string]any
}

func (o *object) set(path string, v any) {
	key, rest, deeper := strings.Cut(path, ".")
	if o.values == nil {
		o.values = map[string]any{}
	}
	if !slices.Contains(o.keys, key) {
		o.keys = append(o.keys, key)
	}
	if !deeper {
		o.values[key] = v
		return
	}
	child, ok := o.values[key].(*object)
	if !ok {
		child = new(object)
		o.values[key] = child
	}
	child.set(rest, v)
}

func (o *object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, k := range o.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, k), ':')
		v, err := json.Marshal(o.values[k])
		if err != nil {
			return nil, err
		}
		b = append(b, v...)
	}
	return append(b, '}'), nil
}

func (o *object) record(tb testing.TB) format.Raw {
	tb.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		tb.Fatal(err)
	}
	return record(tb, string(b))
}

// stream builds the records of a drop from words as rules/*.txt has them after "try":
//
//	drop.location=X nft.chain=Y   fields of the drop's event
//	packet=udp,10.0.0.1:1,10.0.0.2:2,ttl=1,df,len=1228,badsum,partial,badip,cut
//	packet=tcp,10.0.0.1:1,10.0.0.2:2,SA   packet=icmp,10.0.0.1,10.0.0.2,8   packet=253,10.0.0.1,10.0.0.2
//	sysctl:NAME=VALUE             in the start record
//	qdisc:DEVICE=KIND,KIND        in the start record
//	reasons=A,B,C                 the kernel's reasons, in the start record, from number 2
//	kernel=RELEASE                in the start record
//	devices:NAME.KEY=VALUE        in the start record, as filters:DEVICE=WORD,WORD and actions:DEVICE=PLACE:ACTION; firewall:none=1 is an empty one
//	xfrm:KEY=N programs:KEY=N rules:KEY=N   in the start record
//	mac=ADDRESS                   the packet's frame has a header of Ethernet, and is for this address
//	start:NAME=N                  a number in the start record
//	stack=a,b,c                   the drop's stack, innermost first
//	before=PROBE,ret=N,caller=F   an earlier event of the packet
func stream(tb testing.TB, words string) []format.Raw {
	tb.Helper()
	var start, stack, event object
	var before []*object
	start.set("type", "start")
	start.set("ts", 1)
	start.set("version", 1)
	event.set("type", "event")
	event.set("ts", 1000)
	event.set("cpu", 0)
	event.set("probe", "skb:kfree_skb")
	event.set("skb.id", 7)
	sysctls := object{}
	var mac net.HardwareAddr
	for _, w := range strings.Fields(words) {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			tb.Fatalf("not a word of a drop: %q", w)
		}
		switch {
		case key == "kernel":
			start.set("kernel", value)
		case key == "mac":
			var err error
			if mac, err = net.ParseMAC(value); err != nil {
				tb.Fatal(err)
			}
		case key == "packet":
			protocol, data := buildPacket(tb, value)
			event.set("skb.protocol", protocol)
			event.set("packet.len", len(data))
			at := "network"
			if mac != nil {
				header := append(append(slices.Clone(mac), 2, 0, 0, 0, 0, 1), byte(protocol>>8), byte(protocol))
				data, at = append(header, data...), "mac"
				event.set("skb.mac_len", 14)
				event.set("packet.len", len(data))
			}
			event.set("packet.at", at)
			if strings.HasSuffix(value, ",cut") {
				data = data[:28]
			}
			event.set("packet.data", base64.StdEncoding.EncodeToString(data))
		case strings.HasPrefix(key, "sysctl:"):
			name := strings.TrimPrefix(key, "sysctl:")
			sysctls.keys = append(sysctls.keys, name)
			if sysctls.values == nil {
				sysctls.values = map[string]any{}
			}
			sysctls.values[name] = value
		case strings.HasPrefix(key, "qdisc:"):
			start.set("qdisc."+strings.TrimPrefix(key, "qdisc:"), strings.ReplaceAll(value, ",", " "))
		case strings.HasPrefix(key, "devices:"), strings.HasPrefix(key, "filters:"), strings.HasPrefix(key, "actions:"), strings.HasPrefix(key, "firewall:"), strings.HasPrefix(key, "spis:"):
			record, path, _ := strings.Cut(key, ":")
			record = map[string]string{"devices": "devices", "filters": "tc_filters", "actions": "tc_actions", "firewall": "firewall", "spis": "xfrm_spis"}[record]
			if start.values[record] == nil {
				start.set(record, new(object))
			}
			if record == "firewall" {
				path = strings.ReplaceAll(path, "_", " ")
			}
			switch {
			case path == "none":
			case value == "true" || value == "false":
				start.set(record+"."+path, value == "true")
			case strings.HasSuffix(path, ".addrs"):
				start.set(record+"."+path, strings.Split(value, ","))
			default:
				start.set(record+"."+path, strings.ReplaceAll(value, ",", " "))
			}
		case strings.HasPrefix(key, "xfrm:"), strings.HasPrefix(key, "programs:"), strings.HasPrefix(key, "rules:"):
			record, path, _ := strings.Cut(key, ":")
			n, err := strconv.Atoi(value)
			if err != nil {
				tb.Fatal(err)
			}
			start.set(map[string]string{"xfrm": "xfrm", "programs": "bpf_programs", "rules": "ip_rules"}[record]+"."+path, n)
		case strings.HasPrefix(key, "start:"):
			n, err := strconv.Atoi(value)
			if err != nil {
				tb.Fatal(err)
			}
			start.set(strings.TrimPrefix(key, "start:"), n)
		case key == "reasons":
			for i, name := range strings.Split(value, ",") {
				start.set(fmt.Sprintf("drop_reasons.%d", i+2), name)
			}
		case key == "stack":
			stack.set("type", "stack")
			stack.set("id", 5)
			var frames []string
			for i, f := range strings.Split(value, ",") {
				frames = append(frames, fmt.Sprintf("%s+0x%x", f, 16+i))
			}
			stack.set("frames", frames)
			event.set("stack", 5)
		case key == "before":
			var b object
			b.set("type", "event")
			b.set("ts", 500)
			probe, more, _ := strings.Cut(value, ",")
			b.set("probe", probe)
			b.set("skb.id", 7)
			for m := range strings.SplitSeq(more, ",") {
				k, v, _ := strings.Cut(m, "=")
				switch k {
				case "ret":
					n, err := strconv.Atoi(v)
					if err != nil {
						tb.Fatal(err)
					}
					b.set("ret.value", uint32(n))
				case "caller":
					b.set("caller", v)
				case "kind", "name", "verdict": // of a BPF program
					b.set("bpf."+k, v)
				case "id":
					n, err := strconv.Atoi(v)
					if err != nil {
						tb.Fatal(err)
					}
					b.set("bpf.id", uint32(n))
				}
			}
			before = append(before, &b)
		default:
			if n, err := strconv.Atoi(value); err == nil {
				event.set(key, n)
			} else if value == "true" {
				event.set(key, true)
			} else {
				event.set(key, value)
			}
		}
	}
	if sysctls.keys != nil {
		start.set("sysctl", &sysctls)
	}
	records := []format.Raw{start.record(tb)}
	if stack.keys != nil {
		records = append(records, stack.record(tb))
	}
	for _, b := range before {
		records = append(records, b.record(tb))
	}
	return append(records, event.record(tb))
}

func buildPacket(tb testing.TB, words string) (etherType dissect.EtherType, data []byte) {
	tb.Helper()
	w := strings.Split(words, ",")
	ttl, df, badSum, partial, badIP, length := byte(64), false, false, false, false, 0
	var rest []string
	var spi uint32 // the first bytes behind the IP header
	for _, o := range w[3:] {
		switch {
		case strings.HasPrefix(o, "ttl="):
			n, _ := strconv.Atoi(o[4:])
			ttl = byte(n)
		case strings.HasPrefix(o, "spi="):
			n, _ := strconv.Atoi(o[4:])
			spi = uint32(n)
		case strings.HasPrefix(o, "len="):
			length, _ = strconv.Atoi(o[4:])
		case o == "df":
			df = true
		case o == "badsum":
			badSum = true
		case o == "partial":
			partial = true
		case o == "badip":
			badIP = true
		case o == "cut":
		default:
			rest = append(rest, o)
		}
	}
	endpoint := func(s string) (netip.Addr, uint16) {
		if p, err := netip.ParseAddrPort(s); err == nil {
			return p.Addr(), p.Port()
		}
		return netip.MustParseAddr(s), 0
	}
	src, sport := endpoint(w[1])
	dst, dport := endpoint(w[2])
	ipHeader := 40
	if src.Is4() {
		ipHeader = 20
	}
	var proto dissect.Proto
	var l4 []byte
	sumAt := -1
	switch w[0] {
	case "udp":
		proto, l4, sumAt = dissect.ProtoUDP, make([]byte, max(16, length-ipHeader)), 6
		binary.BigEndian.PutUint16(l4[4:], uint16(len(l4)))
	case "tcp":
		proto, l4, sumAt = dissect.ProtoTCP, make([]byte, max(20, length-ipHeader)), 16
		l4[12] = 5 << 4
		for _, c := range rest[0] {
			l4[13] |= 1 << strings.IndexRune("FSRPAU", c)
		}
	case "icmp", "icmp6":
		proto, l4, sumAt = dissect.ProtoICMP, make([]byte, max(8, length-ipHeader)), 2
		if w[0] == "icmp6" {
			proto = dissect.ProtoICMPv6
		}
		n, _ := strconv.Atoi(rest[0])
		l4[0] = byte(n)
	default:
		n, err := strconv.Atoi(w[0])
		if err != nil {
			tb.Fatal(err)
		}
		proto, l4 = dissect.Proto(n), make([]byte, max(8, length-ipHeader))
		binary.BigEndian.PutUint32(l4, spi)
	}
	if w[0] == "udp" || w[0] == "tcp" {
		binary.BigEndian.PutUint16(l4, sport)
		binary.BigEndian.PutUint16(l4[2:], dport)
	}
	pseudo := append(src.AsSlice(), dst.AsSlice()...)
	if sumAt >= 0 {
		sum := uint32(0)
		if w[0] != "icmp" {
			sum = dissect.Sum(uint32(proto)+uint32(len(l4)), pseudo)
		}
		binary.BigEndian.PutUint16(l4[sumAt:], ^uint16(dissect.Sum(sum, l4)))
		switch {
		case badSum:
			l4[sumAt] ^= 0x5a
		case partial:
			binary.BigEndian.PutUint16(l4[sumAt:], uint16(dissect.Sum(uint32(proto)+uint32(len(l4)), pseudo)))
		}
	}
	if src.Is4() {
		ip := make([]byte, 20)
		ip[0] = 0x45
		binary.BigEndian.PutUint16(ip[2:], uint16(20+len(l4)))
		if df {
			ip[6] = 0x40
		}
		ip[8], ip[9] = ttl, byte(proto)
		copy(ip[12:], pseudo)
		binary.BigEndian.PutUint16(ip[10:], ^uint16(dissect.Sum(0, ip)))
		if badIP {
			ip[10] ^= 0x5a
		}
		return dissect.EtherIPv4, append(ip, l4...)
	}
	ip := make([]byte, 8)
	ip[0] = 0x60
	binary.BigEndian.PutUint16(ip[4:], uint16(len(l4)))
	ip[6], ip[7] = byte(proto), ttl
	return dissect.EtherIPv6, append(append(ip, pseudo...), l4...)
}
