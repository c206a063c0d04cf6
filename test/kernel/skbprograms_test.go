//go:build kernel

package kerneltest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	bpflink "github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// bpffs is a file system for programs, as ip and tc want them.
func bpffs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("bpf", dir, "bpf", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func pin(t *testing.T, dir, name string, p *ebpf.Program) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := p.Pin(file); err != nil {
		t.Fatal(err)
	}
	return file
}

// bpfDrops are the drops that the programs of TestProgramsWithSkb make, by the last digit of the datagram's number.
var bpfDrops = []struct {
	digit             int
	name, rule, cause string // %d is the program's id
	shows             string // by the commands that skb-drops proposes
	program           string
}{
	{digit: 1, name: "clsact ingress", rule: "bpf-tc", program: "tcin", cause: `tc program "tcin" id %d on l1 dropped the packet (TC_ACT_SHOT)`, shows: "exit"},
	{digit: 2, name: "clsact egress", rule: "bpf-tc", program: "tcout", cause: `tc program "tcout" id %d on r0 dropped the packet (TC_ACT_SHOT)`, shows: "exit"},
	{digit: 3, name: "tcx ingress", rule: "bpf-tc", program: "tcxin", cause: `tc program "tcxin" id %d on l1 dropped the packet (TC_ACT_SHOT)`, shows: "exit"},
	{digit: 10, name: "netkit", rule: "bpf-netkit", program: "nk", cause: `netkit program "nk" id %d dropped the packet on its way to nk0 (TC_ACT_SHOT)`, shows: "exit"},
	{digit: 4, name: "cgroup ingress", rule: "bpf-cgroup", program: "acl", cause: `cgroup_skb program "acl" id %d dropped the packet`, shows: "exit"},
	{digit: 6, name: "netfilter", rule: "bpf-netfilter", program: "nfdrop", cause: `netfilter program "nfdrop" id %d dropped the packet`, shows: "exit"},
	{digit: 8, name: "socket filter", rule: "bpf-socket-filter", program: "sockf", cause: `socket_filter program "sockf" id %d of the socket refused the packet`, shows: "exit"},
}

// TestProgramsWithSkb: programs of tc (clsact and tcx), a cgroup, a socket, a route (lwt) and netfilter on the way of
// packets, of which each is one journey, redirected ones too. skb-drops names the program that dropped a packet.
func TestProgramsWithSkb(t *testing.T) {
	countRuns(t)
	freesAtOnce(t)
	n := chain(t, 3)
	n.quiet()
	dir := bpffs(t)
	// What is redirected to l2 is for it.
	n.in(2, "ip link set l2 address "+strings.TrimSpace(n.in(1, "cat /sys/class/net/l1/address")))
	r1 := n.ifindex(1, "r1")
	programs := map[string]*ebpf.Program{}
	programs["tcin"] = tcByDigit(t, "tcin", map[byte]asm.Instructions{'1': returns(tcShot), '6': redirectsTo(r1)})
	programs["tcout"] = tcByDigit(t, "tcout", map[byte]asm.Instructions{'2': returns(tcShot)})
	programs["acl"] = typedProgram(t, ebpf.ProgramSpec{Type: ebpf.CGroupSKB, AttachType: ebpf.AttachCGroupInetIngress}, "acl", "__sk_buff",
		byLastDigit(76, 80, packetHeaders, 1, map[byte]asm.Instructions{'4': returns(0)}))
	// A socket filter's packet begins at the UDP header.
	programs["sockf"] = typedProgram(t, ebpf.ProgramSpec{Type: ebpf.SocketFilter}, "sockf", "__sk_buff", asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1), asm.LoadAbs(8+8, asm.Byte), asm.JEq.Imm(asm.R0, '8', "refuse"), asm.Mov.Imm(asm.R0, -1), asm.Return(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("refuse"), asm.Return()})
	programs["route"] = typedProgram(t, ebpf.ProgramSpec{Type: ebpf.LWTOut}, "route", "__sk_buff", returns(0))
	n.in(1, "tc qdisc add dev l1 clsact; tc filter add dev l1 ingress bpf da object-pinned "+pin(t, dir, "tcin", programs["tcin"]))
	n.in(0, "tc qdisc add dev r0 clsact; tc filter add dev r0 egress bpf da object-pinned "+pin(t, dir, "tcout", programs["tcout"]))
	n.in(0, "ip route add 10.0.0.2/32 encap bpf out pinned "+pin(t, dir, "route", programs["route"])+" dev r0")
	cgroup, err := bpflink.AttachCgroup(bpflink.CgroupOptions{Path: "/sys/fs/cgroup", Attach: ebpf.AttachCGroupInetIngress, Program: programs["acl"]})
	if err != nil {
		t.Fatal(err)
	}
	defer cgroup.Close()
	hasTCX := exists("/sys/kernel/btf/veth") && knowsType(t, "tcx_entry")
	if hasTCX {
		// With another verdict clsact would not be asked (net/core/dev.c, tcx_run).
		programs["tcxin"] = typedProgram(t, ebpf.ProgramSpec{Type: ebpf.SchedCLS}, "tcxin", "__sk_buff",
			byLastDigit(76, 80, frameHeaders, tcUnspec, map[byte]asm.Instructions{'3': returns(tcShot)}))
		index := n.ifindex(1, "l1")
		n.within(1, func() error {
			l, err := bpflink.AttachTCX(bpflink.TCXOptions{Interface: index, Program: programs["tcxin"], Attach: ebpf.AttachTCXIngress})
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		})
	}
	hasNetkit := knowsType(t, "netkit_link") // since Linux 6.7, and not in all of them
	if hasNetkit {
		programs["nk"] = typedProgram(t, ebpf.ProgramSpec{Type: ebpf.SchedCLS}, "nk", "__sk_buff", returns(tcShot))
		n.in(1, "ip link add zk0 type netkit; ip addr add 10.9.30.1/24 dev zk0; ip link set zk0 up; ip link set nk0 up")
		index := n.ifindex(1, "zk0")
		n.within(1, func() error {
			l, err := bpflink.AttachNetkit(bpflink.NetkitOptions{Interface: index, Program: programs["nk"], Attach: ebpf.AttachNetkitPrimary})
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		})
	}
	hasNetfilter := knowsType(t, "bpf_nf_link")
	if hasNetfilter {
		programs["nfin"] = typedProgram(t, ebpf.ProgramSpec{Type: ebpf.Netfilter, AttachType: ebpf.AttachNetfilter}, "nfin", "bpf_nf_ctx", returns(1))
		n.within(1, func() error {
			const localIn = 1 // NF_INET_LOCAL_IN
			l, err := bpflink.AttachNetfilter(bpflink.NetfilterOptions{Program: programs["nfin"], ProtocolFamily: unix.NFPROTO_IPV4, Hook: localIn, Priority: -128})
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		})
		programs["nfdrop"] = typedProgram(t, ebpf.ProgramSpec{Type: ebpf.Netfilter, AttachType: ebpf.AttachNetfilter}, "nfdrop", "bpf_nf_ctx", returns(0))
		n.within(2, func() error {
			l, err := bpflink.AttachNetfilter(bpflink.NetfilterOptions{Program: programs["nfdrop"], ProtocolFamily: unix.NFPROTO_IPV4, Priority: -128})
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		})
	}
	socket := n.socket(1, "10.0.0.2:7031")
	raw, err := socket.(interface {
		File() (*os.File, error)
	}).File()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(int(raw.Fd()), unix.SOL_SOCKET, unix.SO_ATTACH_BPF, programs["sockf"].FD()); err != nil {
		t.Fatal(err)
	}
	raw.Close()

	const count = 50
	p, file := collect(t, "-f", "udp port 7031", "-p", "tc:*,cgroup_skb:acl,socket_filter:*,lwt:route", "--try", "netfilter:*",
		"-p", "skb:kfree_skb,udp_queue_rcv_one_skb,net:net_dev_start_xmit")
	before := runs(t, programs["tcin"])
	n.sendNumbered(0, "10.0.0.2:7031", count)
	tenth := count / 10
	arrive := 4 * tenth // 0, 5, 7 and 9
	if !hasTCX {
		arrive += tenth
	}
	socket.SetReadDeadline(time.Now().Add(patience))
	for range arrive {
		if _, _, err := socket.ReadFrom(make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
	}
	dropped := count - arrive
	if hasNetkit { // as many as of each digit
		n.in(1, fmt.Sprintf("for i in $(seq %d); do echo x > /dev/udp/10.9.30.2/7031 || true; done", tenth))
		dropped += tenth
	}
	untilDropped(t, file, dropped)
	p.stop()
	s := track(t, file)
	seen := map[int]map[string]string{} // verdicts of programs
	for _, h := range s.hops {
		i := number(h.Packet)
		if i < 0 {
			continue // of netkit
		}
		if seen[i] == nil {
			seen[i] = map[string]string{}
		}
		if h.BPF.Verdict != "" {
			if _, twice := seen[i][h.BPF.Name]; twice {
				t.Errorf("datagram %d came by %s twice", i, h.BPF.Name)
			}
			seen[i][h.BPF.Name] = h.BPF.Verdict
			if h.BPF.Verdict == "TC_ACT_REDIRECT" && h.BPF.Ifindex != uint32(r1) {
				t.Errorf("datagram %d was redirected to device %d, says the event; it was %d", i, h.BPF.Ifindex, r1)
			}
		}
	}
	journeys := s.numbered(func(h *hop) int { return number(h.Packet) })
	atTCIn := 0
	for i := 1; i <= count; i++ {
		j := journeys[i]
		if j == nil {
			t.Errorf("datagram %d has no journey", i)
			continue
		}
		how, dev := "delivered", "l1"
		want := map[string]string{"route": "BPF_OK", "tcout": "TC_ACT_OK", "tcin": "TC_ACT_OK", "acl": "SK_PASS", "sockf": "SK_PASS"}
		if hasTCX {
			want["tcxin"] = "TC_ACT_UNSPEC"
		}
		if hasNetfilter {
			want["nfin"] = "NF_ACCEPT"
		}
		without := func(names ...string) {
			for _, n := range names {
				delete(want, n)
			}
		}
		switch i % 10 {
		case 1: // tcx comes first
			how, want["tcin"] = "dropped", "TC_ACT_SHOT"
			without("acl", "sockf", "nfin")
		case 2:
			how, dev, want["tcout"] = "dropped", "r0", "TC_ACT_SHOT"
			without("acl", "sockf", "nfin", "tcin", "tcxin")
		case 3:
			if hasTCX {
				how, want["tcxin"] = "dropped", "TC_ACT_SHOT"
				without("acl", "sockf", "nfin", "tcin")
			}
		case 4:
			how, want["acl"] = "dropped", "SK_DROP"
			without("sockf")
		case 6:
			how, dev, want["tcin"] = "dropped", "l2", "TC_ACT_REDIRECT"
			without("acl", "sockf", "nfin")
			if hasNetfilter {
				want["nfdrop"] = "NF_DROP"
			}
		case 8:
			how, want["sockf"] = "dropped", "SK_DROP"
		}
		if _, ok := want["tcin"]; ok {
			atTCIn++
		}
		if fmt.Sprint(seen[i]) != fmt.Sprint(want) || j.End.How != how || j.End.Dev != dev && how == "dropped" {
			t.Errorf("datagram %d: programs said %v, want %v; it ended %+v, want %s on %s", i, seen[i], want, j.End, how, dev)
		}
	}
	if ran := runs(t, programs["tcin"]) - before; ran != atTCIn {
		t.Errorf("tcin ran %d times, and %d events say so", ran, atTCIn)
	}

	out := pipeline(t, `skb-drops -o json `+file+` | jq -c 'select(.type == "event") | {data: .packet.data, why}'`)
	causes := map[int]int{}
	looks := map[string]bool{}
	for line := range strings.Lines(out) {
		var d struct {
			Data []byte
			Why  struct {
				Cause string
				Look  []string
			}
		}
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatal(err, line)
		}
		for _, c := range bpfDrops {
			if programs[c.program] != nil && d.Why.Cause == fmt.Sprintf(c.cause, idOf(t, programs[c.program])) {
				causes[c.digit]++
				looks[d.Why.Look[0]] = true
			}
		}
	}
	for _, c := range bpfDrops {
		if programs[c.program] == nil {
			continue
		}
		if causes[c.digit] != tenth {
			t.Errorf("%s: %d drops of %d say so:\n%s", c.name, causes[c.digit], tenth, out)
			continue
		}
		look := fmt.Sprintf("bpftool prog dump xlated id %d", idOf(t, programs[c.program]))
		if !looks[look] || !strings.Contains(run(t, "bash", "-c", look), c.shows) {
			t.Errorf("%s: no %q among %v, or it does not show the program", c.name, look, looks)
		}
	}
}

// knowsType reports whether the kernel has a struct.
func knowsType(t *testing.T, name string) bool {
	t.Helper()
	b, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), "\x00"+name+"\x00")
}

// TestFollowPrograms: a program that is loaded while collecting is probed, and its 13th drop is there.
func TestFollowPrograms(t *testing.T) {
	n := chain(t, 2)
	n.quiet()
	countRuns(t)
	p, file := collect(t, "--follow-programs", "-p", "xdp:late*", "-p", "skb:kfree_skb", "-f", "udp port 7041")
	program := xdpByDigit(t, "late_to_the_party", map[byte]asm.Instructions{'7': returns(xdpDrop)})
	other := xdpByDigit(t, "other", nil)
	said := fmt.Sprintf("xdp:late_to_the_party (id %d) was loaded, and is probed from now on", idOf(t, program))
	until(t, "the program is probed", func() (bool, string) { return strings.Contains(p.errors(), said), p.errors() })
	defer attachXDP(t, program, "ns1", "l1", bpflink.XDPDriverMode)()
	const count = 13 * 10
	n.sendNumbered(0, "10.0.0.2:7041", count)
	until(t, "the packets", func() (bool, string) { return runs(t, program) >= count, fmt.Sprint(runs(t, program)) })
	p.stop()
	if e := p.errors(); strings.Contains(e, fmt.Sprintf("(id %d)", idOf(t, other))) {
		t.Errorf("a program that nobody asked for:\n%s", e)
	}
	var drops []int
	for _, e := range readStream(t, file).events {
		if e.Probe == "ret:xdp:late_to_the_party" && e.BPF.Verdict == "XDP_DROP" {
			drops = append(drops, number(e.Packet))
		}
	}
	if len(drops) != 13 || drops[12] != 127 {
		t.Errorf("drops: %v", drops)
	}
}
