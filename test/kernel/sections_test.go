//go:build kernel

package kerneltest

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// listen starts a TCP server in namespace i that takes one connection and reads it into
// the file received.
func (n *network) listen(i int, address string) (received string) {
	n.t.Helper()
	received = filepath.Join(n.t.TempDir(), "received")
	server := n.command(i, "socat", "-u", address+",reuseaddr", "CREATE:"+received)
	background(n.t, server)
	port := regexp.MustCompile(`\d+`).FindString(address[strings.Index(address, ":"):])
	until(n.t, "the server listens", func() (bool, string) {
		out := n.in(i, "ss -Hlnt 'sport = "+port+"'")
		return out != "", out
	})
	return received
}

// functions are the names in a stack, without offsets.
func functions(frames []string) []string {
	var names []string
	for _, f := range frames {
		name, _, _ := strings.Cut(f, "+")
		names = append(names, name)
	}
	return names
}

// TestStacks: a drop's stack names the functions that led to it; each stack is written
// once; and -p PROBE/stack gives stacks of that probe alone.
func TestStacks(t *testing.T) {
	const syns = 8
	net := chain(t, 2)
	s := whole(t, func() *stream {
		collector, file := collect(t, "--no-follow", "--with", "drop,stack", "-p", "ip_rcv")
		for range syns {
			net.in(0, "! echo x 2> /dev/null > /dev/tcp/10.0.0.2/81")
		}
		collector.stop()
		return readStream(t, file)
	})
	drops := s.sorted(func(e *format.Event) bool {
		return e.Probe == "skb:kfree_skb" && strings.HasPrefix(e.Drop.Location, "tcp_v4_rcv+")
	})
	if len(drops) != syns {
		t.Fatalf("%d drops in tcp_v4_rcv of %d SYNs: %+v", len(drops), syns, s.events)
	}
	connects := 0
	for _, e := range drops {
		names := functions(s.stacks[e.Stack])
		for _, want := range []string{"tcp_v4_rcv", "net_rx_action"} {
			if !slices.Contains(names, want) {
				t.Errorf("no %s in the stack %v", want, names)
			}
		}
		if slices.Contains(names, "tcp_v4_connect") {
			connects++
		}
		if strings.HasPrefix(names[0], "bpf_") || strings.HasPrefix(names[0], "0x") || strings.HasPrefix(names[0], "__traceiter") {
			t.Errorf("the stack begins with our own way there: %v", names)
		}
		if slices.Index(names, "tcp_v4_rcv") > slices.Index(names, "net_rx_action") {
			t.Errorf("not innermost first: %v", names)
		}
	}
	// The kernel leaves a packet to its thread ksoftirqd now and then.
	if connects == 0 {
		t.Errorf("no tcp_v4_connect in any of the stacks %v", s.stacks)
	}
	for _, e := range s.events {
		if len(s.stacks[e.Stack]) == 0 {
			t.Errorf("%s: no stack %d", e.Probe, e.Stack)
		}
		if names := functions(s.stacks[e.Stack]); e.Probe == "ip_rcv" && names[0] != "ip_rcv" {
			t.Errorf("the stack of ip_rcv begins %v", names)
		}
	}
	seen := map[string]bool{}
	for _, frames := range s.stacks {
		key := fmt.Sprint(frames)
		if seen[key] {
			t.Errorf("twice: %v", frames)
		}
		seen[key] = true
	}

	collector, file := collect(t, "--no-follow", "-p", "ip_rcv,tcp_v4_rcv/stack", "--stack-depth", "2")
	net.in(0, "! echo x 2> /dev/null > /dev/tcp/10.0.0.2/81")
	collector.stop()
	s = readStream(t, file)
	for _, e := range s.events {
		if n := len(s.stacks[e.Stack]); e.Probe == "tcp_v4_rcv" && n != 2 || e.Probe == "ip_rcv" && n != 0 {
			t.Errorf("%s has a stack of %d", e.Probe, n)
		}
	}
	if len(s.events) < 4 {
		t.Errorf("%d events", len(s.events))
	}
}

// TestSock: the section says of a socket what ss and the file system say.
func TestSock(t *testing.T) {
	net := chain(t, 2)
	cgroup := newCgroup(t, "of-the-server")
	var dir unix.Stat_t
	if err := unix.Stat(cgroup, &dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ family, listen, connect, src, dst, probe string }{
		{"INET", "TCP-LISTEN:7000", "TCP:10.0.0.2:7000", "10.0.0.2", "10.0.0.1", "tcp_v4_do_rcv"},
		{"INET6", "TCP6-LISTEN:7000,ipv6only=1", "TCP6:[fd00:0::2]:7000", "fd00::2", "fd00::1", "tcp_v6_do_rcv"},
	} {
		t.Run(c.family, func(t *testing.T) {
			collector, file := collect(t, "--no-follow", "--with", "sock", "-p", c.probe)
			// Not ip netns exec, which hides /sys/fs/cgroup.
			run(t, "nsenter", "--net=/run/netns/"+net.names[1], "bash", "-ec", "echo $$ > "+cgroup+"/cgroup.procs; setpriv --reuid 1000 --clear-groups socat -u "+c.listen+",reuseaddr OPEN:/dev/null > /dev/null 2>&1 & until ss -Hlnt 'sport = 7000' | grep -q 7000; do sleep 0.05; done")
			// The client waits until the server's side of the connection was looked at.
			looked := filepath.Join(t.TempDir(), "looked")
			client := net.command(0, "bash", "-c", "(echo hello; until [ -e "+looked+" ]; do sleep 0.05; done) | socat -u - "+c.connect)
			if err := client.Start(); err != nil {
				t.Fatal(err)
			}
			var ss string
			until(t, "the server has accepted the connection", func() (bool, string) {
				ss = net.in(1, "ss -Htne state established 'sport = 7000' 2> /dev/null")
				return strings.Contains(ss, "uid:1000") && regexp.MustCompile(`ino:[1-9]`).MatchString(ss), ss
			})
			run(t, "touch", looked)
			if err := client.Wait(); err != nil {
				t.Fatal(err)
			}
			collector.stop()
			inode, _ := strconv.ParseUint(regexp.MustCompile(`ino:(\d+)`).FindStringSubmatch(ss)[1], 10, 64)
			cookie, _ := strconv.ParseUint(regexp.MustCompile(`sk:([0-9a-f]+)`).FindStringSubmatch(ss)[1], 16, 64)
			peer := strings.Fields(ss)[3]
			dport, _ := strconv.ParseUint(peer[strings.LastIndexByte(peer, ':')+1:], 10, 16)
			found := false
			for _, e := range readStream(t, file).events {
				k := e.Sock
				if k.State != "ESTABLISHED" || k.Sport != 7000 || k.Inode == 0 || k.Cookie == 0 {
					continue
				}
				found = true
				if k.Family != c.family || k.Type != "STREAM" || k.Protocol != 6 || k.UID != 1000 || k.Inode != inode || k.Cookie != cookie ||
					k.Src.String() != c.src || k.Dst.String() != c.dst || uint64(k.Dport) != dport || k.Cgroup != dir.Ino || k.Rcvbuf == 0 || k.Sndbuf == 0 {
					t.Errorf("sock is %+v\nss says %s\nthe cgroup is %d", k, ss, dir.Ino)
				}
			}
			if !found {
				t.Error("no event with the server's socket")
			}
		})
	}
}

// A traceStep is what nftables did with a packet.
type traceStep struct{ family, table, chain, what, verdict string }

var traceLine = regexp.MustCompile(`^trace id (\S+) (\S+) (\S+) (\S+) (packet|rule|unknown rule|policy)(.*)$`)

// monitored are the steps of TCP packets that nft monitor trace has printed, without the
// ends of chains, which one kernel reports as a rule without a handle and another as a return.
func monitored(out string) []string {
	steps := ways{}
	tcp := map[string]bool{}
	verdict := regexp.MustCompile(`\(verdict ([^)]*)\)$`)
	for _, line := range strings.Split(out, "\n") {
		m := traceLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		id, step := m[1], traceStep{m[2], m[3], m[4], "rule", ""}
		switch {
		case m[5] == "packet":
			tcp[id] = strings.Contains(m[6], " tcp ")
			continue
		case m[5] == "policy":
			step.what, step.verdict = "policy", strings.Fields(m[6])[0]
		case verdict.MatchString(m[6]):
			step.verdict = verdict.FindStringSubmatch(m[6])[1]
		}
		if tcp[id] {
			steps.add(id, step)
		}
	}
	return steps.all()
}

// ways are the steps of packets, by what tells them apart at one time: both the sk_buff and nftables'
// number for it come again.
type ways map[string][][]traceStep

// begin says that a packet comes, by what it is told from others.
func (w ways) begin(packet string) { w[packet] = append(w[packet], nil) }

func (w ways) add(packet string, s traceStep) {
	if strings.HasPrefix(s.table, "skb-collect-") {
		// The table that asks for traces sees each packet first. Its own steps are left out.
		if s.what == "rule" {
			w.begin(packet)
		}
		return
	}
	if len(w[packet]) == 0 {
		w.begin(packet)
	}
	last := &w[packet][len(w[packet])-1]
	*last = append(*last, s)
}

// all are those of each packet, one after the other; the packets in no order: one may be reported
// when another has interrupted it.
func (w ways) all() (all []string) {
	for _, packets := range w {
		for _, p := range packets {
			if len(p) > 0 {
				all = append(all, fmt.Sprint(p))
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestConntrackAndNFT: of a connection that is forwarded by DNAT, ct tells the states and
// both directions, and nft each rule passed, in order, as nft monitor trace does.
func TestConntrackAndNFT(t *testing.T) {
	onOneCPU(t)
	net := chain(t, 3)
	net.in(0, "ip route add 10.0.1.0/24 via 10.0.0.2")
	net.in(2, "ip route add 10.0.0.0/24 via 10.0.1.1")
	net.in(1, `nft -f - <<'.'
		table ip nat {
			chain pre { type nat hook prerouting priority -100; tcp dport 80 counter dnat to 10.0.1.2:8080; }
		}
		table inet filter {
			chain web { tcp dport 8080 accept; }
			chain forward { type filter hook forward priority 0; policy drop; ct state established,related accept; meta l4proto tcp jump web; }
		}
.
`)
	var trace strings.Builder
	s := whole(t, func() *stream {
		trace.Reset()
		received := net.listen(2, "TCP-LISTEN:8080")
		monitor := net.command(1, "nft", "monitor", "trace")
		monitor.Stdout = &trace
		if err := monitor.Start(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "events.skb")
		collector := start(t, net.command(1, "skb-collect", "-w", file, "--no-follow", "--nft-trace", "--with", "ct,nft", "-p", "ip_forward,ip_rcv"), "probes attached")
		net.in(0, "echo hello | socat -u - TCP:10.0.0.2:80")
		until(t, "hello arrives and the connection is over", func() (bool, string) {
			b, _ := os.ReadFile(received)
			open := net.in(0, "ss -Htn state connected exclude time-wait dport = 80") + net.in(2, "ss -Htn state connected exclude time-wait sport = 8080")
			return string(b) == "hello\n" && open == "", string(b) + open
		})
		collector.stop()
		monitor.Process.Signal(syscall.SIGINT)
		monitor.Wait()
		return readStream(t, file)
	})
	if len(s.losses) > 0 {
		t.Fatalf("losses: %+v", s.losses)
	}
	if rules := net.in(1, "nft list ruleset"); strings.Contains(rules, "skb-collect") {
		t.Errorf("left behind: %s", rules)
	}
	packets := ways{}
	handles := map[string]bool{}
	isTCP := func(e *format.Event) bool {
		_, _, _, _, ok := tcpPayload(e.Packet)
		return ok
	}
	for _, e := range s.sorted(func(e *format.Event) bool { return (e.NFT.Present() || e.Probe == "ip_rcv") && isTCP(e) }) {
		n := e.NFT
		addr, _ := e.Skb.Get(format.SkbAddr)
		if !n.Present() {
			packets.begin(fmt.Sprint(addr))
			continue
		}
		if strings.HasPrefix(n.Table, "skb-collect-") {
			t.Errorf("a step in the table of --nft-trace: %+v", n)
		}
		if n.Type == "rule" && n.Handle == 0 || n.Type == "return" && n.Verdict == "continue" {
			continue
		}
		step := traceStep{n.Family, n.Table, n.Chain, n.Type, n.Verdict}
		if n.Jump != "" {
			step.verdict += " " + n.Jump
		}
		packets.add(fmt.Sprint(addr), step)
		handles[fmt.Sprintf("%s %s %s %d", n.Family, n.Table, n.Chain, n.Handle)] = true
	}
	got, want := packets.all(), monitored(trace.String())
	if len(want) < 5 || !slices.Equal(got, want) {
		t.Errorf("nft sections:\n%v\nnft monitor trace:\n%v\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), trace.String())
	}
	// The handle is that of the rule which nft shows.
	handle := regexp.MustCompile(`dnat to .* # handle (\d+)`).FindStringSubmatch(net.in(1, "nft -a list chain ip nat pre"))
	if handle == nil || !handles["ip nat pre "+handle[1]] {
		t.Errorf("handle %v is not among %v", handle, handles)
	}

	var states []string
	for _, e := range s.sorted(func(e *format.Event) bool { return e.Probe == "ip_forward" && isTCP(e) }) {
		c := e.Ct
		if !c.Present() {
			t.Fatalf("no ct at ip_forward: %+v", e)
		}
		state := c.State + " " + c.Dir
		if len(states) == 0 || states[len(states)-1] != state {
			states = append(states, state)
		}
		o, r := c.Orig, c.Reply
		if o.Src.String() != "10.0.0.1" || o.Dst.String() != "10.0.0.2" || o.Dport != 80 || o.Proto != 6 ||
			r.Src.String() != "10.0.1.2" || r.Dst.String() != "10.0.0.1" || r.Sport != 8080 || r.Dport != o.Sport || o.Sport == 0 {
			t.Errorf("tuples %+v %+v", o, r)
		}
		if c.Status&(1<<5) == 0 { // IPS_DST_NAT
			t.Errorf("status %x", c.Status)
		}
	}
	text := fmt.Sprint(states)
	if !strings.HasPrefix(text, "[NEW original ESTABLISHED reply ESTABLISHED original") {
		t.Errorf("states at ip_forward: %s", text)
	}
	for _, state := range []string{"SYN_SENT", "ESTABLISHED"} {
		if !slices.ContainsFunc(s.events, func(e format.Event) bool { return e.Ct.ProtoState == state }) {
			t.Errorf("no event in TCP's state %s", state)
		}
	}
	// ip_rcv is before connection tracking.
	for _, e := range s.events {
		if e.Probe == "ip_rcv" && e.Ct.Present() && e.Dev.Name != "lo" {
			t.Errorf("ct at ip_rcv: %+v", e.Ct)
		}
	}
}

// TestCallerArgsRet: who called a function, with which numbers, and what it returned.
func TestCallerArgsRet(t *testing.T) {
	net := chain(t, 2)
	s := whole(t, func() *stream {
		collector, file := collect(t, "--with", "caller,args", "-p", "tcp_v4_rcv,skb_copy_datagram_iter,ret:skb_clone,ret:ip_rcv")
		received := net.listen(1, "TCP-LISTEN:7000")
		net.in(0, "echo hello | socat -u - TCP:10.0.0.2:7000")
		until(t, "hello arrives", func() (bool, string) {
			b, _ := os.ReadFile(received)
			return string(b) == "hello\n", string(b)
		})
		collector.stop()
		return readStream(t, file)
	})
	seen := map[string]int{}
	clones := map[uint64]bool{}
	for _, l := range s.links {
		if l.How == "clone" {
			clones[l.To.Addr] = true
		}
	}
	for _, e := range s.events {
		seen[e.Probe]++
		switch e.Probe {
		case "tcp_v4_rcv":
			if !strings.HasPrefix(e.Caller, "ip_protocol_deliver_rcu+") || len(e.Args) != 0 {
				t.Errorf("tcp_v4_rcv: caller %q, args %v", e.Caller, e.Args)
			}
		case "skb_copy_datagram_iter":
			if _, _, _, _, ok := tcpPayload(e.Packet); !ok {
				continue // netlink's
			}
			if want := (format.Args{{Name: "offset", Value: 0}, {Name: "len", Value: 6}}); !slices.Equal(e.Args, want) {
				t.Errorf("skb_copy_datagram_iter: %v, want %v", e.Args, want)
			}
		case "ret:skb_clone":
			if !clones[e.Ret.Skb] {
				t.Errorf("ret:skb_clone returned %+v, no clone of %v", e.Ret, clones)
			}
		case "ret:ip_rcv":
			if e.Ret.Skb != 0 || e.Ret.Value != 0 {
				t.Errorf("ret:ip_rcv returned %+v", e.Ret)
			}
		}
	}
	for _, p := range []string{"tcp_v4_rcv", "skb_copy_datagram_iter", "ret:skb_clone", "ret:ip_rcv"} {
		if seen[p] == 0 {
			t.Errorf("no event of %s: %v", p, seen)
		}
	}
}

// tcpPayload is what is of interest here in a captured IPv4 packet, false when it is not TCP.
func tcpPayload(p format.Packet) (dport uint16, seq uint32, syn bool, payload []byte, ok bool) {
	ip := p.Data
	if p.At == "mac" {
		ip = ip[min(14, len(ip)):]
	}
	if len(ip) < 40 || ip[0]>>4 != 4 || ip[9] != 6 {
		return 0, 0, false, nil, false
	}
	tcp := ip[int(ip[0]&15)*4:]
	return binary.BigEndian.Uint16(tcp[2:]), binary.BigEndian.Uint32(tcp[4:]), tcp[13]&2 != 0, tcp[int(tcp[12]>>4)*4:], true
}

// TestEveryByte: -s 0 captures packets whole, whatever they are made of: what was sent can
// be put together again from the events where it leaves, in pages, and where it arrives.
func TestEveryByte(t *testing.T) {
	net := chain(t, 2)
	content := make([]byte, 1_000_000)
	rand.Read(content)
	sent := filepath.Join(t.TempDir(), "sent")
	if err := os.WriteFile(sent, content, 0o666); err != nil {
		t.Fatal(err)
	}
	transfer := func(t *testing.T, args ...string) *stream {
		return whole(t, func() *stream {
			received := net.listen(1, "TCP-LISTEN:7000")
			collector, file := collect(t, append([]string{"--no-follow", "-s", "0", "--buffer", "64MB", "--with", "gso,csum", "-p", "ip_output,tcp_v4_rcv"}, args...)...)
			net.in(0, "socat -u OPEN:"+sent+" TCP:10.0.0.2:7000")
			until(t, "all has arrived", func() (bool, string) {
				b, _ := os.ReadFile(received)
				return bytes.Equal(b, content), fmt.Sprintf("%d bytes", len(b))
			})
			collector.stop()
			return readStream(t, file)
		})
	}
	// rebuilt checks the bytes at a probe and returns its largest event.
	rebuilt := func(t *testing.T, s *stream, probe string) *format.Event {
		if len(s.losses) > 0 {
			t.Fatalf("losses: %+v", s.losses)
		}
		got, have := make([]byte, len(content)), 0
		var first uint32
		var largest *format.Event
		for _, e := range s.sorted(func(e *format.Event) bool { return e.Probe == probe }) {
			if len(e.Packet.Missing) > 0 || len(e.Packet.Data) != int(e.Packet.Len) {
				t.Fatalf("%d of %d bytes, missing %v", len(e.Packet.Data), e.Packet.Len, e.Packet.Missing)
			}
			dport, seq, syn, payload, ok := tcpPayload(e.Packet)
			if !ok || dport != 7000 {
				continue
			}
			if syn {
				first = seq + 1
				continue
			}
			if off := int(seq - first); off+len(payload) <= len(got) {
				have += copy(got[off:], payload)
			}
			if largest == nil || e.Packet.Len > largest.Packet.Len {
				largest = e
			}
		}
		if !bytes.Equal(got, content) {
			t.Fatalf("at %s: %d bytes, not what was sent", probe, have)
		}
		return largest
	}
	paged := func(t *testing.T, e *format.Event, least uint32) {
		frags, _ := e.Skb.Get(format.SkbNrFrags)
		data, _ := e.Skb.Get(format.SkbDataLen)
		if e.Packet.Len < least || data == 0 {
			t.Errorf("the largest has %d bytes, %d paged in %d fragments: what should be shown is not", e.Packet.Len, data, frags)
		}
	}
	t.Run("GSO", func(t *testing.T) {
		s := transfer(t)
		e := rebuilt(t, s, "ip_output")
		paged(t, e, 5_000)
		transport, _ := e.Skb.Get(format.SkbTransportHeader)
		if e.GSO.Size < 1000 || e.GSO.Segs < 2 || e.GSO.Type&format.GSOType("TCPV4") == 0 {
			t.Errorf("gso of the largest: %+v", e.GSO)
		}
		if e.Csum.Summed != 3 || uint64(e.Csum.Start) != transport || e.Csum.Offset != 16 {
			t.Errorf("csum of the largest: %+v, its TCP header at %d", e.Csum, transport)
		}
		rebuilt(t, s, "tcp_v4_rcv")
	})
	t.Run("GRO", func(t *testing.T) {
		net.in(0, "ethtool -K r0 tso off gso off")
		// From 5.13 on veth does it without XDP.
		_, err := exec.Command("ip", "netns", "exec", net.names[1], "ethtool", "-K", "l1", "gro", "on").CombinedOutput()
		s := transfer(t)
		e := rebuilt(t, s, "tcp_v4_rcv")
		if err == nil && e.GSO.Present() {
			paged(t, e, 2000)
		} else if !strings.HasPrefix(s.start.Kernel, "5.10.") {
			t.Errorf("nothing was merged: %v, the largest has %d bytes", err, e.Packet.Len)
		}
	})
	t.Run("frag_list", func(t *testing.T) {
		net.in(1, "(timeout 100 socat -u UDP-RECV:7001 OPEN:/dev/null) > /dev/null 2>&1 &")
		collector, file := collect(t, "--no-follow", "-s", "0", "-p", "udp_rcv")
		net.in(0, "until [ -n \"$(ip netns exec ns1 ss -Hlnu 'sport = 7001')\" ]; do sleep 0.05; done; head -c 40000 "+sent+" > "+sent+".40000; socat -u -b 65000 OPEN:"+sent+".40000 UDP-SENDTO:10.0.0.2:7001")
		collector.stop()
		net.in(1, "pkill -f UDP-RECV:7001")
		s := readStream(t, file)
		for _, e := range s.events {
			headers := 20 + 8
			if e.Packet.At == "mac" {
				headers += 14
			}
			if int(e.Packet.Len) != headers+40000 {
				continue
			}
			got := e.Packet.Data[headers:]
			if !bytes.Equal(got, content[:40000]) || len(e.Packet.Missing) > 0 {
				t.Errorf("a datagram of 40000 bytes in fragments: %d bytes, not what was sent, or missing %v", len(got), e.Packet.Missing)
			}
			return
		}
		t.Error("no event of the whole datagram")
	})
}

// TestProbeStack: functions that the stacks of matching packets name are probed from then on.
func TestProbeStack(t *testing.T) {
	net := chain(t, 2)
	collector, file := collect(t, "--probe-stack", "-p", "ip_rcv", "--ifname", "l1")
	until(t, "tcp_v4_rcv is probed", func() (bool, string) {
		net.in(0, "! echo x 2> /dev/null > /dev/tcp/10.0.0.2/81")
		s := readStream(t, file)
		return slices.ContainsFunc(s.events, func(e format.Event) bool { return e.Probe == "tcp_v4_rcv" }), fmt.Sprint(len(s.events))
	})
	collector.stop()
	if !strings.Contains(collector.errors(), "functions were found in stacks and probed") {
		t.Errorf("stderr: %s", collector.errors())
	}
	nothingLeft(t)
	out, err := exec.Command("skb-collect", "--probe-stack", "-p", "ip_rcv").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "needs a filter") {
		t.Errorf("without a filter: %v, %s", err, out)
	}
}

// TestAAWithoutNFTables: where the module nf_tables is not loaded there is nothing for --with nft to trace, which
// is said before anything is attached; by all, it goes without. It runs in a fresh guest, because what holds
// the module after other tests is not always let go.
func TestAAWithoutNFTables(t *testing.T) {
	if b, err := os.ReadFile("/proc/modules"); err != nil || strings.Contains(string(b), "\nnf_tables ") {
		t.Fatalf("nf_tables is loaded: %v\n%s", err, b)
	}
	out, err := exec.Command("skb-collect", "--with", "nft", "-c", "1").CombinedOutput()
	if err == nil || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "--with nft: the module nf_tables is not loaded") {
		t.Errorf("--with nft: %v, %s", err, out)
	}
	collector, file := collect(t, "--no-follow", "--with", "all", "-p", "ip_output")
	run(t, "ping", "-qc", "1", "127.0.0.1")
	collector.stop()
	say := collector.errors()
	for _, without := range []string{"nft: the module nf_tables", "ovs: the module openvswitch"} {
		if strings.Count(say, "--with all: without "+without+" is not loaded") != 1 {
			t.Errorf("--with all: not once %q: %s", without, say)
		}
	}
	s := readStream(t, file)
	pings := s.sorted(func(e *format.Event) bool { return e.Probe == "ip_output" && e.Process.Comm == "ping" })
	if len(pings) == 0 {
		t.Fatal("--with all: no event of the ping")
	}
	if e := pings[0]; e.Sock.Family != "INET" || e.Caller == "" || len(s.stacks[e.Stack]) == 0 || !e.Csum.Present() {
		t.Errorf("--with all: %+v", e)
	}
}

// TestWithRefused: what --with can't give is said before anything is attached.
func TestWithRefused(t *testing.T) {
	run(t, "modprobe", "nf_tables")
	collector, _ := collect(t, "--no-follow", "--with", "nft")
	collector.stop()
	if !strings.Contains(collector.errors(), "add one with `meta nftrace set 1`, or use --nft-trace") {
		t.Errorf("--with nft without --nft-trace: %s", collector.errors())
	}
	for args, want := range map[string]string{
		"--with stak":           "no such section (did you mean stack?)",
		"-p ip_rcv/stak":        "no such section (did you mean stack?)",
		"-p ip_rcv/nft":         "use --with",
		"--stack-depth 0":       "from 1 to",
		"--with sock --with ct": "", // both are there
	} {
		out, err := exec.Command("bash", "-c", "skb-collect --no-follow -c 1 --duration 1ms "+args).CombinedOutput()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(string(out), want)) {
			t.Errorf("%s: %v, %s", args, err, out)
		}
	}
	if out := run(t, "skb-collect", "--with", "list"); !strings.Contains(out, "stack ") || !strings.Contains(out, "csum ") {
		t.Errorf("--with list: %s", out)
	}
}
