//go:build kernel

package kerneltest

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skb-tools/skb-tools/format"
)

// tunnels are ways to put a packet into another between the first two namespaces: a
// device for each side, and the subnet inside.
var tunnels = []struct{ name, module, link string }{
	{"vxlan", "vxlan", "type vxlan id 42 dstport 4789 local %s remote %s dev %s"},
	{"gre", "ip_gre", "type gre local %s remote %s dev %s"},
	{"ipip", "ipip", "type ipip local %s remote %s dev %s"},
	{"geneve", "geneve", "type geneve id 43 remote %[2]s"},
	{"vlan", "8021q", "link %[3]s type vlan id 44"},
}

// tunnels makes all of them: t<i> in both namespaces, with 172.16.<i>.1 and .2.
func (n *network) tunnels() {
	n.t.Helper()
	for i, tun := range tunnels {
		run(n.t, "modprobe", tun.module)
		for side, dev := range []string{"r0", "l1"} {
			here, there := fmt.Sprintf("10.0.0.%d", 1+side), fmt.Sprintf("10.0.0.%d", 2-side)
			// Each verb takes the arguments that it names.
			link := strings.NewReplacer("%[2]s", there, "%[3]s", dev).Replace(tun.link)
			if strings.Contains(link, "%s") {
				link = fmt.Sprintf(link, here, there, dev)
			}
			if strings.HasPrefix(link, "link ") {
				parent, rest, _ := strings.Cut(strings.TrimPrefix(link, "link "), " ")
				link = rest
				n.in(side, fmt.Sprintf("ip link add link %s name t%d %s", parent, i, link))
			} else {
				n.in(side, fmt.Sprintf("ip link add t%d %s", i, link))
			}
			n.in(side, fmt.Sprintf("ip addr add 172.16.%d.%d/24 dev t%d; ip link set t%d up", i, 1+side, i, i))
		}
	}
}

// TestFollow: a packet that once matched -f is reported with the same identity whatever it
// becomes: rewritten by NAT, wrapped and unwrapped, in another namespace. The answer is
// another packet.
func TestFollow(t *testing.T) {
	n := chain(t, 3)
	n.in(0, "ip addr add 10.0.0.101/24 dev r0; ip route add default via 10.0.0.2")
	n.in(2, "ip route add default via 10.0.1.1")
	n.in(1, `nft add table ip nat
		nft add chain ip nat pre '{ type nat hook prerouting priority -100; }'
		nft add chain ip nat post '{ type nat hook postrouting priority 100; }'
		nft add rule ip nat pre ip daddr 10.9.9.9 dnat to 10.0.1.2
		nft add rule ip nat post ip saddr 10.0.0.101 oifname r1 masquerade`)
	n.tunnels()
	const filter = "icmp and (host 10.9.9.9 or host 10.0.0.101 or net 172.16.0.0/16)"
	// What comes out of a tunnel comes as a list, which passes ip_rcv by.
	const probes = "net:netif_receive_skb,net:net_dev_start_xmit,ip_rcv,ip_local_deliver,ip_forward,ip_output"
	const few = "net:netif_receive_skb,net:net_dev_start_xmit"
	var plainFile, shortFile string
	s := whole(t, func() *stream {
		var plain, short *process
		plain, plainFile = collect(t, "-f", filter, "-p", few, "--no-follow")
		short, shortFile = collect(t, "-f", filter, "-p", few, "--no-lifetimes")
		follow, file := collect(t, "-f", filter, "-p", probes)
		n.in(0, "ping -qc 3 -i 0.05 10.9.9.9; ping -qc 3 -i 0.05 -I 10.0.0.101 10.0.1.2")
		for i := range tunnels {
			n.in(0, fmt.Sprintf("ping -qc 3 -i 0.05 172.16.%d.2", i))
		}
		follow.stop()
		short.stop()
		plain.stop()
		return readStream(t, file)
	})
	if len(s.losses) > 0 {
		t.Errorf("losses: %+v", s.losses)
	}
	sights := sightsOf(t, s)
	ended := map[uint64]int{}
	for _, f := range s.frees {
		if f.Last {
			ended[f.Skb.ID]++
		}
	}
	follows := func(name, from, to string, seen ...sight) {
		t.Helper()
		for seq := uint16(1); seq <= 3; seq++ {
			request := find(sights, sight{probe: "ip_output", src: from, dst: to, icmp: "request", seq: seq})
			reply := find(sights, sight{probe: "ip_local_deliver", src: to, dst: from, icmp: "reply", seq: seq})
			if request == 0 || reply == 0 || request == reply {
				t.Errorf("%s: seq %d: the request is buffer %d, the reply %d", name, seq, request, reply)
				for id, seen := range sights {
					for is := range seen {
						if is.src == to || is.dst == to {
							t.Logf("buffer %d: %+v", id, is)
						}
					}
				}
				continue
			}
			for _, want := range seen {
				if want.icmp != "" {
					want.seq = seq
				}
				if !sights[request][want] {
					t.Errorf("%s: seq %d: buffer %d not seen as %+v, but as %v", name, seq, request, want, sights[request])
				}
			}
			if ended[request] != 1 {
				t.Errorf("%s: seq %d: the end of buffer %d was told %d times", name, seq, request, ended[request])
			}
		}
	}
	follows("DNAT", "10.0.0.1", "10.9.9.9",
		sight{probe: "ip_rcv", dev: "l1", src: "10.0.0.1", dst: "10.9.9.9", icmp: "request"},
		sight{probe: "ip_forward", dev: "l1", src: "10.0.0.1", dst: "10.0.1.2", icmp: "request"},
		sight{probe: "net:netif_receive_skb", dev: "l2", src: "10.0.0.1", dst: "10.0.1.2", icmp: "request"})
	follows("masquerade", "10.0.0.101", "10.0.1.2",
		sight{probe: "net:net_dev_start_xmit", dev: "r1", src: "10.0.1.1", dst: "10.0.1.2", icmp: "request"},
		sight{probe: "net:netif_receive_skb", dev: "l2", src: "10.0.1.1", dst: "10.0.1.2", icmp: "request"})
	for i, tun := range tunnels {
		from, to := fmt.Sprintf("172.16.%d.1", i), fmt.Sprintf("172.16.%d.2", i)
		seen := []sight{{probe: "ip_local_deliver", dev: fmt.Sprintf("t%d", i), src: from, dst: to, icmp: "request"}}
		if tun.name != "vlan" {
			seen = append(seen,
				sight{probe: "net:net_dev_start_xmit", dev: "r0", src: "10.0.0.1", dst: "10.0.0.2"},
				sight{probe: "ip_local_deliver", dev: "l1", src: "10.0.0.1", dst: "10.0.0.2"})
		}
		follows(tun.name, from, to, seen...)
	}

	s = readStream(t, plainFile)
	if len(s.events) == 0 || len(s.links)+len(s.frees) > 0 {
		t.Errorf("--no-follow: %d events, %d links, %d frees", len(s.events), len(s.links), len(s.frees))
	}
	for i := range s.events {
		e := &s.events[i]
		if _, ok := e.Skb.Get(format.SkbID); ok {
			t.Fatalf("--no-follow: an identity: %+v", e)
		}
		if is := sightOf(e); is.icmp == "" || is.src == "10.0.0.1" && is.dst == "10.0.1.2" || is.src == "10.0.1.1" {
			t.Errorf("--no-follow: %+v does not match", is)
		}
	}
	s = readStream(t, shortFile)
	sightsOf(t, s) // all with an identity
	if len(s.events) < 100 || len(s.links)+len(s.frees) > 0 {
		t.Errorf("--no-lifetimes: %d events, %d links, %d frees", len(s.events), len(s.links), len(s.frees))
	}
}

// A sight is a packet as one event shows it.
type sight struct {
	probe, dev string // no device: anywhere
	src, dst   string
	icmp       string // request, reply, or "" for anything else
	seq        uint16
}

func sightOf(e *format.Event) sight {
	s := sight{probe: e.Probe, dev: e.Dev.Name}
	first := gopacket.Decoder(layers.LayerTypeEthernet)
	if e.Packet.At != "mac" {
		first = layers.LayerTypeIPv4
	}
	p := gopacket.NewPacket(e.Packet.Data, first, gopacket.NoCopy)
	if ip, ok := p.NetworkLayer().(*layers.IPv4); ok {
		s.src, s.dst = ip.SrcIP.String(), ip.DstIP.String()
		// Not what an error quotes, nor what a tunnel holds.
		if icmp, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4); ok && ip.Protocol == layers.IPProtocolICMPv4 {
			switch icmp.TypeCode.Type() {
			case layers.ICMPv4TypeEchoRequest:
				s.icmp, s.seq = "request", icmp.Seq
			case layers.ICMPv4TypeEchoReply:
				s.icmp, s.seq = "reply", icmp.Seq
			}
		}
	}
	return s
}

// sightsOf gathers by identity how packets were seen.
func sightsOf(t *testing.T, s *stream) map[uint64]map[sight]bool {
	t.Helper()
	sights := map[uint64]map[sight]bool{}
	for i := range s.events {
		e := &s.events[i]
		id, ok := e.Skb.Get(format.SkbID)
		if !ok {
			t.Fatalf("an event without an identity: %+v", e)
		}
		if sights[id] == nil {
			sights[id] = map[sight]bool{}
		}
		is := sightOf(e)
		sights[id][is] = true
		is.dev = ""
		sights[id][is] = true
	}
	return sights
}

// find returns the identity of the one buffer that was seen so, 0 if there is none or more
// than one.
func find(sights map[uint64]map[sight]bool, is sight) (found uint64) {
	for id, seen := range sights {
		if seen[is] {
			if found != 0 {
				return 0
			}
			found = id
		}
	}
	return found
}

// TestAddressReuse: memory that was one packet's and is another's now is not taken for the
// same buffer, though most events are lost.
func TestAddressReuse(t *testing.T) {
	const packets, senders = 80_000, 2
	n := chain(t, 2)
	p, file := collect(t, "-f", "udp port 7010", "--buffer", "64KB", "-p", "net:net_dev_start_xmit,udp_queue_rcv_one_skb")
	receiver := n.socket(1, "10.0.0.2:7010")
	go func() { // its end comes with the test's
		b := make([]byte, 64)
		for {
			if _, _, err := receiver.ReadFrom(b); err != nil {
				return
			}
		}
	}()
	var wg sync.WaitGroup
	for sender := range senders {
		s := n.socket(0, fmt.Sprintf("10.0.0.1:%d", 7101+sender))
		wg.Go(func() {
			to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.2:7010"))
			var b [8]byte
			for i := sender; i < packets; i += senders {
				binary.BigEndian.PutUint64(b[:], uint64(i))
				if _, err := s.WriteTo(b[:], to); err != nil {
					t.Errorf("sending: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	// It is ended under load: what is let go of while probes are being detached must not
	// hand its identity on either.
	more, stopped := n.socket(0, "10.0.0.1:7100"), make(chan struct{})
	wg.Go(func() {
		to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.2:7010"))
		var b [8]byte
		for i := packets; ; i++ {
			select {
			case <-stopped:
				return
			default:
				binary.BigEndian.PutUint64(b[:], uint64(i))
				more.WriteTo(b[:], to)
			}
		}
	})
	p.cmd.Process.Signal(syscall.SIGINT)
	status := p.wait()
	close(stopped)
	wg.Wait()
	if status != 0 {
		t.Fatalf("status %d: %s", status, p.errors())
	}
	numbers := map[uint64]uint64{} // by identity
	events, conflations := 0, 0
	s := walkEvents(t, file, func(e *format.Event) {
		events++
		id, ok := e.Skb.Get(format.SkbID)
		d := e.Packet.Data
		if !ok || len(d) < 8 {
			t.Fatalf("an event without identity or packet: %+v", e)
		}
		number := binary.BigEndian.Uint64(d[len(d)-8:])
		if e.Packet.At == "mac" && len(d) > 50 { // padded to 60 bytes on no veth
			t.Fatalf("unexpected packet %x", d)
		}
		if was, known := numbers[id]; known && was != number {
			conflations++
			if conflations <= 10 {
				t.Errorf("buffer %d is packet %d and %d", id, was, number)
			}
		}
		numbers[id] = number
	})
	lost := uint64(0)
	for _, l := range s.losses {
		lost += l.Count
	}
	t.Logf("%d events of %d packets, %d lost, %d conflations", events, len(numbers), lost, conflations)
	if len(numbers) < 1000 || lost < 1000 {
		t.Errorf("%d packets seen, %d records lost: this tests nothing", len(numbers), lost)
	}
}

// socket opens a UDP socket in namespace i.
func (n *network) socket(i int, address string) (conn net.PacketConn) {
	n.t.Helper()
	n.within(i, func() (err error) {
		conn, err = net.ListenPacket("udp4", address)
		return err
	})
	n.t.Cleanup(func() { conn.Close() })
	return conn
}

// TestFullMap: with more buffers than --max-tracked holds, those beyond have no identity, and
// that is a loss; none gets another's.
func TestFullMap(t *testing.T) {
	n := chain(t, 2)
	port := 7011
	s := whole(t, func() *stream {
		p, file := collect(t, "-f", fmt.Sprint("udp port ", port), "--max-tracked", "16", "-p", "net:net_dev_start_xmit,ip_rcv")
		n.socket(1, fmt.Sprint("10.0.0.2:", port)) // nobody reads: the packets stay
		n.in(0, fmt.Sprintf("for i in $(seq 100); do printf %%08d $i > /dev/udp/10.0.0.2/%d; done", port))
		p.stop()
		port++
		return readStream(t, file)
	})
	with, without := map[uint64]string{}, 0
	for i := range s.events {
		e := &s.events[i]
		payload := string(e.Packet.Data[len(e.Packet.Data)-8:])
		id, ok := e.Skb.Get(format.SkbID)
		if !ok {
			without++
			continue
		}
		if was, known := with[id]; known && was != payload {
			t.Errorf("buffer %d is packet %s and %s", id, was, payload)
		}
		with[id] = payload
	}
	lost := uint64(0)
	for _, l := range s.losses {
		if l.What != "identity" || l.Cause != "buffer map full" {
			t.Errorf("loss %+v", l)
		}
		lost += l.Count
	}
	if len(s.events) != 200 || without < 100 || len(with) < 8 || lost < uint64(without) {
		t.Errorf("%d events, %d without identity, %d packets with; %d identities lost", len(s.events), without, len(with), lost)
	}
}
