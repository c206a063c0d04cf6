//go:build kernel

package kerneltest

import (
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// A hop is a tracked event.
type hop struct {
	format.Event
	track format.Track
}

// changed is what changed at the hop: name, before, after, as JSON has them.
func (h *hop) changed(name string) string {
	v := h.track.Changed.Get(name)
	if v == nil {
		return ""
	}
	out := ""
	v.Elems(func(e wire.Value) bool {
		s, ok := e.Str()
		if n, isNumber := e.Uint(); isNumber {
			s, ok = fmt.Append(nil, n), true
		}
		if !ok {
			s = []byte("-")
		}
		out += " " + string(s)
		return true
	})
	return strings.TrimSpace(out)
}

// tracked is a stream as skb-track has it.
type tracked struct {
	t        *testing.T
	hops     []*hop
	journeys []*format.Journey
	links    []*format.Link
	lost     bool // the stream tells of a loss
}

// track runs skb-track with args over a stream.
func track(t *testing.T, file string, args ...string) *tracked {
	t.Helper()
	cmd := exec.Command("skb-track", append(args, "-o", "stream", file)...)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	all := &tracked{t: t}
	d := format.NewDecoder(out)
	for {
		raw, err := d.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		raw = slices.Clone(raw)
		switch raw.Type() {
		case format.TypeLoss:
			// An interrupt within a probe, that is seen as such: the caller tries again,
			// or fails by what it misses.
			t.Logf("something was lost: %s", jsonOf(raw))
			all.lost = true
		case format.TypeEvent:
			h := &hop{}
			if err := h.Decode(raw); err != nil {
				t.Fatal(err)
			}
			h.track.Decode(raw.Get("track"))
			all.hops = append(all.hops, h)
		case format.TypeLink:
			l := &format.Link{}
			if err := l.Decode(raw); err != nil {
				t.Fatal(err)
			}
			all.links = append(all.links, l)
		case format.TypeJourney:
			j := &format.Journey{}
			if err := j.Decode(raw); err != nil {
				t.Fatal(err)
			}
			all.journeys = append(all.journeys, j)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command("skb-track", append(args, "-o", "json", file)...).Output()
			t.Logf("the stream:\n%s", out)
		}
	})
	return all
}

func jsonOf(r format.Raw) string {
	line, _ := format.AppendJSON(nil, r)
	return string(line)
}

// one returns the only journey that is as asked for, and its hops.
func (s *tracked) one(is func(*format.Journey) bool) (*format.Journey, []*hop) {
	s.t.Helper()
	var found []*format.Journey
	for _, j := range s.journeys {
		if is(j) {
			found = append(found, j)
		}
	}
	if len(found) != 1 {
		s.t.Fatalf("%d journeys, want one", len(found))
	}
	hops := s.of(found[0].Packet)
	if len(hops) != int(found[0].Hops) {
		s.t.Errorf("a journey of %d hops has %d events", found[0].Hops, len(hops))
	}
	return found[0], hops
}

// of are the events of a packet.
func (s *tracked) of(packet uint64) (hops []*hop) {
	for _, h := range s.hops {
		if h.track.Packet == packet {
			hops = append(hops, h)
		}
	}
	return hops
}

func inum(t *testing.T, netns string) uint32 {
	t.Helper()
	var n uint32
	if _, err := fmt.Sscan(run(t, "stat", "-Lc", "%i", "/run/netns/"+netns), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestJourneyThroughNAT: a datagram that is sent in one namespace, given another
// destination and forwarded in the second and received in the third is one journey.
func TestJourneyThroughNAT(t *testing.T) {
	onOneCPU(t) // a packet that is read on another one is freed some time later
	net := chain(t, 3)
	net.in(0, "ping -qc 1 10.0.0.2")
	net.in(2, "ip route add default via 10.0.1.1; ping -qc 1 10.0.1.1")
	net.in(1, `nft 'table ip nat { chain pre { type nat hook prerouting priority -100; udp dport 53 dnat to 10.0.1.2:5353; }; }'`)
	t.Cleanup(func() { run(t, "rm", "-f", "/tmp/received") })
	server := net.command(2, "socat", "-u", "UDP4-RECV:5353", "CREATE:/tmp/received")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the server listens", func() (bool, string) {
		out := net.in(2, "cat /proc/net/udp")
		return strings.Contains(out, ":14E9"), out
	})
	c, file := collect(t, "-p",
		"ip_output,net:net_dev_start_xmit,net:netif_receive_skb,ip_rcv,ip_forward,ip_local_deliver,udp_queue_rcv_skb,skb_consume_udp")
	net.in(0, "echo -n hello > /dev/udp/10.0.0.2/53")
	until(t, "the datagram is received", func() (bool, string) {
		return strings.TrimSpace(run(t, "bash", "-c", "cat /tmp/received || true")) == "hello", ""
	})
	c.stop()
	server.Process.Kill()
	server.Wait()

	s := track(t, file)
	j, hops := s.one(func(j *format.Journey) bool { return j.From.Proto == 17 && j.From.Dport == 53 })
	if from, to := fmt.Sprint(j.From.Dst, j.From.Dport), fmt.Sprint(j.To.Dst, j.To.Dport); from != "10.0.0.2 53" || to != "10.0.1.2 5353" ||
		j.From.Src.String() != "10.0.0.1" {
		t.Errorf("flow first %v, last %v", j.From, j.To)
	}
	if j.End.How != "delivered" || j.End.TS == 0 || j.End.Probe != "skb_consume_udp" || j.End.Comm != "socat" ||
		int(j.End.TGID) != server.Process.Pid || j.Branches != 1 || j.Uncertain != nil {
		t.Errorf("it ended %+v, %d branches", j.End, j.Branches)
	}
	ns := [3]uint32{inum(t, "ns0"), inum(t, "ns1"), inum(t, "ns2")}
	want := []struct {
		probe   string
		ns      int
		changed map[string]string // what must have, and of addresses, ports, ttl, dev and netns nothing else
	}{
		{"ip_output", 0, nil},
		{"net:net_dev_start_xmit", 0, nil},
		{"net:netif_receive_skb", 1, map[string]string{"dev": "r0 l1", "netns": fmt.Sprint(ns[0], " ", ns[1])}},
		{"ip_rcv", 1, nil},
		{"ip_forward", 1, map[string]string{"dst": "10.0.0.2 10.0.1.2", "dport": "53 5353"}},
		{"ip_output", 1, map[string]string{"ttl": "64 63"}},
		{"net:net_dev_start_xmit", 1, map[string]string{"dev": "l1 r1"}},
		{"net:netif_receive_skb", 2, map[string]string{"dev": "r1 l2", "netns": fmt.Sprint(ns[1], " ", ns[2])}},
		{"ip_rcv", 2, nil},
		{"ip_local_deliver", 2, nil},
		{"udp_queue_rcv_skb", 2, nil},
		{"skb_consume_udp", 2, nil},
	}
	if n := len(hops); n > 1 && hops[n-2].Probe == "skb_consume_udp" { // socat peeks first
		hops = hops[:n-1]
	}
	for i, h := range hops {
		if i >= len(want) || h.Probe != want[i].probe || int(h.track.Hop) != i {
			t.Fatalf("hop %d is %d at %s", i, h.track.Hop, h.Probe)
		}
		for _, name := range []string{"src", "dst", "sport", "dport", "ttl", "tos", "encap", "vlan", "mark", "dev", "netns"} {
			if got := h.changed(name); got != want[i].changed[name] {
				t.Errorf("hop %d at %s: %s changed %q, want %q", i, h.Probe, name, got, want[i].changed[name])
			}
		}
		if h.track.Total != h.TS-hops[0].TS || i > 0 && h.track.Since != h.TS-hops[i-1].TS {
			t.Errorf("hop %d: since %d, total %d", i, h.track.Since, h.track.Total)
		}
	}
	if len(hops) != len(want) {
		t.Errorf("%d hops, want %d", len(hops), len(want))
	}
}

// TestJourneyFlooded: a frame that a bridge floods to 4 ports is one journey of 4 branches.
func TestJourneyFlooded(t *testing.T) {
	run(t, "ip", "netns", "add", "bridge")
	t.Cleanup(func() { run(t, "ip", "netns", "del", "bridge") })
	run(t, "ip", "-n", "bridge", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
	run(t, "ip", "-n", "bridge", "link", "set", "br0", "up")
	for i := range 5 {
		host := fmt.Sprint("host", i)
		run(t, "ip", "netns", "add", host)
		t.Cleanup(func() { run(t, "ip", "netns", "del", host) })
		port := fmt.Sprint("port", i)
		run(t, "ip", "link", "add", port, "netns", "bridge", "type", "veth", "peer", "name", "eth0", "netns", host)
		run(t, "ip", "-n", "bridge", "link", "set", port, "master", "br0", "up")
		run(t, "ip", "-n", host, "link", "set", "eth0", "up")
	}
	run(t, "ip", "-n", "host0", "addr", "add", "10.7.0.1/24", "dev", "eth0")
	run(t, "ip", "-n", "host0", "neigh", "add", "10.7.0.2", "lladdr", "02:00:00:00:07:02", "dev", "eth0")
	c, file := collect(t, "-p", "net:net_dev_start_xmit,net:netif_receive_skb,ip_rcv")
	run(t, "bash", "-c", "ip netns exec host0 ping -qc 1 -W 1 10.7.0.2 || true")
	c.stop()

	j, hops := track(t, file).one(func(j *format.Journey) bool { return j.From.Dst.String() == "10.7.0.2" })
	if j.Branches != 4 {
		t.Errorf("%d branches, want 4", j.Branches)
	}
	sent, reached := map[string]uint32{}, map[uint32]uint32{}
	for _, h := range hops {
		if h.Probe == "net:net_dev_start_xmit" && strings.HasPrefix(h.Dev.Name, "port") {
			sent[h.Dev.Name] = h.track.Branch
		}
		if h.Probe == "ip_rcv" {
			reached[h.track.Branch] = h.Netns.Inum
		}
		if h.track.Branch != 0 && h.track.From.How != "" && (h.track.From.How != "clone" || h.track.From.Branch != 0) {
			t.Errorf("branch %d comes from %+v", h.track.Branch, h.track.From)
		}
	}
	for i := 1; i < 5; i++ {
		branch, ok := sent[fmt.Sprint("port", i)]
		if !ok || reached[branch] != inum(t, fmt.Sprint("host", i)) {
			t.Errorf("port%d: sent as branch %d (%v), which came to %v", i, branch, ok, reached[branch])
		}
	}
	if j.End.How != "dropped" || j.Ends[2] != 4 { // for another host, all four
		t.Errorf("it ended %+v, %v", j.End, j.Ends)
	}
}

// TestJourneyFragmented: the fragments of a ping of 4,000 bytes and what they are put
// together to again are one journey.
func TestJourneyFragmented(t *testing.T) {
	net := chain(t, 2)
	net.in(0, "ping -qc 1 10.0.0.2")
	c, file := collect(t, "-p", "ip_output,net:net_dev_start_xmit,net:netif_receive_skb,ip_rcv,icmp_rcv")
	net.in(0, "ping -qc 1 -s 4000 10.0.0.2")
	c.stop()

	j, hops := track(t, file).one(func(j *format.Journey) bool { return j.From.Dst.String() == "10.0.0.2" })
	on := map[string]int{}
	for _, h := range hops {
		on[h.Probe+" "+h.Dev.Name]++
		if h.Probe == "icmp_rcv" && (h.track.From.How != "reassemble" || h.Packet.Len < 4028) {
			t.Errorf("at icmp_rcv from %+v, %d bytes", h.track.From, h.Packet.Len)
		}
	}
	want := map[string]int{"ip_output ": 1, "net:net_dev_start_xmit r0": 3, "net:netif_receive_skb l1": 3, "ip_rcv l1": 3, "icmp_rcv l1": 1}
	for probe, n := range want {
		if on[probe] != n {
			t.Errorf("%d events at %s, want %d: %v", on[probe], probe, n, on)
		}
	}
	if j.End.Probe != "icmp_rcv" || j.Joined != nil {
		t.Errorf("it ended %+v, joined %v", j.End, j.Joined)
	}
}

// TestJourneySegmented: what TCP hands down in one piece through a VXLAN: its segments, their
// way within and out of the tunnel, merged again and received, are one journey.
func TestJourneySegmented(t *testing.T) {
	net := chain(t, 2)
	for i, dev := range []string{"r0", "l1"} {
		net.in(i, fmt.Sprintf(`ip link add vx0 type vxlan id 7 dstport 4789 local 10.0.0.%d remote 10.0.0.%d dev %s noudpcsum
			ip addr add 10.8.0.%d/24 dev vx0; ip link set vx0 up; ethtool -K %s gso off tso off tx-udp_tnl-segmentation off > /dev/null`, i+1, 2-i, dev, i+1, dev))
	}
	net.in(0, "ping -qc 1 10.8.0.2")
	t.Cleanup(func() { run(t, "rm", "-f", "/tmp/received") })
	var s *tracked
	for range 3 {
		net.in(1, "(socat -u TCP-LISTEN:7000,reuseaddr OPEN:/dev/null; touch /tmp/received) > /dev/null 2>&1 &")
		c, file := collect(t, "-s", "128", "-p", "__tcp_transmit_skb,ip_output,net:net_dev_start_xmit,net:netif_receive_skb,ip_rcv,tcp_v4_rcv,tcp_rcv_established")
		net.in(0, "head -c 100000 /dev/zero | socat -b 100000 -u - TCP:10.8.0.2:7000,retry=50,interval=0.1")
		until(t, "the transfer's end", func() (bool, string) { return exists("/tmp/received"), "" })
		c.stop()
		run(t, "rm", "-f", "/tmp/received")
		if s = track(t, file); !s.lost {
			break
		}
	}
	found := 0
	for _, j := range s.journeys {
		var froms, encaps []string
		delivered := false
		for _, h := range s.hops {
			if h.track.Packet != j.Packet {
				continue
			}
			if how := h.track.From.How; how != "" && !slices.Contains(froms, how) {
				froms = append(froms, how)
			}
			if e := h.changed("encap"); e != "" && !slices.Contains(encaps, e) {
				encaps = append(encaps, e)
			}
			delivered = delivered || h.Probe == "tcp_rcv_established" && h.track.Branch == j.End.Branch
		}
		// A kernel without drop reasons does not tell what TCP drops.
		taken := j.End.How == "delivered" || j.End.How == "consumed" && j.End.Unclear == "tcp-segment"
		if slices.Contains(froms, "segment") && slices.Contains(froms, "gro") && slices.Contains(encaps, "- vxlan") && slices.Contains(encaps, "vxlan -") &&
			delivered && taken && j.End.Netns == inum(t, "ns1") && j.From.Dport == 7000 && j.Branches > 3 {
			found++
		}
	}
	if found == 0 {
		t.Error("no journey from the big packet by its segments to their delivery")
	}
}

// TestJourneyThroughProxy: what a process receives and sends on are two journeys, and one
// with --infer, which says so.
func TestJourneyThroughProxy(t *testing.T) {
	onOneCPU(t) // a packet that is read on another one is freed some time later
	net := chain(t, 3)
	net.in(0, "ping -qc 1 10.0.0.2")
	net.in(2, "ping -qc 1 10.0.1.1")
	t.Cleanup(func() { run(t, "rm", "-f", "/tmp/received") })
	for i, args := range [][]string{1: {"UDP4-RECV:53", "UDP4-SENDTO:10.0.1.2:5353"}, 2: {"UDP4-RECV:5353", "CREATE:/tmp/received"}} {
		if args == nil {
			continue
		}
		cmd := net.command(i, append([]string{"socat", "-u"}, args...)...)
		background(t, cmd)
		port := strings.TrimPrefix(args[0], "UDP4-RECV:")
		until(t, "it listens on "+port, func() (bool, string) {
			out := net.in(i, "ss -Hlun sport = :"+port)
			return out != "", out
		})
	}
	c, file := collect(t, "-p", "ip_output,net:net_dev_start_xmit,net:netif_receive_skb,ip_rcv,udp_queue_rcv_skb,skb_consume_udp")
	net.in(0, "echo -n hello > /dev/udp/10.0.0.2/53")
	until(t, "the datagram is received", func() (bool, string) {
		return strings.TrimSpace(run(t, "bash", "-c", "cat /tmp/received || true")) == "hello", ""
	})
	c.stop()

	ours := func(j *format.Journey) bool {
		return j.From.Proto == 17 && (j.From.Dport == 53 || j.From.Dport == 5353)
	}
	apart := 0
	for _, j := range track(t, file).journeys {
		if ours(j) {
			apart++
			if j.Inferred || j.End.How != "delivered" {
				t.Errorf("%+v", j)
			}
		}
	}
	if apart != 2 {
		t.Errorf("%d journeys, want 2", apart)
	}
	j, hops := track(t, file, "--infer").one(ours)
	if !j.Inferred || j.From.Dst.String() != "10.0.0.2" || j.To.Dst.String() != "10.0.1.2" || j.End.How != "delivered" || j.Branches != 2 {
		t.Errorf("%+v", j)
	}
	for _, h := range hops {
		if sentOn := h.track.Branch != 0; h.track.Inferred != sentOn || (h.track.From.How == "proxy") != (sentOn && h.Probe == "ip_output") {
			t.Errorf("at %s: %+v", h.Probe, h.track)
		}
	}
}
