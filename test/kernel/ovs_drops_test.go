//go:build kernel

package kerneltest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	stdnet "net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// Ports of UDP that an ovsHost's flows treat each in their way. The cookie of a flow is 0x50 and its port.
const (
	ovsDropped = 1 + iota // by a rule
	ovsMetered
	ovsNowhere // sent to a port that there is not
	ovsExpired // its TTL is counted down
	ovsRound   // by rules that resubmit to each other
	ovsLoop    // by the datapath's own flows
	ovsGone    // to a port of the datapath that there is not
	ovsUsedUp  // its TTL is counted down by the datapath
	ovsBack    // to a port whose device leads back into the switch
	ovsMissed  // no flow is for it
)

// ovsSends is how many packets go to each port but ovsMissed.
const ovsSends = 4

// TestOpenVSwitchDrops: what Open vSwitch drops is seen as often as it counts itself, and explained, with the rule that
// did it; and an ovs-vswitchd that stands still holds nothing up.
func TestOpenVSwitchDrops(t *testing.T) {
	host := ovsBridge(t, 2)
	host.vsctl("set", "Open_vSwitch", ".", "other_config:max-idle=600000")
	host.ofctl("add-meter", "br0", "meter=1,pktps,burst,band=type=drop,rate=1,burst_size=1")
	host.flows("priority=5,arp,actions=NORMAL", ovsFlow(ovsDropped, "drop"), ovsFlow(ovsMetered, "meter:1,output:2"),
		ovsFlow(ovsNowhere, "output:77"), ovsFlow(ovsExpired, "dec_ttl,output:2"), ovsFlow(ovsRound, "resubmit(,1)"),
		"table=1,udp,actions=resubmit(,2)", "table=2,udp,actions=resubmit(,1),resubmit(,1)")
	batch(t, "ns0", "neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 dev eth\nlink set eth mtu 9000\n")
	batch(t, "", "link set p0 mtu 9000\n")

	c, file := collect(t, "--profile", "ovs", "--ovs-flows", "-f", "udp", "-s", "128")
	for port := ovsDropped; port <= ovsRound; port++ {
		host.send(port, 1, 7)
		host.hasFlow(port)
		host.send(port, ovsSends-1, 7)
	}
	var rules map[uint64]int
	until(t, "ovs-vswitchd has counted the packets", func() (bool, string) {
		host.appctl("revalidator/wait")
		rules = host.counted()
		for port := ovsDropped; port <= ovsRound; port++ {
			if rules[uint64(0x50+port)] != ovsSends {
				return false, fmt.Sprint(rules)
			}
		}
		return true, ""
	})
	metered := host.meteredOut()
	until(t, "the flows are told", func() (bool, string) {
		b, err := os.ReadFile(file)
		return err == nil && strings.Count(string(b), fmt.Sprintf("udp,tp_dst=%d", ovsRound)) > 0, ""
	})

	// Flows of the datapath that OpenFlow does not make, and a daemon that stands still.
	host.signal(unix.SIGSTOP)
	in := host.datapathPort("p0")
	match := fmt.Sprintf("in_port(%d),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=%%d)", in)
	host.dpctl("add-flow", "ovs-system", fmt.Sprintf(match, ovsLoop), "recirc(100)")
	host.dpctl("add-flow", "ovs-system", fmt.Sprintf("recirc_id(100),in_port(%d),eth(),eth_type(0x0800),ipv4(frag=no)", in), "recirc(100)")
	host.dpctl("add-flow", "ovs-system", fmt.Sprintf(match, ovsGone), "88")
	host.send(ovsLoop, ovsSends, 7)
	host.send(ovsGone, ovsSends, 7)
	host.countsDown(ovsUsedUp)
	host.send(ovsUsedUp, ovsSends, 7)
	host.leadsBack(ovsBack)
	host.send(ovsBack, ovsSends, 7)
	_, _, lostBefore := host.lookups()
	lost := lostBefore
	for rounds := 0; lost < lostBefore+20 && rounds < 10; rounds++ {
		host.send(ovsMissed, 500-300*min(rounds, 1), 8900) // few fill a socket
		_, _, lost = host.lookups()
	}
	lost -= lostBefore
	c.stop()
	host.signal(unix.SIGCONT)
	t.Logf("rules %v, metered %d, lost %d after %d,; %s", rules, metered, lost, lostBefore, c.errors())
	if lost == 0 || lostBefore != 0 {
		t.Errorf("%d upcalls were lost, %d before", lost, lostBefore)
	}

	s := readStream(t, file)
	t.Run("upcalls", func(t *testing.T) { s.ovsLost(t, lost) })
	t.Run("ttl", func(t *testing.T) { s.ovsExpired(t) })
	t.Run("flows", func(t *testing.T) { s.ovsFlowsTold(t, file) })
	t.Run("drops", func(t *testing.T) { host.explains(t, s, file, metered, lost) })
	nothingLeft(t)
}

func ovsFlow(port int, actions string) string {
	return fmt.Sprintf("cookie=%#x,priority=10,udp,tp_dst=%d,actions=%s", 0x50+port, port, actions)
}

// signal stops ovs-vswitchd, or has it go on.
func (h *ovsHost) signal(sig unix.Signal) {
	h.t.Helper()
	if err := unix.Kill(h.daemon, sig); err != nil {
		h.t.Fatal(err)
	}
}

// hasFlow waits until the datapath has a flow for the port.
func (h *ovsHost) hasFlow(port int) {
	h.t.Helper()
	until(h.t, fmt.Sprintf("the datapath has a flow for port %d", port), func() (bool, string) {
		out := h.dpctl("dump-flows")
		return regexp.MustCompile(fmt.Sprintf(`udp\(.*dst=%d\b`, port)).MatchString(out), out
	})
}

// send sends n datagrams of so many bytes from ns0 to a port of ns1's address.
func (h *ovsHost) send(port, n, size int) {
	h.t.Helper()
	h.within(0, func() error {
		s, err := stdnet.DialUDP("udp4", nil, &stdnet.UDPAddr{IP: stdnet.IPv4(10, 9, 0, 2), Port: port})
		if err != nil {
			return err
		}
		defer s.Close()
		if port == ovsExpired || port == ovsUsedUp {
			raw, err := s.SyscallConn()
			if err != nil {
				return err
			}
			if err := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, 1) }); err != nil {
				return err
			}
		}
		for range n {
			if _, err := s.Write(make([]byte, size)); err != nil {
				return err
			}
		}
		return nil
	})
}

// countsDown gives the datapath a flow for the port that counts the TTL down, and sends the packet to p1. No program of
// Open vSwitch asks for this action. Numbers are those of include/uapi/linux/openvswitch.h.
func (h *ovsHost) countsDown(port int) {
	h.t.Helper()
	const (
		flowNew                              = 1
		flowKey, flowActions, flowMask       = 1, 2, 7
		inPort, ether, etherType, ipv4, udp4 = 3, 4, 6, 7, 10
		output, decTTL, decTTLAction         = 1, 23, 1
	)
	byPort := func(in uint32, typ, proto, dst []byte) []byte {
		zeros := make([]byte, 12)
		return slices.Concat(attr32(inPort, in), attr(ether, zeros), attr(etherType, typ),
			attr(ipv4, slices.Concat(zeros[:8], proto, zeros[:3])), attr(udp4, slices.Concat(zeros[:2], dst)))
	}
	key := byPort(uint32(h.datapathPort("p0")), []byte{8, 0}, []byte{unix.IPPROTO_UDP}, []byte{0, byte(port)})
	mask := byPort(^uint32(0), []byte{0xff, 0xff}, []byte{0xff}, []byte{0xff, 0xff})
	actions := append(attr(decTTL|nested, attr(decTTLAction|nested, nil)), attr32(output, uint32(h.datapathPort("p1")))...)
	dp, err := stdnet.InterfaceByName("ovs-system")
	if err == nil {
		err = genetlink("ovs_flow", 1, command(flowNew, binary.NativeEndian.AppendUint32(nil, uint32(dp.Index)),
			attr(flowKey|nested, key), attr(flowMask|nested, mask), attr(flowActions|nested, actions)))
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// leadsBack gives the datapath a port whose device sends all to br0, and flows that send there what is for the port and
// what comes of it. The recirculation is one level of the switch's own recursion more: without it the devices' limit of
// 8 (XMIT_RECURSION_LIMIT, include/linux/netdevice.h) comes first, as each round has two.
func (h *ovsHost) leadsBack(port int) {
	h.t.Helper()
	run(h.t, "modprobe", "macvlan")
	batch(h.t, "", "link set br0 up\nlink add link br0 name back type macvlan mode private\n")
	h.t.Cleanup(func() { batch(h.t, "", "link del back\n") })
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/back/disable_ipv6", []byte("1"), 0); err != nil {
		h.t.Fatal(err)
	}
	batch(h.t, "", "link set back up\n")
	h.dpctl("add-if", "ovs-system", "back")
	match := fmt.Sprintf("in_port(%%d),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=%d)", port)
	p0, back := h.datapathPort("p0"), fmt.Sprint(h.datapathPort("back"))
	h.dpctl("add-flow", "ovs-system", "recirc_id(0),"+fmt.Sprintf(match, p0), "recirc(200)")
	h.dpctl("add-flow", "ovs-system", "recirc_id(200),"+fmt.Sprintf(match, p0), back)
	h.dpctl("add-flow", "ovs-system", fmt.Sprintf(match, h.datapathPort("br0")), back)
}

// counted are the packets of each rule of br0, by cookie.
func (h *ovsHost) counted() map[uint64]int {
	h.t.Helper()
	n := map[uint64]int{}
	for _, m := range regexp.MustCompile(`cookie=(0x[0-9a-f]+),.* n_packets=(\d+),`).FindAllStringSubmatch(h.ofctl("dump-flows", "br0"), -1) {
		cookie, _ := strconv.ParseUint(m[1], 0, 64)
		packets, _ := strconv.Atoi(m[2])
		n[cookie] += packets
	}
	return n
}

// meteredOut is how many packets the bands of meters took.
func (h *ovsHost) meteredOut() (n int) {
	h.t.Helper()
	out := h.ofctl("meter-stats", "br0")
	for _, m := range regexp.MustCompile(`\d+: packet_count:(\d+)`).FindAllStringSubmatch(out, -1) {
		packets, _ := strconv.Atoi(m[1])
		n += packets
	}
	if n == 0 {
		h.t.Fatalf("no packet was metered: %s", out)
	}
	return n
}

func (h *ovsHost) datapathPort(dev string) int {
	h.t.Helper()
	m := regexp.MustCompile(`port (\d+): ` + dev + `\b`).FindStringSubmatch(h.dpctl("show"))
	if m == nil {
		h.t.Fatal("no port ", dev)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// ovsLost: as many upcalls failed as the datapath counts as lost.
func (s *stream) ovsLost(t *testing.T, lost int) {
	failed := 0
	for i := range s.events {
		if e := &s.events[i]; e.Probe == "ret:ovs_dp_upcall" && e.Ret.Value != 0 {
			failed++
		}
	}
	if failed != lost {
		t.Errorf("%d upcalls failed, and the datapath has lost %d", failed, lost)
	}
}

// ovsExpired: what has a TTL of 0 goes to the controller, as the rule says, and is no drop.
func (s *stream) ovsExpired(t *testing.T) {
	up := 0
	for i := range s.events {
		if e := &s.events[i]; e.OVS.Type == "upcall" && e.OVS.Reason == "controller" && udpPort(e.Packet.Data) == ovsExpired {
			up++
		}
	}
	if up != ovsSends {
		t.Errorf("%d packets went to the controller, not %d", up, ovsSends)
	}
}

// udpPort is the port that a packet of these tests goes to; 0: it is none of theirs.
func udpPort(frame []byte) int {
	const at = 14 + 20 + 2
	if len(frame) < at+2 {
		return 0
	}
	return int(frame[at])<<8 | int(frame[at+1])
}

// ovsFlowsTold: each flow that a packet found is told once, with the rule that made it and its cookie, and text has
// the rule where the flow is found.
func (s *stream) ovsFlowsTold(t *testing.T, file string) {
	ports := map[string]int{} // by UFID
	for i := range s.events {
		if e := &s.events[i]; e.OVS.UFID != "" {
			ports[e.OVS.UFID] = udpPort(e.Packet.Data)
		}
	}
	told := map[int]string{}
	for _, f := range s.flows {
		port := ports[f.UFID]
		if told[port] != "" {
			t.Errorf("the flow of port %d is told twice within a minute", port)
		}
		told[port] = f.Actions
		if port == 0 || port > ovsRound {
			continue
		}
		if !slices.ContainsFunc(f.Rules, func(r format.OVSRule) bool { return r.Cookie == uint64(0x50+port) }) {
			t.Errorf("the flow of port %d: %+v", port, f)
		}
	}
	for port, actions := range map[int]string{ovsDropped: "drop", ovsMetered: "meter(", ovsNowhere: "drop", ovsExpired: "userspace(", ovsRound: "drop"} {
		if !strings.Contains(told[port], actions) {
			t.Errorf("the flow of port %d does %q, not %s", port, told[port], actions)
		}
	}
	// grep fails where there is none.
	pipeline(t, "skb-sort -o text "+file+` | grep -cE 'ovs=hit.* rules(\.traced)?=\[(br0 )?cookie=0x51, table=0, priority=10,udp,tp_dst=1\b'`)
}

// An ovsDrop is a kind of drop that the test makes.
type ovsDrop struct {
	port   int
	reason string
	rule   string // of skb-drops; "": it tells what its census of the kernel has
	cause  string
	count  int
	ruled  int    // so many have the cookie of their OpenFlow rule; -1: at least one
	other  string // in place of cause: one of those that fit
	shows  string // what one of the proposed commands prints; "": none is run
}

// ovsDrops are those of the kernel, as often as Open vSwitch counts them. Kernels without drop reasons of Open vSwitch
// do not get a first packet back that is to be dropped.
func ovsDrops(s *format.Start, metered, lost int) []ovsDrop {
	const rest = ovsSends - 1
	drops := []ovsDrop{
		{port: ovsMissed, reason: "NOT_SPECIFIED", rule: "ovs-upcall-lost", count: lost, shows: "lost:[1-9]",
			cause: "no flow of Open vSwitch is for the packet, and it could not be handed to ovs-vswitchd: its socket was full"},
		{port: ovsLoop, reason: "OVS_DROP_DEFERRED_LIMIT", count: ovsSends, shows: "tp_dst=6\\b",
			cause: "too many of the packet's actions (recirculation, clone, sample) were waiting"},
		{port: ovsBack, reason: "OVS_DROP_RECURSION_LIMIT", count: ovsSends, shows: "recursion limit reached",
			cause: "the packet came back to Open vSwitch while its actions were being carried out, more than 5 levels deep"},
	}
	if hasReason(s, "OVS_DROP_EXPLICIT") {
		return append(drops,
			ovsDrop{port: ovsDropped, reason: "OVS_DROP_EXPLICIT", rule: "ovs-explicit", count: ovsSends, ruled: rest,
				shows: "cookie 0x51\n *drop", cause: "the OpenFlow rules that the packet met send it nowhere"},
			ovsDrop{port: ovsNowhere, reason: "OVS_DROP_EXPLICIT", rule: "ovs-explicit", count: ovsSends, ruled: rest,
				shows: "cookie 0x53\n *output:77", cause: "the OpenFlow rules that the packet met send it nowhere"},
			ovsDrop{port: ovsRound, reason: "OVS_DROP_EXPLICIT_WITH_ERROR", rule: "ovs-explicit-error", count: ovsSends, ruled: rest,
				shows: "(?i)resubmit", cause: "ovs-vswitchd could not follow the OpenFlow rules that the packet met to their end"},
			ovsDrop{port: ovsMetered, reason: "OVS_DROP_METER", count: metered, ruled: -1,
				shows: "(?i)meter", cause: "a meter of Open vSwitch dropped the packet: its rate was exceeded"},
			ovsDrop{port: ovsUsedUp, reason: "OVS_DROP_IP_TTL", count: ovsSends,
				cause: "the flow of Open vSwitch counts the TTL down, and the packet's TTL was used up"},
			ovsDrop{port: ovsGone, reason: "DEV_READY", count: ovsSends,
				shows: "tp_dst=7\\b", cause: "the flow of Open vSwitch sends the packet to a port that is gone, down or has no carrier"})
	}
	return append(drops,
		ovsDrop{port: ovsDropped, reason: "OVS_DROP_LAST_ACTION", rule: "ovs-no-actions", count: rest, ruled: rest,
			shows: "cookie 0x51\n *drop", cause: "the flow of Open vSwitch that the packet found has no actions"},
		ovsDrop{port: ovsNowhere, reason: "OVS_DROP_LAST_ACTION", rule: "ovs-no-actions", count: rest, ruled: rest,
			shows: "cookie 0x53\n *output:77", cause: "the flow of Open vSwitch that the packet found has no actions"},
		ovsDrop{port: ovsRound, reason: "OVS_DROP_LAST_ACTION", rule: "ovs-no-actions", count: rest, ruled: rest,
			shows: "(?i)resubmit", cause: "the flow of Open vSwitch that the packet found has no actions"},
		ovsDrop{port: ovsMetered, reason: "OVS_DROP_METER", rule: "ovs-meter", count: metered, ruled: -1,
			shows: "(?i)meter", cause: "a meter of Open vSwitch dropped the packet: its rate was exceeded"},
		// The place has another way to it.
		ovsDrop{port: ovsGone, reason: "NOT_SPECIFIED", count: ovsSends, other: "the flow of Open vSwitch sends the packet to a port that is gone"})
}

// explains: skb-drops counts each kind as Open vSwitch does, tells the rules that the packets met, and the commands
// that it proposes show its cause.
func (h *ovsHost) explains(t *testing.T, s *stream, file string, metered, lost int) {
	type seen struct {
		count, ruled  int
		reason, cause string
		looks, others []string
	}
	got := map[int]*seen{} // by port
	for line := range strings.Lines(pipeline(t, "skb-sort "+file+" | skb-drops -o json")) {
		var e struct {
			Type string
			Why  struct {
				Reason, Cause string
				Look          []string
				Alternatives  []struct{ Cause string }
				Rules         []struct{ Cookie uint64 }
			}
			Packet struct{ Data []byte }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		port := udpPort(e.Packet.Data)
		if e.Type != "event" || e.Why.Reason == "OTHERHOST" && port == ovsMetered { // what the meter let pass
			continue
		}
		d := got[port]
		if d == nil {
			d = &seen{reason: e.Why.Reason, cause: e.Why.Cause, looks: e.Why.Look}
			for _, other := range e.Why.Alternatives {
				d.others = append(d.others, other.Cause)
			}
			got[port] = d
		}
		if e.Why.Reason != d.reason || e.Why.Cause != d.cause {
			t.Errorf("drops of port %d: %s, %s; and %s, %s", port, d.reason, d.cause, e.Why.Reason, e.Why.Cause)
		}
		d.count++
		for _, r := range e.Why.Rules {
			if r.Cookie == uint64(0x50+port) {
				d.ruled++
			}
		}
	}
	ran := map[string]string{}
	for _, want := range ovsDrops(&s.start, metered, lost) {
		d := got[want.port]
		delete(got, want.port)
		if d == nil || d.count != want.count || d.reason != want.reason || !strings.HasPrefix(d.cause, want.cause) ||
			d.ruled != want.ruled && (want.ruled >= 0 || d.ruled == 0) ||
			want.other != "" && (d.cause != "" || !slices.ContainsFunc(d.others, func(c string) bool { return strings.HasPrefix(c, want.other) })) {
			t.Errorf("drops of port %d: %+v, want %+v", want.port, d, want)
			continue
		}
		if want.shows == "" {
			continue
		}
		shown := ""
		for _, look := range d.looks {
			if _, ok := ran[look]; !ok {
				out, err := exec.Command("bash", "-c", look).CombinedOutput()
				if err != nil {
					t.Errorf("%s: %v\n%s", look, err, out)
				}
				ran[look] = string(out)
			}
			shown += ran[look]
		}
		if !regexp.MustCompile(want.shows).MatchString(shown) {
			t.Errorf("drops of port %d: %q do not show %s:\n%s", want.port, d.looks, want.shows, shown)
		}
	}
	for port, d := range got {
		t.Errorf("drops of port %d that were not made: %+v", port, d)
	}
}

func hasReason(s *format.Start, name string) bool {
	for _, known := range s.DropReasons {
		if known == name {
			return true
		}
	}
	return false
}
