//go:build kernel

package kerneltest

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestPackets: --packets follows the first packets that match to their end, wherever they go, reports nothing
// else, and ends when they have.
func TestPackets(t *testing.T) {
	n := chain(t, 3)
	n.in(2, "ip route add default via 10.0.1.1")
	n.in(0, "ip route add default via 10.0.0.2")

	// Among hundreds a second from both ends, with clones for a packet socket: three packets, whole.
	n.observe(1, "l1", 1<<14)
	n.in(0, "ping -qfc 200 10.0.1.2") // so that the buffer of the one that never reads is full
	for _, flood := range []*exec.Cmd{n.command(0, "ping", "-qi", "0.01", "10.0.1.2"), n.command(2, "ping", "-qi", "0.01", "10.0.0.1")} {
		if err := flood.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { flood.Process.Kill(); flood.Wait() })
	}
	// The kernel skips a probe that fires within another one, and counts it. That may be a probe of one of the three.
	for tries := 0; ; tries++ {
		p, file := collect(t, "--packets", "3", "-p", "net:*,ip_output,ip_rcv,icmp_rcv,ret:icmp_rcv,packet_rcv,consume_skb", "-f", "icmp")
		if status := p.wait(); status != 0 || !strings.Contains(p.errors(), " of 3 packets") {
			t.Fatalf("status %d: %s", status, p.errors())
		}
		s := readStream(t, file)
		if s.end == nil || s.end.Cause != "packets" {
			t.Errorf("end %+v", s.end)
		}
		wrong := threePackets(s)
		if len(wrong) == 0 {
			break
		}
		t.Logf("losses %v:\n%s", s.losses, strings.Join(wrong, "\n"))
		if len(s.losses) == 0 || tries == 4 {
			t.Fatal("not three whole packets")
		}
	}
	nothingLeft(t)
}

// threePackets says what s has besides three whole packets, and what it lacks of these.
func threePackets(s *stream) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	// Which buffers are one packet's the links tell.
	packetOf := map[uint64]uint64{}
	packet := func(id uint64) uint64 {
		for packetOf[id] != 0 {
			id = packetOf[id]
		}
		return id
	}
	for _, l := range s.links {
		if from, to := packet(l.From.ID), packet(l.To.ID); from != to {
			packetOf[to] = from
		}
	}
	ended := map[uint64]bool{}
	for _, f := range s.frees {
		ended[f.Skb.ID] = ended[f.Skb.ID] || f.Last
	}
	packets := map[uint64]map[string]int{} // how often which probe has seen it
	for _, e := range s.sorted(func(*format.Event) bool { return true }) {
		id, ok := e.Skb.Get(format.SkbID)
		if !ok || !ended[id] {
			say("%s: buffer %d, known %v, whose end is not told", e.Probe, id, ok)
		}
		id = packet(id)
		if packets[id] == nil {
			packets[id] = map[string]int{}
			if strings.HasPrefix(e.Probe, "net:") || strings.Contains(e.Probe, "rcv") || e.Probe == "consume_skb" {
				say("packet %d is seen first at %s: its start is missing", id, e.Probe)
			}
		}
		packets[id][e.Probe]++
	}
	if len(packets) != 3 {
		say("%d packets", len(packets))
	}
	for id, seen := range packets {
		// Each is sent by one and forwarded by another, and received by two.
		if seen["ip_output"] != 2 || seen["ip_rcv"] != 2 || seen["icmp_rcv"] != 1 {
			say("packet %d is not whole: %v", id, seen)
		}
	}
	return wrong
}

// TestPacketHeld: a packet that waits in a socket has not ended. Others that match are not reported meanwhile.
func TestPacketHeld(t *testing.T) {
	n := chain(t, 2)
	receiver := n.socket(1, "10.0.0.2:7013")
	args := []string{"--packets", "1", "-p", "net:net_dev_start_xmit,ip_rcv,udp_rcv", "-f", "udp port 7013"}
	p, file := collect(t, args...)
	n.sendNumbered(0, "10.0.0.2:7013", 20)
	for range 20 { // the first of them is the one
		if p.cmd.ProcessState != nil {
			t.Fatal("it has ended before its packet has")
		}
		if _, _, err := receiver.ReadFrom(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if status := p.wait(); status != 0 || !strings.Contains(p.errors(), "skb-collect: 3 events of 1 packet\n") {
		t.Fatalf("status %d: %s", status, p.errors())
	}
	s := readStream(t, file)
	for i := range s.events {
		if data := string(s.events[i].Packet.Data); !strings.HasSuffix(data, "#00000001") {
			t.Errorf("%s has %q", s.events[i].Probe, data)
		}
	}
	if len(s.events) != 3 || s.end == nil || s.end.Cause != "packets" {
		t.Errorf("%d events, end %+v", len(s.events), s.end)
	}

	p, _ = collect(t, append(args, "--duration", "1s", "-c", "100", "--packets", "2")...)
	n.sendNumbered(0, "10.0.0.2:7013", 1)
	const want = "skb-collect: 3 events of 1 packet (of --packets 2); not all have ended: 1 buffer of theirs still on the way\n"
	if status := p.wait(); status != 0 || !strings.HasSuffix(p.errors(), want) {
		t.Errorf("status %d: %s, want %s", status, p.errors(), want)
	}
	status, said := says(t, "--packets", "1", "-p", "kfree_skbmem,net:net_dev_xmit")
	if status != 1 || !strings.Contains(said, "--packets: at these probes a packet may be on its way out") {
		t.Errorf("status %d: %s", status, said)
	}
	nothingLeft(t)
}
