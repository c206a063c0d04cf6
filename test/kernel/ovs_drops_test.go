//go:build kernel

package kerneltest

import (
	"encoding/json"
	"fmt"
	stdnet "net"
	"os/exec"
	"regexp"
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
	ovsMissed  // no flow is for it
)

// ovsSends is how many packets go to each port but ovsMissed.
const ovsSends = 4

// TestOpenVSwitchDrops: what Open vSwitch drops is seen as often as it counts itself, and explained, with the rule that
// did it. Kernels before 6.7 have no drop for most: there the flow's actions and rules say it.
func TestOpenVSwitchDrops(t *testing.T) {
	host := ovsBridge(t, 2)
	host.ofctl("add-meter", "br0", "meter=1,pktps,burst,band=type=drop,rate=1,burst_size=1")
	host.flows("priority=5,arp,actions=NORMAL", ovsFlow(ovsDropped, "drop"), ovsFlow(ovsMetered, "meter:1,output:2"),
		ovsFlow(ovsNowhere, "output:77"), ovsFlow(ovsExpired, "dec_ttl,output:2"), ovsFlow(ovsRound, "resubmit(,1)"),
		"table=1,udp,actions=resubmit(,2)", "table=2,udp,actions=resubmit(,1),resubmit(,1)")
	host.in(0, "ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 dev eth")

	c, file := collect(t, "--profile", "ovs", "--ovs-flows", "-p", "ret:ovs_dp_upcall", "-f", "udp", "-s", "128")
	for port := ovsDropped; port <= ovsRound; port++ {
		host.send(port, ovsSends)
	}
	var rules map[uint64]int
	until(t, "ovs-vswitchd has counted the packets", func() (bool, string) {
		rules = host.counted()
		for port := ovsDropped; port <= ovsRound; port++ {
			if rules[uint64(0x50+port)] != ovsSends {
				return false, fmt.Sprint(rules)
			}
		}
		return true, ""
	})
	metered := host.meteredOut()

	// Flows of the datapath that OpenFlow does not make, and a daemon that stands still.
	if err := unix.Kill(host.daemon, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	in := host.datapathPort("p0")
	match := fmt.Sprintf("in_port(%d),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=%%d)", in)
	host.dpctl("add-flow", "ovs-system", fmt.Sprintf(match, ovsLoop), "recirc(100)")
	host.dpctl("add-flow", "ovs-system", fmt.Sprintf("recirc_id(100),in_port(%d),eth(),eth_type(0x0800),ipv4(frag=no)", in), "recirc(100)")
	host.dpctl("add-flow", "ovs-system", fmt.Sprintf(match, ovsGone), "88")
	host.send(ovsLoop, ovsSends)
	host.send(ovsGone, ovsSends)
	_, _, lostBefore := host.lookups()
	host.send(ovsMissed, 3000)
	_, _, lost := host.lookups()
	lost -= lostBefore
	c.stop()
	unix.Kill(host.daemon, unix.SIGCONT)
	t.Logf("rules %v, metered %d, lost %d; %s", rules, metered, lost, c.errors())
	if lost == 0 || lostBefore != 0 {
		t.Errorf("%d upcalls were lost, %d before", lost, lostBefore)
	}

	s := readStream(t, file)
	byReason := s.start.DropReasons != nil && hasReason(&s.start, "OVS_DROP_EXPLICIT")
	t.Run("upcalls", func(t *testing.T) { s.ovsLost(t, lost) })
	t.Run("flows", func(t *testing.T) { ovsFlowsTold(t, file, byReason) })
	t.Run("drops", func(t *testing.T) { host.explains(t, file, byReason, metered) })
	nothingLeft(t)
}

func ovsFlow(port int, actions string) string {
	return fmt.Sprintf("cookie=%#x,priority=10,udp,tp_dst=%d,actions=%s", 0x50+port, port, actions)
}

func hasReason(s *format.Start, name string) bool {
	for _, known := range s.DropReasons {
		if known == name {
			return true
		}
	}
	return false
}

// send sends n datagrams from ns0 to a port of ns1's address.
func (h *ovsHost) send(port, n int) {
	h.t.Helper()
	h.within(0, func() error {
		s, err := stdnet.DialUDP("udp4", nil, &stdnet.UDPAddr{IP: stdnet.IPv4(10, 9, 0, 2), Port: port})
		if err != nil {
			return err
		}
		defer s.Close()
		if port == ovsExpired {
			raw, err := s.SyscallConn()
			if err != nil {
				return err
			}
			if err := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, 1) }); err != nil {
				return err
			}
		}
		for range n {
			if _, err := s.Write([]byte("drop me")); err != nil {
				return err
			}
		}
		return nil
	})
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
	for _, e := range s.events {
		if e.Probe == "ret:ovs_dp_upcall" && e.Ret.Value != 0 {
			failed++
		}
	}
	if failed != lost {
		t.Errorf("%d upcalls failed, and the datapath has lost %d", failed, lost)
	}
}

// ovsFlowsTold: each flow that dropped is told once, with the rule that made it and its cookie.
func ovsFlowsTold(t *testing.T, file string, detrace bool) {
	told := map[string]format.OVSFlow{}
	cookies := map[uint64]string{}
	for _, line := range strings.Split(strings.TrimSpace(pipeline(t, "skb-sort -o json "+file)), "\n") {
		var r struct {
			Type, UFID, By, Actions string
			Rules                   []struct {
				Cookie uint64
				Bridge string
			}
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Type != "flow" {
			continue
		}
		if _, twice := told[r.UFID]; twice {
			t.Errorf("the flow %s is told twice within a minute", r.UFID)
		}
		told[r.UFID] = format.OVSFlow{}
		for _, rule := range r.Rules {
			cookies[rule.Cookie] += r.By + " " + r.Actions + ";"
		}
	}
	for _, port := range []int{ovsDropped, ovsMetered, ovsNowhere, ovsRound} {
		how, ok := cookies[uint64(0x50+port)]
		if !ok || !strings.Contains(how, map[bool]string{true: "drop", false: "meter"}[port != ovsMetered]) {
			t.Errorf("the rule of port %d: %q; all %v", port, how, cookies)
		}
	}
	text := pipeline(t, "skb-sort -o text "+file)
	if want := "cookie=0x51, table=0, priority=10,udp,tp_dst=1"; !regexp.MustCompile(`ovs=hit.* rules=\[.*` + want).MatchString(text) {
		t.Errorf("the text does not have the rule where its flow is found: %s", want)
	}
}

// explains: skb-drops counts each kind as Open vSwitch does, and the commands that it proposes are ones that run.
func (h *ovsHost) explains(t *testing.T, file string, byReason bool, metered int) {
	type drop struct {
		reason string
		port   int
	}
	got := map[drop]int{}
	causes, looks := map[drop]string{}, map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(pipeline(t, "skb-drops -o json "+file)), "\n") {
		var e struct {
			Type string
			Drop struct{ Name, Location string }
			Why  struct {
				Reason, Cause string
				Look          []string
			}
			Packet struct{ Data []byte }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		const udpPort = 14 + 20 + 2
		if e.Type != "event" || len(e.Packet.Data) < udpPort+2 {
			continue
		}
		d := drop{e.Why.Reason, int(e.Packet.Data[udpPort])<<8 | int(e.Packet.Data[udpPort+1])}
		got[d]++
		causes[d] = e.Why.Cause
		for _, l := range e.Why.Look {
			looks[l] = true
		}
	}
	want := map[drop]int{{"OVS_DROP_DEFERRED_LIMIT", ovsLoop}: ovsSends}
	if byReason {
		// The first packet of a rule comes back from user space: ovs-vswitchd carries out a drop itself.
		want[drop{"OVS_DROP_METER", ovsMetered}] = metered
		want[drop{"DEV_READY", ovsGone}] = ovsSends
	}
	for d, n := range want {
		if got[d] != n {
			t.Errorf("%d drops of %s of port %d, and Open vSwitch counts %d", got[d], d.reason, d.port, n)
		}
	}
	t.Logf("drops %v\ncauses %v\nlooks %v", got, causes, looks)
	for l := range looks {
		if !strings.Contains(l, "ovs-") {
			continue
		}
		if out, err := exec.Command("bash", "-c", l).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", l, err, out)
		} else if strings.Contains(l, "ofproto/trace") && !strings.Contains(string(out), `bridge("br0")`) {
			t.Errorf("%s\n%s", l, out)
		}
	}
}
