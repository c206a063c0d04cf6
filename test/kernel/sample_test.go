//go:build kernel

package kerneltest

import (
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// shapes are where each packet was seen, as "probe device" of each of its events in order of their names, by how many
// packets it was so. What links join is one packet.
func shapes(s *stream) map[string]int {
	parent := map[uint64]uint64{}
	var root func(id uint64) uint64
	root = func(id uint64) uint64 {
		if p, ok := parent[id]; ok && p != id {
			return root(p)
		}
		return id
	}
	for _, l := range s.links {
		if from, to := root(l.From.ID), root(l.To.ID); from != to {
			parent[to] = from
		}
	}
	seen := map[uint64][]string{}
	for _, e := range s.events {
		id, _ := e.Skb.Get(format.SkbID)
		seen[root(id)] = append(seen[root(id)], e.Probe+" "+e.Dev.Name)
	}
	n := map[string]int{}
	for _, at := range seen {
		slices.Sort(at)
		n[strings.Join(at, ", ")]++
	}
	return n
}

// aboutOneIn says whether n of all is what a chance of one in each gives, but for one run in a million.
func aboutOneIn(each, n, all int) bool {
	p := 1 / float64(each)
	return math.Abs(float64(n)-p*float64(all)) < 5*math.Sqrt(float64(all)*p*(1-p))
}

// TestSample: one packet of so many is reported at each place where it comes along, in a tunnel and behind it too, and
// nothing is told of the others; by flow, all packets of one flow of so many, in both directions.
func TestSample(t *testing.T) {
	const port = 5320
	n := chain(t, 2)
	n.tunnels()
	longBacklog(t)
	const probes = "net:net_dev_queue,net:netif_receive_skb,ip_rcv,skb:kfree_skb"
	filter := fmt.Sprint("udp dst port ", port)
	// send sends datagrams from as many ports through the first tunnel to a port that nobody has.
	send := func(from, each int) {
		var sockets []net.PacketConn
		for range from {
			sockets = append(sockets, n.socket(0, "172.16.0.1:0"))
		}
		before := n.nstat(1, "UdpNoPorts")["UdpNoPorts"]
		to := &net.UDPAddr{IP: net.IPv4(172, 16, 0, 2), Port: port}
		for range each {
			for _, s := range sockets {
				for { // an answer by ICMP is an error of the next call
					if _, err := s.WriteTo([]byte("sampled"), to); err == nil {
						break
					}
				}
			}
		}
		until(t, "all datagrams have come", func() (bool, string) {
			got := n.nstat(1, "UdpNoPorts")["UdpNoPorts"] - before
			return got >= uint64(from*each), fmt.Sprint(got)
		})
		for _, s := range sockets {
			s.Close()
		}
	}
	n.in(0, "ping -qc1 172.16.0.2")
	p, file := collect(t, "-p", probes, "-f", filter)
	send(1, 10)
	p.stop()
	all := shapes(readStream(t, file))
	t.Logf("of all packets: %v", all)
	whole := slices.MaxFunc(slices.Collect(maps.Keys(all)), func(a, b string) int { return all[a] - all[b] })
	if all[whole] < 8 {
		t.Fatalf("packets without --sample are not alike: %v", all)
	}
	// parts counts the packets that are not whole. A probe that fires within a probe is missed, which old kernels do
	// not count.
	check := func(s *stream, most int) (packets int) {
		t.Helper()
		parts := 0
		for shape, n := range shapes(s) {
			packets += n
			if shape != whole {
				parts += n
				t.Logf("%d packets are seen at %s", n, shape)
			}
		}
		if parts > most+len(s.losses) {
			t.Errorf("%d of %d packets are not whole; losses %v", parts, packets, s.losses)
		}
		return packets
	}

	const datagrams = 3000
	p, file = collect(t, "-p", probes, "-f", filter, "--sample", "1/10")
	send(1, datagrams)
	p.stop()
	if errors := p.errors(); !strings.Contains(errors, "of one packet in 10") {
		t.Errorf("stderr: %s", errors)
	}
	s := readStream(t, file)
	if s.start.Sample != 10 || s.start.SampleBy != "packet" {
		t.Errorf("the start has %d, %q", s.start.Sample, s.start.SampleBy)
	}
	packets := check(s, 3)
	t.Logf("by packet: %d of %d", packets, datagrams)
	if !aboutOneIn(10, packets, datagrams) {
		t.Errorf("%d packets of %d are in a sample of 1/10", packets, datagrams)
	}
	if len(s.frees) < packets-3 || len(s.frees) > packets+3 {
		t.Errorf("%d packets have %d frees", packets, len(s.frees))
	}
	drops := uint64(0)
	for _, e := range s.events {
		if e.Drop.Present() {
			drops++
		}
	}
	if count, _ := total(t, file); count != 10*drops {
		t.Errorf("skb-drops counts %d of 10 times %d", count, drops)
	}

	const flows, each = 200, 3
	p, file = collect(t, "-p", probes, "-f", filter, "--sample", "1/4", "--sample-by", "flow")
	send(flows, each)
	p.stop()
	s = readStream(t, file)
	check(s, 3)
	ports := map[uint16]int{}
	for _, e := range s.events {
		if tuple, ok := innerUDP(&e); ok && e.Drop.Present() {
			ports[tuple]++
		}
	}
	t.Logf("by flow: %d of %d", len(ports), flows)
	if !aboutOneIn(4, len(ports), flows) {
		t.Errorf("%d flows of %d are in a sample of 1/4", len(ports), flows)
	}
	for port, n := range ports {
		if n != each && len(s.losses) == 0 {
			t.Errorf("%d of %d datagrams from port %d", n, each, port)
		}
	}
}

// innerUDP is the source port of an event whose packet begins with its IP header or behind an Ethernet header.
func innerUDP(e *format.Event) (port uint16, ok bool) {
	ip := e.Packet.Data
	if e.Packet.At == "mac" && len(ip) > 14 {
		ip = ip[14:]
	}
	if len(ip) < 28 || ip[0] != 0x45 || ip[9] != 17 {
		return 0, false
	}
	return uint16(ip[20])<<8 | uint16(ip[21]), true
}

// A tcpPlace is where packets of a TCP connection are seen, in either direction.
type tcpPlace struct {
	client uint16
	probe  string
	out    bool
}

// places counts the events of each connection to a port.
func places(s *stream, server uint16) map[uint16]map[tcpPlace]int {
	all := map[uint16]map[tcpPlace]int{}
	for _, e := range s.events {
		ip := e.Packet.Data
		if e.Packet.At == "mac" && len(ip) > 14 {
			ip = ip[14:]
		}
		if len(ip) < 40 || ip[9] != 6 {
			continue
		}
		from, to := uint16(ip[20])<<8|uint16(ip[21]), uint16(ip[22])<<8|uint16(ip[23])
		client := from + to - server
		if all[client] == nil {
			all[client] = map[tcpPlace]int{}
		}
		all[client][tcpPlace{client, e.Probe, to == server}]++
	}
	return all
}

// TestSampleTCP: of connections one of so many is reported, with all that a second collector reports of it, and with
// --no-follow too.
func TestSampleTCP(t *testing.T) {
	const port, connections, probes = 5321, 240, "net:net_dev_queue,net:netif_receive_skb,tcp_v4_rcv"
	n := chain(t, 2)
	n.in(0, "ping -qc1 10.0.0.2")
	var l net.Listener
	n.within(1, func() (err error) {
		l, err = net.Listen("tcp4", fmt.Sprint("10.0.0.2:", port))
		return err
	})
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	filter := fmt.Sprint("tcp port ", port)
	args := []string{"-p", probes, "-f", filter, "-s", "96"}
	full, fullFile := collect(t, append(args, "--no-follow")...)
	args = append(args, "--sample", "1/4", "--sample-by", "flow")
	chosen, chosenFile := collect(t, args...)
	bare, bareFile := collect(t, append(args, "--no-follow")...)
	for range connections {
		n.within(0, func() error {
			c, err := net.Dial("tcp4", l.Addr().String())
			if err != nil {
				return err
			}
			defer c.Close()
			b := make([]byte, 100)
			for range 3 {
				if _, err := c.Write(b); err != nil {
					return err
				}
				if _, err := io.ReadFull(c, b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, p := range []*process{bare, chosen, full} {
		p.stop()
	}
	all := readStream(t, fullFile)
	want := places(all, port)
	for file, s := range map[string]*stream{"followed": readStream(t, chosenFile), "--no-follow": readStream(t, bareFile)} {
		got := places(s, port)
		wrong := 0
		for client, at := range got {
			if !maps.Equal(at, want[client]) {
				wrong++
				t.Logf("%s: port %d is seen %v, of %v", file, client, at, want[client])
			}
		}
		t.Logf("%s: %d of %d connections, %d of them not whole; losses %v, %v", file, len(got), len(want), wrong, s.losses,
			all.losses)
		if !aboutOneIn(4, len(got), connections) {
			t.Errorf("%s: %d of %d connections are in a sample of 1/4", file, len(got), connections)
		}
		// The collectors start and end one after another, and a probe within a probe is missed.
		if wrong > 3 {
			t.Errorf("%s: %d connections are not whole", file, wrong)
		}
	}
}
