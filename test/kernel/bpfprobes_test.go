//go:build kernel

package kerneltest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	bpflink "github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// What programs return (include/uapi/linux/bpf.h, pkt_cls.h).
const (
	xdpTX = 3

	tcUnspec   = -1
	tcOK       = 0
	tcShot     = 2
	tcRedirect = 7
)

// lockMemory lifts the limit against which programs and maps count before Linux 5.11.
func lockMemory(t *testing.T) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_MEMLOCK, &was) })
}

// typedProgram loads a program whose main function has a type (BTF), so that it can be probed.
func typedProgram(t *testing.T, spec ebpf.ProgramSpec, name, context string, ins asm.Instructions) *ebpf.Program {
	t.Helper()
	f := &btf.Func{Name: name, Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
		Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed},
		Params: []btf.FuncParam{{Name: "ctx", Type: &btf.Pointer{Target: &btf.Struct{Name: context}}}},
	}}
	ins[0] = btf.WithFuncMetadata(ins[0].WithSymbol(name), f)
	spec.Name, spec.License, spec.Instructions = name, "GPL", ins
	lockMemory(t)
	p, err := ebpf.NewProgram(&spec)
	if err != nil {
		t.Fatalf("%s: %+v", name, err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// byLastDigit is a program that does what is said for the last digit of a datagram's number (sendNumbered), whose
// payload begins at an offset of the packet, and otherwise returns what it should. data and end are places in its context.
func byLastDigit(data, end, payload int16, otherwise int32, of map[byte]asm.Instructions) asm.Instructions {
	ins := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R1, data, asm.Word),
		asm.LoadMem(asm.R3, asm.R1, end, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, int32(payload)+9),
		asm.JGT.Reg(asm.R4, asm.R3, "otherwise"),
		asm.LoadMem(asm.R5, asm.R2, payload, asm.Byte),
		asm.JNE.Imm(asm.R5, '#', "otherwise"),
		asm.LoadMem(asm.R5, asm.R2, payload+8, asm.Byte),
	}
	var bodies asm.Instructions
	for digit := byte('0'); digit <= '9'; digit++ {
		body := of[digit]
		if body == nil {
			continue
		}
		label := "digit" + string(digit)
		ins = append(ins, asm.JEq.Imm(asm.R5, int32(digit), label))
		body[0] = body[0].WithSymbol(label)
		bodies = append(bodies, body...)
	}
	ins = append(ins, asm.Mov.Imm(asm.R0, otherwise).WithSymbol("otherwise"), asm.Return())
	return append(ins, bodies...)
}

func returns(n int32) asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, n), asm.Return()}
}

// Bytes in front of a datagram's payload.
const (
	packetHeaders = 20 + 8
	frameHeaders  = 14 + packetHeaders
)

// xdpByDigit and tcByDigit are byLastDigit for struct xdp_md and struct __sk_buff.
func xdpByDigit(t *testing.T, name string, of map[byte]asm.Instructions) *ebpf.Program {
	t.Helper()
	return typedProgram(t, ebpf.ProgramSpec{Type: ebpf.XDP}, name, "xdp_md", byLastDigit(0, 4, frameHeaders, xdpPass, of))
}

func tcByDigit(t *testing.T, name string, of map[byte]asm.Instructions) *ebpf.Program {
	t.Helper()
	return typedProgram(t, ebpf.ProgramSpec{Type: ebpf.SchedCLS}, name, "__sk_buff", byLastDigit(76, 80, frameHeaders, tcOK, of))
}

// countRuns has the kernel count how often each program runs.
func countRuns(t *testing.T) {
	t.Helper()
	run(t, "sysctl", "-qw", "kernel.bpf_stats_enabled=1")
	t.Cleanup(func() { run(t, "sysctl", "-qw", "kernel.bpf_stats_enabled=0") })
}

func runs(t *testing.T, p *ebpf.Program) int {
	t.Helper()
	s, err := p.Stats()
	if err != nil {
		t.Fatal(err)
	}
	return int(s.RunCount)
}

// quiet has the network send nothing of its own: packets that programs count are the test's.
func (n *network) quiet() {
	n.t.Helper()
	for i := range n.names {
		n.sysctl(i, "ipv6/conf/all/disable_ipv6=1", "ipv6/conf/default/disable_ipv6=1")
		for _, d := range []string{"r", "l"} {
			j, far := i+1, 2 // of r<i>, in the subnet i
			subnet, own, peer := i, fmt.Sprint("r", i), fmt.Sprint("l", i+1)
			if d == "l" {
				j, far = i-1, 1
				subnet, own, peer = i-1, fmt.Sprint("l", i), fmt.Sprint("r", i-1)
			}
			if j < 0 || j >= len(n.names) {
				continue
			}
			mac := strings.TrimSpace(n.in(j, "cat /sys/class/net/"+peer+"/address"))
			batch(n.t, n.names[i], fmt.Sprintf("neigh replace 10.0.%d.%d lladdr %s dev %s nud permanent\n", subnet, far, mac, own))
		}
	}
}

// freesAtOnce has the kernel free what a program has read from a socket at once, where it would otherwise wait for
// more, as Linux 7.2 does for UDP, too (net/core/skbuff.c, skb_attempt_defer_free).
func freesAtOnce(t *testing.T) {
	t.Helper()
	const file = "/proc/sys/net/core/skb_defer_max"
	was, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.WriteFile(file, was, 0) })
}

func idOf(t *testing.T, p *ebpf.Program) uint32 {
	t.Helper()
	info, err := p.Info()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := info.ID()
	return uint32(id)
}

// xdpDrops are drops that TestXDPProbed makes, by the last digit of the datagram's number.
var xdpDrops = []struct {
	digit             int
	name, rule, cause string // %d is the program's id
	shows             string
}{
	{digit: 3, name: "XDP drop", rule: "bpf-xdp", cause: `xdp program "lb" id %d on l1 dropped the packet (XDP_DROP)`, shows: "exit"},
	{digit: 4, name: "XDP abort", rule: "bpf-xdp", cause: `xdp program "lb" id %d on l1 dropped the packet (XDP_ABORTED)`, shows: "exit"},
}

// TestXDPProbed: entry and exit of an XDP program, native and generic, with each packet's verdict.
func TestXDPProbed(t *testing.T) {
	countRuns(t)
	n := chain(t, 2)
	n.quiet()
	program := xdpByDigit(t, "lb", map[byte]asm.Instructions{'3': returns(xdpDrop), '4': returns(0), '5': returns(77)})
	bare := returning(t, ebpf.ProgramSpec{Type: ebpf.XDP, Name: "bare"}, xdpPass)
	defer bare.Close()
	id := idOf(t, program)
	for _, mode := range []struct {
		name string
		bpflink.XDPAttachFlags
	}{{"native", bpflink.XDPDriverMode}, {"generic", bpflink.XDPGenericMode}} {
		t.Run(mode.name, func(t *testing.T) {
			n.t = t
			defer attachXDP(t, program, "ns1", "l1", mode.XDPAttachFlags)()
			p, file := collect(t, "-s", "96", "-p", "xdp:*,skb:kfree_skb")
			before := runs(t, program)
			n.sendNumbered(0, "10.0.0.2:7021", 20)
			until(t, "the packets", func() (bool, string) { return runs(t, program)-before >= 20, "" })
			p.stop()
			if said := p.errors(); strings.Count(said, fmt.Sprintf("xdp:bare (id %d) can't be probed and is left out: it was loaded without BTF", idOf(t, bare))) != 1 {
				t.Errorf("of the program without BTF:\n%s", said)
			}
			s := readStream(t, file)
			if t.Failed() || len(s.events) < 40 {
				t.Logf("stderr %s", p.errors())
				t.Log(pipeline(t, "skb-sort -o json "+file+" | jq -c 'select(.type != \"start\" and .type != \"change\")|del(.packet,.process)' "))
			}
			entries, exits := map[int]string{}, map[int]string{}
			programs, exceptions := 0, 0
			for _, e := range s.events {
				b := e.BPF
				switch e.Probe {
				case "skb:kfree_skb":
					continue
				case "xdp:xdp_exception": // an abort, or no verdict
					exceptions++
					continue
				}
				programs++
				queue, ok := b.RxQueue.V, b.RxQueue.OK
				if b.Kind != "xdp" || b.ID != id || b.Name != "lb" || len(b.Tag) != 16 || !ok || queue > 64 || e.Dev.Name != "l1" {
					t.Fatalf("an event %+v on %s", b, e.Dev.Name)
				}
				if _, ok := e.Skb.Get(format.SkbLen); ok || e.Packet.At != "mac" {
					t.Errorf("an sk_buff before there is one: %+v, packet at %s", e.Skb, e.Packet.At)
				}
				n := number(e.Packet)
				switch e.Probe {
				case "xdp:lb":
					entries[n] = b.Verdict
				case "ret:xdp:lb":
					exits[n] = b.Verdict
				}
			}
			for i := 1; i <= 20; i++ {
				want := map[int]string{3: "XDP_DROP", 4: "XDP_ABORTED", 5: "0x4d"}[i%10]
				if want == "" {
					want = "XDP_PASS"
				}
				if v, ok := entries[i]; !ok || v != "" || exits[i] != want {
					t.Errorf("datagram %d: entry %v %q, exit %q, want %q", i, ok, v, exits[i], want)
				}
			}
			if exceptions != 4 {
				t.Errorf("%d exceptions, want 4", exceptions)
			}
			if all := runs(t, program) - before; programs != 2*all {
				t.Errorf("%d events, and the program ran %d times", programs, all)
			}
			causes := pipeline(t, `skb-drops -o json `+file+` | jq -r 'select(.why != null) | .why.cause, .why.look[]'`)
			for _, c := range xdpDrops {
				if want := fmt.Sprintf(c.cause, id); strings.Count(causes, want) != 2 {
					t.Errorf("not 2 times %s in\n%s", want, causes)
				}
			}
			if look := fmt.Sprintf("bpftool prog dump xlated id %d", id); !strings.Contains(causes, look) || !strings.Contains(run(t, "bash", "-c", look), xdpDrops[0].shows) {
				t.Errorf("%s is not proposed, or shows no program", look)
			}
		})
	}
	n.t = t
	list := run(t, "ip", "netns", "exec", "ns1", "skb-collect", "--list", "xdp:*")
	if !strings.Contains(list, fmt.Sprintf("xdp:lb\tid %d\ttag ", id)) {
		t.Errorf("--list:\n%s", list)
	}
}
