package drops

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// TestBesides: what the kernel counted is set beside the drops that came between the readings, and no more is said of
// it than follows.
func TestBesides(t *testing.T) {
	const (
		first = `{"type":"counters","ts":100,"took":10,"drops":true,"netns":[7]}` + "\n"
		whole = "no other counter of lost packets that was read grew"
	)
	last := func(grew ...string) string {
		return `{"type":"counters","ts":1000,"took":10,"since":100,"before":10,"drops":true,"netns":[7],"grew":[` + strings.Join(grew, ",") + "]}\n"
	}
	grew := func(source, name, more string, by int) string {
		return fmt.Sprintf(`{"name":%q,"source":%q,"netns":7,%s"from":5,"to":%d}`, name, source, more, 5+by)
	}
	noPorts := func(by int) string { return grew("snmp", "UdpNoPorts", "", by) }
	closed := func(ts int) string {
		return dropAt(ts, "NO_SOCKET", "__udp4_lib_rcv", "udp,10.0.0.1:4000,10.0.0.2:53")
	}
	full := func(ts int) string {
		return strings.Replace(dropAt(ts, "SOCKET_RCVBUFF", "udp_queue_rcv_one_skb", "udp,10.0.0.1:4000,10.0.0.2:53"), `"reason":3`, `"reason":6`, 1)
	}
	noPacket := func(drop string) string { return regexp.MustCompile(`"packet":\{.*?\},`).ReplaceAllString(drop, "") }
	filtered := func(ts int) string {
		return dropAt(ts, "NETFILTER_DROP", "nf_hook_slow", "udp,10.0.0.1:4000,10.0.0.2:53")
	}
	for name, c := range map[string]struct {
		records string
		want    []string // and behind a minus, what is not there
	}{
		"all drops are counted": {
			first + closed(200) + closed(300) + last(noPorts(2)),
			[]string{"among the drops above: UdpNoPorts +2\n", whole, "-besides", "-not counted"},
		},
		"nothing grew": {first + last(), []string{whole, "-besides", "-among"}},
		"more than the drops": {
			first + closed(200) + last(noPorts(3)),
			[]string{"besides: UdpNoPorts +2 (UDP datagrams to a port where nothing listens; no drop event tells of them; 1 more can be among the drops above)", "    look: ss -Huanp\n", "-" + whole},
		},
		"a full accept queue": {
			first + closed(200) + last(noPorts(1), grew("netstat", "TcpExtListenDrops", "", 37), grew("netstat", "TcpExtListenOverflows", "", 37), grew("tcp", "drops", `"sock":"tcp 0.0.0.0:80",`, 37)),
			[]string{"besides: TcpExtListenDrops +37 (SYNs, and last ACKs of handshakes, that a listening socket refused; of these 37 by a full accept queue: the program accepts too slowly (TcpExtListenOverflows); at tcp 0.0.0.0:80 37; not visible to skb:kfree_skb)\n    look: ss -Hltn\n", "-" + whole},
		},
		"a ring that is full": {
			first + last(grew("link", "rx_missed_errors", `"dev":"eth0",`, 1204)),
			[]string{"besides: eth0 rx_missed_errors +1204 (the NIC's ring was full: these packets never reached the kernel; not visible to skb:kfree_skb)\n    look: ethtool -g eth0\n", "-" + whole},
		},
		"of a hostile name": {
			first + last(grew("link", "rx_missed_errors", `"dev":"e0; rm -rf /\u001b[31m",`, 4), grew("netstat", "TcpExtDrop;id", "", 4)),
			[]string{"besides: e0; rm -rf /", "-look: ethtool -g e0;", "-\x1b", "-nstat -asz TcpExtDrop"},
		},
		"fewer than the drops": {
			first + full(200) + full(300) + full(400) + last(grew("snmp", "UdpInErrors", "", 2), grew("snmp", "UdpRcvbufErrors", "", 2)),
			[]string{"not counted: 3 drops are of the kind that UdpRcvbufErrors counts, and it grew by 2\n", "\nmay be among the drops above: UdpInErrors +2\n", "-" + whole},
		},
		"drops while a reading was made may be counted or not": {
			first + closed(105) + closed(1005) + closed(500) + last(noPorts(1)),
			[]string{"-not counted", "-besides", whole},
		},
		"and if they are, that is not known": {
			first + closed(105) + closed(1005) + closed(500) + last(noPorts(3)),
			[]string{"-not counted", "-besides", "\nmay be among the drops above: UdpNoPorts +3\n", "-" + whole},
		},
		"many drops during a reading explain no growth": {
			first + strings.Repeat(closed(1005), 100) + last(noPorts(90)),
			[]string{"-besides", "\nmay be among the drops above: UdpNoPorts +90\n", "-" + whole},
		},
		"drops whose device is not known are spent once": {
			first + strings.Repeat(strings.Replace(dropAt(200, "NOT_SPECIFIED", "br_dev_xmit", "udp,10.0.0.1:4000,10.0.0.2:53"), `"name":"e0"`, `"name":""`, 1), 10) +
				last(grew("link", "tx_dropped", `"dev":"eth0",`, 10), grew("link", "tx_dropped", `"dev":"eth1",`, 10)),
			[]string{"may be among the drops above: eth0 tx_dropped +10, eth1 tx_dropped +10\n", "-" + whole},
		},
		"drops whose network namespace is not known": {
			first + strings.Replace(closed(200), `"netns":{"inum":7},`, "", 1) + last(noPorts(1)),
			[]string{"\nmay be among the drops above: UdpNoPorts +1\n", "-" + whole},
		},
		"drops that may be of UDP-Lite": { // the packet is not known
			first + noPacket(full(200)) + last(grew("snmp", "UdpRcvbufErrors", "", 1)),
			[]string{"may be among the drops above: UdpRcvbufErrors +1\n", "-" + whole},
		},
		"drops that may be of UDP-Lite, which counted them": {
			first + noPacket(full(200)) + last(grew("snmp", "UdpLiteInErrors", "", 1), grew("snmp", "UdpLiteRcvbufErrors", "", 1)),
			[]string{"-not counted", "-" + whole},
		},
		"a part that was missed at the start": {
			first + last(grew("netstat", "TcpExtListenDrops", "", 37), `{"name":"drops","source":"tcp","netns":7,"sock":"tcp 0.0.0.0:80","to":50}`),
			[]string{"besides: TcpExtListenDrops +37 (", "at tcp 0.0.0.0:80 at most 50", "-" + whole},
		},
		"a counter that was missed at the start": {
			first + last(`{"name":"rx_csum_errors","source":"ethtool","netns":7,"dev":"eth0","to":48213}`),
			[]string{"besides: eth0 rx_csum_errors is at 48213 (", "it was not read at the start, and may have counted before)", "-+48213", "-" + whole},
		},
		"drops before and after": {
			closed(50) + first + closed(60) + closed(2000) + last(noPorts(1)),
			[]string{"besides: UdpNoPorts +1 (", "-" + whole},
		},
		"drops that are counted by none": { // the firewall's, which could be those of connection tracking
			first + filtered(200) + last(grew("conntrack", "drop", "", 1)),
			[]string{"-besides", "-" + whole, "counted: conntrack drop +1 (packets that connection tracking dropped"},
		},
		"a filter": {
			strings.Replace(first, "true", "false", 1) + closed(200) + strings.Replace(last(noPorts(3)), "true", "false", 1),
			[]string{"can't be set against the drops: the stream does not have all drops", "counted: UdpNoPorts +3 (", "-besides", "-" + whole, "-among"},
		},
		"drops of a kind that nothing counts": {
			first + dropAt(200, "NOT_SPECIFIED", "do_xdp_generic", "udp,10.0.0.1:4000,10.0.0.2:53") + last(),
			[]string{"not counted: 1 drop is of kinds for which no counter of the kernel is known\n", whole},
		},
		"the first reading is missing": {
			closed(200) + last(noPorts(3)),
			[]string{"can't be set against the drops: the stream does not have all readings", "-besides", "-" + whole},
		},
		"drops stand in front of the first reading": {
			closed(200) + closed(300) + first + last(noPorts(2)),
			[]string{"can't be set against the drops", "-besides", "-" + whole},
		},
		"events were lost": {
			first + closed(200) + `{"type":"loss","ts":300,"since":200,"count":4,"what":"event","cause":"ring buffer full"}` + "\n" + last(noPorts(1)),
			[]string{"among the drops above: UdpNoPorts +1", "-" + whole},
		},
		"something could not be read": {
			first + strings.Replace(last(), `"netns"`, `"unread":["ethtool: not permitted"],"netns"`, 1),
			[]string{"counters that could not be read: ethtool: not permitted", "-" + whole},
		},
		"another namespace": {
			first + strings.Replace(closed(200), `"netns":{"inum":7}`, `"netns":{"inum":8}`, 1) + last(),
			[]string{"not compared: 1 drop is in network namespaces whose counters were not read", "-not counted"},
		},
		"a device that came": {
			first + last(`{"name":"rx_dropped","source":"link","netns":7,"dev":"eth1","to":9}`),
			[]string{"besides: eth1 rx_dropped is at 9 (", "may have counted before)", "-" + whole},
		},
		"signs and levels": {
			first + last(grew("snmp", "TcpRetransSegs", "", 12), `{"name":"nf_conntrack_count","source":"conntrack","netns":7,"from":9,"to":95,"limit":100}`),
			[]string{"signs of trouble: TcpRetransSegs +12 (segments sent again)\n", "nf_conntrack_count: 95 of 100 (connections in the table)\n", whole},
		},
		"a counter that nothing is known of": {
			first + last(grew("netstat", "TcpExtTCPNewDrop", "", 2)),
			[]string{"besides: TcpExtTCPNewDrop +2 (its name is all that is known of it here; no drop event tells of them)\n    look: nstat -asz TcpExtTCPNewDrop\n"},
		},
		"in between as well": {
			first + closed(200) + `{"type":"counters","ts":250,"took":10,"since":100,"before":10,"drops":true,"netns":[7],"grew":[` + noPorts(1) + "]}\n" +
				closed(255) + closed(400) + strings.Replace(last(noPorts(2)), `"since":100`, `"since":250`, 1),
			[]string{"among the drops above: UdpNoPorts +3\n", whole},
		},
	} {
		t.Run(name, func(t *testing.T) {
			summary := func(output string) string {
				var out bytes.Buffer
				o := Options{Options: pipe.Options{Output: output}, Summary: true}
				end := fmt.Sprintf(`{"type":"end","ts":3000,"events":%d,"links":0,"frees":0,"lost":%d,"cause":"signal"}`+"\n",
					strings.Count(c.records, `"event","ts"`), 4*strings.Count(c.records, `"loss"`))
				if err := Run(context.Background(), o, strings.NewReader(quietHost+c.records+end), &out, io.Discard); err != nil {
					t.Fatal(err)
				}
				return out.String()
			}
			text := summary("text")
			for _, want := range c.want {
				want, not := strings.CutPrefix(want, "-")
				if strings.Contains(text, want) == not {
					t.Errorf("%q: there %v\n%s", want, !not, text)
				}
			}
			for line := range strings.Lines(summary("json")) {
				var r struct {
					Type        string
					NoOtherGrew bool `json:"no_other_grew"`
				}
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatal(err)
				}
				if r.Type == "counters" && r.NoOtherGrew != strings.Contains(text, whole) {
					t.Errorf("%sand in words:\n%s", line, text)
				}
			}
		})
	}
}
