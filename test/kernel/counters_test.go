//go:build kernel

package kerneltest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	bpflink "github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// counted is a line of skb-drops -o json about a counter.
type counted struct {
	Type, Name, Dev, Source, Sock, Look, Words string
	Netns, Grew, Drops, Unseen, Uncounted      uint64
	Compared                                   bool
	NoOtherGrew                                bool `json:"no_other_grew"`
	Elsewhere                                  uint64
}

// besides is what skb-drops says of the counters of a stream: in lines of JSON, and in words.
func besides(t *testing.T, file string) (lines map[string]counted, all counted, text string) {
	t.Helper()
	lines = map[string]counted{}
	for line := range strings.Lines(run(t, "skb-drops", "--summary", "--normal", "-o", "json", file)) {
		var c counted
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		switch c.Type {
		case "counter":
			lines[strings.TrimSpace(c.Dev+" "+c.Name)] = c
		case "counters":
			all = c
		}
	}
	return lines, all, run(t, "skb-drops", "--summary", "--normal", file)
}

// nstat are counters of namespace i, as nstat has them.
func (n *network) nstat(i int, names ...string) map[string]uint64 {
	n.t.Helper()
	all := map[string]uint64{}
	for line := range strings.Lines(n.in(i, "nstat -asz "+strings.Join(names, " "))) {
		if f := strings.Fields(line); len(f) > 1 {
			all[f[0]], _ = strconv.ParseUint(f[1], 10, 64)
		}
	}
	return all
}

// seen waits until a stream that is being written has so many drops on a device.
func seen(t *testing.T, file, dev string, least int) {
	t.Helper()
	until(t, fmt.Sprintf("%d drops on %s are in the stream", least, dev), func() (bool, string) {
		n := 0
		eachWritten(t, file, func(r format.Raw) {
			if name, _ := r.Get("dev", "name").Str(); r.Type() == format.TypeEvent && string(name) == dev {
				n++
			}
		})
		return n >= least, fmt.Sprint(n)
	})
}

// TestCounters: what the kernel counts is set beside the drops, to the packet: what no drop event tells of, what the
// drops explain, and what is neither.
func TestCounters(t *testing.T) {
	net := chain(t, 2)
	for i := range 2 {
		net.in(i, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
	}
	net.in(0, fmt.Sprintf("ping -qc1 10.0.0.2; ip neigh replace 10.0.0.2 lladdr %v dev r0 nud permanent", net.mac(1, "l1")))
	net.in(1, fmt.Sprintf("ip neigh replace 10.0.0.1 lladdr %v dev l1 nud permanent; modprobe -q tcp_diag || true", net.mac(0, "r0")))
	const slow, nobody, port = 5300, 5301, 5400
	net.open(1, unix.AF_INET, unix.SOCK_DGRAM, 0, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrInet4{Port: slow})
	})
	toUDP := func(port, times int) {
		t.Helper()
		net.within(0, func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			for range times {
				// On 10.0.0.2 nobody listens at one of them, and the error of the one before is no fault of this one.
				err := unix.Sendto(fd, make([]byte, 400), 0, &unix.SockaddrInet4{Port: port, Addr: [4]byte{10, 0, 0, 2}})
				if err != nil && err != unix.ECONNREFUSED {
					return err
				}
			}
			return nil
		})
	}
	names := []string{"TcpExtListenDrops", "TcpExtListenOverflows", "TcpExtTCPReqQFullDrop", "UdpRcvbufErrors", "UdpInErrors", "UdpNoPorts", "UdpInDatagrams"}

	collectDrops := func() (p *process, file string) {
		t.Helper()
		file = filepath.Join(t.TempDir(), "counters.skb")
		return start(t, exec.Command("nsenter", "--net=/run/netns/ns1", "skb-collect", "-w", file, "--no-follow", "--profile", "drop"), " attached"), file
	}
	p, file := collectDrops()
	before := net.nstat(1, names...)
	net.fullQueues(port)
	delivered := net.nstat(1, "IpInDelivers")["IpInDelivers"]
	toUDP(slow, 60)
	toUDP(nobody, 3)
	until(t, "all datagrams have come", func() (bool, string) {
		n := net.nstat(1, "IpInDelivers", "UdpNoPorts")
		return n["IpInDelivers"] >= delivered+63 && n["UdpNoPorts"]-before["UdpNoPorts"] == 3, fmt.Sprint(n)
	})
	after := net.nstat(1, names...)
	p.stop()
	s := readStream(t, file)
	if len(s.losses) > 0 {
		t.Fatalf("losses: %+v", s.losses)
	}
	if len(s.counted) != 2 || s.counted[0].Since.OK || s.counted[1].Since.V != s.counted[0].TS || !s.counted[1].Drops ||
		len(s.counted[1].Unread) > 0 {
		t.Errorf("readings: %+v", s.counted)
	}
	grown := map[string]format.Counter{}
	for _, g := range s.counted[1].Grew {
		grown[strings.TrimSpace(g.Dev+" "+g.Sock+" "+g.Name)] = g
	}
	for _, name := range names[:6] {
		g := grown[name]
		if want := after[name] - before[name]; g.To-g.From.V != want || want == 0 {
			t.Errorf("%s grew by %d in the record, and by %d: %+v", name, g.To-g.From.V, want, g)
		}
	}
	lines, all, text := besides(t, file)
	t.Log(text)
	if !all.Compared || all.NoOtherGrew {
		t.Errorf("%+v", all)
	}
	refused := after["TcpExtListenDrops"] - before["TcpExtListenDrops"]
	if c := lines["TcpExtListenDrops"]; c.Grew != refused || c.Unseen != refused || c.Drops != 0 {
		t.Errorf("%d SYNs were refused, and no drop tells of them: %+v", refused, c)
	}
	for _, want := range []string{
		fmt.Sprintf("besides: TcpExtListenDrops +%d (", refused),
		fmt.Sprintf("%d by a full accept queue: the program accepts too slowly (TcpExtListenOverflows)", after["TcpExtListenOverflows"]-before["TcpExtListenOverflows"]),
		fmt.Sprintf("at tcp 0.0.0.0:%d %d", port, grown[fmt.Sprintf("tcp 0.0.0.0:%d drops", port)].To),
		"not visible to skb:kfree_skb)\n    look: ss -Hltn\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	drops := map[string]uint64{}
	for i := range s.events {
		e := &s.events[i]
		if strings.Contains(e.Drop.Location, "udp") {
			drops["udp"]++
		}
		drops[e.Drop.Name]++
	}
	full, closed := after["UdpRcvbufErrors"]-before["UdpRcvbufErrors"], after["UdpNoPorts"]-before["UdpNoPorts"]
	if drops["udp"] != full+closed || len(s.start.DropReasons) > 0 && drops["SOCKET_RCVBUFF"] != full {
		t.Errorf("the kernel counts %d datagrams for a full buffer and %d for a closed port; drops are %v", full, closed, drops)
	}
	for name, grew := range map[string]uint64{"UdpRcvbufErrors": full, "UdpInErrors": full, "UdpNoPorts": closed} {
		if c := lines[name]; c.Grew != grew || c.Drops < grew || c.Unseen != 0 || c.Uncounted != 0 ||
			len(s.start.DropReasons) > 0 && c.Drops != grew {
			t.Errorf("%s: want %d, all of them drops that are in the stream: %+v", name, grew, c)
		}
	}
	for name, grew := range map[string]uint64{"UdpInErrors": full, "UdpNoPorts": closed} { // for certain, if the reason tells
		line := fmt.Sprintf(`(?m)^(may be )?among the drops above: (.*, )?%s \+%d(,|$)`, name, grew)
		if !regexp.MustCompile(line).MatchString(text) {
			t.Errorf("no %s: what the drops explain is not told:\n%s", line, text)
		}
	}

	// Connection tracking, whose table is full, and then what XDP drops, generic and native.
	program := returning(t, ebpf.ProgramSpec{Type: ebpf.XDP}, xdpDrop)
	defer program.Close()
	const each = 7
	net.in(1, "nft 'table inet tracked { chain c { type filter hook input priority 0; ct state new accept; }; }'")
	// The sender's own namespace may track connections, too, after other tests in the same guest. The limit is for
	// every namespace: a datagram would be refused there already.
	net.in(0, "nft 'table inet untracked { chain c { type filter hook output priority -300; notrack; }; }'")
	limit, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_max")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_max", limit, 0) })
	net.open(1, unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error {
		if err := unix.Bind(fd, &unix.SockaddrInet4{Port: 5500}); err != nil {
			return err
		}
		return unix.Listen(fd, 5)
	})
	for range 2 { // connections that may not be thrown out
		net.open(0, unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error {
			return unix.Connect(fd, &unix.SockaddrInet4{Port: 5500, Addr: [4]byte{10, 0, 0, 2}})
		})
	}
	p, file = collectDrops()
	if err := os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_max", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	toUDP(nobody, each)
	seen(t, file, "l1", each)
	if err := os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_max", limit, 0); err != nil {
		t.Fatal(err)
	}
	for i, mode := range []bpflink.XDPAttachFlags{bpflink.XDPGenericMode, bpflink.XDPDriverMode} {
		detach := attachXDP(t, program, "ns1", "l1", mode)
		toUDP(nobody, each)
		seen(t, file, "l1", (2+i)*each)
		detach()
	}
	p.stop()
	s = readStream(t, file)
	lines, all, text = besides(t, file)
	at := map[string]int{}
	for i := range s.events {
		if e := &s.events[i]; e.Netns.Inum == s.start.Netns.Inum || e.Netns.Inum == 0 {
			function, _, _ := strings.Cut(e.Drop.Location, "+")
			at[function]++
		}
	}
	t.Log(text, at)
	// TCP may have sent something again as well.
	if c, n := lines["drop"], uint64(at["nf_hook_slow"]); c.Source != "conntrack" || c.Grew != n || n < each || c.Drops < n || c.Unseen != 0 {
		t.Errorf("%d packets and more met a full table of connections, %d drops tell of them: %+v", each, n, c)
	}
	// Generic XDP: drops that nothing counts. Native XDP of a veth: its driver counts them, and nobody else.
	generic := at["do_xdp_generic"] + at["netif_receive_generic_xdp"] + at["__netif_receive_skb_core"]
	native := at["veth_xdp_rcv_skb"] + at["veth_poll"]
	if generic != each || native != each {
		t.Errorf("XDP dropped %d packets in generic and %d in native mode, of %d each", generic, native, each)
	}
	if c := lines["l1 rx_queue_0_xdp_drops"]; c.Source != "ethtool" || c.Grew != each || c.Drops != each || c.Unseen != 0 {
		t.Errorf("native XDP dropped %d packets: %+v", each, c)
	}
	if c, ok := lines["l1 rx_dropped"]; ok {
		t.Errorf("what XDP drops is no rx_dropped of a veth: %+v", c)
	}
	if uncounted := regexp.MustCompile(`not counted: (\d+) drops are of kinds`).FindStringSubmatch(text); uncounted == nil || all.NoOtherGrew != strings.Contains(text, "no other counter of lost packets that was read grew") {
		t.Errorf("what generic XDP drops is counted by nothing, which is not said: %+v\n%s", all, text)
	} else if n, _ := strconv.Atoi(uncounted[1]); n < each {
		t.Errorf("%d drops are counted by nothing, of at least %d", n, each)
	}
}
