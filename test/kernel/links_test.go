//go:build kernel

package kerneltest

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// TestLinks: where one buffer begets another, a link says how, each kind by itself.
func TestLinks(t *testing.T) {
	n := chain(t, 3)
	n.in(1, "sysctl -qw net.ipv6.conf.all.forwarding=1")
	n.in(0, "ip route add default via 10.0.0.2; ip -6 route add default via fd00:0::2; ip link set r0 mtu 4000")
	n.in(2, "ip route add default via 10.0.1.1; ip -6 route add default via fd00:1::1")
	n.in(1, "ip link set l1 mtu 4000")
	for i, dev := range []string{"r0", "l1"} {
		n.in(i, fmt.Sprintf(`ip link add vx0 type vxlan id 7 dstport 4789 local 10.0.0.%d remote 10.0.0.%d dev %s noudpcsum
			ip addr add 10.8.0.%d/24 dev vx0; ip link set vx0 up; ethtool -K vx0 gso off tso off > /dev/null`, i+1, 2-i, dev, i+1))
	}
	n.in(0, "ping -qc 1 10.0.1.2; ping -qc 1 fd00:1::2; ping -qc 1 10.8.0.2")
	t.Cleanup(func() { run(t, "rm", "-f", "/tmp/received") })
	send := func(to int, address string) {
		n.in(to, "(socat -u TCP-LISTEN:7000,reuseaddr OPEN:/dev/null; touch /tmp/received) > /dev/null 2>&1 &")
		n.in(0, fmt.Sprintf("head -c 300000 /dev/zero | socat -u - TCP:%s:7000,retry=50,interval=0.1", address))
		until(t, "the transfer's end", func() (bool, string) { return exists("/tmp/received"), "" })
		run(t, "rm", "/tmp/received")
	}
	type scene struct {
		name  string
		play  func()
		links map[string]link
	}
	scenes := []scene{
		{"a transfer, segmented by the router",
			func() {
				n.in(1, "ethtool -K r1 tso off gso off tx off sg off > /dev/null")
				send(2, "10.0.1.2")
				n.in(1, "ethtool -K r1 tso on gso on tx on sg on > /dev/null")
			},
			map[string]link{"expand": sameSkb, "segment": parts, "coalesce": merged}},
		{"a transfer in a tunnel", func() { send(1, "10.8.0.2") },
			map[string]link{"gro": merged}},
		{"fragments made by the router, put together by the host",
			func() { n.in(0, "ping -M dont -qc 2 -i 0.1 -s 3000 10.0.1.2") },
			map[string]link{"fragment": parts, "reassemble": joined, "clone": sameData, "morph": sameData}},
		// Whole packets are lists of fragments, which go out as they came in.
		{"fragments that the router puts together and makes again",
			func() {
				n.in(1, "nft add table ip t; nft add chain ip t pre '{ type filter hook prerouting priority 0; }'; nft add rule ip t pre ct state new counter")
				n.in(0, "ip link set r0 mtu 1500; ping -qc 2 -i 0.1 -s 3000 10.0.1.2")
				n.in(1, "nft delete table ip t")
			},
			map[string]link{"fragment": parts, "reassemble": joined}},
		{"fragments of a host's own, over IPv6",
			func() { n.in(0, "ping -qc 2 -i 0.1 -s 3000 fd00:1::2") },
			map[string]link{"fragment": parts, "reassemble": joined}},
		{"nftables' dup",
			func() {
				n.in(1, "nft add table ip t; nft add chain ip t pre '{ type filter hook prerouting priority 0; }'; nft add rule ip t pre iifname l1 udp dport 7021 dup to 10.0.1.2 device r1")
				n.in(0, "for i in 1 2 3; do echo $i > /dev/udp/10.0.0.2/7021; done")
				n.in(1, "nft delete table ip t")
			},
			map[string]link{"pskb_copy": anotherBuffer}},
		// Which must have a packet of its own to spoil a bit of.
		{"netem's corruption",
			func() {
				n.in(0, "tc qdisc add dev r0 root netem corrupt 100%; timeout 1 bash -c 'echo > /dev/tcp/10.0.0.2/7022' || true; tc qdisc del dev r0 root")
			},
			map[string]link{"copy": anotherBuffer}},
	}
	p, file := collect(t, "-f", "tcp or icmp or icmp6 or udp port 7021", "-p", "ip_rcv,ip_output,ip6_output,icmp_rcv,icmpv6_rcv,net:net_dev_start_xmit,net:netif_receive_skb")
	var ends []uint64
	for _, s := range scenes {
		s.play()
		ends = append(ends, monotonic(t))
	}
	p.stop()
	s := readStream(t, file)
	h := historyOf(s)
	from := uint64(0)
	for i, scene := range scenes {
		kinds, right := map[string]int{}, map[string]int{}
		for j := range s.links {
			l := &s.links[j]
			if l.TS < from || l.TS >= ends[i] {
				continue
			}
			kinds[l.How]++
			if l.To.ID == 0 || l.From.ID == 0 {
				t.Errorf("a link without identities: %+v", l)
			}
			if l.From.Head == l.To.Head && l.From.ID != l.To.ID && l.How != "reassemble" {
				t.Errorf("one buffer with two identities: %+v", l)
			}
			if is := scene.links[l.How]; is != nil && is(h, l) {
				right[l.How]++
			}
		}
		for how := range scene.links {
			if right[how] == 0 {
				t.Errorf("%s: of %d %s links none is as it should be; links: %v", scene.name, kinds[how], how, kinds)
			}
		}
		from = ends[i]
	}
}

// monotonic is the time as events have it, ns.
func monotonic(t *testing.T) uint64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return uint64(now.Nano())
}

// A history is what a stream tells of each identity.
type history struct {
	events map[uint64][]*format.Event
	whole  map[uint64]uint64 // what was cut into it and others, maybe in several steps
	parts  map[uint64]int    // how many came of cutting it
	joined map[uint64]int    // how many it was made of
	merged map[uint64]bool
}

func historyOf(s *stream) *history {
	h := &history{map[uint64][]*format.Event{}, map[uint64]uint64{}, map[uint64]int{}, map[uint64]int{}, map[uint64]bool{}}
	for i := range s.events {
		if id, ok := s.events[i].Skb.Get(format.SkbID); ok {
			h.events[id] = append(h.events[id], &s.events[i])
		}
	}
	for _, l := range s.links {
		switch l.How {
		case "segment", "fragment":
			whole := l.From.ID
			if w, ok := h.whole[whole]; ok {
				whole = w
			}
			h.whole[l.To.ID] = whole
			h.parts[whole]++
		case "reassemble":
			h.joined[l.To.ID]++
		}
	}
	for _, f := range s.frees {
		if f.How == "merged" {
			h.merged[f.Skb.ID] = true
		}
	}
	return h
}

// length is the longest that a buffer's packet was seen.
func (h *history) length(id uint64) (n uint64) {
	for _, e := range h.events[id] {
		n = max(n, uint64(e.Packet.Len))
	}
	return n
}

// A link tells whether one of its kind is as such a link should be.
type link func(*history, *format.Link) bool

// sameData: a second sk_buff for the same data.
func sameData(_ *history, l *format.Link) bool {
	return l.From.Head == l.To.Head && l.From.ID == l.To.ID && l.From.Addr != l.To.Addr
}

// sameSkb: the sk_buff got another buffer. Where a clone keeps the old one, the new one has
// another identity.
func sameSkb(h *history, l *format.Link) bool {
	return l.From.Addr == l.To.Addr && l.From.Head != l.To.Head && len(h.events[l.To.ID]) > 0
}

// anotherBuffer: the same packet a second time, and both were seen.
func anotherBuffer(h *history, l *format.Link) bool {
	return l.From.Addr != l.To.Addr && l.From.Head != l.To.Head && l.From.ID != l.To.ID && len(h.events[l.From.ID]) > 0 && len(h.events[l.To.ID]) > 0
}

// parts: a shorter packet, one of several made of one.
func parts(h *history, l *format.Link) bool {
	whole := h.whole[l.To.ID]
	n := h.length(l.To.ID)
	return l.From.ID != l.To.ID && h.parts[whole] >= 2 && n > 0 && n < h.length(whole)
}

// joined: one of several of which a longer packet was made.
func joined(h *history, l *format.Link) bool {
	n := h.length(l.From.ID)
	return l.From.ID != l.To.ID && h.joined[l.To.ID] >= 2 && n > 0 && n < h.length(l.To.ID)
}

// merged: one packet went into another, and was over with that.
func merged(h *history, l *format.Link) bool {
	return l.From.ID != l.To.ID && l.From.Addr != l.To.Addr && len(h.events[l.From.ID]) > 0 && len(h.events[l.To.ID]) > 0 && h.merged[l.From.ID]
}

// TestFrees: whatever is probed, the end of each buffer that was reported is told once, and
// how it came: read from its socket, or dropped for which reason and where.
func TestFrees(t *testing.T) {
	onOneCPU(t) // a packet that is read on another one is freed some time later
	n := chain(t, 2)
	socket := n.socket(1, "10.0.0.2:7003")
	n.in(0, "ping -qc 1 10.0.0.2")
	p, file := collect(t, "-f", "udp", "-p", "ip_rcv")
	n.in(0, "for port in 7003 9; do echo $port > /dev/udp/10.0.0.2/$port; done")
	if _, _, err := socket.ReadFrom(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	p.stop()
	s := readStream(t, file)
	ends := map[uint64][]format.Free{}
	for _, f := range s.frees {
		if f.Last {
			ends[f.Skb.ID] = append(ends[f.Skb.ID], f)
		}
	}
	if len(s.events) != 2 || len(ends) != 2 {
		t.Fatalf("%d events, %d buffers ended", len(s.events), len(ends))
	}
	for i := range s.events {
		e := &s.events[i]
		id, _ := e.Skb.Get(format.SkbID)
		end := ends[id]
		if len(end) != 1 || end[0].TS <= e.TS {
			t.Fatalf("the end of buffer %d, seen at %d: %+v", id, e.TS, end)
		}
		f, d := end[0], end[0].Drop
		if strings.HasSuffix(string(e.Packet.Data), "7003\n") {
			if f.How != "consumed" || d.Present() {
				t.Errorf("what was read ended %+v", f)
			}
			continue
		}
		reason := "" // before Linux 5.17
		if len(s.start.DropReasons) > 0 {
			reason = "NO_SOCKET"
		}
		if f.How != "dropped" || d.Name != reason || !strings.Contains(d.Location, "udp") {
			t.Errorf("what nobody waited for ended %+v", f)
		}
	}
}
