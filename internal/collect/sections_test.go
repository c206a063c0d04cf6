//go:build linux && (amd64 || arm64)

package collect

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
)

var (
	cInt  = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	cU8   = &btf.Int{Name: "u8", Size: 1}
	cU64  = &btf.Int{Name: "u64", Size: 8}
	cBool = &btf.Int{Name: "bool", Size: 1, Encoding: btf.Bool}
	cEnum = &btf.Enum{Name: "e", Size: 4}
	cSkb  = &btf.Pointer{Target: &btf.Struct{Name: "sk_buff"}}
)

// Numbers come as their types have them, whatever the rest of the register holds.
func TestArguments(t *testing.T) {
	regs := [bpf.Args]uint64{1, 0xdeadbeef_ffffffff, 0xdead_ff, ^uint64(0), 0xff_01, 0xdeadbeef_00000007}
	f := &btf.FuncProto{Params: []btf.FuncParam{{Name: "skb", Type: cSkb}, {Name: "delta", Type: cInt}, {Name: "n", Type: cU8},
		{Name: "flags", Type: &btf.Typedef{Name: "__u64", Type: cU64}}, {Name: "yes", Type: cBool}, {Name: "reason", Type: cEnum},
		{Name: "on_the_stack", Type: cInt}}}
	want := format.Args{{Name: "delta", Value: -1}, {Name: "n", Value: 255}, {Name: "flags", Value: -1, Big: true},
		{Name: "yes", Value: 1}, {Name: "reason", Value: 7}}
	if got := (&decoder{}).arguments(nil, f, &regs); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	// A struct in registers takes one or two: what follows is anywhere.
	f.Params[2].Type = &btf.Struct{Name: "s", Size: 16}
	if got := (&decoder{}).arguments(nil, f, &regs); !slices.Equal(got, want[:1]) {
		t.Errorf("behind a struct: %+v", got)
	}
	if got := (&decoder{}).arguments(nil, nil, &regs); len(got) != 0 {
		t.Errorf("of a function without types: %+v", got)
	}
}

func TestRet(t *testing.T) {
	d := &decoder{protos: map[string]*btf.FuncProto{
		"ret:skb_clone": {Return: cSkb}, "ret:f": {Return: cInt}, "ret:g": {Return: cBool}, "ret:v": {Return: &btf.Void{}},
	}}
	for _, c := range []struct {
		probe string
		v     uint64
		want  format.Ret
	}{
		{"ret:skb_clone", 0xffff888001020304, format.Ret{Has: true, Skb: 0xffff888001020304}},
		{"ret:skb_clone", 0, format.Ret{Has: true}},
		{"ret:skb_clone", ^uint64(11), format.Ret{Has: true, Value: -12}}, // ERR_PTR(-ENOMEM)
		{"ret:f", 0xffffffea, format.Ret{Has: true, Value: -22}},
		{"ret:g", 0xab01, format.Ret{Has: true, Value: 1}},
		{"ret:v", 7, format.Ret{}},
		{"ret:not known", 7, format.Ret{Has: true, Value: 7}},
	} {
		if got := d.ret(c.probe, c.v); got != c.want {
			t.Errorf("%s, %#x: %+v, want %+v", c.probe, c.v, got, c.want)
		}
	}
}

func TestWith(t *testing.T) {
	w, err := parseWith([]string{"sock", "nft", "stack"})
	if err != nil || w.bits != bpf.SectionSock|bpf.SectionStack || !w.has("nft") || w.has("ct") {
		t.Errorf("%+v, %v", w, err)
	}
	if w, err = parseWith([]string{"all"}); err != nil || !w.has("ct") || w.bits&bpf.SectionNFT != 0 || w.bits&bpf.SectionArgs == 0 {
		t.Errorf("all: %+v, %v", w, err)
	}
	for _, c := range []struct{ with, say string }{{"stak", "did you mean stack?"}, {"", "no such section"}} {
		if _, err := parseWith([]string{c.with}); err == nil || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%q: %v", c.with, err)
		}
	}
	probe, s, err := probeSections("tcp_drop/stack/sock")
	if err != nil || probe != "tcp_drop" || s != bpf.SectionSock|bpf.SectionStack {
		t.Errorf("%q %v %v", probe, s, err)
	}
	for _, bad := range []string{"tcp_drop/nft", "tcp_drop/gso", "tcp_drop/x"} {
		if _, _, err := probeSections(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

// No section costs an allocation per event once its names are known.
func TestSectionsAllocateNothing(t *testing.T) {
	known := map[uint64]string{1: "ip_rcv+0x1", 2: "tcp_v4_rcv+0x2"}
	d := &decoder{locations: known, callers: known, names: map[[bpf.NFTName]int8]string{},
		protos: map[string]*btf.FuncProto{"p": {Params: []btf.FuncParam{{Name: "skb", Type: cSkb}, {Name: "n", Type: cInt}}}},
		stacks: stacks{depth: 9, known: map[string]*stack{}}}
	caller := uint64(1)
	m := bpf.More{
		Sock:   &bpf.SockInfo{Addr: 1, Family: afInet6, State: 1, Full: 1, Type: 1, Saddr: [16]uint8{15: 1}, Sport: 80, Wmem: 1},
		NFT:    &bpf.NFTInfo{Type: 3, Code: 1, Family: 1, Table: [bpf.NFTName]int8{'t'}, Chain: [bpf.NFTName]int8{'c'}, HasRule: 1, Handle: 7},
		Caller: &caller, Args: &[bpf.Args]uint64{1, 2}, Stack: []uint64{1, 2},
	}
	e := &format.Event{Probe: "p"}
	var out []byte
	if n := testing.AllocsPerRun(100, func() {
		d.more(e, &m)
		out = e.AppendMsgpack(out[:0])
	}); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
	if e.Sock.Src.String() != "::1" || e.Sock.Wmem != 0 || e.NFT.Verdict != "accept" || e.Caller != "ip_rcv+0x1" || len(e.Args) != 1 || e.Stack != 1 {
		t.Errorf("%+v", e)
	}
}

// TestCosts: --with list has the figures of docs/performance.md.
func TestCosts(t *testing.T) {
	b, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `--with ([a-z]+)` \\| [0-9,]+ \\| ([0-9,]+) \\|$")
	documented := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(string(b), -1) {
		documented[m[1]] = strings.ReplaceAll(m[2], ",", "")
	}
	for _, s := range sectionList {
		if s.bits != 0 && s.name != "nft" && s.name != "ovs" && s.cost != documented[s.name] {
			t.Errorf("%s: --with list says %q, the docs %q", s.name, s.cost, documented[s.name])
		}
	}
}

// Of the sections that --with names, those are filled here that no BPF program makes.
func TestFills(t *testing.T) {
	for with, want := range map[string]int{"": 0, "sock": 0, "drop": 0, "csum": 1, "gso csum ct": 2} {
		w, err := parseWith(strings.Fields(with))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(w.fills()); got != want {
			t.Errorf("--with %s fills %d sections, want %d", with, got, want)
		}
	}
	if all := (&wanted{all: true}).fills(); len(all) < 2 {
		t.Errorf("--with all fills %d sections", len(all))
	}
}
