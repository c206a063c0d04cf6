//go:build kernel

package kerneltest

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// traffic is a bit of everything between the two namespaces of a chain: ARP and neighbour
// discovery, pings, 200 kB of TCP, a burst of UDP.
func (n *network) traffic() {
	n.t.Helper()
	n.in(1, "ip neigh flush dev l1; (socat -u TCP-LISTEN:7000,reuseaddr OPEN:/dev/null; touch /tmp/received) > /dev/null 2>&1 & (timeout 100 socat -u UDP-RECV:7001 OPEN:/dev/null) > /dev/null 2>&1 &")
	n.in(0, "ip neigh flush dev r0; ping -qc 3 -i 0.01 10.0.0.2; ping -qc 3 -i 0.01 fd00:0::2; ping -qc 2 -i 0.01 -s 4000 10.0.0.2")
	n.in(0, "head -c 200000 /dev/urandom | socat -u - TCP:10.0.0.2:7000,retry=50,interval=0.1")
	n.in(0, "for i in $(seq 200); do echo -n $i > /dev/udp/10.0.0.2/7001; done")
	until(n.t, "the transfer's end", func() (bool, string) { return exists("/tmp/received"), "" })
	n.in(1, "rm /tmp/received; pkill -f UDP-RECV:7001")
}

// TestParityWithTcpdump: at its default probes skb-collect sees what the kernel's own tap
// sees: the same packets, in the same order, with the same bytes, at the same time.
func TestParityWithTcpdump(t *testing.T) {
	// One cpu does all, so that there is one order.
	onOneCPU(t)
	net := chain(t, 2)
	const snaplen = 300
	var file0, file1 string
	s := whole(t, func() *stream {
		var tap0, tap1 *process
		tap0, file0 = net.tcpdump(0, "-i", "r0", "--time-stamp-precision=nano", "-s", "0")
		tap1, file1 = net.tcpdump(1, "-i", "l1", "--time-stamp-precision=nano", "-s", "0")
		collector, file := collect(t, "-s", "300")
		net.mark(firstMark)
		net.traffic()
		net.mark(lastMark)
		collector.stop()
		tap0.stop()
		tap1.stop()
		return readStream(t, file)
	})
	if len(s.losses) > 0 {
		t.Fatalf("losses: %+v", s.losses)
	}
	for dev, pcap := range map[string]string{"r0": file0, "l1": file1} {
		t.Run(dev, func(t *testing.T) {
			want := readPcap(t, pcap)
			got := s.sorted(func(e *format.Event) bool { return e.Dev.Name == dev })
			// What came before all were ready, or while they stopped, is not compared.
			want = between(t, want, func(c captured) int { return c.len })
			got = between(t, got, func(e *format.Event) int { return int(e.Packet.Len) })
			if len(want) < 250 {
				t.Fatalf("tcpdump has only %d packets", len(want))
			}
			if len(got) != len(want) {
				t.Errorf("%d events, tcpdump has %d packets", len(got), len(want))
			}
			var late []time.Duration
			for i := range min(len(got), len(want)) {
				e, w := got[i], want[i]
				n := min(snaplen, len(w.data))
				if int(e.Packet.Len) != w.len || !bytes.Equal(e.Packet.Data, w.data[:n]) {
					t.Fatalf("packet %d:\ngot  %s %d bytes %x\nwant %d bytes %x", i, e.Probe, e.Packet.Len, e.Packet.Data, w.len, w.data[:n])
				}
				late = append(late, s.wall(e).Sub(w.at).Abs())
			}
			// The emulator may be off the cpu between the two looks at the clock: one
			// in twenty is let off.
			slices.Sort(late)
			if d := late[len(late)*95/100]; d > time.Millisecond {
				t.Errorf("one in twenty is more than %v off tcpdump's time; the worst %v", d, late[len(late)-1])
			}
		})
	}
}

// The echo requests of these sizes bracket what is compared.
const (
	firstMark = 777
	lastMark  = 778
	markExtra = 14 + 20 + 8 // the headers before
)

func (n *network) mark(size int) {
	n.t.Helper()
	n.in(0, fmt.Sprintf("ping -qc 1 -s %d 10.0.0.2", size))
}

// between cuts what lies behind the last packet of the first mark and before the first of
// the last.
func between[P any](t *testing.T, packets []P, size func(P) int) []P {
	t.Helper()
	from, to := 0, -1
	for i, p := range packets {
		switch size(p) {
		case firstMark + markExtra:
			from = i + 1
		case lastMark + markExtra:
			if to < 0 {
				to = i
			}
		}
	}
	if from == 0 || to < from {
		t.Fatalf("the marks are not among %d packets", len(packets))
	}
	return packets[from:to]
}

// onOneCPU keeps this test and all that it starts on one cpu.
func onOneCPU(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	var one, all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	one.Set(0)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.SchedSetaffinity(0, &all); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
}

// TestPipelineToTcpdump: what comes out of tcpdump at the end of the pipe is what tcpdump
// on the device says, in the same order and the same words.
func TestPipelineToTcpdump(t *testing.T) {
	onOneCPU(t)
	net := chain(t, 2)
	net.in(0, "ping -qc 1 10.0.0.2") // neighbours are known from here on
	tap, file := net.tcpdump(1, "-i", "l1", "-Q", "in", "tcp")
	net.in(1, "(socat -u TCP-LISTEN:7000,reuseaddr OPEN:/dev/null; touch /tmp/received) > /dev/null 2>&1 &")
	out := pipeline(t, `skb-collect -q --no-follow -p ip_rcv -p 'tcp_v4_*' -- ip netns exec ns0 bash -c 'head -c 200000 /dev/zero | socat -u - TCP:10.0.0.2:7000,retry=50,interval=0.1; until [ -e /tmp/received ]; do sleep 0.1; done' |
		skb-sort | tee /tmp/sorted.skb | skb-pcap | tcpdump -tttt -nnr - 2>/tmp/errors`)
	run(t, "rm", "/tmp/received")
	tap.stop()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if !slices.IsSortedFunc(lines, func(a, b string) int { return strings.Compare(a[:26], b[:26]) }) {
		t.Errorf("not in the order of time:\n%s", out)
	}
	s := readStream(t, "/tmp/sorted.skb")
	probes, whole := map[string]int{}, 0
	for _, e := range s.events {
		probes[e.Probe]++
		if e.Packet.At != "data" {
			whole++
		}
	}
	if len(lines) != whole {
		t.Errorf("tcpdump prints %d lines of %d events with an IP header", len(lines), whole)
	}
	for _, p := range []string{"ip_rcv", "tcp_v4_rcv", "tcp_v4_do_rcv", "tcp_v4_conn_request"} {
		if probes[p] == 0 {
			t.Errorf("no event of %s: %v", p, probes)
		}
	}
	// 10.0.0.1 is this side: what came in on l1.
	got := pipeline(t, `skb-pcap --probe ip_rcv < /tmp/sorted.skb | tcpdump -t -nnr - 'src 10.0.0.1 and tcp' 2>/dev/null`)
	want := pipeline(t, "tcpdump -t -nnr "+file+" 2>/dev/null")
	if got != want || !strings.Contains(want, "Flags [S]") || !strings.Contains(want, "Flags [F") {
		t.Errorf("at ip_rcv:\n%s\ntcpdump on the device:\n%s", got, want)
	}
}

// TestJSONThroughJq: jq in the middle changes nothing at the end of the pipe.
func TestJSONThroughJq(t *testing.T) {
	net := chain(t, 2)
	net.in(0, "ping -qc 1 10.0.0.2")
	pipeline(t, `skb-collect -q -o json -p 'net:*,ip_rcv,ip_output,skb:*' -- ip netns exec ns0 ping -qc 5 -i 0.01 fd00:0::2 |
		tee /tmp/plain.json | jq -c . > /tmp/jq.json`)
	if out := pipeline(t, "jq -r 'select(.type==\"event\") | .probe' /tmp/jq.json | sort -u"); !strings.Contains(out, "net:netif_receive_skb") {
		t.Errorf("probes in the JSON: %s", out)
	}
	pipeline(t, `cd /tmp
		skb-track -o stream < plain.json > plain.skb; skb-track -o stream < jq.json > jq.skb; cmp plain.skb jq.skb
		skb-track -o json < plain.skb | jq -c . | skb-track -o stream | cmp - plain.skb
		for f in plain.json plain.skb jq.json jq.skb; do skb-pcap < $f > $f.pcapng; done
		cmp plain.json.pcapng jq.json.pcapng; cmp plain.skb.pcapng jq.skb.pcapng
		[ $(tcpdump -nnr jq.json.pcapng 2>/dev/null | grep -c 'echo re') -ge 10 ]`)
}

var _ = sameOnAllKernels("TestSortJoins", "how skb-sort joins streams")

// TestSortJoins: streams joined by cat are sorted as those named on the command line are.
func TestSortJoins(t *testing.T) {
	net := chain(t, 2)
	for _, f := range []string{"a", "b"} {
		pipeline(t, "skb-collect -q --no-follow -p ip_rcv,ip_output,net:net_dev_queue -w /tmp/"+f+".skb -- ip netns exec "+net.names[0]+" ping -qc 5 -i 0.01 10.0.0.2")
	}
	pipeline(t, `cd /tmp; cat a.skb b.skb | skb-sort > cat.skb; skb-sort a.skb b.skb > args.skb; cmp cat.skb args.skb; skb-sort b.skb a.skb > other.skb; cmp cat.skb other.skb`)
	a, b, both := readStream(t, "/tmp/a.skb"), readStream(t, "/tmp/b.skb"), readStream(t, "/tmp/cat.skb")
	if len(both.events) != len(a.events)+len(b.events) || len(a.events) < 30 {
		t.Errorf("%d events sorted of %d and %d", len(both.events), len(a.events), len(b.events))
	}
	if !slices.IsSortedFunc(both.events, func(a, b format.Event) int { return int(int64(a.TS) - int64(b.TS)) }) {
		t.Error("not sorted")
	}
}
