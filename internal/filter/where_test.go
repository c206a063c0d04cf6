//go:build linux && (amd64 || arm64)

package filter

import (
	binaryenc "encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// kernelTypes are a real kernel's, cut down by testdata/types.go.
func kernelTypes(t testing.TB, kernel string) *btf.Spec {
	t.Helper()
	f, err := os.Open("testdata/types-" + kernel + ".btf")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	spec, err := btf.LoadSpecFromReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// Where the structs of a world lie.
const (
	skbAt = 0xffff_8881_0000_0000 + iota<<16
	devAt
	netAt
	sockAt
	taskAt
	dataAt
)

// world is a packet's surroundings in kernel memory.
func world(t testing.TB, spec *btf.Spec) *machine {
	m := &machine{memory: map[uint64][]byte{}, current: taskAt}
	for at, name := range map[uint64]string{skbAt: "sk_buff", devAt: "net_device", netAt: "net", sockAt: "sock", taskAt: "task_struct"} {
		var s *btf.Struct
		if err := spec.TypeByName(name, &s); err != nil {
			t.Fatal(err)
		}
		m.memory[at] = make([]byte, s.Size)
	}
	m.memory[dataAt] = []byte{0x45, 0, 0, 84, 0, 1, 0x40, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	set := func(at uint64, structure string, value uint64, path ...string) {
		var s *btf.Struct
		if err := spec.TypeByName(structure, &s); err != nil {
			t.Fatal(err)
		}
		poke(t, m.memory[at], s, value, path)
	}
	set(skbAt, "sk_buff", 0x8000_0012, "mark")
	set(skbAt, "sk_buff", 84, "len")
	set(skbAt, "sk_buff", 3, "pkt_type")
	set(skbAt, "sk_buff", 1, "cloned")
	set(skbAt, "sk_buff", 0x0008, "protocol") // ETH_P_IP as it lies in memory
	set(skbAt, "sk_buff", devAt, "dev")
	set(skbAt, "sk_buff", sockAt, "sk")
	set(skbAt, "sk_buff", dataAt, "data")
	set(devAt, "net_device", 1500, "mtu")
	set(devAt, "net_device", 7, "ifindex")
	set(devAt, "net_device", 0x1043, "flags")
	set(devAt, "net_device", netAt, "nd_net", "net")
	set(netAt, "net", 4026531840, "ns", "inum")
	set(sockAt, "sock", 0x3500, "__sk_common", "skc_dport") // 53 in network order
	set(sockAt, "sock", 2, "__sk_common", "skc_family")
	set(taskAt, "task_struct", 4711, "tgid")
	name, _ := place0(t, spec, "net_device", "name")
	copy(m.memory[devAt][name:], "eth0\x00garbage")
	comm, _ := place0(t, spec, "task_struct", "comm")
	copy(m.memory[taskAt][comm:], "curl")
	prio, _ := place0(t, spec, "task_struct", "prio")
	binaryenc.LittleEndian.PutUint32(m.memory[taskAt][prio:], ^uint32(4)) // -5
	return m
}

func place0(t testing.TB, spec *btf.Spec, structure, name string) (byteOff int, size int) {
	var s *btf.Struct
	if err := spec.TypeByName(structure, &s); err != nil {
		t.Fatal(err)
	}
	l, ok := lookup(s.Members, name)
	if !ok {
		t.Fatalf("no %s in %s", name, structure)
	}
	n, err := btf.Sizeof(l.typ)
	if err != nil {
		t.Fatal(err)
	}
	return int(l.bitOff / 8), n
}

// poke writes value to the field at path.
func poke(t testing.TB, b []byte, s *btf.Struct, value uint64, path []string) {
	members, bitOff := s.Members, 0
	for i, name := range path {
		l, ok := lookup(members, name)
		if !ok {
			t.Fatalf("no %s in %s", name, s.Name)
		}
		bitOff += int(l.bitOff)
		if i < len(path)-1 {
			members, _ = membersOf(l.typ)
			continue
		}
		size, err := btf.Sizeof(l.typ)
		if err != nil {
			t.Fatal(err)
		}
		width := 8 * size
		if l.bits != 0 {
			width = int(l.bits)
		}
		for bit := range width {
			at := bitOff + bit
			if value>>bit&1 != 0 {
				b[at/8] |= 1 << (at % 8)
			}
		}
	}
}

func TestWhere(t *testing.T) {
	tests := []struct {
		expr string
		want bool
	}{
		{`skb->mark == 0x80000012`, true},
		{`skb->mark == 0x12`, false},
		{`(skb->mark & 0xff) == 0x12`, true},
		{`skb->mark & 0xff == 0x12`, false}, // == binds stronger: mark & 0
		{`skb->mark == 0x80000012 && skb->dev->name == "eth0"`, true},
		{`skb->mark == 1 || skb->dev->name == "eth0"`, true},
		{`skb->mark == 1 || skb->dev->name == "eth1" && 1`, false},
		{`1 || 0 && 0`, true},
		{`(1 || 0) && 0`, false},
		{`!skb->mark`, false},
		{`!skb->sk || skb->sk`, true},
		{`skb->dev->name == "eth"`, false},
		{`skb->dev->name == "eth00"`, false},
		{`skb->dev->name != "lo"`, true},
		{`"eth0" == skb->dev->name`, true},
		{`skb->dev->name[3] == '0'`, true},
		{`skb->dev->nd_net.net->ns.inum == 4026531840`, true},
		{`skb->dev->nd_net.net->ns.inum == 4026531841`, false},
		{`ntohs(skb->sk->__sk_common.skc_dport) == 53`, true},
		{`skb->sk->__sk_common.skc_dport == htons(53)`, true},
		{`skb->sk->__sk_common.skc_dport == 53`, false},
		{`ntohs(skb->protocol) == 0x0800`, true},
		{`skb->pkt_type == 3 && skb->cloned == 1 && skb->nohdr == 0`, true}, // bit fields
		{`skb->pkt_type == 2`, false},
		{`skb->len > 80 && skb->len <= 84 && skb->len >= 84 && skb->len < 85`, true},
		{`skb->len - 85 > 0`, true},         // unsigned, as in C
		{`(int)skb->len - 85 > 0`, false},   // signed
		{`current->prio < 0`, true},         // an int
		{`current->prio == -5`, true},       //
		{`current->prio < skb->len`, false}, // to unsigned, as in C
		{`(s64)current->prio < skb->len`, true},
		{`current->tgid == 4711 && current->comm == "curl"`, true},
		{`skb->dev->flags & IFF_UP`, true},
		{`skb->dev->flags & IFF_LOOPBACK`, false},
		{`skb->dev == 0 ? 0 : skb->dev->mtu == 1500`, true},
		{`((struct iphdr *)skb->data)->ttl == 64`, true},
		{`((struct iphdr *)skb->data)->ihl == 5 && ((struct iphdr *)skb->data)->version == 4`, true},
		{`ntohl(((struct iphdr *)skb->data)->saddr) == 0x0a000001`, true},
		{`*(u8 *)skb->data == 0x45 && skb->data[8] == 64 && *(skb->data + 9) == 1`, true},
		{`((u16 *)skb->data)[1] == htons(84)`, true},
		{`(u8)skb->mark == 0x12 && (s8)0xff == -1 && (u16)(skb->mark >> 16) == 0x8000`, true},
		{`(bool)0x100 == 1 && (bool)skb->dev == 1 && (bool)(skb->mark & 0x80000000) == 1 && (_Bool)0 == 0`, true},
		{`-1 < IFF_UP`, true}, // an enum's constant is an int
		{`skb->mark << 1 == 0x24 && (u64)skb->mark << 1 == 0x100000024`, true},
		{`~skb->mark == 0x7fffffed && -skb->len == 0xffffffac`, true},
		{`1 + 2 * 3 == 7 && (1 | 2 ^ 3 & 1) == 3 && 010 == 8 && 0b11 == 3`, true},
		{`-1 < 0 && -1 > 0u && 0xffffffff > 0 && -1 == 0xffffffff`, true},
		{`skb->len == 84 == 1`, true},
		{`&skb->dev->mtu != 0 && &skb->len > skb`, true},
		{`skb->dev ? true : false`, true},
		{`(skb->len ? -1 : 0u) > 0`, true},
		{`(skb->len ? -1 : 0) > 0`, false},
		{`(!skb->len ? 0ul : -1) == 0xffffffffffffffff`, true},
		{`(skb->len == 1 ? 1 : skb->len == 84 ? 2 : 3) == 2`, true},
		// A pointer that leads nowhere: false, or the other side of an ||.
		{`((struct net_device *)16)->mtu == 0`, false},
		{`!(((struct net_device *)16)->mtu == 0)`, false},
		{`((struct net_device *)16)->mtu == 0 || skb->len == 84`, true},
		{`skb->len == 84 || ((struct net_device *)16)->mtu == 0`, true},
		{`(((struct net_device *)16)->mtu == 0 || skb->len == 1) || skb->len == 84`, true},
		{`(((struct net_device *)16)->mtu || 1) && skb->len == 84`, true},
		{`((char *)16)[0] == 'x' || skb->len == 84`, true},
	}
	for _, kernel := range []string{"5.10", "6.12"} {
		spec := kernelTypes(t, kernel)
		for _, test := range tests {
			for _, direct := range []bool{false, true} {
				ins, err := compileWhere([]string{test.expr}, spec, direct)
				if err != nil {
					t.Errorf("%s: %s: %v", kernel, test.expr, err)
					continue
				}
				got, err := world(t, spec).run(ins, skbAt)
				if err != nil || got != 0 && got != 1 || (got == 1) != test.want {
					t.Errorf("%s: %s, direct loads %v: %d, want %v %v", kernel, test.expr, direct, got, test.want, err)
				}
			}
		}
	}
}

func TestWhereErrors(t *testing.T) {
	spec := kernelTypes(t, "6.12")
	tests := []struct{ expr, want string }{
		{`skb->mrak == 1`, `--where 'skb->mrak == 1': no field "mrak" in struct sk_buff (did you mean mark?)`},
		{`skb->dev->nam == "x"`, `no field "nam" in struct net_device (did you mean name?)`},
		{`skb->dev->nd_net.net->ns.inode == 1`, `no field "inode" in struct ns_common`},
		{`skb->sk->__sk_common.dport`, `no field "dport" in struct sock_common (did you mean skc_dport?)`},
		{`skb.mark == 1`, `skb is a pointer: use ->mark`},
		{`skb->dev.mtu`, `is a pointer: use ->mtu`},
		{`skb->mark->x`, `->x: what is left of it is no pointer`},
		{`skb->dst->x`, `no field "dst" in struct sk_buff`},
		{`sbk->mark == 1`, `"sbk" is neither skb, current nor an enum's constant of this kernel (macros are not known to it) (did you mean skb?)`},
		{`skb->protocol == ETH_P_IP`, `macros are not known`},
		{`skb->dev->flags & IFF_UPP`, `(did you mean IFF_UP?)`},
		{`skb->mark ==`, `a value was expected, not the end`},
		{`skb->mark = 1`, `'=' is no operator`},
		{`(skb->mark == 1`, `")" was expected, not the end`},
		{`skb->mark == 1)`, `) was not expected there`},
		{`skb->mark == 1 2`, `2 was not expected there`},
		{`skb->len / 2 == 1`, `the operator / is not supported`},
		{`skb->dev->name > "a"`, `strings can only be compared by == and !=`},
		{`skb->mark == "a"`, `only a char array or pointer can be compared with a string`},
		{`skb->dev == "a"`, `a pointer to struct net_device can't be compared with a string`},
		{`"a"`, `a string can only be compared with a char array or pointer`},
		{`skb->dev->name == "` + strings.Repeat("x", 63) + `"`, `a string can have 62 bytes at most, not 63`},
		{`skb->dev->name == "eth0`, `has no closing "`},
		{`skb->mark == 0x`, `"0x" is no number`},
		{`skb->mark == 12ab`, `"12ab" is no number`},
		{`skb->mark == 1 # 2`, `'#' is no operator`},
		{`(struct nosuch *)skb`, `this kernel has no struct nosuch`},
		{`skb->cb[`, `a value was expected, not the end`},
		{`&skb->pkt_type`, `a bit field has no address`},
		{`*skb->mark`, `only what a pointer points to can be had by *`},
		{`*skb->dev == 1`, `struct net_device is no number: name one of its fields`},
		{`skb->dev->nd_net == 1`, `name one of its fields`},
		{strings.Repeat("(", 100) + "1" + strings.Repeat(")", 100), `it is nested too deeply`},
		{strings.Repeat("!", 1000) + "1", `it is nested too deeply`},
		{strings.Repeat("1+(", 20) + "1" + strings.Repeat(")", 20), `put what is in parentheses on the left`},
		{``, `a value was expected, not the end`},
	}
	for _, test := range tests {
		_, err := New(Options{Where: []string{test.expr}}, spec)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s:\ngot  %v\nwant %s", test.expr, err, test.want)
		}
	}
}

// TestWhereAll: all expressions must be true.
func TestWhereAll(t *testing.T) {
	spec := kernelTypes(t, "6.12")
	for _, test := range []struct {
		exprs []string
		want  int32
	}{
		{[]string{"skb->len == 84", "skb->mark"}, 1},
		{[]string{"skb->len == 84", "!skb->mark"}, 0},
		{[]string{"skb->len == 85", "skb->mark"}, 0},
		{[]string{"skb->len == 85 || skb->len == 84", "((struct net_device *)16)->mtu"}, 0},
	} {
		ins, err := compileWhere(test.exprs, spec, true)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := world(t, spec).run(ins, skbAt); got != test.want || err != nil {
			t.Errorf("%q: %d %v, want %d", test.exprs, got, err, test.want)
		}
	}
}

// FuzzWhere: whatever is typed is an error of one line, or a function that ends with 0 or 1.
func FuzzWhere(f *testing.F) {
	for _, s := range []string{
		`skb->mark == 0x10 && skb->dev->name == "eth0"`, `(skb->len ? -1 : 0u) > 0`,
		`*(u8 *)skb->data == 0x45 || ((struct iphdr *)skb->data)->ihl`, `!(~-+skb->len << 3 >> 70)`,
		`current->comm != "\x41\n" && 'a' ^ 010`, `&skb->cb[3] - 1`, `ntohl(htons(1)) ? skb : current`,
	} {
		f.Add(s)
	}
	spec := kernelTypes(f, "6.12")
	f.Fuzz(func(t *testing.T, expr string) {
		ins, err := compileWhere([]string{expr}, spec, len(expr)%2 == 0)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: an error of several lines: %v", expr, err)
			}
			return
		}
		if got, err := world(t, spec).run(ins, skbAt); err != nil || got != 0 && got != 1 {
			t.Errorf("%q: %d %v", expr, got, err)
		}
	})
}

func TestShortForms(t *testing.T) {
	spec := kernelTypes(t, "6.12")
	tests := []struct {
		options Options
		want    int32
	}{
		{Options{IfName: []string{"eth0"}}, 1},
		{Options{IfName: []string{"lo", "eth0"}}, 1},
		{Options{IfName: []string{"eth"}}, 0},
		{Options{IfName: []string{"eth", "any"}}, 1},
		{Options{Mark: []string{"0x12/0xff"}}, 1},
		{Options{Mark: []string{"0x80000012"}}, 1},
		{Options{Mark: []string{"18"}}, 0},
		{Options{PID: []uint32{1, 4711}}, 1},
		{Options{PID: []uint32{1}}, 0},
		{Options{Netns: []string{"4026531840"}}, 1},
		{Options{Netns: []string{"4026531841"}}, 0},
		{Options{IfName: []string{"eth0"}, Mark: []string{"1"}}, 0},
		{Options{IfName: []string{"eth0"}, Mark: []string{"0x12/0x12"}, PID: []uint32{4711}}, 1},
	}
	for _, test := range tests {
		exprs, err := test.options.expressions()
		if err != nil {
			t.Fatal(err)
		}
		ins, err := compileWhere(exprs, spec, false)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := world(t, spec).run(ins, skbAt); got != test.want || err != nil {
			t.Errorf("%+v: %d %v, want %d", test.options, got, err, test.want)
		}
	}
	// Without a device, the socket knows the namespace.
	m := world(t, spec)
	at, _ := place0(t, spec, "sk_buff", "dev")
	clear(m.memory[skbAt][at : at+8])
	var sock *btf.Struct
	if err := spec.TypeByName("sock", &sock); err != nil {
		t.Fatal(err)
	}
	poke(t, m.memory[sockAt], sock, netAt, []string{"__sk_common", "skc_net", "net"})
	exprs, _ := (&Options{Netns: []string{"4026531840"}}).expressions()
	ins, err := compileWhere(exprs, spec, false)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.run(ins, skbAt); got != 1 || err != nil {
		t.Errorf("--netns without a device: %d %v", got, err)
	}

	for _, test := range []struct {
		options Options
		want    string
	}{
		{Options{IfName: []string{""}}, "--ifname '': a device's name has 1 to 15 characters"},
		{Options{IfName: []string{"a-name-that-is-too-long"}}, "1 to 15 characters"},
		{Options{Mark: []string{"x"}}, "--mark 'x': it is VALUE or VALUE/MASK, each of 32 bits (0x10/0xff)"},
		{Options{Mark: []string{"0x100000000"}}, "each of 32 bits"},
		{Options{Mark: []string{"0x11/0x10"}}, "no packet has bits outside of the mask"},
		{Options{Netns: []string{"no-such-ns"}}, "--netns 'no-such-ns': /run/netns/no-such-ns: no such file or directory"},
		{Options{Netns: []string{"/etc/passwd"}}, "/etc/passwd is no namespace"},
	} {
		if _, err := New(test.options, spec); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %s", test.options, err, test.want)
		}
	}
}
