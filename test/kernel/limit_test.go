//go:build kernel

package kerneltest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// longBacklog lets as many packets wait in a cpu's queue between the namespaces as a test sends.
func longBacklog(t *testing.T) {
	t.Helper()
	const setting = "/proc/sys/net/core/netdev_max_backlog"
	was, err := os.ReadFile(setting)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.WriteFile(setting, was, 0) })
	if err := os.WriteFile(setting, []byte("100000"), 0); err != nil {
		t.Fatal(err)
	}
}

// flood sends datagrams to a port of 10.0.0.2, from two threads at once.
func (n *network) flood(port, datagrams int) {
	n.t.Helper()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			n.within(0, func() error {
				fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
				if err != nil {
					return err
				}
				defer unix.Close(fd)
				to := &unix.SockaddrInet4{Port: port, Addr: [4]byte{10, 0, 0, 2}}
				for range datagrams / 2 {
					if err := unix.Sendto(fd, []byte("flood"), 0, to); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	both.Wait()
}

// total is the last line of skb-drops' summary in JSON.
func total(t *testing.T, file string, args ...string) (count, held uint64) {
	t.Helper()
	for line := range strings.Lines(run(t, "skb-drops", append([]string{"--summary", "--normal", "-o", "json", file}, args...)...)) {
		var l struct {
			Type        string
			Count, Held uint64
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Type == "total" {
			count, held = l.Count, l.Held
		}
	}
	return count, held
}

// TestLimit: of a flood few packets are written, and every one is counted: each probe's events, and the drops by where
// and why, which skb-drops counts like those that were written. A packet says what of it is missing.
func TestLimit(t *testing.T) {
	const port, datagrams, most = 5300, 6000, 100
	net := chain(t, 2)
	net.in(0, fmt.Sprintf("ping -qc1 10.0.0.2; ip neigh replace 10.0.0.2 lladdr %v dev r0 nud permanent", net.mac(1, "l1")))
	net.open(1, unix.AF_INET, unix.SOCK_DGRAM, 0, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrInet4{Port: port})
	})
	longBacklog(t)
	names := []string{"UdpInErrors", "IpInDelivers"}
	file := filepath.Join(t.TempDir(), "limited.skb")
	p := start(t, exec.Command("nsenter", "--net=/run/netns/ns1", "skb-collect", "-w", file, "-f", fmt.Sprint("udp dst port ", port),
		"-p", "net:netif_receive_skb", "-p", "skb:kfree_skb", "--limit", fmt.Sprintf("%d/s", most)), " attached")
	before := net.nstat(1, names...)
	net.flood(port, datagrams)
	until(t, "all datagrams have come", func() (bool, string) {
		n := net.nstat(1, "IpInDelivers")
		return n["IpInDelivers"]-before["IpInDelivers"] >= datagrams, fmt.Sprint(n)
	})
	p.stop()
	after := net.nstat(1, names...)
	dropped := after["UdpInErrors"] - before["UdpInErrors"]

	s := readStream(t, file)
	// A tracepoint that fires in an interrupt, while its program runs, is missed, and said to be lost.
	lost := uint64(0)
	for _, l := range s.losses {
		if l.What != "event" || l.Cause != "a probe fired within a probe" {
			t.Errorf("%+v", l)
		}
		lost += l.Count
	}
	events, heldBack := map[string]uint64{}, map[string]uint64{}
	where := map[string]uint64{}
	for _, e := range s.events {
		events[e.Probe]++
		if e.Drop.Present() {
			where[e.Drop.Name+" "+e.Drop.Location+" "+e.Dev.Name]++
		}
	}
	for _, h := range s.held {
		heldBack[h.Probe] += h.Count
		if h.Cause != "limit" || h.TS < h.Since || h.Drop.Present() != (h.Probe == "skb:kfree_skb") {
			t.Errorf("%+v", h)
		}
		if !h.Drop.Present() {
			continue
		}
		if h.Protocol != 0x0800 || h.Netns == 0 {
			t.Errorf("a drop is counted as of %+v", h)
		}
		where[h.Drop.Name+" "+h.Drop.Location+" "+h.Dev] += h.Count
	}
	t.Logf("%d dropped: events %v, held %v, drops %v", dropped, events, heldBack, where)
	for probe, want := range map[string]uint64{"net:netif_receive_skb": datagrams, "skb:kfree_skb": dropped} {
		if sum := events[probe] + heldBack[probe]; sum > want || sum+lost < want {
			t.Errorf("%s has %d events and %d held back, of %d; %d are lost", probe, events[probe], heldBack[probe], want, lost)
		}
	}
	seconds := float64(s.end.TS-s.start.TS)/1e9 + 1
	for probe, n := range events {
		if float64(n) > seconds*most+8 || n < most {
			t.Errorf("%s: %d events in %.1f s", probe, n, seconds)
		}
	}

	// Each packet has its two events, or says that it has not.
	had := map[uint64]uint32{}
	for _, e := range s.events {
		id, _ := e.Skb.Get(format.SkbID)
		had[id] += 1 + e.Held
	}
	counted := uint64(0)
	for _, f := range s.frees {
		n, known := had[f.Skb.ID]
		if !known {
			t.Fatalf("a free of a packet of which there is no event: %+v", f)
		}
		if n+f.Held != 2 && f.How == "dropped" && lost == 0 {
			t.Fatalf("a packet of %d events: %+v", n+f.Held, f)
		}
		if f.Counted {
			counted++
		}
	}
	if counted == 0 || counted > heldBack["skb:kfree_skb"] {
		t.Errorf("%d frees say that their drops are counted", counted)
	}

	count, held := total(t, file, "--frees")
	if count != events["skb:kfree_skb"]+heldBack["skb:kfree_skb"] || held != heldBack["skb:kfree_skb"] {
		t.Errorf("skb-drops counts %d, of which %d held back", count, held)
	}
	t.Log(run(t, "skb-drops", "--summary", "--normal", file))
	lacking := 0
	for line := range strings.Lines(run(t, "bash", "-c", "skb-track -o json "+file+" | jq -c 'select(.type==\"journey\")'")) {
		var j struct{ Uncertain []string }
		if err := json.Unmarshal([]byte(line), &j); err != nil {
			t.Fatal(err)
		}
		for _, what := range j.Uncertain {
			if what == "held" {
				lacking++
			}
		}
	}
	says := 0
	for _, e := range s.events {
		if e.Held > 0 {
			says++
		}
	}
	for _, f := range s.frees {
		if f.Held > 0 {
			says++
		}
	}
	if says == 0 || lacking != says {
		t.Errorf("%d journeys are said to lack events, and %d records", lacking, says)
	}
	net.countDrops(port)
	if text := run(t, "skb-track", "--summary", file); !strings.Contains(text, fmt.Sprintf("skb:kfree_skb %d", heldBack["skb:kfree_skb"])) {
		t.Error(text)
	}
}

// countDrops: without events, what is counted is each drop, and the kernel's own counters say the same.
func (n *network) countDrops(port int) {
	t := n.t
	t.Helper()
	const datagrams = 1000
	file := filepath.Join(t.TempDir(), "counted.skb")
	p := start(t, exec.Command("nsenter", "--net=/run/netns/ns1", "skb-collect", "-w", file, "--count-drops"), " attached")
	before := n.nstat(1, "UdpInErrors", "IpInDelivers")
	n.flood(port, datagrams)
	until(t, "all datagrams have come", func() (bool, string) {
		n := n.nstat(1, "IpInDelivers")
		return n["IpInDelivers"]-before["IpInDelivers"] >= datagrams, fmt.Sprint(n)
	})
	p.stop()
	dropped := n.nstat(1, "UdpInErrors")["UdpInErrors"] - before["UdpInErrors"]
	s := readStream(t, file)
	if len(s.events)+len(s.frees) > 0 || len(s.held) == 0 {
		t.Errorf("%d events, %d frees, held %+v", len(s.events), len(s.frees), s.held)
	}
	sum := uint64(0)
	for _, h := range s.held {
		if h.Cause != "count-drops" || !h.Drop.Present() {
			t.Errorf("%+v", h)
		}
		if h.Drop.Present() && strings.HasPrefix(h.Drop.Location, "udp_queue_rcv_one_skb") && h.Netns == s.start.Netns.Inum {
			sum += h.Count
		}
	}
	text := run(t, "skb-drops", "--summary", "--normal", file)
	if whole := len(s.losses) == 0; whole && sum != dropped || dropped == 0 || sum > dropped || whole && !strings.Contains(text, fmt.Sprintf("may be among the drops above: UdpInErrors +%d\n", dropped)) {
		t.Errorf("%d of %d counted: %+v\n%s", sum, dropped, s.held, text)
	}
	t.Log(text)
}

// TestLimitMapFull: drops that are too many different ones to be counted apart are counted all the same.
func TestLimitMapFull(t *testing.T) {
	const room, more = 8192, 300 // in bpf/maps.h, held_drops
	net := chain(t, 2)
	longBacklog(t)
	dir := t.TempDir()
	file, countedOnly := filepath.Join(dir, "full.skb"), filepath.Join(dir, "counted.skb")
	from, to := net.mac(0, "r0"), net.mac(1, "l1")
	filter := fmt.Sprint("ether src ", from, " and not ip and not ip6")
	p := start(t, exec.Command("nsenter", "--net=/run/netns/ns1", "skb-collect", "-w", file, "-f", filter,
		"-p", "skb:kfree_skb", "--limit", "1/s", "--no-follow", "-s", "14"), " attached")
	q := start(t, exec.Command("skb-collect", "-w", countedOnly, "-f", filter, "--count-drops"), " attached")
	before := net.received(1, "l1")
	var frames [][]byte
	for i := range room + more {
		frame := append(append(make([]byte, 0, 60), to...), from...)
		frames = append(frames, binary.BigEndian.AppendUint16(frame, uint16(0x9200+i))[:60]) // nobody takes them
	}
	net.send(0, "r0", frames)
	until(t, "all have come", func() (bool, string) {
		n := net.received(1, "l1") - before
		return n >= room+more, fmt.Sprint(n)
	})
	p.stop()
	q.stop()
	sum, unknown := uint64(0), uint64(0)
	for _, h := range readStream(t, countedOnly).held {
		if sum += h.Count; !h.Drop.Present() {
			unknown += h.Count
		}
	}
	if sum != room+more || unknown < more || unknown > more+16 {
		t.Errorf("--count-drops: %d of %d, %d of them unknown", sum, room+more, unknown)
	}
	s := readStream(t, file)
	apart := map[uint16]uint64{}
	unknown = 0
	for _, e := range s.events {
		protocol, _ := e.Skb.Get(format.SkbProtocol)
		apart[uint16(protocol)]++
	}
	for _, h := range s.held {
		if h.Drop.Present() {
			apart[h.Protocol] += h.Count
		} else {
			unknown += h.Count
		}
	}
	sum = unknown
	for protocol, n := range apart {
		sum += n
		if n != 1 {
			t.Errorf("%d of protocol %#04x", n, protocol)
		}
	}
	if sum+uint64(len(s.losses)) < room+more || sum > room+more || unknown == 0 || unknown > more {
		t.Errorf("%d of %d, %d of them unknown: %+v", sum, room+more, unknown, s.losses)
	}
	count, held := total(t, file)
	if count != sum || held != sum-uint64(len(s.events)) {
		t.Errorf("skb-drops counts %d and %d", count, held)
	}
}
