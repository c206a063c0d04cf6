//go:build kernel

package kerneltest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	stdnet "net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cilium/ebpf/ringbuf"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/internal/filter"
	"github.com/skb-tools/skb-tools/internal/kernel"
)

// expressions are from pcap-filter(7) and from what people paste into incident reports.
var expressions = []string{
	"ip",
	"ip6",
	"arp",
	"tcp",
	"udp",
	"icmp",
	"icmp6",
	"sctp",
	"not ip",
	"ip proto 47",
	"ip proto \\vrrp or ip proto 89",
	"esp or ah",
	"igmp",
	"host 10.0.0.1",
	"src host 10.0.0.1",
	"dst host 10.0.0.2 and not tcp",
	"host 192.0.2.77",
	"host fd00:0::2",
	"not host 10.0.0.1",
	"net 10.0.0.0/24",
	"src net 198.51.100.0/24",
	"dst net 224.0.0.0/4",
	"ip6 net fd00::/16",
	"port 53",
	"udp port 53",
	"udp dst port 53",
	"tcp port 80 or tcp port 443",
	"src port 22",
	"portrange 4000-4001",
	"udp src portrange 4002-4003",
	"ip host 10.0.0.1 and udp and not port 53",
	"(tcp or udp) and port 53 and host 10.0.0.2",
	"tcp[tcpflags] & tcp-syn != 0",
	"tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
	"tcp[tcpflags] & (tcp-rst|tcp-fin) != 0",
	"tcp[13] == 2",
	"tcp port 80 and tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420", // GET
	"tcp[((tcp[12] & 0xf0) >> 2):2] = 0x0204 or tcp[2:2] = 7000",
	"ip[6:2] & 0x1fff != 0", // all fragments but the first
	"ip[6] & 0x20 != 0 or ip[6:2] & 0x1fff != 0",
	"ip[6] & 0x40 = 0",
	"ip[0] & 0xf != 5", // options
	"ip[8] < 5",
	"ip[1] & 0xfc == 0x10",
	"ip[2:2] > 576",
	"icmp[icmptype] == icmp-echo",
	"icmp[0] = 3 and icmp[1] = 4", // fragmentation needed
	"icmp6[0] = 135 or icmp6[0] = 136",
	"ip6[6] == 0 or ip6 proto 44",
	"udp[8:2] = 0x1234",
	"udp[4:2] > 100 or udp port 67",
	"len > 500",
	"less 64",
	"greater 1000 and tcp",
	"ip multicast",
	"ip6 multicast or host 255.255.255.255",
	"geneve",
	"udp port 4789 and udp[8] & 8 != 0",
	"ether host 02:00:00:00:00:01",
	"ether src 02:00:00:00:00:01 and not ip",
	"ether broadcast or ether multicast",
	"ether proto 0x88cc",
	"ether[12:2] = 0x8864 or ether[0] & 1 = 1",
	"vlan",
	"vlan 10",
	"vlan 10 and udp port 53",
	"vlan and ip6",
	"vlan 100 and vlan 10",
	"udp port 53 and not vlan",
	"port 53 or (vlan and port 53)",
	"mpls 16",
	"mpls and port 53",
	"pppoes and udp",
	"stp",
}

// TestFilterTruth: the packets that pass -f are exactly those that tcpdump, or libpcap for it, passes: of those
// with an Ethernet header at netif_receive_skb, and of those that have none yet at
// ip_output. All expressions watch the same packets.
func TestFilterTruth(t *testing.T) {
	onOneCPU(t)
	net := chain(t, 2)
	net.in(0, "ip route add default via 10.0.0.2")
	here := newPlace(t)
	options := []filter.Options{{}}
	for _, expr := range expressions {
		options = append(options, filter.Options{Filter: expr})
	}
	watched := here.watch(t, options...)
	all, watched := watched[0], watched[1:]
	mix := frames(t)
	var file string
	here.take(t, func() {
		var tap *process
		tap, file = net.tcpdump(1, "-i", "l1", "-Q", "in", "-s", "0")
		net.mark(firstMark)
		net.traffic()
		net.send(0, "r0", mix)
		net.sendIP(0, mix)
		net.mark(lastMark)
		tap.stop()
	})

	tapped := between(t, readPcap(t, file), func(c captured) int { return c.len })
	all.cut(t, all)
	same(t, "no filter at netif_receive_skb", all.received, tapped)
	if len(all.sent) < 100 {
		t.Fatalf("only %d packets without an Ethernet header", len(all.sent))
	}
	raw := filepath.Join(t.TempDir(), "raw.pcap")
	writeRaw(t, raw, all.sent)
	for i, expr := range expressions {
		w := watched[i]
		w.cut(t, all)
		want, err := passed(file, expr)
		if err != nil {
			t.Fatalf("%q: %v", expr, err)
		}
		asTcpdump(t, i, file, expr, want, nil)
		want = slices.DeleteFunc(want, func(c captured) bool {
			return c.at.Before(tapped[0].at) || c.at.After(tapped[len(tapped)-1].at)
		})
		if len(want) == 0 || len(want) == len(tapped) {
			t.Errorf("%q tells no packets apart: tcpdump passes %d of %d", expr, len(want), len(tapped))
		}
		same(t, fmt.Sprintf("%q at netif_receive_skb", expr), w.received, want)
		// What tcpdump does not compile for packets without an Ethernet header matches
		// none of them, and that is said. It takes ether[0] for the IP header's first byte.
		want, err = passed(raw, expr)
		asTcpdump(t, i, raw, expr, want, err)
		onlyL2 := err != nil || strings.Contains(expr, "ether[")
		if onlyL2 != (len(w.notes) > 0) {
			t.Errorf("%q: notes %q, but tcpdump on packets without an Ethernet header: %v", expr, w.notes, err)
		}
		if onlyL2 {
			want = nil
		}
		same(t, fmt.Sprintf("%q at ip_output", expr), w.sent, want)
	}
}

// asTcpdump holds what libpcap passes against what tcpdump itself does, for some of the expressions:
// to start it takes a guest longer than all that is done with libpcap for one of them.
func asTcpdump(t *testing.T, i int, file, expr string, want []captured, failed error) {
	t.Helper()
	if i%8 != 0 {
		return
	}
	out := filepath.Join(t.TempDir(), "passed.pcap")
	err := exec.Command("tcpdump", "-Z", "root", "-r", file, "-w", out, expr).Run()
	if (err != nil) != (failed != nil) {
		t.Errorf("%q: libpcap says %v, tcpdump %v", expr, failed, err)
	}
	is := func(a, b captured) bool { return a.at.Equal(b.at) && a.len == b.len && bytes.Equal(a.data, b.data) }
	if err == nil && !slices.EqualFunc(readPcap(t, out), want, is) {
		t.Errorf("%q: tcpdump passes other packets than libpcap", expr)
	}
}

// TestFilterTags: where a device takes VLAN tags out of packets, filters are to packets what
// they are to a tcpdump that listens.
func TestFilterTags(t *testing.T) {
	onOneCPU(t)
	net := chain(t, 2)
	net.in(0, "ip link add link r0 name r0.10 type vlan id 10; ip addr add 10.10.0.1/24 dev r0.10; ip link set r0.10 up")
	net.in(1, "ip link add link l1 name l1.10 type vlan id 10; ip addr add 10.10.0.2/24 dev l1.10; ip link set l1.10 up")
	here := newPlace(t)
	tests := []string{"icmp", "vlan 10 and icmp", "vlan 20 and icmp", "icmp and not vlan", "vlan and icmp[icmptype] == icmp-echo"}
	var options []filter.Options
	for _, expr := range tests {
		options = append(options, filter.Options{Filter: expr})
	}
	watched := here.watch(t, options...)
	var files []string
	here.take(t, func() {
		var taps []*process
		files = nil
		for _, expr := range tests {
			tap, file := net.tcpdump(1, "-i", "l1", "-Q", "in", "-s", "0", expr)
			taps, files = append(taps, tap), append(files, file)
		}
		net.in(0, "ping -qc 2 -i 0.01 10.0.0.2; ping -qc 3 -i 0.01 10.10.0.2")
		for _, tap := range taps {
			tap.stop()
		}
	})
	passed := map[int]bool{}
	for i, expr := range tests {
		w := watched[i]
		want := readPcap(t, files[i])
		passed[len(want)] = true
		same(t, fmt.Sprintf("%q", expr), w.received, want)
	}
	if !passed[0] || !passed[2] || !passed[3] || !passed[5] {
		t.Errorf("tcpdump tells no packets apart: %v", passed)
	}
}

// TestWhere: kernel fields have in expressions the values that events show.
func TestWhere(t *testing.T) {
	onOneCPU(t)
	net := chain(t, 2)
	net.socket(1, "10.0.0.2:7002")
	here := newPlace(t)
	inum, err := os.Stat("/run/netns/ns1")
	if err != nil {
		t.Fatal(err)
	}
	ns1 := uint32(inum.Sys().(*syscall.Stat_t).Ino)
	field := func(f func(*kernel.SkbLayout) kernel.Field, want uint64) func(*watcher, *bpf.Event) bool {
		return func(w *watcher, e *bpf.Event) bool {
			v, ok := f(w.layout).Read(e.Tail[:])
			return ok && v == want
		}
	}
	dev := func(name string) func(*watcher, *bpf.Event) bool {
		return func(_ *watcher, e *bpf.Event) bool {
			return e.Has&bpf.HasDev != 0 && e.Dev[0] == int8(name[0]) && e.Dev[1] == int8(name[1]) && e.Dev[2] == 0
		}
	}
	mark := field(func(l *kernel.SkbLayout) kernel.Field { return l.Mark }, 0x110)
	multicast := field(func(l *kernel.SkbLayout) kernel.Field { return l.PktType }, 2)
	length := func(w *watcher, e *bpf.Event) uint64 {
		v, _ := w.layout.Len.Read(e.Tail[:])
		return v
	}
	const datagram = 333
	tests := []struct {
		options filter.Options
		is      func(*watcher, *bpf.Event) bool
	}{
		{filter.Options{Where: []string{"skb->mark == 0x110"}}, mark},
		{filter.Options{Mark: []string{"0x10/0xff"}}, mark},
		{filter.Options{Where: []string{`skb->dev->name == "l1"`}}, dev("l1")},
		{filter.Options{IfName: []string{"r0"}}, dev("r0")},
		{filter.Options{Where: []string{fmt.Sprintf("skb->dev->nd_net.net->ns.inum == %d", ns1)}},
			// Where the packet has no device yet, events name the socket's namespace.
			func(_ *watcher, e *bpf.Event) bool { return e.Has&bpf.HasDev != 0 && e.Netns == ns1 }},
		{filter.Options{Netns: []string{"ns1"}}, func(_ *watcher, e *bpf.Event) bool { return e.Netns == ns1 }},
		{filter.Options{Where: []string{"ntohs(skb->protocol) == 0x86dd"}}, field(func(l *kernel.SkbLayout) kernel.Field { return l.Protocol }, 0x86dd)},
		{filter.Options{Where: []string{"skb->pkt_type == 2"}}, multicast},
		{filter.Options{Where: []string{"skb->len == 84"}}, field(func(l *kernel.SkbLayout) kernel.Field { return l.Len }, 84)},
		{filter.Options{Where: []string{`(skb->mark & 0xf0) == 0x10 && !(skb->len > 100 || skb->pkt_type == 2) || skb->dev->name != "l1" && skb->len == 84`}},
			func(w *watcher, e *bpf.Event) bool {
				marked, small := mark(w, e), length(w, e) <= 100
				return marked && small && !multicast(w, e) || e.Has&bpf.HasDev != 0 && !dev("l1")(w, e) && length(w, e) == 84
			}},
		{filter.Options{Where: []string{"skb->sk->__sk_common.skc_dport == htons(7002)"}}, func(w *watcher, e *bpf.Event) bool {
			return length(w, e) == 20+8+datagram
		}},
		{filter.Options{PID: []uint32{uint32(os.Getpid())}}, func(_ *watcher, e *bpf.Event) bool { return e.Tgid == uint32(os.Getpid()) }},
		{filter.Options{Where: []string{"current->tgid > 0"}}, func(_ *watcher, e *bpf.Event) bool { return e.Tgid > 0 }},
		{filter.Options{PID: []uint32{1 << 30}}, func(*watcher, *bpf.Event) bool { return false }},
	}
	options := []filter.Options{{}}
	for _, test := range tests {
		options = append(options, test.options)
	}
	watched := here.watch(t, options...)
	all, watched := watched[0], watched[1:]
	here.take(t, func() {
		net.mark(firstMark)
		net.in(0, "ping -qc 2 -i 0.01 -m 272 10.0.0.2; ping -qc 2 -i 0.01 fd00:0::2; ping -qc 2 -i 0.01 -t 33 10.0.0.2; ping -qbc 1 -W 0.01 10.0.0.255 || true")
		net.within(0, func() error {
			c, err := stdnet.Dial("udp4", "10.0.0.2:7002")
			if err != nil {
				return err
			}
			defer c.Close()
			for range 3 {
				if _, err := c.Write(make([]byte, datagram)); err != nil {
					return err
				}
			}
			return nil
		})
		net.mark(lastMark)
	})
	from, to := markTimes(t, all.received, 0)
	between := func(e *bpf.Event) bool {
		return e.Ts > from && e.Ts < to && !isMark(int(e.Len)) && !isMark(int(e.Len)+ethernetHeader)
	}
	for i, test := range tests {
		w := watched[i]
		want, got := 0, 0
		for j := range all.all {
			if e := &all.all[j]; between(e) && test.is(all, e) {
				want++
			}
		}
		for j := range w.all {
			if between(&w.all[j]) {
				got++
			}
		}
		if got != want || want == 0 && i < len(tests)-1 { // but for the pid that no process has
			t.Errorf("%+v: %d events, want %d of %d", test.options, got, want, len(all.all))
		}
	}
}

// cut keeps what came between the marks that all saw.
func (w *watcher) cut(t *testing.T, all *watcher) {
	t.Helper()
	if w == all {
		w.from, w.to = markTimes(t, all.received, 0)
		w.sentFrom, w.sentTo = markTimes(t, all.sent, ethernetHeader)
	}
	outside := func(from, to uint64) func(packet) bool {
		return func(p packet) bool {
			return p.ts <= from || p.ts >= to || isMark(p.len) || isMark(p.len+ethernetHeader)
		}
	}
	w.received = slices.DeleteFunc(w.received, outside(all.from, all.to))
	w.sent = slices.DeleteFunc(w.sent, outside(all.sentFrom, all.sentTo))
}

const ethernetHeader = 14

// isMark knows the marks themselves, which each watcher sees at another time.
func isMark(size int) bool { return size == firstMark+markExtra || size == lastMark+markExtra }

// markTimes is when the last packet of the first mark and the first of the last one came.
func markTimes(t *testing.T, packets []packet, header int) (from, to uint64) {
	t.Helper()
	for _, p := range packets {
		switch p.len + header {
		case firstMark + markExtra:
			from = p.ts
		case lastMark + markExtra:
			if to == 0 {
				to = p.ts
			}
		}
	}
	if from == 0 || to == 0 {
		t.Fatalf("the marks are not among %d packets", len(packets))
	}
	return from, to
}

// A watcher has one filter loaded, as skb-collect does, at netif_receive_skb, ip_output and
// ip6_output.
type watcher struct {
	loader     *kernel.Loader
	attachment *kernel.Attachment
	reader     *ringbuf.Reader
	layout     *kernel.SkbLayout
	notes      []string

	all      []bpf.Event
	received []packet // on device l1
	sent     []packet // without an Ethernet header

	from, to, sentFrom, sentTo uint64 // of the marks
}

type packet struct {
	ts   uint64
	len  int
	data []byte
}

// filterSnaplen is more than any of the expressions looks at.
const filterSnaplen = 128

// A place is where watchers are attached, found once for all of them: that takes longer than
// to load a filter.
type place struct {
	kernel     *kernel.Kernel
	tracepoint kernel.Tracepoint
	functions  []kernel.Function
	backend    string
	watchers   []*watcher
}

func newPlace(t *testing.T) *place {
	t.Helper()
	k, err := kernel.Open(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	p := &place{kernel: k, backend: kernel.BackendPerf}
	if hasMulti() {
		p.backend = kernel.BackendMulti
	}
	tracepoints, err := k.Tracepoints()
	if err != nil {
		t.Fatal(err)
	}
	for _, tp := range tracepoints {
		if tp.String() == "net:netif_receive_skb" {
			p.tracepoint = tp
		}
	}
	functions, _, err := k.Functions()
	if err != nil {
		t.Fatal(err)
	}
	p.functions = slices.DeleteFunc(functions, func(f kernel.Function) bool { return f.Name != "ip_output" && f.Name != "ip6_output" })
	if p.tracepoint.Name == "" || len(p.functions) != 2 {
		t.Fatalf("%+v and %d functions to probe", p.tracepoint, len(p.functions))
	}
	t.Cleanup(p.close)
	return p
}

// close detaches all at once: each waits for the kernel's grace periods.
func (p *place) close() {
	var wg sync.WaitGroup
	for _, w := range p.watchers {
		wg.Go(w.close)
	}
	wg.Wait()
}

// watch attaches a watcher for each of the options. To load one takes a cpu, to attach it
// mostly waits, so it goes on with the next meanwhile.
func (p *place) watch(t *testing.T, options ...filter.Options) []*watcher {
	t.Helper()
	var wg sync.WaitGroup
	p.watchers = make([]*watcher, len(options))
	errs := make([]error, len(options))
	for i, o := range options {
		w := &watcher{}
		p.watchers[i] = w
		if err := w.load(p.kernel, o); err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		wg.Go(func() { errs[i] = w.attach(p) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%+v: %v", options[i], err)
		}
	}
	return p.watchers
}

func (w *watcher) load(k *kernel.Kernel, o filter.Options) error {
	types, err := k.Types()
	if err != nil {
		return err
	}
	f, err := filter.New(o, types)
	if err != nil {
		return err
	}
	w.notes = f.Notes()
	w.loader, err = k.NewLoader(kernel.Settings{Snaplen: filterSnaplen, RingSize: 1 << 20, MaxBuffer: 1,
		Variables: f.Variables(), Prepare: f.Apply})
	if err != nil {
		return err
	}
	w.attachment = w.loader.NewAttachment()
	if w.layout, err = k.SkbLayout(uint32(bpf.TailSize), uint32(bpf.FrontSize), uint32(bpf.ShinfoSize)); err != nil {
		return err
	}
	w.reader, err = ringbuf.NewReader(w.loader.Map("events"))
	return err
}

func (w *watcher) attach(p *place) error {
	if err := w.attachment.Tracepoint(p.tracepoint, 1); err != nil {
		return err
	}
	refused, err := w.attachment.Functions(p.backend, p.functions)
	if err == nil && len(refused) > 0 {
		err = fmt.Errorf("refused: %v", refused)
	}
	return err
}

// close detaches.
func (w *watcher) close() {
	if w.attachment != nil {
		w.attachment.Close()
	}
	if w.reader != nil {
		w.reader.Close()
	}
	if w.loader != nil {
		w.loader.Close()
	}
}

// take has traffic made and reads the events of it. What an interrupt sends or receives
// within a probe the kernel keeps from all that is attached; it counts that, and then the
// traffic is made again.
func (p *place) take(t *testing.T, traffic func()) {
	t.Helper()
	missed := func() (n uint64) {
		for _, w := range p.watchers {
			for _, missed := range w.loader.Missed() {
				n += missed
			}
		}
		return n
	}
	for range 3 {
		before := missed()
		traffic()
		for _, w := range p.watchers {
			w.take(t)
		}
		if missed() == before {
			return
		}
	}
	t.Fatal("packets missed by the probes each time")
}

// take reads the events since the last time.
func (w *watcher) take(t *testing.T) {
	t.Helper()
	w.all, w.received, w.sent = nil, nil, nil
	if err := w.reader.Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		record, err := w.reader.Read()
		if err != nil {
			return // the buffer is empty
		}
		e, _, data, err := bpf.AsEvent(record.RawSample, bpf.Sizes{})
		if err != nil {
			t.Fatal(err)
		}
		w.all = append(w.all, *e)
		dev := [16]int8{'l', '1'}
		switch {
		case e.Probe == 1 && e.Dev == dev:
			w.received = append(w.received, w.onTheWire(packet{e.Ts, int(e.Len), slices.Clone(data)}, e))
		case e.Probe != 1 && e.At == bpf.AtNetwork:
			w.sent = append(w.sent, packet{e.Ts, int(e.Len), slices.Clone(data)})
		}
	}
}

// onTheWire puts the VLAN tag back into the packet that the device took out, as libpcap does.
func (w *watcher) onTheWire(p packet, e *bpf.Event) packet {
	tci, _ := w.layout.VlanTCI.Read(e.Tail[:])
	proto, _ := w.layout.VlanProto.Read(e.Tail[:])
	present, ok := w.layout.VlanPresent.Read(e.Tail[:])
	if ok && present == 0 || !ok && proto == 0 {
		return p
	}
	tag := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, uint16(proto)), uint16(tci))
	return packet{p.ts, p.len + len(tag), slices.Concat(p.data[:12], tag, p.data[12:])}
}

// same compares two sets of packets. Their order is no filter's business: where two cpus
// receive, the tap that tcpdump has may see them in another one.
func same(t *testing.T, what string, got []packet, want []captured) {
	t.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	key := func(data []byte) []byte { return data[:min(filterSnaplen, len(data))] }
	slices.SortFunc(got, func(a, b packet) int {
		return cmp.Or(cmp.Compare(a.len, b.len), bytes.Compare(key(a.data), key(b.data)))
	})
	slices.SortFunc(want, func(a, b captured) int {
		return cmp.Or(cmp.Compare(a.len, b.len), bytes.Compare(key(a.data), key(b.data)))
	})
	if len(got) != len(want) {
		t.Errorf("%s: %d packets pass, tcpdump passes %d", what, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		data := want[i].data
		if n := len(got[i].data); got[i].len != want[i].len || n < min(filterSnaplen, got[i].len) || !bytes.Equal(got[i].data, data[:min(n, len(data))]) {
			t.Errorf("%s: packet %d differs\ngot  %d %x\nwant %d %x", what, i, got[i].len, got[i].data, want[i].len, data)
			return
		}
	}
}

// writeRaw writes packets that begin with an IP header as a file for tcpdump.
func writeRaw(t *testing.T, name string, packets []packet) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(262144, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(p.data), Length: p.len}, p.data); err != nil {
			t.Fatal(err)
		}
	}
}
