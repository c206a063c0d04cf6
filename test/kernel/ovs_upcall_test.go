//go:build kernel

package kerneltest

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// ovsProbes are those that tell where a packet of these tests comes by, besides --with ovs.
const ovsProbes = "net:net_dev_start_xmit,net:netif_receive_skb,icmp_rcv,udp_rcv"

// TestOVSUpcall: a packet that Open vSwitch's user space sends back is the one that went up, whatever else
// is up at the time; what the section says is what ovs-dpctl says.
func TestOVSUpcall(t *testing.T) {
	host := ovsBridge(t, 2)
	host.vsctl("set", "Open_vSwitch", ".", "other_config:n-handler-threads=4")
	host.in(0, "ping -qc 1 -W 20 10.9.0.2")
	// What is moved must be known of each flow: so each source port is a flow of the datapath's.
	host.flows("udp,actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],NORMAL", "priority=0,actions=NORMAL")
	_, missedBefore, lostBefore := host.lookups()
	c, file := collect(t, "--with", "ovs", "-p", ovsProbes)
	host.in(0, "ping -qc 2 -i 0.3 -W 20 10.9.0.2")
	dumped := host.appctl("dpctl/dump-flows", "-m")
	host.manyFlows(200, 3)
	_, missed, lost := host.lookups()
	c.stop()

	s := track(t, file)
	t.Run("ping", func(t *testing.T) { s.ovsPings(t, dumped) })
	t.Run("flows", func(t *testing.T) { s.ovsFlows(t, 200) })
	t.Run("equal", func(t *testing.T) { s.ovsEqual(t, 3) })
	misses := 0
	for _, h := range s.hops {
		if h.OVS.Type == "lookup" && !h.OVS.Hit {
			misses++
		}
		if h.OVS.Present() && h.OVS.Datapath != "ovs-system" {
			t.Errorf("the datapath is %q at %s", h.OVS.Datapath, h.Probe)
		}
	}
	if misses != missed-missedBefore || lost != lostBefore {
		t.Errorf("%d misses, and the datapath counts %d of which %d were lost", misses, missed-missedBefore, lost-lostBefore)
	}
}

// manyFlows sends n datagrams, each of a flow of its own and with its number, and several that are equal,
// all while ovs-vswitchd stands still: so they are in its queues together.
func (h *ovsHost) manyFlows(n, equal int) {
	h.t.Helper()
	var server net.PacketConn
	h.within(1, func() (err error) {
		server, err = net.ListenPacket("udp4", "10.9.0.2:7000")
		return err
	})
	defer server.Close()
	unix.Kill(h.daemon, unix.SIGSTOP)
	h.within(0, func() error {
		to := &net.UDPAddr{IP: net.IPv4(10, 9, 0, 2), Port: 7000}
		send := func(port int, payload string, times int) error {
			// Not connected, so that IPv4's identification is 0 in each.
			s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 9, 0, 1), Port: port})
			if err != nil {
				return err
			}
			defer s.Close()
			for range times {
				if _, err := s.WriteTo([]byte(payload), to); err != nil {
					return err
				}
			}
			return nil
		}
		for i := range n {
			if err := send(10000+i, fmt.Sprintf("flow-%03d", i), 1); err != nil {
				return err
			}
		}
		return send(9999, "equal", equal)
	})
	unix.Kill(h.daemon, unix.SIGCONT)
	b := make([]byte, 100)
	server.SetReadDeadline(time.Now().Add(patience))
	for i := range n + equal {
		if _, _, err := server.ReadFrom(b); err != nil {
			h.t.Fatalf("%d datagrams arrived: %v", i, err)
		}
	}
}

// steps are what the section says of a packet, in order, and its last probe.
func steps(hops []*hop) (words []string) {
	for _, h := range hops {
		switch o := h.OVS; o.Type {
		case "lookup":
			words = append(words, map[bool]string{true: "hit", false: "miss"}[o.Hit])
		case "upcall":
			words = append(words, "upcall "+o.Cmd)
		case "action", "actions":
			words = append(words, strings.TrimSpace(o.Action+" "+o.Args))
		}
		if h.track.From.How == "upcall" {
			words = append(words, "back")
		}
	}
	return words
}

// ovsPings: each direction's first ping goes up and comes back, the second has a flow.
func (s *tracked) ovsPings(t *testing.T, dumped string) {
	output := func(port int) string {
		if slices.ContainsFunc(s.hops, func(h *hop) bool { return h.OVS.Type == "actions" }) {
			return fmt.Sprint(port) // 5.10, without tracepoints
		}
		return fmt.Sprintf("output %d", port)
	}
	for _, src := range []string{"10.9.0.1", "10.9.0.2"} {
		var found [][]*hop
		for _, j := range s.journeys {
			if j.From.Proto == 1 && j.From.Src.String() == src {
				found = append(found, s.of(j.Packet))
			}
		}
		if len(found) != 2 {
			t.Fatalf("%d pings of %s, want one journey for each of 2", len(found), src)
		}
		slices.SortFunc(found, func(a, b []*hop) int { return int(int64(a[0].TS - b[0].TS)) })
		out := map[string]int{"10.9.0.1": 2, "10.9.0.2": 1}[src]
		first, second := steps(found[0]), steps(found[1])
		if want := []string{"miss", "upcall miss", output(out), "back"}; !slices.Equal(first, want) {
			t.Errorf("the first ping of %s: %q, want %q", src, first, want)
		}
		if want := []string{"hit", output(out)}; !slices.Equal(second, want) {
			t.Errorf("the second ping of %s: %q, want %q", src, second, want)
		}
		for _, hops := range found {
			if !slices.ContainsFunc(hops, func(h *hop) bool { return h.Probe == "icmp_rcv" }) {
				t.Errorf("a ping of %s did not arrive", src)
			}
			for _, h := range hops {
				if h.OVS.UFID != "" && !strings.Contains(dumped, "ufid:"+h.OVS.UFID) {
					t.Errorf("flow %s is none of\n%s", h.OVS.UFID, dumped)
				}
				if h.OVS.Action == "output" && h.OVS.OutDev != fmt.Sprintf("p%d", out-1) {
					t.Errorf("port %d is %q", h.OVS.OutPort, h.OVS.OutDev)
				}
				if h.OVS.Present() && int(h.OVS.InPort) != 3-out {
					t.Errorf("%s came in by port %d", src, h.OVS.InPort)
				}
			}
		}
	}
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

// byPayload are the packets that have events with a payload.
func (s *tracked) byPayload(payload string) map[uint64]bool {
	packets := map[uint64]bool{}
	for _, h := range s.hops {
		if strings.HasSuffix(string(h.Packet.Data), payload) {
			packets[h.track.Packet] = true
		}
	}
	return packets
}

// ovsFlows: each of n datagrams is one journey, from its sender through user space to its receiver.
func (s *tracked) ovsFlows(t *testing.T, n int) {
	for i := range n {
		payload := fmt.Sprintf("flow-%03d", i)
		packets := s.byPayload(payload)
		if len(packets) != 1 {
			t.Errorf("%s is %d journeys", payload, len(packets))
			continue
		}
		for packet := range packets {
			hops := s.of(packet)
			words := steps(hops)
			if !slices.Contains(words, "upcall miss") || !slices.Contains(words, "back") ||
				!slices.ContainsFunc(hops, func(h *hop) bool { return h.Probe == "udp_rcv" }) {
				t.Errorf("%s: %q", payload, words)
			}
			for _, h := range hops {
				if h.Packet.Len > 0 && !strings.HasSuffix(string(h.Packet.Data), payload) {
					t.Errorf("%s has an event of another packet: %q", payload, h.Packet.Data)
				}
				if h.track.Uncertain || h.track.Inferred {
					t.Errorf("%s is marked at %s", payload, h.Probe)
				}
			}
		}
	}
	by := map[string]int{}
	for _, l := range s.links {
		if l.How == "upcall" {
			by[l.By]++
		}
	}
	if by["hash"] < n || by["content"] != 0 {
		t.Errorf("links %v", by)
	}
}

// ovsEqual: of n datagrams that are equal, none is joined with another, and each is marked.
func (s *tracked) ovsEqual(t *testing.T, n int) {
	packets := s.byPayload("equal")
	up, back := 0, 0
	for packet := range packets {
		hops := s.of(packet)
		words := steps(hops)
		went := slices.Contains(words, "upcall miss")
		arrived := slices.ContainsFunc(hops, func(h *hop) bool { return h.Probe == "udp_rcv" })
		if went && arrived || slices.Contains(words, "back") {
			t.Errorf("joined: %q", words)
		}
		i := slices.IndexFunc(s.journeys, func(j *format.Journey) bool { return j.Packet == packet })
		if i < 0 || !slices.Contains(s.journeys[i].Uncertain, "upcall") || s.journeys[i].Note == "" {
			t.Errorf("not marked: %q", words)
		}
		if went {
			up++
		}
		if arrived {
			back++
		}
	}
	if up != n || back != n {
		t.Errorf("%d went up and %d arrived, of %d", up, back, n)
	}
}

// TestOVSConntrack: a packet that goes through ct() and recirc(), and is rewritten, is one journey.
func TestOVSConntrack(t *testing.T) {
	host := ovsBridge(t, 2)
	host.in(0, "ping -qc 1 -W 20 10.9.0.2")
	mac := strings.TrimSpace(host.in(0, "cat /sys/class/net/eth/address"))
	host.in(1, "ip neigh add 10.9.0.50 lladdr "+mac+" dev eth")
	host.flows("arp,actions=NORMAL",
		"ip,ct_state=-trk,actions=ct(table=1,zone=7,nat)",
		"table=1,in_port=1,ip,ct_state=+trk+new,actions=ct(commit,zone=7,exec(set_field:0x5->ct_mark),nat(src=10.9.0.50)),mod_nw_ttl:9,output:2",
		"table=1,in_port=1,ip,ct_state=+trk-new,actions=output:2",
		"table=1,in_port=2,ip,ct_state=+trk+est,actions=output:1")
	c, file := collect(t, "--with", "ovs", "-p", ovsProbes)
	host.in(0, "ping -qc 1 -W 20 10.9.0.2")
	host.in(0, "ping -qc 1 -s 3000 -W 20 10.9.0.2")
	c.stop()

	s := track(t, file)
	var pings []*format.Journey
	for _, j := range s.journeys {
		if j.From.Proto == 1 && j.From.Src.String() == "10.9.0.1" {
			pings = append(pings, j)
		}
	}
	if len(pings) != 2 {
		t.Fatalf("%d journeys of 2 pings, one of them in fragments", len(pings))
	}
	for _, j := range pings {
		hops := s.of(j.Packet)
		words := strings.Join(steps(hops), ";")
		for _, want := range []string{"zone=7,nat", "recirc", "commit,zone=7,mark=0x5/0xffffffff,nat(src=10.9.0.50)", "ttl=9"} {
			if !strings.Contains(words, want) {
				t.Errorf("no %s in %s", want, words)
			}
		}
		last, changed := uint32(0), ""
		for _, h := range hops {
			if h.OVS.Present() && h.track.From.How != "upcall" {
				if h.OVS.RecircID < last && h.track.Branch == 0 {
					t.Errorf("recirculation %d behind %d", h.OVS.RecircID, last)
				}
				last = h.OVS.RecircID
			}
			if was := h.changed("src"); was != "" {
				changed = was
			}
		}
		if changed != "10.9.0.1 10.9.0.50" || j.To.Src.String() != "10.9.0.50" {
			t.Errorf("src changed: %q, last %v", changed, j.To)
		}
		if !slices.ContainsFunc(hops, func(h *hop) bool { return h.Probe == "icmp_rcv" }) {
			t.Errorf("it did not arrive: %s", words)
		}
	}
}
