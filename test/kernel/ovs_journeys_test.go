//go:build kernel

package kerneltest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// Ports of ns1 and, for the tunnel, ns2, to which TestOpenVSwitchJourneys sends.
const (
	ovsFlowsPort = 7000 + iota // each source port is a flow of the datapath's
	ovsTCPPort
	ovsConntrackPort // through connection tracking, with another source address
	ovsFragmentsPort
	ovsTunnelPort // to another bridge
)

// TestOpenVSwitchJourneys: each packet is one journey through Open vSwitch, and never another's, whatever else is
// there at the time: it goes up to user space and comes back, or finds its flow; it goes round by recirculation, in
// fragments, in segments, or through a tunnel to another bridge. A collector that is killed leaves nothing behind.
func TestOpenVSwitchJourneys(t *testing.T) {
	host := ovsBridge(t, 3)
	host.vsctl("set", "Open_vSwitch", ".", "other_config:n-handler-threads=4", "other_config:max-idle=600000")
	host.tunnel()
	mac := func(i int) string { return strings.TrimSpace(host.in(i, "cat /sys/class/net/eth/address")) }
	batch(t, "ns0", fmt.Sprintf("neigh replace 10.9.0.2 lladdr %s dev eth\nneigh replace 10.9.0.3 lladdr %s dev eth\n", mac(1), mac(2)))
	batch(t, "ns1", fmt.Sprintf("neigh replace 10.9.0.1 lladdr %s dev eth\n", mac(0)))
	udp := func(port int, actions string) string {
		return fmt.Sprintf("priority=10,in_port=1,udp,tp_dst=%d,actions=%s", port, actions)
	}
	host.flows(
		// What is moved must be known of each flow.
		udp(ovsFlowsPort, "move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],output:2"),
		fmt.Sprintf("priority=11,in_port=1,udp,tp_dst=%d,ct_state=-trk,actions=ct(table=1,zone=7,nat)", ovsConntrackPort),
		"table=1,priority=10,in_port=1,udp,ct_state=+trk+new,actions=ct(commit,zone=7,exec(set_field:0x5->ct_mark),nat(src=10.9.0.50)),mod_nw_ttl:9,output:2",
		"table=1,priority=9,in_port=1,udp,ct_state=+trk,actions=mod_nw_ttl:9,output:2",
		"priority=10,in_port=1,ip,nw_dst=10.9.0.3,actions=output:10",
		"priority=5,in_port=1,ip,nw_dst=10.9.0.2,actions=output:2", "priority=5,in_port=2,actions=output:1")
	var servers [5]net.PacketConn
	for i := range servers {
		host.within(1+i/(ovsTunnelPort-ovsFlowsPort), func() (err error) {
			if ovsFlowsPort+i != ovsTCPPort {
				servers[i], err = net.ListenPacket("udp4", fmt.Sprintf(":%d", ovsFlowsPort+i))
			}
			return err
		})
		if servers[i] != nil {
			defer servers[i].Close()
		}
	}
	const flows, equal, few = 200, 3, 4

	c, file := collect(t, "--with", "ovs", "-p", ovsProbes+",udp_rcv,tcp_v4_rcv", "-f", "udp or tcp")
	host.signal(unix.SIGSTOP) // so that all of these are in its queues together
	for i := range flows {
		host.datagram(ovsFlowsPort, 10000+i, fmt.Sprintf("flow-%03d", i))
	}
	host.equal(equal, mac(0), mac(1))
	host.signal(unix.SIGCONT)
	host.receive(servers[0], flows+equal)
	for i := range few {
		host.datagram(ovsConntrackPort, 9000, fmt.Sprintf("track-%02d", i))
		host.receive(servers[ovsConntrackPort-ovsFlowsPort], 1)
		host.datagram(ovsFragmentsPort, 9001, strings.Repeat(fmt.Sprintf("frags-%02d", i), 500))
		host.receive(servers[ovsFragmentsPort-ovsFlowsPort], 1)
		host.datagram(ovsTunnelPort, 9002, fmt.Sprintf("tunel-%02d", i))
		host.receive(servers[ovsTunnelPort-ovsFlowsPort], 1)
	}
	host.transfer()
	c.stop()
	host.killed(t, servers[0])

	s := ovsJourneys(track(t, file))
	t.Run("flows", func(t *testing.T) { s.ovsFlows(t, flows) })
	t.Run("equal", func(t *testing.T) { s.ovsEqual(t, equal) })
	t.Run("conntrack", func(t *testing.T) { s.ovsConntrack(t, few) })
	t.Run("fragments", func(t *testing.T) { s.ovsFragments(t, few) })
	t.Run("tunnel", func(t *testing.T) { s.ovsTunnel(t, few) })
	t.Run("tcp", func(t *testing.T) { s.ovsTCP(t) })
}

// killed: a collector that is killed while packets are on their way through user space leaves nothing behind, and the
// packets arrive.
func (h *ovsHost) killed(t *testing.T, server net.PacketConn) {
	c, _ := collect(t, "--with", "ovs", "-f", "udp")
	h.signal(unix.SIGSTOP)
	for i := range 10 {
		h.datagram(ovsFlowsPort, 20000+i, "killed")
	}
	c.cmd.Process.Kill()
	c.wait()
	for i := range 10 {
		h.datagram(ovsFlowsPort, 30000+i, "killed")
	}
	h.signal(unix.SIGCONT)
	h.receive(server, 20)
	nothingLeft(t)
}

// tunnel puts p2 on a bridge of its own, which VXLAN connects with br0: ports 10 of both.
func (h *ovsHost) tunnel() {
	h.t.Helper()
	batch(h.t, "", "addr add 10.8.0.1/32 dev lo\naddr add 10.8.0.2/32 dev lo\n")
	h.t.Cleanup(func() { batch(h.t, "", "addr del 10.8.0.1/32 dev lo\naddr del 10.8.0.2/32 dev lo\n") })
	port := func(bridge, local, remote string) string {
		return fmt.Sprintf(" -- add-port %s vx-%s -- set interface vx-%s type=vxlan ofport_request=10 "+
			"options:local_ip=%s options:remote_ip=%s options:key=7", bridge, bridge, bridge, local, remote)
	}
	h.vsctl(strings.Fields("-- del-port p2 -- add-br br1 -- add-port br1 p2 -- set interface p2 ofport_request=3" +
		port("br0", "10.8.0.1", "10.8.0.2") + port("br1", "10.8.0.2", "10.8.0.1"))...)
	h.ofctl("add-flow", "br1", "priority=10,in_port=10,actions=output:3")
}

// equal sends n datagrams that are equal in all bytes from ns0.
func (h *ovsHost) equal(n int, from, to string) {
	h.t.Helper()
	src, err := net.ParseMAC(from)
	if err != nil {
		h.t.Fatal(err)
	}
	dst, err := net.ParseMAC(to)
	if err != nil {
		h.t.Fatal(err)
	}
	frame := slices.Concat(dst, src, ip4("10.9.0.1", "10.9.0.2", layers.IPProtocolUDP,
		&layers.UDP{SrcPort: 9999, DstPort: ovsFlowsPort}, gopacket.Payload("equal---")))
	h.network.send(0, "eth", slices.Repeat([][]byte{frame}, n))
}

// datagram sends one from ns0.
func (h *ovsHost) datagram(port, from int, payload string) {
	h.t.Helper()
	h.within(0, func() error {
		s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 9, 0, 1), Port: from})
		if err != nil {
			return err
		}
		defer s.Close()
		to := &net.UDPAddr{IP: net.IPv4(10, 9, 0, byte(2+(port-ovsFlowsPort)/(ovsTunnelPort-ovsFlowsPort))), Port: port}
		_, err = s.WriteTo([]byte(payload), to)
		return err
	})
}

func (h *ovsHost) receive(server net.PacketConn, n int) {
	h.t.Helper()
	b := make([]byte, 5000)
	server.SetReadDeadline(time.Now().Add(patience))
	for i := range n {
		if _, _, err := server.ReadFrom(b); err != nil {
			h.t.Fatalf("%d of %d datagrams arrived: %v", i, n, err)
		}
	}
}

// transfer sends some data by TCP from ns0 to ns1: the number of each 8 bytes.
func (h *ovsHost) transfer() {
	h.t.Helper()
	const numbers = 16384
	var l net.Listener
	h.within(1, func() (err error) {
		l, err = net.Listen("tcp4", fmt.Sprintf("10.9.0.2:%d", ovsTCPPort))
		return err
	})
	defer l.Close()
	sent := make(chan error, 1)
	go func() {
		var c net.Conn
		h.within(0, func() (err error) {
			c, err = net.Dial("tcp4", l.Addr().String())
			return err
		})
		var b []byte
		for i := range numbers {
			b = fmt.Appendf(b, "%07d\n", i)
		}
		_, err := c.Write(b)
		c.Close()
		sent <- err
	}()
	c, err := l.Accept()
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	got, err := io.ReadAll(c)
	if err != nil || len(got) != 8*numbers {
		h.t.Fatalf("%d bytes came: %v", len(got), err)
	}
	if err := <-sent; err != nil {
		h.t.Fatal(err)
	}
}

// ovsTracked is a tracked stream of packets with a number of 8 bytes in their payload.
type ovsTracked struct {
	*tracked
	packets map[string]map[uint64]bool // by number, those that have events with it
	hopsOf  map[uint64][]*hop
}

var ovsNumber = regexp.MustCompile(`flow-\d{3}|equal---|(?:track|frags|tunel)-\d\d`)

func ovsJourneys(t *tracked) *ovsTracked {
	s := &ovsTracked{t, map[string]map[uint64]bool{}, map[uint64][]*hop{}}
	for _, h := range s.hops {
		packet := h.track.Packet
		s.hopsOf[packet] = append(s.hopsOf[packet], h)
		number := string(ovsNumber.Find(h.Packet.Data))
		if s.packets[number] == nil {
			s.packets[number] = map[uint64]bool{}
		}
		s.packets[number][packet] = true
	}
	return s
}

func (s *ovsTracked) withPayload(payload string) map[uint64]bool { return s.packets[payload] }

// of are the events of a packet.
func (s *ovsTracked) of(packet uint64) []*hop { return s.hopsOf[packet] }

// onlyWith returns the events of the packet that has these bytes, and what the section says of it. It must be one
// journey that arrived, not marked, without an event of another packet.
func (s *ovsTracked) onlyWith(t *testing.T, payload, arrived string) (hops []*hop, words []string) {
	t.Helper()
	packets := s.withPayload(payload)
	if len(packets) != 1 {
		t.Errorf("%s is %d journeys", payload, len(packets))
		return nil, nil
	}
	for packet := range packets {
		hops = s.of(packet)
	}
	words = steps(hops)
	for _, h := range hops {
		if len(h.Packet.Data) > 0 && !strings.Contains(string(h.Packet.Data), payload) {
			t.Errorf("%s has an event of another packet: %q", payload, h.Packet.Data)
		}
		if h.track.Uncertain || h.track.Inferred {
			t.Errorf("%s is marked at %s", payload, h.Probe)
		}
	}
	if !slices.ContainsFunc(hops, func(h *hop) bool { return h.Probe == arrived }) {
		t.Errorf("%s did not arrive: %q", payload, words)
	}
	return hops, words
}

// ovsFlows: each of n datagrams is one journey, from its sender through user space to its receiver.
func (s *ovsTracked) ovsFlows(t *testing.T, n int) {
	for i := range n {
		payload := fmt.Sprintf("flow-%03d", i)
		if _, words := s.onlyWith(t, payload, "udp_rcv"); !slices.Contains(words, "upcall miss") || !slices.Contains(words, "back") {
			t.Errorf("%s: %q", payload, words)
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
func (s *ovsTracked) ovsEqual(t *testing.T, n int) {
	up, back := 0, 0
	for packet := range s.withPayload("equal---") {
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

// ovsConntrack: a packet that goes through ct() and recirc(), and is rewritten, is one journey.
func (s *ovsTracked) ovsConntrack(t *testing.T, n int) {
	for i := range n {
		payload := fmt.Sprintf("track-%02d", i)
		hops, words := s.onlyWith(t, payload, "udp_rcv")
		all := strings.Join(words, ";")
		for _, want := range []string{"zone=7,nat", "recirc", "ttl=9"} {
			if !strings.Contains(all, want) {
				t.Errorf("%s: no %s in %s", payload, want, all)
			}
		}
		if i == 0 && !strings.Contains(all, "commit,zone=7,mark=0x5/0xffffffff,nat(src=10.9.0.50)") {
			t.Errorf("%s: no commit in %s", payload, all)
		}
		// What user space has executed has no recirculation id in the kernel: it is lookups that have it.
		last, changed := uint32(0), ""
		for _, h := range hops {
			if h.OVS.Type == "lookup" {
				if h.OVS.RecircID < last {
					t.Errorf("%s: recirculation %d behind %d", payload, h.OVS.RecircID, last)
				}
				last = h.OVS.RecircID
			}
			if was := h.changed("src"); was != "" {
				changed = was
			}
		}
		if last == 0 || changed != "10.9.0.1 10.9.0.50" {
			t.Errorf("%s: recirculation %d, src changed: %q", payload, last, changed)
		}
	}
}

// ovsFragments: each fragment of a datagram is one journey; that of the first goes on with the whole datagram.
func (s *ovsTracked) ovsFragments(t *testing.T, n int) {
	for i := range n {
		payload := fmt.Sprintf("frags-%02d", i)
		offsets := map[uint64]int{} // of a packet's fragment
		arrived := 0
		for packet := range s.withPayload(payload) {
			for _, h := range s.of(packet) {
				d := h.Packet.Data
				if len(d) < 60 || !strings.Contains(string(d), payload) || h.track.Uncertain || h.track.Inferred {
					t.Errorf("%s: marked, or not its own: %s %q", payload, h.Probe, d)
					continue
				}
				if h.Probe == "udp_rcv" {
					arrived++
					continue
				}
				offset := 8 * (int(d[20]&0x1f)<<8 | int(d[21]))
				if was, ok := offsets[packet]; ok && was != offset {
					t.Errorf("%s: the fragments at %d and %d are one journey", payload, was, offset)
				}
				offsets[packet] = offset
			}
			s.through(t, payload, packet, i == 0)
		}
		if len(offsets) != 3 || arrived != 1 {
			t.Errorf("%s: fragments %v, and %d datagrams arrived", payload, offsets, arrived)
		}
	}
}

// through: the packet goes up and comes back if it is the first of its flow, and is sent on by the switch.
func (s *ovsTracked) through(t *testing.T, what string, packet uint64, first bool) {
	t.Helper()
	words := steps(s.of(packet))
	if slices.Contains(words, "upcall miss") != first || slices.Contains(words, "back") != first || slices.Contains(words, "hit") == first {
		t.Errorf("%s: %q", what, words)
	}
	if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "output ") || w == "3" }) {
		t.Errorf("%s was not sent on: %q", what, words)
	}
}

// ovsTunnel: a datagram that goes through both bridges is one journey.
func (s *ovsTracked) ovsTunnel(t *testing.T, n int) {
	for i := range n {
		payload := fmt.Sprintf("tunel-%02d", i)
		hops, words := s.onlyWith(t, payload, "udp_rcv")
		all := strings.Join(words, ";")
		set := "set tunnel(tun_id=0x7,src=10.8.0.1,dst=10.8.0.2)"
		if slices.ContainsFunc(hops, func(h *hop) bool { return h.OVS.Type == "actions" }) {
			set = "set(tunnel)" // 5.10, without tracepoints
		}
		want := map[bool]int{true: 2}[i == 0]
		if strings.Count(all, "upcall miss") != want || strings.Count(all, "back") != want || strings.Count(all, "hit") != 2-want ||
			!strings.Contains(all, set) {
			t.Errorf("%s: %q", payload, words)
		}
		ports := map[uint32]bool{}
		for _, h := range hops {
			if h.OVS.Type == "lookup" {
				ports[h.OVS.InPort] = true
			}
		}
		if len(ports) != 2 {
			t.Errorf("%s came in by ports %v", payload, ports)
		}
	}
}

// ovsTCP: each segment to the server is one journey, through a flow that there is but for the first.
func (s *ovsTracked) ovsTCP(t *testing.T) {
	seqs := map[uint64]uint32{} // of packets
	for _, h := range s.hops {
		const at = 14 + 20
		d := h.Packet.Data
		if len(d) < at+20 || d[12] != 8 || d[23] != 6 || int(d[at+2])<<8|int(d[at+3]) != ovsTCPPort {
			continue
		}
		seq := binary.BigEndian.Uint32(d[at+4:])
		if was, ok := seqs[h.track.Packet]; ok && was != seq {
			t.Errorf("a journey of the segments %d and %d", was, seq)
		}
		if _, ok := seqs[h.track.Packet]; ok {
			continue
		}
		seqs[h.track.Packet] = seq
		s.through(t, fmt.Sprintf("segment %d", seq), h.track.Packet, d[at+13]&2 != 0)
		if !slices.ContainsFunc(s.of(h.track.Packet), func(h *hop) bool { return h.Probe == "tcp_v4_rcv" }) {
			t.Errorf("segment %d did not arrive", seq)
		}
	}
	if len(seqs) < 5 {
		t.Errorf("%d segments", len(seqs))
	}
}
