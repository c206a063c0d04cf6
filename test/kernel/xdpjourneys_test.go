//go:build kernel

package kerneltest

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	bpflink "github.com/cilium/ebpf/link"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// ifindex is the number of a device of namespace i.
func (n *network) ifindex(i int, device string) (index int) {
	n.t.Helper()
	n.within(i, func() error {
		d, err := net.InterfaceByName(device)
		if err == nil {
			index = d.Index
		}
		return err
	})
	return index
}

// redirectMap is a map of one entry to redirect through.
func redirectMap(t *testing.T, kind ebpf.MapType, value any, size uint32) *ebpf.Map {
	t.Helper()
	lockMemory(t)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: kind, KeySize: 4, ValueSize: size, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if value != nil {
		if err := m.Put(uint32(0), value); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func redirectsTo(ifindex int) asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R1, int32(ifindex)), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Return()}
}

func redirectsBy(m *ebpf.Map) asm.Instructions {
	return asm.Instructions{asm.LoadMapPtr(asm.R1, m.FD()), asm.Mov.Imm(asm.R2, 0), asm.Mov.Imm(asm.R3, 0), asm.FnRedirectMap.Call(), asm.Return()}
}

func mapID(t *testing.T, m *ebpf.Map) uint32 {
	t.Helper()
	info, err := m.Info()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := info.ID()
	return uint32(id)
}

// untilDropped waits until the stream that is being written tells how so many packets were dropped.
func untilDropped(t *testing.T, file string, packets int) {
	t.Helper()
	until(t, "all drops", func() (bool, string) {
		ids := map[uint64]bool{}
		eachWritten(t, file, func(r format.Raw) {
			var f format.Free
			if r.Type() == format.TypeFree && f.Decode(r) == nil && f.How == "dropped" {
				ids[f.Skb.ID] = true
			}
		})
		return len(ids) >= packets, fmt.Sprint(len(ids))
	})
}

// TestXDPJourneys: what an XDP program on a veth passes, drops, sends back and redirects is one journey, from
// where it was seen first to its end, native and generic.
func TestXDPJourneys(t *testing.T) {
	countRuns(t)
	freesAtOnce(t)
	n := chain(t, 3)
	n.quiet()
	// A frame says nothing of a checksum that is still to be made: what is sent has to have one.
	n.in(0, "ethtool -K r0 tx off")
	r1 := n.ifindex(1, "r1")
	device := redirectMap(t, ebpf.DevMap, uint32(0), 4)
	n.within(1, func() error { return device.Put(uint32(0), uint32(r1)) })
	cpu := redirectMap(t, ebpf.CPUMap, uint32(192), 4)
	empty := redirectMap(t, ebpf.DevMap, nil, 4)
	lb := xdpByDigit(t, "lb", map[byte]asm.Instructions{'1': returns(xdpDrop), '2': returns(xdpTX), '3': redirectsTo(r1),
		'4': redirectsBy(device), '5': redirectsBy(cpu), '6': redirectsBy(empty)})
	back := xdpByDigit(t, "back", nil)
	onward := xdpByDigit(t, "onward", nil)
	const count = 100
	for _, c := range []struct {
		name   string
		flags  bpflink.XDPAttachFlags
		probes string
	}{
		{"native", bpflink.XDPDriverMode, "xdp:*,net:netif_receive_skb,udp_queue_rcv_one_skb,net:net_dev_start_xmit"},
		{"native, seen first by XDP", bpflink.XDPDriverMode, "xdp:*,udp_queue_rcv_one_skb"},
		{"generic", bpflink.XDPGenericMode, "xdp:*,net:netif_receive_skb,udp_queue_rcv_one_skb,net:net_dev_start_xmit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.t = t
			defer attachXDP(t, lb, "ns1", "l1", c.flags)()
			defer attachXDP(t, back, "ns0", "r0", c.flags)()
			defer attachXDP(t, onward, "ns2", "l2", c.flags)()
			socket := n.socket(1, "10.0.0.2:7022")
			raw, err := socket.(interface {
				SyscallConn() (syscall.RawConn, error)
			}).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			// A page counts for each packet that native XDP on a veth has passed.
			if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20) }); e != nil || err != nil {
				t.Fatal(e, err)
			}
			p, file := collect(t, "-f", "udp port 7022", "-p", c.probes)
			before := runs(t, lb)
			n.sendNumbered(0, "10.0.0.2:7022", count)
			socket.SetReadDeadline(time.Now().Add(patience))
			missed := c.flags == bpflink.XDPGenericMode && !exists("/sys/kernel/btf/veth") // 5.10 has no generic cpumap
			arrive := 6 * count / 10
			if missed {
				arrive -= count / 10
			}
			arrive -= count / 10 // those of the map that has no device are dropped
			for range arrive {
				if _, _, err := socket.ReadFrom(make([]byte, 64)); err != nil {
					t.Fatal(err)
				}
			}
			until(t, "all packets", func() (bool, string) { r := runs(t, lb) - before; return r >= count, fmt.Sprint(r) })
			untilDropped(t, file, count-arrive)
			p.stop()
			s := track(t, file)
			verdicts, first := map[int]*format.BPF{}, map[int]string{}
			for _, h := range s.hops {
				i := number(h.Packet)
				if first[i] == "" {
					first[i] = h.Probe
				}
				if h.Probe == "ret:xdp:lb" {
					if verdicts[i] != nil {
						t.Errorf("datagram %d: two verdicts of one program", i)
					}
					verdicts[i] = &h.BPF
				}
			}
			if len(verdicts) != count || runs(t, lb)-before != count {
				t.Errorf("%d verdicts, %d runs of the program, %d datagrams", len(verdicts), runs(t, lb)-before, count)
			}
			journeys := s.numbered(func(h *hop) int { return number(h.Packet) })
			for i := 1; i <= count; i++ {
				j, v := journeys[i], verdicts[i]
				if j == nil || v == nil {
					t.Errorf("datagram %d: journey %v, verdict %v", i, j, v)
					continue
				}
				want := struct {
					verdict, how, dev string
					ifindex, by       uint32
				}{verdict: "XDP_PASS", how: "delivered", dev: "l1"}
				switch i % 10 {
				case 1:
					want.verdict, want.how = "XDP_DROP", "dropped"
				case 2:
					want.verdict, want.how, want.dev = "XDP_TX", "dropped", "r0"
				case 3:
					want.verdict, want.how, want.dev, want.ifindex = "XDP_REDIRECT", "dropped", "l2", uint32(r1)
				case 4:
					want.verdict, want.how, want.dev, want.by = "XDP_REDIRECT", "dropped", "l2", mapID(t, device)
				case 5:
					want.verdict, want.by = "XDP_REDIRECT", mapID(t, cpu)
					if missed {
						want.how = "dropped"
					}
				case 6:
					// bpf_redirect_map() finds nothing, and returns the verdict in its flags: XDP_ABORTED.
					want.verdict, want.how = "XDP_ABORTED", "dropped"
				}
				if v.Verdict != want.verdict || v.Ifindex != want.ifindex || v.Map != want.by || j.End.How != want.how || j.End.Dev != want.dev {
					t.Errorf("datagram %d: %+v ended %+v, want %+v", i, *v, j.End, want)
				}
				if begins := strings.HasPrefix(first[i], "xdp:lb"); begins != (c.name == "native, seen first by XDP") {
					t.Errorf("datagram %d was seen first at %s", i, first[i])
				}
			}
		})
	}
}

// TestXDPInDriver: tun builds an sk_buff on the frame that its XDP program passes, as drivers of network cards
// do, and the journey begins in the program. Of what it drops there is nothing but the program's word.
func TestXDPInDriver(t *testing.T) {
	freesAtOnce(t)
	n := chain(t, 1)
	run(t, "modprobe", "tun")
	var tap int
	n.within(0, func() (err error) {
		if tap, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
			return err
		}
		req, err := unix.NewIfreq("tap0")
		if err != nil {
			return err
		}
		req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		return unix.IoctlIfreq(tap, unix.TUNSETIFF, req)
	})
	defer unix.Close(tap)
	n.sysctl(0, "ipv6/conf/all/disable_ipv6=1", "ipv6/conf/tap0/disable_ipv6=1")
	batch(t, "ns0", "link set tap0 address 02:00:00:00:00:01 up\naddr add 10.9.0.1/24 dev tap0\n")
	program := xdpByDigit(t, "card", map[byte]asm.Instructions{'1': returns(xdpDrop), '2': returns(0), '3': returns(xdpTX)})
	defer attachXDP(t, program, "ns0", "tap0", bpflink.XDPDriverMode)()
	socket := n.socket(0, "10.9.0.1:7023")
	p, file := collect(t, "-f", "udp port 7023", "-p", "xdp:card,net:netif_receive_skb,udp_queue_rcv_one_skb")
	const count = 50
	for i := 1; i <= count; i++ {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 9, 0, 2}, DstIP: net.IP{10, 9, 0, 1}}
		udp := &layers.UDP{SrcPort: 7000, DstPort: 7023}
		udp.SetNetworkLayerForChecksum(ip)
		frame := serialize(&layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, EthernetType: layers.EthernetTypeIPv4},
			ip, udp, gopacket.Payload(fmt.Sprintf("#%08d", i)))
		if _, err := unix.Write(tap, frame); err != nil {
			t.Fatal(err)
		}
	}
	socket.SetReadDeadline(time.Now().Add(patience))
	for range count * 7 / 10 {
		if _, _, err := socket.ReadFrom(make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
	}
	p.stop()
	s := track(t, file)
	xdp := 0
	for _, l := range s.links {
		if l.How == "xdp" && l.From.Addr == 0 && l.To.Addr != 0 && l.From.ID == l.To.ID && l.From.Head == l.To.Head {
			xdp++
		}
	}
	if xdp != count*7/10 {
		t.Errorf("%d links from XDP, want %d", xdp, count*7/10)
	}
	// No sk_buff is dropped, so the events of the program are the drops.
	out := pipeline(t, "skb-drops -o json "+file+" | jq -r '.why.cause // empty'")
	for verdict, n := range map[string]int{"XDP_DROP": count / 10, "XDP_ABORTED": count / 10} {
		cause := fmt.Sprintf("xdp program \"card\" id %d on tap0 dropped the packet (%s)\n", idOf(t, program), verdict)
		if strings.Count(out, cause) != n {
			t.Errorf("not %d times %s in\n%s", n, cause, out)
		}
	}
	for i, j := range s.numbered(func(h *hop) int { return number(h.Packet) }) {
		how, reason := "delivered", ""
		probes := []string{"xdp:card", "ret:xdp:card"}
		switch i % 10 {
		case 1:
			how, reason = "dropped", "XDP_DROP"
		case 2:
			how, reason = "dropped", "XDP_ABORTED"
		case 3:
			how = "transmitted"
		default:
			probes = append(probes, "net:netif_receive_skb", "udp_queue_rcv_one_skb")
		}
		var by []string
		for _, h := range s.hops {
			if h.track.Packet == j.Packet {
				by = append(by, h.Probe)
			}
		}
		if j.End.How != how || j.End.Reason != reason || reason != "" && j.End.Location != "xdp:card" || !slices.Equal(by, probes) || j.End.Record != "free" {
			t.Errorf("datagram %d came by %v and ended %+v, want %s %s", i, by, j.End, how, reason)
		}
	}
}
