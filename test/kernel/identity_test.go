//go:build kernel

package kerneltest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/skb-tools/skb-tools/format"
)

// number is the one that a datagram of sendNumbered has as its payload, -1: none.
func number(p format.Packet) int {
	i := bytes.LastIndex(p.Data, []byte("#"))
	if i < 0 || i+9 > len(p.Data) {
		return -1
	}
	n, err := strconv.Atoi(string(p.Data[i+1 : i+9]))
	if err != nil {
		return -1
	}
	return n
}

// sendNumbered sends datagrams from one to n, each with its number as the payload.
func (n *network) sendNumbered(from int, to string, count int) {
	n.t.Helper()
	n.sendNumbers(from, to, 1, count)
}

func (n *network) sendNumbers(from int, to string, first, last int) {
	n.t.Helper()
	s := n.socket(from, "0.0.0.0:0")
	addr, err := net.ResolveUDPAddr("udp4", to)
	if err != nil {
		n.t.Fatal(err)
	}
	for i := first; i <= last; i++ {
		if _, err := s.WriteTo(fmt.Appendf(nil, "#%08d", i), addr); err != nil {
			n.t.Fatal(err)
		}
	}
}

// numbered checks that each number is one journey's and each journey has one number, and returns
// the journeys by their numbers.
func (s *tracked) numbered(number func(*hop) int) map[int]*format.Journey {
	s.t.Helper()
	of, in := map[int]map[uint64]bool{}, map[uint64]map[int]bool{}
	for _, h := range s.hops {
		n := number(h)
		if n < 0 {
			continue
		}
		p := h.track.Packet
		if of[n] == nil {
			of[n] = map[uint64]bool{}
		}
		if in[p] == nil {
			in[p] = map[int]bool{}
		}
		of[n][p], in[p][n] = true, true
	}
	splits, conflations := 0, 0
	for n, packets := range of {
		if len(packets) > 1 {
			splits++
			s.t.Logf("number %d is in journeys %v", n, packets)
		}
	}
	for p, numbers := range in {
		if len(numbers) > 1 {
			conflations++
			s.t.Logf("journey %d has the numbers %v", p, numbers)
		}
	}
	if splits+conflations > 0 {
		s.t.Errorf("%d splits, %d conflations of %d packets", splits, conflations, len(of))
	}
	journeys := map[int]*format.Journey{}
	for _, j := range s.journeys {
		for n := range in[j.Packet] {
			journeys[n] = j
		}
	}
	return journeys
}

// has tells whether a field of skb is there.
func has(e *format.Event, f format.SkbField) bool {
	_, ok := e.Skb.Get(f)
	return ok
}

// TestHandedOver: a tracepoint behind a driver or a queue tells what it was told, and of the
// sk_buff, which may be freed or another packet's by then, nothing.
func TestHandedOver(t *testing.T) {
	run(t, "modprobe", "-a", "dummy", "act_mirred", "cls_matchall", "sch_htb")
	n := chain(t, 2)
	// No ARP, which would be sent elsewhere, too.
	n.in(0, "ping -qc 1 10.0.0.2; ip link add dummy0 type dummy; ip link set dummy0 up; tc qdisc add dev r0 clsact; ip neigh replace 10.0.0.2 dev r0 nud permanent lladdr "+
		strings.TrimSpace(n.in(1, "cat /sys/class/net/l1/address")))
	const packets = 10
	snaplen := "0"
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err != nil {
		t.Fatal(err)
	} else if strings.HasPrefix(string(release), "5.10.") {
		snaplen = "96" // without loops, each program that copies whole packets takes a guest half a minute to load
	}
	situations := []struct{ name, rule, undo string }{
		{"redirect", "tc filter add dev r0 egress matchall action mirred egress redirect dev dummy0", "tc filter del dev r0 egress"},
		{"mirror", "tc filter add dev r0 egress matchall action mirred egress mirror dev dummy0", "tc filter del dev r0 egress"},
		{"a queue that gives it away", `tc qdisc add dev r0 root handle 1: htb
			tc filter add dev r0 parent 1: matchall action mirred egress redirect dev dummy0`, "tc qdisc del dev r0 root"},
	}
	p, file := collect(t, "-s", snaplen, "-p", "net:*,qdisc:*,ip_output", "-f", "udp port 7001")
	for i, tt := range situations {
		n.in(0, tt.rule)
		n.sendNumbers(0, "10.0.0.2:7001", i*packets+1, (i+1)*packets)
		n.in(0, tt.undo)
	}
	p.stop()
	s := track(t, file)
	journeys := s.numbered(func(h *hop) int { return number(h.Packet) })
	of := map[uint64]int{} // the situation, by the identities of the numbered
	for _, h := range s.hops {
		if id, ok := h.Skb.Get(format.SkbID); ok && number(h.Packet) > 0 {
			of[id] = (number(h.Packet) - 1) / packets
		}
	}
	sent := make([]int, len(situations))
	for _, h := range s.hops {
		if h.Probe != "net:net_dev_xmit" && h.Probe != "qdisc:qdisc_enqueue" {
			continue
		}
		id, _ := h.Skb.Get(format.SkbID)
		situation, known := of[id]
		if has(&h.Event, format.SkbUsers) || h.Packet.At != "" || len(h.Packet.Data) > 0 || !known || h.Dev.Name == "" || h.Netns.Inum != inum(t, "ns0") {
			t.Errorf("%s: at %s: %+v", situations[situation].name, h.Probe, h.Event)
		}
		if h.Probe != "net:net_dev_xmit" {
			continue
		}
		sent[situation]++
		if l, _ := h.Skb.Get(format.SkbLen); l != 14+20+8+9 || !h.Ret.Has || h.Ret.Value != 0 {
			t.Errorf("%s: at %s: len %d, ret %+v", situations[situation].name, h.Probe, l, h.Ret)
		}
	}
	for i, tt := range situations {
		if sent[i] < packets {
			t.Errorf("%s: %d events at net:net_dev_xmit", tt.name, sent[i])
		}
		for packet := i*packets + 1; packet <= (i+1)*packets; packet++ {
			j := journeys[packet]
			if j == nil {
				t.Errorf("%s: packet %d has no journey", tt.name, packet)
				continue
			}
			// Nobody listens; the queue drops what a clone was taken of.
			if how := j.End.How; how != "transmitted" && (tt.name == "redirect" || how != "dropped") {
				t.Errorf("%s: packet %d ended %+v", tt.name, packet, j.End)
			}
			if j.Branches != 2 { // mirred takes a clone
				t.Errorf("%s: packet %d has %d branches, want 2", tt.name, packet, j.Branches)
			}
		}
	}
	if len(journeys) != len(situations)*packets {
		t.Errorf("%d journeys of %d packets", len(journeys), len(situations)*packets)
	}
}

// TestReleased: functions that an sk_buff comes to without its data, or that fill a new one from
// another, make no journeys that never were.
func TestReleased(t *testing.T) {
	onOneCPU(t) // a packet that is read on another one is freed some time later
	n := chain(t, 2)
	n.in(0, "ping -qc 1 10.0.0.2")
	probes := strings.Fields(run(t, "skb-collect", "--list", "kfree_skbmem", "skb_free_head", "napi_skb_cache_put", "__skb_clone", "__copy_skb_header",
		"skb_release_data", "skb_release_head_state", "skb_headers_offset_update", "ip_output", "udp_queue_rcv_one_skb", "*_build_skb_around"))
	t.Logf("%v", probes)
	dump, _ := n.tcpdump(1, "-i", "l1")
	p, file := collect(t, "-p", strings.Join(probes, ","), "-f", "udp port 7002")
	socket := n.socket(1, "10.0.0.2:7002")
	n.sendNumbered(0, "10.0.0.2:7002", 10)
	for range 10 {
		if _, _, err := socket.ReadFrom(make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
	}
	p.stop()
	dump.stop()
	s := track(t, file)
	s.numbered(func(h *hop) int { return number(h.Packet) })
	if len(s.journeys) != 10 {
		t.Errorf("%d journeys of 10 datagrams", len(s.journeys))
	}
	gone := 0
	for _, h := range s.hops {
		switch h.Probe {
		case "kfree_skbmem", "skb_free_head", "napi_skb_cache_put":
			gone++
			if h.Packet.At != "" || has(&h.Event, format.SkbLen) {
				t.Errorf("at %s: %+v", h.Probe, h.Event)
			}
		}
	}
	if gone < 10 {
		t.Errorf("%d events at functions behind the release", gone)
	}
}

// tcpNumber is what a TCP segment with data is known by: its sender's port and sequence number.
func tcpNumber(p format.Packet) int {
	b := p.Data
	if p.At == "mac" && len(b) > 14 {
		b = b[14:]
	}
	if len(b) < 40 || b[0] != 0x45 || b[9] != 6 || p.At == "data" {
		return -1
	}
	header := 20 + int(b[32]>>4)*4
	if int(binary.BigEndian.Uint16(b[2:])) <= header && b[33]&2 == 0 { // neither data nor SYN
		return -1
	}
	return int(binary.BigEndian.Uint16(b[20:]))<<32 | int(binary.BigEndian.Uint32(b[24:]))
}

// TestSharedByTCP: what TCP sends it holds until it has been acknowledged, while the receiver's
// socket puts it together with what was there. Neither ends the other's identity. Nor does a
// packet socket, which has clones of all.
func TestSharedByTCP(t *testing.T) {
	n := chain(t, 2)
	n.in(0, "ping -qc 1 10.0.0.2")
	t.Cleanup(func() { run(t, "rm", "-f", "/tmp/received") })
	for _, observed := range []bool{false, true} {
		t.Run(fmt.Sprintf("tcpdump=%v", observed), func(t *testing.T) {
			var dump *process
			if observed {
				dump, _ = n.tcpdump(1, "-i", "l1")
			}
			n.in(1, "(socat -u TCP-LISTEN:7003,reuseaddr OPEN:/dev/null; touch /tmp/received) > /dev/null 2>&1 &")
			n.in(1, "until ss -Hlnt | grep -q :7003; do sleep 0.05; done")
			p, file := collect(t, "-f", "tcp port 7003", "-p", "__tcp_transmit_skb,tcp_v4_rcv,__kfree_skb,tcp_ack")
			n.in(0, "head -c 400000 /dev/zero | socat -u - TCP:10.0.0.2:7003")
			until(t, "the transfer's end", func() (bool, string) { return exists("/tmp/received"), "" })
			p.stop()
			if observed {
				dump.stop()
			}
			run(t, "rm", "-f", "/tmp/received")
			s := track(t, file)
			s.sharedRight()
		})
	}
}

// sharedRight checks a recording of TCP: each segment is one journey, no journey begins where
// memory is freed, and no sk_buff's identity changes before it is freed. TCP gives an sk_buff another head
// when it puts the data of two segments together that it still holds (skb_shift and skb_unclone,
// net/core/skbuff.c), though a clone may be on its way: then the stream says so, and the journey stays the same.
func (s *tracked) sharedRight() {
	s.t.Helper()
	segments := s.numbered(func(h *hop) int { return tcpNumber(h.Packet) })
	if len(segments) < 5 {
		s.t.Errorf("%d segments: this tests nothing", len(segments))
	}
	first := map[uint64]*hop{}
	type sent struct{ id, journey uint64 }
	last := map[uint64]sent{} // by the sk_buff
	type is struct{ addr, id uint64 }
	expanded := map[is]uint64{} // what an sk_buff with an identity got for it
	for _, l := range s.links {
		if l.How == "expand" && l.From.Addr == l.To.Addr && l.From.ID != l.To.ID {
			expanded[is{l.From.Addr, l.From.ID}] = l.To.ID
		}
	}
	changed, never := 0, 0
	for _, h := range s.hops {
		if first[h.track.Packet] == nil {
			first[h.track.Packet] = h
			if h.Probe == "__kfree_skb" {
				never++
				s.t.Logf("a journey begins: %+v", h.Event)
			}
		}
		addr, _ := h.Skb.Get(format.SkbAddr)
		id, _ := h.Skb.Get(format.SkbID)
		switch h.Probe {
		case "__tcp_transmit_skb":
			last[addr] = sent{id, h.track.Packet}
		case "__kfree_skb":
			was, ok := last[addr]
			now := was.id
			for now != id && expanded[is{addr, now}] != 0 {
				now = expanded[is{addr, now}]
			}
			if ok && (now != id || was.id != id && was.journey != h.track.Packet) {
				changed++
				s.t.Logf("sk_buff %x was %d in journey %d and is %d in journey %d", addr, was.id, was.journey, id, h.track.Packet)
			}
			delete(last, addr)
		}
	}
	if changed+never > 0 {
		s.t.Errorf("%d identities changed, %d of %d journeys never were", changed, never, len(s.journeys))
	}
}

// TestRetransmitted: a segment that TCP sends again is the journey of the first one, also where it
// got a new head as the first still was on its way.
func TestRetransmitted(t *testing.T) {
	run(t, "modprobe", "sch_netem")
	n := chain(t, 2)
	n.in(0, "ping -qc 1 10.0.0.2; tc qdisc add dev r0 root netem loss 10% delay 5ms")
	t.Cleanup(func() { run(t, "rm", "-f", "/tmp/received") })
	n.in(1, "(socat -u TCP-LISTEN:7004,reuseaddr OPEN:/dev/null; touch /tmp/received) > /dev/null 2>&1 &")
	n.in(1, "until ss -Hlnt | grep -q :7004; do sleep 0.05; done")
	p, file := collect(t, "-f", "tcp port 7004", "-p", "__tcp_transmit_skb,ip_output,net:net_dev_start_xmit,net:net_dev_xmit,tcp_v4_rcv,__kfree_skb")
	n.within(0, func() error {
		c, err := net.Dial("tcp4", "10.0.0.2:7004")
		if err != nil {
			return err
		}
		defer c.Close()
		c.(*net.TCPConn).SetNoDelay(true)
		for range 30 {
			if _, err := c.Write(make([]byte, 500)); err != nil {
				return err
			}
		}
		return nil
	})
	until(t, "the transfer's end", func() (bool, string) { return exists("/tmp/received"), "" })
	p.stop()
	s := track(t, file)
	s.sharedRight()
	of := map[uint64]map[uint64]bool{} // journeys of an identity
	for _, h := range s.hops {
		id, _ := h.Skb.Get(format.SkbID)
		if of[id] == nil {
			of[id] = map[uint64]bool{}
		}
		of[id][h.track.Packet] = true
	}
	for id, journeys := range of {
		if len(journeys) > 1 {
			t.Errorf("identity %d is in journeys %v", id, journeys)
		}
	}
}

// TestCopiedForXDP: veth copies a packet for a native XDP program, which passes it: one journey.
func TestCopiedForXDP(t *testing.T) {
	onOneCPU(t) // a packet that is read on another one is freed some time later
	n := chain(t, 2)
	n.in(0, "ping -qc 1 10.0.0.2")
	program := returning(t, ebpf.ProgramSpec{Type: ebpf.XDP}, xdpPass)
	defer program.Close()
	defer attachXDP(t, program, "ns1", "l1", 1<<2)() // XDP_FLAGS_DRV_MODE
	socket := n.socket(1, "10.0.0.2:7005")
	t.Cleanup(func() { run(t, "rm", "-f", "/tmp/received") })
	n.in(1, "(socat -u TCP-LISTEN:7005,reuseaddr OPEN:/dev/null; touch /tmp/received) > /dev/null 2>&1 &")
	n.in(1, "until ss -Hlnt | grep -q :7005; do sleep 0.05; done")
	p, file := collect(t, "-f", "port 7005", "-p", "ip_output,net:net_dev_start_xmit,net:netif_receive_skb,udp_queue_rcv_one_skb,tcp_v4_rcv")
	n.sendNumbered(0, "10.0.0.2:7005", 10)
	for range 10 {
		if _, _, err := socket.ReadFrom(make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
	}
	// All of it fits into one segment: what TCP sends in one go is not cut up on the way.
	n.in(0, "for i in 1 2 3 4 5 6; do head -c 200 /dev/zero; sleep 0.1; done | socat -u - TCP:10.0.0.2:7005")
	until(t, "the transfer's end", func() (bool, string) { return exists("/tmp/received"), "" })
	p.stop()
	s := track(t, file)
	for n, j := range s.numbered(func(h *hop) int { return number(h.Packet) }) {
		if j.End.How != "delivered" || j.Ends[1] != 0 { // transmitted
			t.Errorf("datagram %d ended %+v, %v", n, j.End, j.Ends)
		}
	}
	segments := s.numbered(func(h *hop) int { return tcpNumber(h.Packet) })
	for n, j := range segments {
		// Kernels without drop reasons discard segments in silence: there it may have been delivered.
		unclear := j.End.How == "consumed" && j.End.Unclear == "tcp-segment"
		if j.End.How != "delivered" && !unclear || j.Ends[1] != 0 {
			t.Errorf("segment %x ended %+v, %v", n, j.End, j.Ends)
		}
	}
	seen := map[string]map[int]bool{}
	for _, h := range s.hops {
		n := max(number(h.Packet), tcpNumber(h.Packet))
		if seen[h.Probe] == nil {
			seen[h.Probe] = map[int]bool{}
		}
		seen[h.Probe][n] = true
	}
	// What comes by NAPI comes as a list, which passes ip_rcv by.
	if n, m := len(seen["udp_queue_rcv_one_skb"]), len(seen["tcp_v4_rcv"]); n != 10 || m < 5 {
		t.Errorf("%d numbers seen at udp_queue_rcv_one_skb, %d at tcp_v4_rcv", n, m)
	}
}

// TestDropFirstSeen: the free record of a packet that is seen first as it is dropped says so.
func TestDropFirstSeen(t *testing.T) {
	n := chain(t, 2)
	n.in(0, "ping -qc 1 10.0.0.2")
	for _, probe := range []string{"skb:kfree_skb", "skb_release_data"} {
		p, file := collect(t, "-f", "udp port 7006", "-p", probe)
		n.sendNumbered(0, "10.0.0.2:7006", 7)
		p.stop()
		s := readStream(t, file)
		dropped := 0
		for _, f := range s.frees {
			if f.How == "dropped" && f.Drop.Present() && strings.Contains(f.Drop.Location, "udp") {
				dropped++
			}
		}
		if len(s.events) != 7 || dropped != 7 {
			t.Errorf("%s: %d events, %d of %d free records say dropped: %+v", probe, len(s.events), dropped, len(s.frees), s.frees)
		}
	}
}

// TestSlots: the counts of identities in a slot are those of the identities there are.
func TestSlots(t *testing.T) {
	n := chain(t, 2)
	n.in(0, "ping -qc 1 10.0.0.2")
	p, _ := collect(t, "-f", "icmp", "-p", "ip_output,ip_rcv,icmp_rcv")
	n.in(0, "ping -qc 40 -i 0.01 -s 6000 10.0.0.2")
	until(t, "what was made has gone", func() (bool, string) {
		counted, there := slots(t)
		return counted == 0 && there == 0, fmt.Sprintf("%d entries counted, %d there", counted, there)
	})
	p.stop()
}

// slots reads how many identities a collector's slots count, and how many there are.
func slots(t *testing.T) (counted, there int) {
	t.Helper()
	var id ebpf.MapID
	for {
		var err error
		if id, err = ebpf.MapGetNextID(id); err != nil {
			return counted, there
		}
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			continue
		}
		info, err := m.Info()
		switch {
		case err != nil:
		case strings.HasSuffix(info.Name, ".bss") && info.ValueSize >= 4<<16:
			b := make([]byte, info.ValueSize)
			if err := m.Lookup(uint32(0), &b); err != nil {
				t.Fatal(err)
			}
			// entries is the largest of what lies there, so its counts are the most of it.
			for c := range slices.Chunk(b, 4) {
				counted += int(int32(binary.NativeEndian.Uint32(c)))
			}
		case info.Name == "buffers":
			var key uint64
			var value []byte
			for all := m.Iterate(); all.Next(&key, &value); {
				there++
			}
		}
		m.Close()
	}
}

// TestFilterFragList: a packet whose bytes a filter can't look at, as they lie in the sk_buffs of a
// list, passes; where the filter needs no such bytes, it decides.
func TestFilterFragList(t *testing.T) {
	n := chain(t, 2)
	n.in(0, "ping -qc 1 10.0.0.2")
	asked, found := collect(t, "--no-follow", "-f", "icmp[5000:4] == 0x2a2a2a2a", "-p", "icmp_rcv")
	decided, notFound := collect(t, "--no-follow", "-f", "icmp[icmptype] == 3 and icmp[5000] == 0x2a", "-p", "icmp_rcv")
	n.in(0, "ping -qc 3 -i 0.05 -p 2a -s 6000 10.0.0.2")
	asked.stop()
	decided.stop()
	if s := readStream(t, found); len(s.events) != 6 { // requests and replies
		t.Errorf("%d events of those that may match", len(s.events))
	}
	if s := readStream(t, notFound); len(s.events) != 0 {
		t.Errorf("%d events of those that do not", len(s.events))
	}
}
