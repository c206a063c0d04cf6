package format

import (
	"bytes"
	"io"
	"math"
	"net/netip"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/skb-tools/skb-tools/format/wire"
)

// fullEvent has every section with values at the edges of their types.
func fullEvent() *Event {
	e := &Event{TS: math.MaxInt64 + 5, CPU: 3, Probe: "net:netif_receive_skb",
		Process: Process{1, 2, "a\x01\"b"}, Dev: Dev{"eth0", 2, 3, 1}, Netns: Netns{4026531840, math.MaxUint64},
		Packet: Packet{Len: 1500, At: "mac", Data: []byte{0, 1, 254, 255}, Missing: [][2]uint32{{2, 1}, {70000, 3}}},
		Drop:   Drop{0x20001, "NO_SOCKET", "udp_rcv+0x1a", 0xffff888001020304},
		GSO:    GSO{1448, 4, 1 | 1<<4}, Csum: Csum{true, 3, 0, 80, 16}, Ret: Ret{true, -22, 0},
		Sock: Sock{Addr: 0xffff888001020305, Family: "INET6", State: "LISTEN", Full: true, Cookie: 1, Src: addr("fd00::1"), Sport: 80,
			Dst: addr("fd00::2"), Dport: 65535, Ifindex: 3, Type: "STREAM", Protocol: 6, UID: 1000, Inode: 7, Cgroup: 1 << 40,
			Rmem: 1, Rcvbuf: 2, Wmem: 3, Sndbuf: math.MaxUint32, Filter: true, Backlog: 2, MaxBacklog: 1},
		Ct: Ct{State: "NEW", Dir: "original", Addr: 1 << 63, Status: 1<<3 | 1<<15, ProtoState: "SYN_SENT",
			Orig:  Tuple{Src: addr("10.0.0.1"), Dst: addr("10.0.0.2"), Sport: 1, Dport: 2, Proto: 6},
			Reply: Tuple{Src: addr("::1"), Dst: addr("::"), ICMP: true, ID: 3, Type: 129, Code: 4, Proto: 58},
			Zone:  5, Mark: 6, Labels: [16]byte{1: 0x81, 15: 0x80}, Helper: "ftp", Parent: Tuple{Src: addr("10.0.0.1"), Dst: addr("10.0.0.2"), Dport: 21, Proto: 6}},
		NFT:    NFT{"rule", "jump", "inet", "filter", "input", 7, "other"},
		OVS:    OVS{Type: "action", Datapath: "ovs-system", RecircID: math.MaxUint32, InPort: 1, Action: "output", Args: "2", OutPort: 2, OutDev: "p1"},
		Args:   Args{{Name: "n", Value: -1}, {Name: "flags", Value: 5}, {Name: "big", Value: -1, Big: true}, {Name: "reason", Text: "NO_SOCKET", IsText: true}},
		Fields: Args{{Name: "skb->dev->mtu", Value: 1500}, {Name: "skb->dev->name", IsText: true}},
		BPF: BPF{Kind: "xdp", ID: 42, Name: "lb", Tag: "3b185187f1855c4c", Verdict: "XDP_REDIRECT", Code: Some[int64](4), RxQueue: Some[uint64](0),
			Ifindex: 7, Map: 9, Key: Some[uint64](0), Errno: "ENETDOWN", Sent: 3, Dropped: 5},
		Caller: "ip_rcv+0x1a", Stack: 9}
	for f := range skbFields {
		e.Skb.Set(f, uint64(f)<<(2*f))
	}
	e.Skb.Set(SkbCloned, 1)
	return e
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func records() []Appender {
	return []Appender{
		&Start{TS: 1, ClockOffset: -5, Host: "h", Kernel: "6.1", Arch: "x86_64", Tool: "t", Cmdline: []string{"a", ""},
			BootID: "b", CPUs: 2, Snaplen: 256, Probes: 1, DropReasons: map[uint32]string{2: "NOT_SPECIFIED", 131073: "X"}, Sysctl: map[string]string{"a": "1"},
			Netns: Netns{4026531840, 1}, Qdisc: map[string]string{"eth0": "mq fq_codel"},
			Devices: map[string]Device{"eth0": {Addr: "52:54:00:12:34:56", MTU: 1500, Up: true, XDP: true, Addrs: []string{"10.0.0.2/24", "fd00::2/64"}},
				"eth1": {Addr: "52:54:00:12:34:57", Kind: "veth", MTU: 9000, Master: "bond0", Port: "backup", Carrier: Some(false), Locked: Some(true)},
				"e.7":  {Kind: "vlan", MTU: 1500, Link: "eth0", VLAN: 7}, "blue": {Kind: "vrf", MTU: 65575, Up: true, Table: 10}},
			Filters: map[string]string{"eth0": "ingress htb"}, FilterActions: map[string]string{"eth0": "htb:police ingress:drop"}, Firewall: map[string]string{"nft inet filter input": "input", "iptables nat": ""},
			Rules: map[string]uint64{"inet": 1, "inet6": 0}, SPIs: map[string]string{"0x00000100": "10.0.0.2"}, Xfrm: map[string]uint64{"states": 2, "policies": 3}, BPF: map[string]uint64{"cgroup_skb": 4}},
		&Start{TS: 2},
		&Start{TS: 4, Sample: 100, SampleBy: "flow"},
		&Start{TS: 3, Netns: Netns{Inum: 7}, Namespaces: map[uint32]Namespace{4026532166: {Name: "web", By: "ip netns"},
			9: {Name: "pod:web", By: "pod", Container: "ab", Pod: "cd", Host: "web", PID: 5, Comm: "pause"}}},
		fullEvent(),
		&Event{TS: 1, Probe: "ip_rcv"},
		&Event{TS: 2, Probe: "ret:nf_hook_slow", Csum: Csum{Has: true, Summed: 2, Sum: 1 << 31}, Ret: Ret{Has: true, Skb: 1 << 63},
			Ct: Ct{State: "RELATED", Dir: "reply", Addr: 1 << 63,
				Orig:   Tuple{Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: 1, ICMP: true, ID: 9, Type: 8, Code: 1},
				Reply:  Tuple{Src: netip.MustParseAddr("10.0.0.2"), Dst: netip.MustParseAddr("10.0.0.1"), Proto: 6, Sport: 80, Dport: 1024},
				Parent: Tuple{Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: 1, ICMP: true, ID: 8, Type: 8, Code: 2}}},
		&Event{TS: 3, Probe: "openvswitch:ovs_dp_upcall", OVS: OVS{Type: "upcall", Cmd: "action", Reason: "slow_path", PortID: math.MaxUint32, MRU: 1400}},
		&Event{TS: 4, Probe: "ret:ovs_flow_tbl_lookup_stats",
			OVS: OVS{Type: "lookup", Datapath: "ovs-system", Hit: true, UFID: "20799bf9-b24f-4225-8fa9-6d65248b2aa6", MaskHit: 3, CacheHit: 1}},
		&Event{TS: 5, Probe: "ret:ovs_flow_tbl_lookup_stats",
			OVS: OVS{Type: "lookup", Datapath: "ovs-system", Hit: true, UFID: "20799bf9-b24f-4225-8fa9-6d65248b2aa6", NoActions: true}},
		&Event{TS: 5, Probe: "do_execute_actions", OVS: OVS{Type: "actions", RecircID: 1, Action: "ct(zone=7),recirc(0x1)"}},
		&Link{TS: 1, CPU: 1, How: "clone", From: Buffer{1, 2, 3}, To: Buffer{Addr: 9}},
		&Link{TS: 1, CPU: 1, How: "upcall", By: "content", From: Buffer{1, 2, 3}, To: Buffer{4, 5, 6}},
		&Link{TS: 1, CPU: 1, How: "upcall", By: "ambiguous", To: Buffer{4, 5, 6}},
		&Free{TS: 1, CPU: 1, How: "dropped", Skb: Buffer{1, 2, 3}, Last: true, Drop: Drop{2, "N", "f+0x1", 0}},
		&Stack{ID: 9, Frames: []string{"ip_rcv+0x1a", "0xffffffffc0000000"}},
		&NamespaceFound{TS: 5, Inum: 4026532172, Namespace: Namespace{Name: "docker:4f1c9bd2a0e3", By: "docker", Container: "4f1c9bd2a0e3", PID: 7, Comm: "nginx"}},
		&NamespaceFound{TS: 5, Inum: 4026532173, Namespace: Namespace{Name: "web", By: "ip netns"}},
		&OVSFlow{TS: 5, Seen: 1 << 40, UFID: "58014027-85ef-44e9-96d7-3cbd5c4e7abe", Match: "recirc_id(0),in_port(3)", Actions: "1,2", By: "detrace",
			Rules: []OVSRule{{"br0", 0, 1 << 63, "priority=5,arp,actions=NORMAL"}, {"", 254, 0, "priority=0"}}},
		&OVSFlow{TS: 5, Seen: 6, UFID: "u", Error: "getting flow (No such file or directory)"},
		&Loss{TS: 2, Since: 1, Count: 7, What: "event", Cause: "ring buffer full", CPU: Some(uint32(1))},
		&HeldBack{TS: 2, Since: 1, Count: 1 << 40, Cause: "limit", Probe: "skb:kfree_skb", Drop: Drop{2, "N", "f+0x1", 0}, Dev: "eth0", Ifindex: 2,
			Netns: 4026531840, Protocol: 0x86dd},
		&HeldBack{TS: 2, Since: 1, Count: 7, Cause: "limit"},
		&Event{TS: 6, Probe: "ip_rcv", Stack: 1, Held: math.MaxUint32},
		&Free{TS: 1, CPU: 1, How: "dropped", Skb: Buffer{1, 2, 3}, Drop: Drop{2, "N", "f+0x1", 0}, Held: 3, Counted: true},
		&End{TS: 3, Events: 1, Lost: 7, Cause: "command", Status: Some(-1), Looked: Some(uint64(2))},
		&End{TS: 3, Cause: "signal", CPUTime: Some(uint64(1 << 33)), Rate: Some(uint64(70000))},
		fullJourney(),
		&Wire{From: "a", To: "b", Packets: 3, Offset: Some(int64(-5)), Error: Some(int64(7)), Min: -1, P50: 1 << 40, P99: 3, Max: 4},
		&Wire{From: "a", To: "b"},
		&Resume{Back: 1},
		&Counters{TS: 5, Took: 1, Netns: []uint32{4026531840}},
		&Counters{TS: 1 << 40, Took: 1 << 20, Since: Some(uint64(6)), Before: 2, Drops: true, Netns: []uint32{4026531840, 7},
			Unread: []string{"ethtool: not permitted"}, Grew: []Counter{
				{Name: "TcpExtListenDrops", Source: "netstat", Netns: 4026531840, From: Some(uint64(0)), To: 37},
				{Name: "rx_missed_errors", Source: "link", Netns: 7, Dev: "eth0", To: 1 << 33},
				{Name: "dropped", Source: "qdisc", Netns: 7, Dev: "eth0", Qdisc: "fq_codel 8001:", From: Some(uint64(1)), To: 300},
				{Name: "drops", Source: "udp", Netns: 7, Sock: "udp 0.0.0.0:53", From: Some(uint64(1)), To: 300},
				{Name: "nf_conntrack_count", Source: "conntrack", Netns: 7, From: Some(uint64(1)), To: 95, Limit: 100},
				{Name: "dropped", Source: "softnet_stat", From: Some(uint64(1)), To: 2}}},
		&Change{TS: 1, Keys: []string{"firewall", "xfrm"}, Facts: Facts{}},
		&Change{TS: 1, Seen: Some(uint64(1 << 40)), Keys: []string{"devices", "firewall", "ip_rules"}, Facts: Facts{
			"firewall": {"nft inet filter input": wire.Value("\xa5input")}, "ip_rules": {}, "devices": {"eth9": wire.Value("\x82\xa3mtu\xcd\x05\xdc\xa2up\xc3")}},
			Gone: map[string][]string{"devices": {"eth7", "eth8"}, "sysctl": {"net.ipv4.conf.eth7.rp_filter"}}},
		&Journey{Packet: 1, First: 5, Last: 5, Hops: 1, Branches: 1, End: JourneyEnd{How: "open"}},
	}
}

func fullJourney() *Journey {
	return &Journey{Packet: 7, First: 1, Last: 1 << 40, Hops: 9, Branches: 3, Slowest: 1 << 33,
		From: Flow{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), 1, 65535, 17},
		To:   Flow{netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00:1111:2222:3333:4444:5555:6666:7777"), 0, 0, 58},
		End: JourneyEnd{"delivered", 2, 1 << 39, "free", "udp_rcv", "eth0", 4026531840, "NO_SOCKET", "udp_rcv+0x1", "nc", 77,
			1 << 35, 12, "tcp-syn"},
		Ends: [len(EndNames)]uint32{1, 0, 1, 0, 0, 0, 70000}, Joined: []uint64{1, 1 << 40}, By: "addr",
		Uncertain: []string{"link", "event"}, Inferred: true, Note: "n", Resent: 3}
}

// A track section decodes to what it was made of, and its absent keys to nothing.
func TestDecodeTrack(t *testing.T) {
	for _, want := range []Track{
		{Packet: 1},
		{Packet: 1, Since: 5, Wire: true},
		{Packet: 1 << 40, Branch: 3, Hop: 5, Since: 1 << 33, Total: 1 << 34, From: From{"clone", 2, 9},
			Changed: append(wire.AppendMap(nil, 1), "\xa3cpu\x92\x00\x01"...), By: "addr", Uncertain: true, Inferred: true, Resent: 2},
	} {
		got := Track{Packet: 5, From: From{How: "gro"}, By: "addr"}
		got.Decode(want.AppendMsgpack(nil))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("decoded\n%+v\nwant\n%+v", got, want)
		}
	}
}

// Every record decodes to what it was made of.
func TestDecodeRecords(t *testing.T) {
	for _, want := range records() {
		got := reflect.New(reflect.TypeOf(want).Elem()).Interface().(interface {
			Appender
			Decode(Raw) error
		})
		if err := got.Decode(want.AppendMsgpack(nil)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.AppendMsgpack(nil), want.AppendMsgpack(nil)) {
			t.Errorf("decoded\n%+v\nwant\n%+v", got, want)
		}
	}
}

// What is written by hand is what the library writes, value by value in the same order.
func TestSameAsLibrary(t *testing.T) {
	for _, rec := range records() {
		raw := rec.AppendMsgpack(nil)
		if err := Valid(raw); err != nil {
			t.Fatalf("%T: %v", rec, err)
		}
		d := msgpack.NewDecoder(bytes.NewReader(raw))
		var out bytes.Buffer
		e := msgpack.NewEncoder(&out)
		e.UseCompactInts(true)
		if err := copyValue(d, e); err != nil {
			t.Fatalf("%T: %v", rec, err)
		}
		if !bytes.Equal(out.Bytes(), raw) {
			t.Errorf("%T: the library writes\n%x\nwe write\n%x", rec, out.Bytes(), raw)
		}
	}
}

// copyValue decodes one value and encodes it again, keeping the order of maps.
func copyValue(d *msgpack.Decoder, e *msgpack.Encoder) error {
	c, err := d.PeekCode()
	if err != nil {
		return err
	}
	v := wire.Value{c, 0, 0, 0, 0, 0, 0, 0, 0}
	switch v.Kind() {
	case wire.Map:
		n, err := d.DecodeMapLen()
		if err == nil {
			err = e.EncodeMapLen(n)
		}
		for i := 0; i < 2*n && err == nil; i++ {
			err = copyValue(d, e)
		}
		return err
	case wire.Array:
		n, err := d.DecodeArrayLen()
		if err == nil {
			err = e.EncodeArrayLen(n)
		}
		for i := 0; i < n && err == nil; i++ {
			err = copyValue(d, e)
		}
		return err
	}
	x, err := d.DecodeInterface()
	if err != nil {
		return err
	}
	switch x := x.(type) {
	case int8, int16, int32, int64:
		return e.EncodeInt(reflect.ValueOf(x).Int())
	case uint8, uint16, uint32, uint64:
		return e.EncodeUint(reflect.ValueOf(x).Uint())
	case float32, float64:
		f := reflect.ValueOf(x).Float()
		if f != f {
			f = math.NaN() // there are many
		}
		return e.EncodeFloat64(f)
	}
	return e.Encode(x)
}

func stream(rs ...Appender) []byte {
	var b bytes.Buffer
	e := NewEncoder(&b)
	for _, r := range rs {
		if err := e.Write(r); err != nil {
			panic(err)
		}
	}
	e.Flush()
	return b.Bytes()
}

func readAll(t *testing.T, r io.Reader) [][]byte {
	t.Helper()
	var out [][]byte
	d := NewDecoder(r)
	for {
		raw, err := d.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, bytes.Clone(raw))
	}
}

// A stream that went through JSON, with jq -c . in between or not, is the same stream.
func TestThroughJSON(t *testing.T) {
	odd := Raw("\x86\xa4type\xa5event\xa3str\xb39223372036854775808\xa3bin\xc4\x02\x00\xff\xa3bad\xa2\xff\xfe\xa3flt\xcb\x40\x00\x00\x00\x00\x00\x00\x00\xa3neg\xd3\x80\x00\x00\x00\x00\x00\x00\x00")
	var plain [][]byte
	var lines []byte
	for _, r := range records() {
		plain = append(plain, r.AppendMsgpack(nil))
	}
	plain = append(plain, odd)
	for _, p := range plain {
		var err error
		if lines, err = AppendJSON(lines, p); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, '\n')
	}
	jq := exec.Command("jq", "-c", ".")
	jq.Stdin = bytes.NewReader(lines)
	through, err := jq.Output()
	if err != nil {
		t.Fatalf("jq: %v", err)
	}
	for name, in := range map[string][]byte{"directly": lines, "through jq": through} {
		if got := readAll(t, bytes.NewReader(in)); !reflect.DeepEqual(got, plain) {
			for i := range got {
				if !bytes.Equal(got[i], plain[i]) {
					t.Errorf("%s: record %d is\n%q\nwant\n%q", name, i, got[i], plain[i])
				}
			}
		}
	}
}

func TestSplice(t *testing.T) {
	r := Raw((&Event{TS: 1, Probe: "ip_rcv", Netns: Netns{5, 6}}).AppendMsgpack(nil))
	added := Raw(wire.Splice(nil, r, "why", wire.AppendStr(nil, "x")))
	if s, _ := added.Get("why").Str(); string(s) != "x" || Valid(added) != nil {
		t.Errorf("added: %q", added)
	}
	replaced := Raw(wire.Splice(nil, added, "netns", wire.AppendUint(nil, 7)))
	if u, _ := replaced.Get("netns").Uint(); u != 7 || Valid(replaced) != nil || replaced.Get("why") == nil {
		t.Errorf("replaced: %q", replaced)
	}
	if back := wire.Remove(nil, added, "why"); !bytes.Equal(back, r) {
		t.Errorf("removed: %q, want %q", back, r)
	}
}

// TestRecordsHaveEverySection: what is tested with records is tested of each section that an Event writes.
func TestRecordsHaveEverySection(t *testing.T) {
	has := map[string]bool{}
	for _, rec := range records() {
		r := Raw(rec.AppendMsgpack(nil))
		if r.Type() != TypeEvent {
			continue
		}
		for path := range EventPaths() {
			has[path] = has[path] || r.Get(strings.Split(path, ".")...) != nil
		}
	}
	for path := range EventPaths() {
		switch section, _, _ := strings.Cut(path, "."); section {
		case "track", "why", "pcapng": // which others write
		default:
			if !has[path] {
				t.Errorf("no event of records has %s", path)
			}
		}
	}
}
